/**
 * @module query/series
 * The questions about calls over time: series and heatmap.
 */
import type { CallTotals } from '../database/call-totals.ts'
import type { ChunkSource } from '../database/read/chunk-source.ts'
import type { Snapshot, SnapshotView } from '../database/read/snapshot.ts'
import { QUANTILE_RELATIVE_ERROR } from '../metrics/histogram.ts'
import type { Heatmap, ScanOptions, Series, SeriesPoint } from '../types.ts'
import type { CallAccumulator } from './accumulator.ts'
import type { QuantilePlan } from './quantile-plan.ts'
import { scanBuckets, type AccumulatorPool } from './bucket-scan.ts'
import { boundsOf, coarsen, durationBuckets } from './duration-buckets.ts'
import { addRollUp, forEachRollUp } from './range-scan.ts'
import { groupsInRange } from './scan-groups.ts'
import { ScanPace } from './scan-pace.ts'
import { bucketRange, cutRange, type StepBuckets } from './step.ts'
import type { RangeUs } from './time.ts'

/** What both are about. */
export interface OverTime {
  snapshot: Snapshot
  view: SnapshotView // as of the beginning
  pool: AccumulatorPool
  functionNumbers: readonly number[]
  range: RangeUs
  totals: Pick<CallTotals, 'calls' | 'firstUs' | 'lastUs' | 'minNs' | 'maxNs'> // of the whole range
  options: ScanOptions
}

export async function seriesOf(
  question: OverTime,
  stepUs: number,
  aligned: boolean,
  plan: QuantilePlan,
): Promise<Series> {
  const buckets = cutRange(closedRange(question), stepUs, aligned)
  const points: SeriesPoint[] = []
  const coarseCalls = await scan(question, buckets, (index, accumulator) => {
    points.push(pointOf(buckets, index, accumulator, plan))
  })
  return {
    ...boundsMs(buckets),
    points,
    quantileRelativeError: QUANTILE_RELATIVE_ERROR,
    coarseCalls,
  }
}

/** @param step undefined: so many `columns` of equal width */
export async function heatmapOf(
  question: OverTime,
  stepUs: number | undefined,
  columns: number,
  durationLimit: number,
): Promise<Heatmap> {
  const range = closedRange(question)
  const widthUs = stepUs ?? Math.max(1, Math.ceil((range.toUs - range.fromUs) / columns))
  const buckets = cutRange(range, widthUs, stepUs !== undefined)
  const { calls, maxNs, minNs } = question.totals
  const rows = calls === 0 ? undefined : durationBuckets(minNs, maxNs, durationLimit)
  checkCells(buckets.count, rows?.count ?? 0)
  const startsMs: number[] = []
  const counts: number[][] = []
  const coarseCalls = await scan(question, buckets, (index, accumulator) => {
    startsMs.push((buckets.firstUs + index * buckets.stepUs) / 1000)
    counts.push(rows === undefined ? [] : coarsen(accumulator.counts(), rows))
  })
  return {
    ...boundsMs(buckets),
    startsMs,
    durations: rows === undefined ? [] : boundsOf(rows),
    counts,
    calls,
    coarseCalls,
  }
}

const MAX_CELLS = 2_000_000

function checkCells(columns: number, rows: number): void {
  if (columns * rows <= MAX_CELLS) return
  throw new RangeError(
    `a heatmap of ${columns} columns and ${rows} rows is too large, it may have ${MAX_CELLS} cells: ` +
      'take a longer step or fewer durationBuckets',
  )
}

/** The range with the first and the last call instead of open ends; empty if there is no call. */
function closedRange({ range, totals }: OverTime): RangeUs {
  const fromUs = range.fromUs === -Infinity ? totals.firstUs : range.fromUs
  const toUs = range.toUs === Infinity ? totals.lastUs + 1 : range.toUs
  if (fromUs < toUs && Number.isFinite(toUs - fromUs)) return { fromUs, toUs }
  return { fromUs: NaN, toUs: NaN }
}

/** @returns calls that were counted with an hour that does not lie in one bucket */
async function scan(
  { functionNumbers, options, pool, snapshot, view }: OverTime,
  buckets: StepBuckets,
  visit: (index: number, accumulator: CallAccumulator) => void,
): Promise<number> {
  const groups = groupsInRange(view, functionNumbers, buckets.range)
  const hours = hoursByBucket(view, functionNumbers, buckets)
  const totalRows = groups.reduce((sum, { rows }) => sum + rows, 0)
  const pace = new ScanPace(snapshot, options, totalRows)
  let coarseCalls = 0
  await scanBuckets(snapshot, groups, buckets, pool, pace, (index, accumulator) => {
    for (const { chunk, source } of hours.get(index) ?? []) {
      addRollUp(source, chunk, bucketRange(buckets, index), accumulator)
    }
    coarseCalls += accumulator.coarseCalls
    visit(index, accumulator)
  })
  pace.report()
  return coarseCalls
}

/** Hours of expired rows, each in the bucket in which it begins, so that none is counted twice. */
function hoursByBucket(
  snapshot: SnapshotView,
  functionNumbers: Iterable<number>,
  { firstUs, range, stepUs }: StepBuckets,
): Map<number, { source: ChunkSource; chunk: number }[]> {
  const hours = new Map<number, { source: ChunkSource; chunk: number }[]>()
  for (const functionNumber of functionNumbers) {
    forEachRollUp(snapshot, functionNumber, range, (source, chunk) => {
      const beginUs = Math.max(source.minStartsUs[chunk]!, range.fromUs)
      const index = Math.floor((beginUs - firstUs) / stepUs)
      const others = hours.get(index)
      if (others === undefined) hours.set(index, [{ source, chunk }])
      else others.push({ source, chunk })
    })
  }
  return hours
}

function boundsMs({ range, stepUs }: StepBuckets) {
  return { fromMs: range.fromUs / 1000, toMs: range.toUs / 1000, stepMs: stepUs / 1000 }
}

function pointOf(
  buckets: StepBuckets,
  index: number,
  accumulator: CallAccumulator,
  plan: QuantilePlan,
): SeriesPoint {
  const stats = accumulator.toStats(plan, bucketRange(buckets, index))
  const startUs = buckets.firstUs + index * buckets.stepUs
  return {
    startMs: startUs / 1000,
    endMs: (startUs + buckets.stepUs) / 1000,
    calls: stats.calls,
    rows: stats.rows,
    errors: stats.errors,
    ratePerSecond: stats.ratePerSecond,
    sumNs: stats.sumNs,
    selfNs: stats.selfNs,
    meanNs: stats.meanNs,
    minNs: stats.minNs,
    maxNs: stats.maxNs,
    quantiles: stats.quantiles,
  }
}
