/**
 * @module cli/commands/series
 * The numbers of a function over time, drawn on a terminal, as a table elsewhere.
 */
import type { Command } from 'commander'
import { resolveRange } from '../../query/time.ts'
import type { Series, SeriesPoint } from '../../types.ts'
import type { CliContext } from '../context.ts'
import { uprightBars } from '../draw.ts'
import { formatCount, formatDuration, formatInstant, formatQuantile, NOTHING } from '../format.ts'
import { parseStep } from '../options.ts'
import {
  requireFunction,
  scanOptions,
  tellCoarse,
  toJson,
  withDatabase,
  type Session,
} from '../session.ts'
import { layOut, type Column } from '../table.ts'
import { padStart, printable, truncate, wrap } from '../text.ts'
import { axisFormat, formatStep, instantFormat, stepFor } from '../time-scale.ts'
import { emptyMessage } from './functions.ts'

const QUANTILES = [0.5, 0.9, 0.99]
const P50 = 0
const P99 = 2
const PANEL_HEIGHT = 4
const SCALE_WIDTH = 10 // of the numbers beside the bars
const MIN_COLUMNS = 10
const MAX_COLUMNS = 160
const TABLE_STEPS = 60
const TICK = '┤'

interface SeriesOptions {
  step?: string
  table?: boolean
}

export function addSeriesCommand(program: Command, context: CliContext): void {
  program
    .command('series')
    .summary('calls and durations over time')
    .description(
      'Shows how often a function was called and how long that took, over time: drawn on a terminal, as a table ' +
        'elsewhere. A bucket without calls is there, too: a dot in the drawing.',
    )
    .argument('[function]', 'exact name; all functions together if left out')
    .option('-s, --step <length>', 'length of a bucket, such as 10s, 5m, 1h', parseStep)
    .option('--table', 'one line for each bucket instead of a drawing')
    .addHelpText(
      'after',
      `
Buckets begin at multiples of the step (in UTC). Without --step it is chosen so that all fit the screen.

Examples:
  kronicler series                                     the whole time that is stored
  kronicler series checkout.pay --from -1h             one function in the last hour
  kronicler series checkout.pay --from -1d --step 1h --table
  kronicler series --step 1m --from -1h --json | jq '.points[].calls'`,
    )
    .action(async (name: string | undefined, options: SeriesOptions, command: Command) => {
      await withDatabase(context, command, (session) => run(session, name, options))
    })
}

async function run(
  session: Session,
  name: string | undefined,
  { step, table }: SeriesOptions,
): Promise<void> {
  if (name !== undefined) await requireFunction(session, name)
  const { colors, json, print, width } = session
  const columns = Math.min(MAX_COLUMNS, width - SCALE_WIDTH - 2)
  const range = await closedRange(session, name)
  if (range === undefined && !json) {
    print(name === undefined ? await emptyMessage(session) : 'No calls in this range of time.')
    return
  }
  const { from, to } = range ?? { from: 0, to: 0 }
  const isTable = table === true || columns < MIN_COLUMNS || width === Infinity
  const chosen = stepFor(to - from, isTable ? TABLE_STEPS : columns)
  const series = await session.database.series({
    ...(range ?? session.range),
    function: name,
    quantiles: QUANTILES,
    step: step ?? chosen,
    ...scanOptions(session),
  })
  if (json) {
    print(toJson(name === undefined ? series : { function: name, ...series }))
    return
  }
  const title = name === undefined ? 'all functions' : printable(name)
  print(colors.bold(colors.cyan(truncate(title, width))))
  const isDrawn = !isTable && series.points.length <= columns
  for (const line of isDrawn ? drawing(series, session) : tableOf(series, session)) print(line)
  tellCoarse(session, series)
}

/** The range asked for, with an end instead of "all there is". Undefined without calls in an open range. */
async function closedRange(
  { database, range }: Session,
  name: string | undefined,
): Promise<{ from: number; to: number } | undefined> {
  const { fromUs, toUs } = resolveRange(range)
  const asked = { from: us(fromUs), to: us(toUs) }
  if (asked.from !== undefined && asked.to !== undefined) {
    return { from: asked.from, to: asked.to }
  }
  const { calls, firstStartMs, lastStartMs } = await database.stats({
    ...asked,
    function: name,
    quantiles: [],
  })
  if (calls === 0 && asked.from === undefined) return undefined
  // an open end is after the last call; of "the last hour" now
  const now = Math.max(Date.now(), asked.from ?? 0)
  const end = asked.from === undefined ? lastStartMs + 0.001 : now
  return { from: asked.from ?? firstStartMs, to: asked.to ?? end }
}

