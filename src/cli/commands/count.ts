/**
 * @module cli/commands/count
 * How many calls there were, or how many that were as asked for.
 */
import type { Command } from 'commander'
import type { CliContext } from '../context.ts'
import { addFilterOptions, FILTER_HELP, filterOf, type FilterOptions } from '../filters.ts'
import { formatCount } from '../format.ts'
import { requireFunction, scanOptions, toJson, withDatabase, type Session } from '../session.ts'

export function addCountCommand(program: Command, context: CliContext): void {
  const command = program
    .command('count')
    .summary('how many calls, or how many of a kind')
    .description(
      'Tells how many calls there were. A stored call of a sampled function counts as often as it weighs.',
    )
    .argument('[function]', 'exact name; all functions if left out')
  addFilterOptions(command)
    .addHelpText(
      'after',
      `
${FILTER_HELP}

Examples:
  kronicler count                                        all calls
  kronicler count checkout.pay --error --from -1h        failures in the last hour
  kronicler count checkout.pay --min-duration 100ms --json | jq .calls`,
    )
    .action(async (name: string | undefined, options: FilterOptions, self: Command) => {
      await withDatabase(context, self, (session) => run(session, name, options))
    })
}

async function run(
  session: Session,
  name: string | undefined,
  options: FilterOptions,
): Promise<void> {
  if (name !== undefined) await requireFunction(session, name)
  const { database, json, print, range } = session
  const where = filterOf(options)
  const calls = await database.count({ ...range, function: name, where, ...scanOptions(session) })
  print(json ? toJson({ calls }) : formatCount(calls))
}
