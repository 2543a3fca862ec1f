/**
 * @module cli/commands/slowest
 * The longest calls, and when they were.
 */
import type { Command } from 'commander'
import { callLines } from '../call-table.ts'
import { toJsonRow } from '../call-text.ts'
import type { CliContext } from '../context.ts'
import { parseCount } from '../options.ts'
import { requireFunction, toJson, withDatabase, type Session } from '../session.ts'
import { emptyMessage } from './functions.ts'

interface SlowestOptions {
  limit: number
}

export function addSlowestCommand(program: Command, context: CliContext): void {
  program
    .command('slowest')
    .summary('the longest calls, and when they were')
    .description(
      'Lists the calls that took longest, longest first. Where more is known of a call, a second line tells by which\n' +
        'captured function it was called, how long it took without the captured functions that it called, and its\n' +
        'attributes.',
    )
    .argument('[function]', 'exact name; all functions if left out')
    .option('-n, --limit <count>', 'how many calls', parseCount, 10)
    .addHelpText(
      'after',
      `
Examples:
  kronicler slowest                                  the ten longest calls of all
  kronicler slowest checkout.pay -n 50 --from -1d    of one function, since yesterday
  kronicler slowest --json | jq '.[].startMs'        when they began`,
    )
    .action(async (name: string | undefined, options: SlowestOptions, command: Command) => {
      await withDatabase(context, command, (session) => run(session, name, options))
    })
}

async function run(
  session: Session,
  name: string | undefined,
  { limit }: SlowestOptions,
): Promise<void> {
  if (name !== undefined) await requireFunction(session, name)
  const calls = await session.database.slowest({ ...session.range, function: name, limit })
  if (session.json) {
    session.print(toJson(calls.map(toJsonRow)))
    return
  }
  if (calls.length === 0) {
    session.print(await emptyMessage(session))
    return
  }
  for (const line of callLines(calls, session)) session.print(line)
}