/** Milliseconds; undefined for an open end. */
function us(value: number): number | undefined {
  return Number.isFinite(value) ? value / 1000 : undefined
}

function drawing(series: Series, session: Session): string[] {
  const { points, stepMs } = series
  const { colors, width } = session
  const quantile = (index: number) => (point: SeriesPoint) => point.quantiles[index]!.durationNs
  const panel = (
    title: string,
    valueOf: (point: SeriesPoint) => number,
    format: (value: number) => string,
    style: (text: string) => string,
  ): string[] => {
    const values = points.map((point) => (point.calls === 0 ? NaN : valueOf(point)))
    const top = values.reduce((max, value) => (value > max ? value : max), 0)
    const bars = uprightBars(
      values.map((value) => (top > 0 ? value / top : value)),
      PANEL_HEIGHT,
    )
    const labels = [format(top), '', format(top / 2), '']
    return [
      colors.bold(title),
      ...bars.map((bar, i) => {
        const label = padStart(labels[i]!, SCALE_WIDTH - 2)
        const edge = labels[i] === '' ? '│' : TICK
        return `${colors.dim(`${label} ${edge}`)}${style(bar)}`
      }),
    ]
  }
  const lines = [
    ...wrap(describeSeries(series), width),
    '',
    ...panel(formatQuantile(QUANTILES[P99]!), quantile(P99), formatDuration, colors.yellow),
    ...panel(formatQuantile(QUANTILES[P50]!), quantile(P50), formatDuration, colors.cyan),
    ...panel(`calls in ${formatStep(stepMs)}`, ({ calls }) => calls, formatHalf, colors.green),
  ]
  const indent = ' '.repeat(SCALE_WIDTH - 1)
  if (points.some(({ errors }) => errors > 0)) {
    const marks = points.map(({ errors }) => (errors > 0 ? '×' : ' ')).join('')
    lines.push(`${colors.dim(`${padStart('failed', SCALE_WIDTH - 2)} │`)}${colors.red(marks)}`)
  }
  return [...lines, ...axis(series, width - SCALE_WIDTH).map((line) => colors.dim(indent + line))]
}

/** `12`, and `0.5` for the half of one call. */
function formatHalf(count: number): string {
  return Number.isInteger(count)
    ? formatCount(count)
    : count < 100
      ? count.toFixed(1)
      : formatCount(count)
}

function describeSeries({ fromMs, points, stepMs, toMs }: Series): string {
  const [from, to] = [fromMs, toMs].map((ms) => formatInstant(ms).slice(0, stepMs < 60e3 ? 19 : 16))
  const end = to!.slice(0, 10) === from!.slice(0, 10) ? to!.slice(11) : to!
  const calls = points.reduce((sum, point) => sum + point.calls, 0)
  return `${formatCount(calls)} calls, ${from!} to ${end}, ${formatStep(stepMs)} a bar`
}

/** Ticks and times below the bars; a time stands where its bar begins. */
function axis({ fromMs, points, stepMs, toMs }: Series, room: number): string[] {
  const format = axisFormat(stepMs, toMs - fromMs)
  const distance = format(fromMs).length + 3
  let ticks = ''
  let times = ''
  points.forEach(({ startMs }, i) => {
    const text = format(startMs)
    const fits = i % distance === 0 && i + text.length <= room
    ticks += i % distance === 0 ? '┴' : '─'
    if (fits) times = times.padEnd(i) + text
  })
  return [`└${ticks}`, ` ${times}`]
}

function tableOf({ points, stepMs }: Series, { colors, width }: Session): string[] {
  const format = instantFormat(stepMs)
  const columns: Column[] = [
    { title: 'from', align: 'left', style: colors.dim },
    { title: 'calls' },
    { title: 'errors', rank: 3, style: (text) => (/[1-9]/.test(text) ? colors.red(text) : text) },
    { title: 'mean', rank: 4 },
    ...QUANTILES.map((quantile, i) => ({
      title: formatQuantile(quantile),
      rank: i === P99 ? 0 : 5,
    })),
    { title: 'max', rank: 1 },
  ]
  const rows = points.map(({ calls, errors, maxNs, meanNs, quantiles, startMs }) => [
    format(startMs),
    formatCount(calls),
    calls === 0 ? NOTHING : formatCount(errors),
    formatDuration(meanNs),
    ...quantiles.map(({ durationNs }) => formatDuration(durationNs)),
    formatDuration(maxNs),
  ])
  return layOut(columns, rows, { width, header: colors.bold }).map((line) => line.trimEnd())
}
