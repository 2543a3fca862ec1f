/**
 * @module cli/commands/histogram
 * How many calls took how long: a bar for each range of durations.
 */
import type { Command } from 'commander'
import type { Histogram, Stats } from '../../types.ts'
import type { CliContext } from '../context.ts'
import { lyingBar } from '../draw.ts'
import { formatCount, formatDuration, formatQuantile } from '../format.ts'
import { parseCountUpTo } from '../options.ts'
import {
  requireFunction,
  scanOptions,
  tellCoarse,
  toJson,
  withDatabase,
  type Session,
} from '../session.ts'
import { displayWidth, padEnd, padStart, printable, truncate, wrap } from '../text.ts'
import { emptyMessage } from './functions.ts'

const QUANTILES = [0.5, 0.9, 0.99]
const DEFAULT_BUCKETS = 24
const MAX_BUCKETS = 4096
const MAX_BAR_WIDTH = 60
const MIN_BAR_WIDTH = 5

interface HistogramOptions {
  buckets: number
  linear?: boolean
}

export function addHistogramCommand(program: Command, context: CliContext): void {
  program
    .command('histogram')
    .summary('how many calls took how long')
    .description(
      'Draws how the durations spread: each line is a range of durations, and stands for a fixed factor. Marks tell ' +
        'where the median and the slowest tenth and hundredth begin.',
    )
    .argument('[function]', 'exact name; all functions together if left out')
    .option(
      '-b, --buckets <count>',
      `at most so many lines, up to ${MAX_BUCKETS}`,
      parseCountUpTo(MAX_BUCKETS),
      DEFAULT_BUCKETS,
    )
    .option(
      '--linear',
      'bars as long as there are calls: the few slow ones can hardly be seen then',
    )
    .addHelpText(
      'after',
      `
Bars are logarithmic unless --linear is given, so that one slow call among a million is seen.

Examples:
  kronicler histogram checkout.pay --from -1d
  kronicler histogram checkout.pay --buckets 60 --linear
  kronicler histogram --json | jq '.buckets[] | [.lowerNs, .calls]'`,
    )
    .action(async (name: string | undefined, options: HistogramOptions, command: Command) => {
      await withDatabase(context, command, (session) => run(session, name, options))
    })
}

async function run(
  session: Session,
  name: string | undefined,
  { buckets, linear }: HistogramOptions,
): Promise<void> {
  if (name !== undefined) await requireFunction(session, name)
  const { colors, database, json, print, range, width } = session
  const query = { ...range, function: name }
  const histogram = await database.histogram({ ...query, buckets, ...scanOptions(session) })
  if (json) {
    print(toJson(name === undefined ? histogram : { function: name, ...histogram }))
    return
  }
  print(
    colors.bold(
      colors.cyan(truncate(name === undefined ? 'all functions' : printable(name), width)),
    ),
  )
  if (histogram.calls === 0) {
    print(name === undefined ? await emptyMessage(session) : 'No calls in this range of time.')
    return
  }
  const stats = await database.stats({ ...query, quantiles: QUANTILES })
  for (const line of linesOf(histogram, stats, session, linear === true)) print(line)
  tellCoarse(session, histogram)
}

function linesOf(
  { buckets, calls, maxNs, minNs }: Histogram,
  stats: Stats,
  { colors, width }: Session,
  isLinear: boolean,
): string[] {
  const counts = buckets.map((bucket) => formatCount(bucket.calls))
  const labels = buckets.map(({ lowerNs }) => formatDuration(lowerNs))
  const countWidth = widest([...counts, 'calls'])
  const labelWidth = widest([...labels, 'from'])
  const marks = marksOf(buckets, stats)
  const markWidth = widest(marks)
  const room = width - labelWidth - countWidth - markWidth - 6
  const barWidth = Math.max(MIN_BAR_WIDTH, Math.min(MAX_BAR_WIDTH, room))
  const most = buckets.reduce((max, bucket) => Math.max(max, bucket.calls), 0)
  const shareOf = (count: number): number => {
    if (count === 0) return 0
    return isLinear ? count / most : Math.log1p(count) / Math.log1p(most)
  }
  const summary = `${formatCount(calls)} calls, ${formatDuration(minNs)} to ${formatDuration(maxNs)}`
  return [
    ...wrap(summary, width),
    colors.bold(`${padStart('from', labelWidth)}  ${padStart('calls', countWidth)}`),
    ...buckets.map((bucket, i) => {
      const label = colors.dim(padStart(labels[i]!, labelWidth))
      const count = padStart(bucket.calls === 0 ? '·' : counts[i]!, countWidth)
      const bar = lyingBar(shareOf(bucket.calls), barWidth)
      const mark = marks[i]!
      const drawn = colors.cyan(mark === '' ? bar : padEnd(bar, barWidth))
      return `${label}  ${count}${bar === '' ? '' : `  ${drawn}`}${mark === '' ? '' : `  ${colors.yellow(mark)}`}`
    }),
    ...(isLinear
      ? []
      : wrap('The length of a bar is the logarithm of its calls.', width).map(colors.dim)),
  ]
}

/** What begins in which bucket: `◂ p50`. */
function marksOf(buckets: Histogram['buckets'], { quantiles }: Stats): string[] {
  return buckets.map(({ lowerNs, upperNs }, i) => {
    const isLast = i === buckets.length - 1
    const names = quantiles
      .filter(({ durationNs }) => durationNs >= lowerNs && (durationNs < upperNs || isLast))
      .map(({ quantile }) => formatQuantile(quantile))
    return names.length === 0 ? '' : `◂ ${names.join(' ')}`
  })
}

function widest(texts: readonly string[]): number {
  return texts.reduce((width, text) => Math.max(width, displayWidth(text)), 0)
}
