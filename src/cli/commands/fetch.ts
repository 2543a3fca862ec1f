/**
 * @module cli/commands/fetch
 * One call, by the id that other commands tell with --json.
 */
import type { Command } from 'commander'
import { KroniclerError } from '../../errors.ts'
import { callLines } from '../call-table.ts'
import { toJsonRow } from '../call-text.ts'
import type { CliContext } from '../context.ts'
import { toJson, withDatabase, type Session } from '../session.ts'
import { printable } from '../text.ts'

export function addFetchCommand(program: Command, context: CliContext): void {
  program
    .command('fetch')
    .summary('one call, by its id')
    .description(
      'Shows the call with the id, which the other commands tell with --json. An id stays what it is as long as the ' +
        'call is stored. --from and --to have no effect here.',
    )
    .argument('<id>', 'of the call')
    .addHelpText(
      'after',
      `
Examples:
  kronicler slowest -n 1 --json | jq -r '.[0].id'
  kronicler fetch w-4711-19b8c0ffee-1a2b3c4d:3:1:1769860800000000:0`,
    )
    .action(async (id: string, _options: object, command: Command) => {
      await withDatabase(context, command, (session) => run(session, id))
    })
}

async function run(session: Session, id: string): Promise<void> {
  const { database, json, print } = session
  const call = await database.fetch(id)
  if (call === undefined) {
    throw new KroniclerError('KRONICLER_USAGE', `no call has the id ${printable(id)}`)
  }
  if (json) print(toJson(toJsonRow(call)))
  else for (const line of callLines([call], session)) print(line)
}
