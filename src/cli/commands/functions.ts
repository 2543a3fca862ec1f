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
import { tellLeftOut, toJson, withDatabase, type Session } from '../session.ts'
import { layOut, type Column } from '../table.ts'
import { printable } from '../text.ts'

const QUANTILES = [0.5, 0.9, 0.95, 0.99, 0.999]
const P50 = 0
const P99 = 3

const SORTS = ['slow', 'total', 'self', 'p99', 'max', 'calls', 'errors', 'name'] as const
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
  time              share of the time of all functions, those that they called included
  self              share of all time that was spent in the function itself, not in other captured ones
  defined at        file and line, where there is room

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
    session.print(toJson(functions.map(toJsonFunction)))
    return
  }
  if (functions.length === 0) {
    session.print(await emptyMessage(session))
    return
  }
  const { bold, dim } = session.colors
  const columns = columnsFor(session, all)
  const rows = functions.map((stats) => columns.map(({ cell }) => cell(stats)))
  const lines = layOut(columns, rows, { width: session.width, header: bold })
  for (const line of lines) session.print(line.trimEnd())
  if (functions.length < all.length) {
    session.print(dim(`and ${formatCount(all.length - functions.length)} more`))
  }
  await tellLeftOut(session)
}

/** With `definedAt` always there, as `function` is: JSON has no undefined. */
function toJsonFunction({ function: name, definedAt, ...stats }: FunctionStats): unknown {
  return { function: name, definedAt: definedAt ?? null, ...stats }
}

interface FunctionColumn extends Column {
  cell: (stats: FunctionStats) => string
}

/** Columns that tell nothing of any function are left out. */
function columnsFor({ colors }: Session, all: readonly FunctionStats[]): FunctionColumn[] {
  const totalNs = all.reduce((sum, { sumNs }) => sum + sumNs, 0)
  const totalSelfNs = all.reduce((sum, { selfNs }) => sum + selfNs, 0)
  const zeroOr = (style: (text: string) => string) => (text: string) =>
    text.trim() === '0' ? text : style(text)
  const quantile = (stats: FunctionStats, position: number) =>
    formatDuration(stats.quantiles[position]!.durationNs)
  const columns: FunctionColumn[] = [
    {
      title: 'function',
      align: 'left',
      flexible: true,
      style: colors.cyan,
      cell: (stats) => printable(stats.function),
    },
    { title: 'calls', cell: ({ calls }) => formatCount(calls) },
    {
      title: 'errors',
      rank: 2,
      style: zeroOr(colors.red),
      cell: ({ errors }) => formatCount(errors),
    },
    { title: 'mean', rank: 5, cell: ({ meanNs }) => formatDuration(meanNs) },
    { title: 'p50', cell: (stats) => quantile(stats, P50) },
    { title: 'p99', rank: 1, cell: (stats) => quantile(stats, P99) },
    { title: 'max', rank: 3, cell: ({ maxNs }) => formatDuration(maxNs) },
    { title: 'slow', style: zeroOr(colors.yellow), cell: ({ slow }) => formatCount(slow.calls) },
    {
      title: 'in slow',
      rank: 7,
      cell: ({ slow }) => (slow.calls === 0 ? NOTHING : formatShare(slow.timeShare)),
    },
    { title: 'time', rank: 6, cell: ({ sumNs }) => shareOf(sumNs, totalNs) },
  ]
  if (all.some(({ selfNs, sumNs }) => selfNs !== sumNs)) {
    columns.push({ title: 'self', rank: 4, cell: ({ selfNs }) => shareOf(selfNs, totalSelfNs) })
  }
  if (all.some(({ definedAt }) => definedAt !== undefined)) {
    columns.push({
      title: 'defined at',
      align: 'left',
      isExtra: true,
      style: colors.dim,
      cell: ({ definedAt }) => (definedAt === undefined ? '' : printable(definedAt)),
    })
  }
  return columns
}

function shareOf(ns: number, totalNs: number): string {
  return totalNs === 0 ? NOTHING : formatShare(ns / totalNs)
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
    case 'self':
      return descending(({ selfNs }) => selfNs)
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
