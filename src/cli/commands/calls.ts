/**
 * @module cli/commands/calls
 * Single calls, chosen by what they were like, in any order.
 */
import { Option, type Command } from 'commander'
import type { CallOrder, CallRow } from '../../types.ts'
import { callLines } from '../call-table.ts'
import { toJsonRow } from '../call-text.ts'
import type { CliContext } from '../context.ts'
import { addFilterOptions, FILTER_HELP, filterOf, type FilterOptions } from '../filters.ts'
import { parseCount } from '../options.ts'
import { writeAll } from '../output.ts'
import { requireFunction, scanOptions, toJson, withDatabase, type Session } from '../session.ts'
import { emptyMessage } from './functions.ts'

const ORDERS: readonly CallOrder[] = ['start', '-start', 'duration', '-duration']
const DEFAULT_LIMIT = 20

interface CallsOptions extends FilterOptions {
  order: CallOrder
  limit: number
}

export function addCallsCommand(program: Command, context: CliContext): void {
  const command = program
    .command('calls')
    .summary('single calls: by duration, error, attributes, time')
    .description(
      'Lists the calls that are as asked for. Where more is known of a call, a second line tells by which captured ' +
        'function it was called, how long it took without the captured functions that it called, and its attributes. ' +
        'With --json one object per line.',
    )
    .argument('[function]', 'exact name; all functions if left out')
  addFilterOptions(command)
    .addOption(
      new Option('--order <by>', 'what comes first; with a minus the latest, the longest')
        .choices(ORDERS)
        .default('start'),
    )
    .option('-n, --limit <count>', 'how many calls', parseCount, DEFAULT_LIMIT)
    .addHelpText(
      'after',
      `
${FILTER_HELP} All of them, to a file or a pipe: kronicler export

Examples:
  kronicler calls checkout.pay --where user=ada --where paid=true
  kronicler calls --error --order=-start --from -1h       what failed last
  kronicler calls --error TypeError --min-duration 5ms
  kronicler calls checkout.pay --order=-duration --json | jq .attributes`,
    )
    .action(async (name: string | undefined, options: CallsOptions, self: Command) => {
      await withDatabase(context, self, (session) => run(session, name, options))
    })
}

async function run(
  session: Session,
  name: string | undefined,
  options: CallsOptions,
): Promise<void> {
  if (name !== undefined) await requireFunction(session, name)
  const { context, database, json, print, range } = session
  const { limit, order } = options
  const where = filterOf(options)
  const query = { ...range, function: name, where, order, limit, ...scanOptions(session) }
  if (json) {
    for await (const call of database.calls(query)) {
      session.progress.clear()
      await writeAll(context.stdout, `${toJson(toJsonRow(call))}\n`)
    }
    return
  }
  const calls: CallRow[] = []
  for await (const call of database.calls(query)) calls.push(call)
  if (calls.length > 0) for (const line of callLines(calls, session)) print(line)
  else print(where === undefined ? await emptyMessage(session) : 'No call is as asked for.')
}
