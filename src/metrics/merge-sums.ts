/**
 * @module metrics/merge-sums
 * Sums of calls as batches carry them: merged without loss, and quantiles of a histogram that is kept sparse.
 */
import { BUCKET_COUNT, bucketMidpointNs } from './histogram.ts'
import type { CallSums } from './slab-mirror.ts'

/**
 * The calls of both. Counts add up exactly, the variance by the pairwise formula (see metrics/accumulator).
 *
 * @returns sums whose histogram is good until the next merge; neither `a` nor `b` may be such
 */
export function mergeSums(a: CallSums, b: CallSums): CallSums {
  const calls = a.calls + b.calls
  const difference = a.calls === 0 || b.calls === 0 ? 0 : b.sumNs / b.calls - a.sumNs / a.calls
  return {
    calls,
    errors: a.errors + b.errors,
    sumNs: a.sumNs + b.sumNs,
    squaredDeviations:
      a.squaredDeviations +
      b.squaredDeviations +
      (calls === 0 ? 0 : (difference * difference * a.calls * b.calls) / calls),
    ...mergeCounts(a, b),
  }
}

export type Counts = Pick<CallSums, 'buckets' | 'counts'>

/** Of the last merge: very many are made, and none is kept. */
const mergedBuckets = new Uint16Array(BUCKET_COUNT)
const mergedCounts = new Float64Array(BUCKET_COUNT)

function mergeCounts(a: Counts, b: Counts): Counts {
  let length = 0
  let i = 0
  let j = 0
  while (i < a.buckets.length || j < b.buckets.length) {
    const left = i < a.buckets.length ? a.buckets[i]! : BUCKET_COUNT
    const right = j < b.buckets.length ? b.buckets[j]! : BUCKET_COUNT
    let count = 0
    if (left <= right) count += a.counts[i++]!
    if (right <= left) count += b.counts[j++]!
    mergedBuckets[length] = left < right ? left : right
    mergedCounts[length++] = count
  }
  return { buckets: mergedBuckets.subarray(0, length), counts: mergedCounts.subarray(0, length) }
}

/**
 * As `quantileOf` of metrics/histogram, of a sparse histogram. O(buckets in use).
 *
 * @param quantile in [0, 1]
 * @param minNs    exact minimum and maximum of the durations: the answer never leaves them
 * @returns nanoseconds; NaN without calls
 */
export function sparseQuantile(
  { buckets, counts }: Counts,
  quantile: number,
  minNs: number,
  maxNs: number,
): number {
  let total = 0
  for (let i = 0; i < counts.length; i++) total += counts[i]!
  if (total === 0) return NaN
  const rank = quantile * (total - 1)
  const lowRank = Math.floor(rank)
  const low = valueAtRank(lowRank)
  return rank === lowRank ? low : low + (rank - lowRank) * (valueAtRank(lowRank + 1) - low)

  /** The first and the last rank are the exact minimum and maximum. */
  function valueAtRank(rank: number): number {
    if (rank <= 0) return minNs
    if (rank >= total - 1) return maxNs
    let seen = 0
    let i = -1
    while (seen <= rank) seen += counts[++i]!
    return Math.min(maxNs, Math.max(minNs, bucketMidpointNs(buckets[i]!)))
  }
}
