/**
 * @module query/quantiles
 * What a histogram tells about a set of calls beyond its counts: quantiles, and the calls far above the median.
 */
import { BUCKET_COUNT, bucketMidpointNs, bucketOf } from '../metrics/histogram.ts'
import type { SlowCalls } from '../types.ts'

/** Calls that took more than this many times the median are slow. */
export const SLOW_FACTOR = 10

const MIDPOINTS_NS = Float64Array.from({ length: BUCKET_COUNT }, (_, bucket) =>
  bucketMidpointNs(bucket),
)

/** A histogram of `calls` > 0 calls and the exact extremes of their durations. */
export interface Distribution {
  counts: Float64Array | Uint32Array // [BUCKET_COUNT]
  calls: number // sum of `counts`
  sumNs: number
  minNs: number
  maxNs: number
}

export interface SampledDistribution extends Distribution {
  sampleSize: number // independent calls that tell as much: fewer than `calls` where rows stand for several
}

/**
 * Durations at several quantiles in one walk over the buckets between minimum and maximum; the same numbers as
 * `quantileOf` of metrics/histogram gives one by one.
 *
 * @param quantiles each in [0, 1], ascending
 * @param into      receives nanoseconds, one for each quantile
 */
export function quantilesOf(
  distribution: Distribution,
  quantiles: ArrayLike<number>,
  into: Float64Array,
): void {
  const { counts, calls, minNs, maxNs } = distribution
  let bucket = bucketOf(minNs) - 1
  let seen = 0
  for (let i = 0; i < quantiles.length; i++) {
    const rank = quantiles[i]! * (calls - 1)
    const lowRank = Math.floor(rank)
    while (seen <= lowRank && bucket < BUCKET_COUNT - 1) seen += counts[++bucket]!
    const low = valueAt(lowRank, bucket)
    let value = low
    if (rank !== lowRank) {
      let nextBucket = bucket // the next quantile may need this bucket again
      let nextSeen = seen
      while (nextSeen <= lowRank + 1 && nextBucket < BUCKET_COUNT - 1) {
        nextSeen += counts[++nextBucket]!
      }
      value = low + (rank - lowRank) * (valueAt(lowRank + 1, nextBucket) - low)
    }
    into[i] = value
  }

  /** The first and the last rank are the exact minimum and maximum. */
  function valueAt(rank: number, bucketOfRank: number): number {
    if (rank <= 0) return minNs
    if (rank >= calls - 1) return maxNs
    const midpointNs = MIDPOINTS_NS[bucketOfRank]!
    return midpointNs < minNs ? minNs : midpointNs > maxNs ? maxNs : midpointNs
  }
}

/**
 * The calls above ten times the median. Their number is exact but for the threshold's own bucket, which counts as a
 * whole or not at all; their time is that of the buckets' midpoints.
 */
export function slowCallsOf(distribution: Distribution, medianNs: number): SlowCalls {
  const { counts, calls, sumNs, maxNs } = distribution
  const thresholdNs = SLOW_FACTOR * medianNs
  let slow = 0
  let slowNs = 0
  if (maxNs > thresholdNs) {
    const last = bucketOf(maxNs)
    const first = bucketOf(thresholdNs)
    for (let bucket = first; bucket <= last; bucket++) {
      const count = counts[bucket]!
      if (count === 0 || (bucket === first && MIDPOINTS_NS[bucket]! <= thresholdNs)) continue
      slow += count
      slowNs += count * MIDPOINTS_NS[bucket]!
    }
    // one call of the last bucket is known exactly
    if (slow > 0) slowNs += maxNs - MIDPOINTS_NS[last]!
    else {
      slow = 1
      slowNs = maxNs
    }
  }
  return {
    thresholdNs,
    calls: slow,
    share: slow / calls,
    timeShare: slow === 0 ? 0 : Math.min(1, slowNs / sumNs),
    meanNs: slow === 0 ? NaN : slowNs / slow,
  }
}
