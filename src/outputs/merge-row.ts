/**
 * @module outputs/merge-row
 * The rows of both tables as every SQL database keeps them: what is there, merged with a batch's difference. Durations are
 * nanoseconds here; people read seconds.
 */
import { bucketMidpointNs } from '../metrics/histogram.ts'
import { mergeSums, sparseQuantile } from '../metrics/merge-sums.ts'
import type { CallSums } from '../metrics/slab-mirror.ts'
import type { FunctionDifference } from './output.ts'
import { decodeHistogram, encodeHistogram } from './sparse-histogram.ts'

const NS = 1e9

/** What a row of `metrics` or `metrics_by_minute` holds that the next difference is merged with. */
export interface StoredSums {
  calls: number
  errors: number
  min: number | null // seconds
  max: number | null
  time_ns: number
  squared_deviations: number
  histogram: Uint8Array | null
}

export interface StoredTotals extends StoredSums {
  base_calls: number // that the table had before it was ours: nothing but their count and time is known
  base_time: number // seconds
}

/** A row of `metrics_by_minute`; the key is not in it. */
export interface MinuteRow extends StoredSums {
  histogram: Uint8Array
  min: number
  max: number
}

/** A row of `metrics`, without the times of batches and what SQL makes of the rest; durations in seconds but for `time_ns`. */
export interface TotalsRow extends StoredTotals {
  histogram: Uint8Array
  standard_deviation: number | null // null below two calls
  p50: number | null
  p90: number | null
  p95: number | null
  p99: number | null
}

export function mergeTotals(
  stored: StoredTotals | undefined,
  difference: FunctionDifference,
): TotalsRow {
  const { base_calls = 0, base_time = 0 } = stored ?? {}
  const sums = mergeSums(sumsOf(stored, base_calls), difference)
  const minNs = Math.min(wholeNs(stored?.min ?? Infinity), difference.minNs)
  const maxNs = Math.max(wholeNs(stored?.max ?? 0), difference.maxNs)
  const quantile = (q: number): number | null =>
    sums.counts.length === 0 ? null : sparseQuantile(sums, q, minNs, maxNs) / NS
  return {
    calls: base_calls + sums.calls,
    errors: sums.errors,
    min: minNs / NS,
    max: maxNs / NS,
    standard_deviation:
      sums.calls < 2 ? null : Math.sqrt(sums.squaredDeviations / (sums.calls - 1)) / NS,
    p50: quantile(0.5),
    p90: quantile(0.9),
    p95: quantile(0.95),
    p99: quantile(0.99),
    base_calls,
    base_time,
    time_ns: sums.sumNs,
    squared_deviations: sums.squaredDeviations,
    histogram: encodeHistogram(sums),
  }
}

/** The minute's row with the difference's calls. */
export function addToMinute(row: MinuteRow | undefined, difference: FunctionDifference): MinuteRow {
  const { minNs, maxNs } = extremesOf(difference)
  return minuteRow(row, difference, minNs / NS, maxNs / NS)
}

/** Both parts of a minute. */
export function mergeMinutes(stored: StoredSums, row: MinuteRow): MinuteRow {
  const sums = sumsOf(row, 0)
  const kept = { ...sums, buckets: Array.from(sums.buckets), counts: Array.from(sums.counts) }
  return minuteRow(stored, kept, row.min, row.max)
}

function minuteRow(
  stored: StoredSums | undefined,
  added: CallSums,
  min: number,
  max: number,
): MinuteRow {
  const sums = mergeSums(sumsOf(stored, 0), added)
  return {
    calls: sums.calls,
    errors: sums.errors,
    min: Math.min(stored?.min ?? Infinity, min),
    max: Math.max(stored?.max ?? 0, max),
    time_ns: sums.sumNs,
    squared_deviations: sums.squaredDeviations,
    histogram: encodeHistogram(sums),
  }
}

/**
 * Of the difference alone: exact where it moved the extremes of all calls, otherwise within the histogram's error, 0.55 %.
 */
function extremesOf(difference: FunctionDifference): { minNs: number; maxNs: number } {
  const { buckets, minNs, maxNs, hasNewMin, hasNewMax } = difference
  const clamped = (ns: number): number => Math.min(maxNs, Math.max(minNs, ns))
  const lowest = buckets[0]
  const highest = buckets.at(-1)
  return {
    minNs: hasNewMin || lowest === undefined ? minNs : clamped(bucketMidpointNs(lowest)),
    maxNs: hasNewMax || highest === undefined ? maxNs : clamped(bucketMidpointNs(highest)),
  }
}

function sumsOf(stored: StoredSums | undefined, baseCalls: number): CallSums {
  if (stored === undefined) {
    return { calls: 0, errors: 0, sumNs: 0, squaredDeviations: 0, buckets: [], counts: [] }
  }
  return {
    calls: stored.calls - baseCalls,
    errors: stored.errors,
    sumNs: stored.time_ns,
    squaredDeviations: stored.squared_deviations,
    ...decodeHistogram(stored.histogram),
  }
}

/** Durations are whole nanoseconds, whatever seconds have made of them. */
function wholeNs(seconds: number): number {
  return Math.round(seconds * NS)
}
