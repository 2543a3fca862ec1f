/**
 * @module cli/commands/stats
 * All numbers of one function, or of all calls together.
 */
import type { Command } from 'commander'
import type { Stats } from '../../types.ts'
import type { CliContext } from '../context.ts'
import {
  formatCount,
  formatDuration,
  formatInstant,
  formatQuantile,
  formatRate,
  formatShare,
} from '../format.ts'
import { parseQuantiles } from '../options.ts'
import {
  requireFunction,
  scanOptions,
  tellLeftOut,
  toJson,
  withDatabase,
  type Session,
} from '../session.ts'
import { padEnd, printable, truncate } from '../text.ts'
import { emptyMessage } from './functions.ts'

const QUANTILES = [0.5, 0.9, 0.95, 0.99, 0.999]
const LABEL_WIDTH = 10
const BAR_WIDTH = 30

interface StatsOptions {
  quantiles: number[]
  exact?: boolean
}

export function addStatsCommand(program: Command, context: CliContext): void {
  program
    .command('stats')
    .summary('numbers of one function, or of all calls together')
    .description(
      'Shows how often a function was called, how long that took, and how the durations spread.',
    )
    .argument('[function]', 'exact name; all functions together if left out')
    .option(
      '-q, --quantiles <list>',
      'which quantiles, such as 0.5,0.99 or p50,p99',
      parseQuantiles,
      QUANTILES,
    )
    .option('--exact', 'quantiles from the rows instead of the histogram: takes longer')
    .addHelpText(
      'after',
      `
Examples:
  kronicler stats                            all calls of all functions
  kronicler stats checkout.pay --from -1h    one function in the last hour
  kronicler stats checkout.pay -q p50,p99.99
  kronicler stats checkout.pay --json        the same for another program`,
    )
    .action(async (name: string | undefined, options: StatsOptions, command: Command) => {
      await withDatabase(context, command, (session) => run(session, name, options))
    })
}

async function run(
  session: Session,
  name: string | undefined,
  { exact, quantiles }: StatsOptions,
): Promise<void> {
  if (name !== undefined) await requireFunction(session, name)
  const stats = await session.database.stats({
    ...session.range,
    function: name,
    quantiles,
    exact,
    ...scanOptions(session),
  })
  if (session.json) {
    session.print(toJson(name === undefined ? stats : { function: name, ...stats }))
    return
  }
  const { bold, cyan } = session.colors
  const title = name === undefined ? 'all functions' : printable(name)
  session.print(bold(cyan(truncate(title, session.width))))
  if (stats.calls === 0) {
    session.print(
      name === undefined ? await emptyMessage(session) : 'No calls in this range of time.',
    )
    return
  }
  for (const line of linesOf(stats, session)) session.print(line)
  if (name === undefined) await tellLeftOut(session)
}

function linesOf(stats: Stats, { colors, width }: Session): string[] {
  const { calls, errors, slow } = stats
  const line = (label: string, text: string) =>
    `${colors.dim(padEnd(label, LABEL_WIDTH))}  ${truncate(text, width - LABEL_WIDTH - 2)}`
  const failed =
    errors === 0 ? 'no errors' : `${formatCount(errors)} failed (${formatShare(errors / calls)})`
  return [
    line('calls', `${formatCount(calls)}, ${failed}, ${formatRate(stats.ratePerSecond)}`),
    ...(stats.rows === calls ? [] : [line('stored', sampledLine(stats))]),
    line('first', formatInstant(stats.firstStartMs)),
    line('last', formatInstant(stats.lastStartMs)),
    line('total', formatDuration(stats.sumNs)),
    ...(stats.selfNs === stats.sumNs ? [] : [line('self', selfLine(stats))]),
    line('mean', meanOf(stats)),
    '',
    line('min', formatDuration(stats.minNs)),
    ...quantileLines(stats, line, width),
    line('max', formatDuration(stats.maxNs)),
    '',
    line('slow', slowLine(stats)),
    ...(slow.calls === 0 ? [] : [line('', `${formatDuration(slow.meanNs)} on average`)]),
  ]
}

function meanOf({ meanNs, standardDeviationNs, standardErrorNs }: Stats): string {
  const mean = formatDuration(meanNs)
  if (Number.isNaN(standardDeviationNs)) return mean
  const spread = formatDuration(standardDeviationNs)
  return `${mean} ± ${formatDuration(standardErrorNs)}, standard deviation ${spread}`
}

function sampledLine({ rows }: Stats): string {
  return `${rows === 1 ? '1 row stands' : `${formatCount(rows)} rows stand`} for these calls, which were sampled`
}

/** What is left of the total without the captured functions that were called. */
function selfLine({ selfMeanNs, selfNs, sumNs }: Stats): string {
  const share = formatShare(selfNs / sumNs)
  return `${formatDuration(selfNs)} (${share}), ${formatDuration(selfMeanNs)} a call`
}

/** With a bar that shows the shape: logarithmic, from the minimum to the maximum. */
function quantileLines(
  { maxNs, minNs, quantiles }: Stats,
  line: (label: string, text: string) => string,
  width: number,
): string[] {
  const texts = quantiles.map(({ durationNs }) => formatDuration(durationNs))
  const textWidth = texts.reduce((longest, { length }) => Math.max(longest, length), 0)
  const low = Math.log(Math.max(1, minNs))
  const span = Math.log(Math.max(1, maxNs)) - low
  const room = Math.min(BAR_WIDTH, width - LABEL_WIDTH - textWidth - 4)
  return quantiles.map(({ durationNs, quantile }, i) => {
    const share = span > 0 ? (Math.log(Math.max(1, durationNs)) - low) / span : 0
    const bar = room < 5 ? '' : '━'.repeat(Math.max(1, Math.round(share * room)))
    return line(formatQuantile(quantile), `${padEnd(texts[i]!, textWidth)}  ${bar}`.trimEnd())
  })
}

function slowLine({ slow }: Stats): string {
  const above = `above ${formatDuration(slow.thresholdNs)} (ten times the median)`
  if (slow.calls === 0) return `no call ${above}`
  const calls = slow.calls === 1 ? '1 call' : `${formatCount(slow.calls)} calls`
  return `${calls} (${formatShare(slow.share)}) ${above}, ${formatShare(slow.timeShare)} of the time`
}
