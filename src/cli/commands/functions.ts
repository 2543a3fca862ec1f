/**
 * @module cli/commands/functions
 * One line for every function. The functions whose slow calls cost most come first: they are the ones that nobody
 * notices in an average.
 */
import { Option, type Command } from 'commander'
import type { FunctionStats } from '../../types.ts'
import type { CliContext } from '../context.ts'
import { NOTHING, formatCount, formatDuration, formatShare } from '../format.ts'
import { parseCount } from '../options.ts'
import { toJson, withDatabase, type Session } from '../session.ts'
import { layOut, type Column } from '../table.ts'
import { printable } from '../text.ts'

const QUANTILES = [0.5, 0.9, 0.95, 0.99, 0.999]
const P50 = 0
const P99 = 3

const SORTS = ['slow', 'total', 'p99', 'max', 'calls', 'errors', 'name'] as const
type Sort = (typeof SORTS)[number]

interface FunctionsOptions {
  sort: Sort
  limit?: number
}

export function addFunctionsCommand(program: Command, context: CliContext): void {
  program
    .command('functions')
    .summary('every function: calls, errors, durations, slow calls')
    .description(
      'Lists every function that was called in the range of time.\n\n' +
        'A call is slow if it took more than ten times the median of its function. The list begins\n' +
        'with the function that spent most time in slow calls.',
    )
    .addOption(
      new Option('--sort <column>', 'what to sort by')
        .choices(SORTS)
        .default('slow', 'slow: time spent in slow calls'),
    )
    .option('-n, --limit <count>', 'show only the first functions', parseCount)
    .addHelpText(
      'after',
      `
Columns:
  calls, errors     in the range of time
  mean, p50 … max   duration of a call; quantiles are within 0.55 % of the exact value
  slow              calls that took more than ten times the median (p50)
  in slow           share of the function's time that went into them
  time              share of the time of all functions

Examples:
  kronicler functions                        which functions are slow now and then?
  kronicler functions --sort total -n 10     where does the time go?
  kronicler functions --from -1h --json      the last hour, for another program`,
    )
    .action(async (options: FunctionsOptions, command: Command) => {
      await withDatabase(context, command, (session) => run(session, options))
    })
}

async function run(session: Session, { limit, sort }: FunctionsOptions): Promise<void> {
  const all = await session.database.functions({ ...session.range, quantiles: QUANTILES })
  const functions = all.sort(comparatorOf(sort)).slice(0, limit)
  if (session.json) {
    session.print(toJson(functions))
    return
  }
  if (functions.length === 0) {
    session.print(await emptyMessage(session))
    return
  }
  const { bold, dim } = session.colors
  const totalNs = all.reduce((sum, { sumNs }) => sum + sumNs, 0)
  const rows = functions.map((stats) => cellsOf(stats, totalNs))
  const lines = layOut(columnsFor(session), rows, { width: session.width, header: bold })
  for (const line of lines) session.print(line)
  if (functions.length < all.length) {
    session.print(dim(`and ${formatCount(all.length - functions.length)} more`))
  }
  await tellDropped(session)
}

function columnsFor({ colors }: Session): Column[] {
  return [
    { title: 'function', align: 'left', flexible: true, style: colors.cyan },
    { title: 'calls' },
    { title: 'errors', rank: 2, style: (text) => (text.trim() === '0' ? text : colors.red(text)) },
    { title: 'mean', rank: 4 },
    { title: 'p50' },
    { title: 'p99', rank: 1 },
    { title: 'max', rank: 3 },
    { title: 'slow', style: (text) => (text.trim() === '0' ? text : colors.yellow(text)) },
    { title: 'in slow', rank: 6 },
    { title: 'time', rank: 5 },
  ]
}

function cellsOf(stats: FunctionStats, totalNs: number): string[] {
  const { calls, errors, maxNs, meanNs, quantiles, slow, sumNs } = stats
  return [
    printable(stats.function),
    formatCount(calls),
    formatCount(errors),
    formatDuration(meanNs),
    formatDuration(quantiles[P50]!.durationNs),
    formatDuration(quantiles[P99]!.durationNs),
    formatDuration(maxNs),
    formatCount(slow.calls),
    slow.calls === 0 ? NOTHING : formatShare(slow.timeShare),
    totalNs === 0 ? NOTHING : formatShare(sumNs / totalNs),
  ]
}

/** Calls that are in no number above. */
async function tellDropped({ colors, database, print }: Session): Promise<void> {
  const dropped = await database.dropped()
  if (dropped === 0) return
  const text = `${formatCount(dropped)} more calls were not stored: they found a full queue`
  print(colors.yellow(text))
}

type Comparator = (a: FunctionStats, b: FunctionStats) => number

/** The largest first; `name` the other way round. Functions that are alike stay in order of total time. */
function comparatorOf(sort: Sort): Comparator {
  const descending =
    (valueOf: (stats: FunctionStats) => number): Comparator =>
    (a, b) =>
      valueOf(b) - valueOf(a)
  switch (sort) {
    case 'slow':
      return descending(({ slow, sumNs }) => slow.timeShare * sumNs)
    case 'total':
      return descending(({ sumNs }) => sumNs)
    case 'p99':
      return descending(({ quantiles }) => quantiles[P99]!.durationNs)
    case 'max':
      return descending(({ maxNs }) => maxNs)
    case 'calls':
      return descending(({ calls }) => calls)
    case 'errors':
      return descending(({ errors }) => errors)
    case 'name':
      return (a, b) => (a.function < b.function ? -1 : a.function > b.function ? 1 : 0)
  }
}

/** Whether there is nothing at all, nothing readable, or nothing in the range. */
export async function emptyMessage({ database, directory }: Session): Promise<string> {
  const stored = await database.count()
  if (stored === 0) return `No calls are stored in ${printable(directory)} yet.`
  const { calls, firstStartMs, lastStartMs } = await database.stats()
  if (calls === 0) return `None of the ${formatCount(stored)} calls can be read.`
  const [first, last] = [firstStartMs, lastStartMs].map((ms) => new Date(ms).toISOString())
  return `No calls in this range of time. There are ${formatCount(stored)} from ${first} to ${last}.`
}
