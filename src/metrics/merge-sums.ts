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
  return { ...mergeMoments(a, b), ...mergeCounts(a, b) }
}

export type Moments = Omit<CallSums, 'buckets' | 'counts'>

export function mergeMoments(a: Moments, b: Moments): Moments {
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
 * As `quantileOf` of metrics/histogram, of a sparse histogram: several at once, as very many are asked for. O(buckets in use).
 *
 * @param entries   buckets in use
 * @param quantiles in [0, 1], ascending
 * @param minNs     exact minimum and maximum of the durations: the answer never leaves them
 * @returns nanoseconds; NaN without calls
 */
export function sparseQuantiles(
  { buckets, counts }: Counts,
  entries: number,
  quantiles: readonly number[],
  minNs: number,
  maxNs: number,
): number[] {
  let total = 0
  for (let i = 0; i < entries; i++) total += counts[i]!
  let entry = 0
  let before = 0 // calls in front of the entry
  return quantiles.map((quantile) => {
    if (total === 0) return NaN
    const rank = quantile * (total - 1)
    const low = Math.floor(rank)
    while (entry < entries - 1 && before + counts[entry]! <= low) before += counts[entry++]!
    const lowNs = valueAt(low, entry)
    if (rank === low) return lowNs
    const isNext = before + counts[entry]! <= low + 1
    return lowNs + (rank - low) * (valueAt(low + 1, isNext ? entry + 1 : entry) - lowNs)
  })

  /** The first and the last rank are the exact minimum and maximum. */
  function valueAt(rank: number, at: number): number {
    if (rank <= 0) return minNs
    if (rank >= total - 1) return maxNs
    return Math.min(maxNs, Math.max(minNs, bucketMidpointNs(buckets[at]!)))
  }
}
