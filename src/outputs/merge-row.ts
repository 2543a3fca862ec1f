/**
 * @module outputs/merge-row
 * The rows of both tables as every SQL database keeps them: what is there, merged with a batch's difference. Durations are
 * nanoseconds here; people read seconds.
 */
import { bucketMidpointNs } from '../metrics/histogram.ts'
import { mergeMoments, sparseQuantiles, type Counts, type Moments } from '../metrics/merge-sums.ts'
import type { FunctionDifference } from './output.ts'
import { encodeHistogram, mergeHistogram } from './sparse-histogram.ts'

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

const QUANTILES = [0.5, 0.9, 0.95, 0.99]

/** @param stored is not to be used any more: its bytes may be the row's */
export function mergeTotals(
  stored: StoredTotals | undefined,
  difference: FunctionDifference,
): TotalsRow {
  const { base_calls = 0, base_time = 0, histogram = null } = stored ?? {}
  const sums = mergeMoments(momentsOf(stored, base_calls), difference)
  const minNs = Math.min(wholeNs(stored?.min ?? Infinity), difference.minNs)
  const maxNs = Math.max(wholeNs(stored?.max ?? 0), difference.maxNs)
  const counts = mergeHistogram(histogram, difference)
  const { entries } = counts
  const [p50, p90, p95, p99] =
    entries === 0 ? [] : sparseQuantiles(counts, entries, QUANTILES, minNs, maxNs)
  return {
    calls: base_calls + sums.calls,
    errors: sums.errors,
    min: minNs / NS,
    max: maxNs / NS,
    standard_deviation:
      sums.calls < 2 ? null : Math.sqrt(sums.squaredDeviations / (sums.calls - 1)) / NS,
    p50: seconds(p50),
    p90: seconds(p90),
    p95: seconds(p95),
    p99: seconds(p99),
    base_calls,
    base_time,
    time_ns: sums.sumNs,
    squared_deviations: sums.squaredDeviations,
    histogram: encodeHistogram(counts, entries, histogram),
  }
}

/**
 * The minute's row with the difference's calls.
 *
 * @param row is not to be used any more: its bytes may be those of the new one
 */
export function addToMinute(row: MinuteRow | undefined, difference: FunctionDifference): MinuteRow {
  const { minNs, maxNs } = extremesOf(difference)
  return minuteRow(row, difference, difference, minNs / NS, maxNs / NS)
}

/** Both parts of a minute. */
export function mergeMinutes(stored: StoredSums, row: MinuteRow): MinuteRow {
  const { buckets, counts, entries } = mergeHistogram(row.histogram, NO_COUNTS)
  const added = { buckets: buckets.slice(0, entries), counts: counts.slice(0, entries) }
  return minuteRow(stored, momentsOf(row, 0), added, row.min, row.max)
}

const NO_COUNTS: Counts = { buckets: [], counts: [] }

function minuteRow(
  stored: StoredSums | undefined,
  moments: Moments,
  added: Counts,
  min: number,
  max: number,
): MinuteRow {
  const sums = mergeMoments(momentsOf(stored, 0), moments)
  const histogram = stored?.histogram ?? null
  const counts = mergeHistogram(histogram, added)
  return {
    calls: sums.calls,
    errors: sums.errors,
    min: Math.min(stored?.min ?? Infinity, min),
    max: Math.max(stored?.max ?? 0, max),
    time_ns: sums.sumNs,
    squared_deviations: sums.squaredDeviations,
    histogram: encodeHistogram(counts, counts.entries, histogram),
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

function momentsOf(stored: StoredSums | undefined, baseCalls: number): Moments {
  return {
    calls: stored === undefined ? 0 : stored.calls - baseCalls,
    errors: stored?.errors ?? 0,
    sumNs: stored?.time_ns ?? 0,
    squaredDeviations: stored?.squared_deviations ?? 0,
  }
}

function seconds(ns: number | undefined): number | null {
  return ns === undefined ? null : ns / NS
}

/** Durations are whole nanoseconds, whatever seconds have made of them. */
function wholeNs(seconds: number): number {
  return Math.round(seconds * NS)
}
