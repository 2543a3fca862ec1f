/**
 * @module cli/commands/slowest
 * The longest calls, and when they were.
 */
import type { Command } from 'commander'
import type { CallRow } from '../../types.ts'
import type { CliContext } from '../context.ts'
import { formatDuration, formatInstant } from '../format.ts'
import { parseCount } from '../options.ts'
import { requireFunction, toJson, withDatabase, type Session } from '../session.ts'
import { layOut, type Column } from '../table.ts'
import { printable } from '../text.ts'
import { emptyMessage } from './functions.ts'

interface SlowestOptions {
  limit: number
}

export function addSlowestCommand(program: Command, context: CliContext): void {
  program
    .command('slowest')
    .summary('the longest calls, and when they were')
    .description('Lists the calls that took longest, longest first.')
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
  const rows = calls.map(({ durationNs, error, function: called, startMs }) => [
    formatDuration(durationNs),
    formatInstant(startMs),
    printable(called),
    error === undefined ? '' : printable(error),
  ])
  const { bold } = session.colors
  const lines = layOut(columnsFor(session, calls), rows, { width: session.width, header: bold })
  for (const line of lines) session.print(line.trimEnd())
}

/** A row whose fields are always there: JSON has no undefined. */
export function toJsonRow(row: CallRow): Omit<CallRow, 'error'> & { error: string | null } {
  return { ...row, error: row.error ?? null }
}

function columnsFor({ colors }: Session, calls: readonly CallRow[]): Column[] {
  const failed = calls.some(({ error }) => error !== undefined)
  return [
    { title: 'duration' },
    { title: 'started', align: 'left', rank: 2, style: colors.dim },
    { title: 'function', align: 'left', flexible: true, style: colors.cyan },
    { title: failed ? 'error' : '', align: 'left', rank: 1, style: colors.red },
  ]
}
