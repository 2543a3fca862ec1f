/**
 * @module query/slow-calls
 * The calls far above the median, as a histogram tells them.
 */
import { bucketOf } from '../metrics/histogram.ts'
import type { SlowCalls } from '../types.ts'
import { MIDPOINTS_NS, type Distribution } from './sorted-calls.ts'

/** Calls that took more than this many times the median are slow. */
export const SLOW_FACTOR = 10

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
