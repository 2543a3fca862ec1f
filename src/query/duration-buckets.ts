/**
 * @module query/duration-buckets
 * Buckets of the histogram put together: 2^k neighbours become one, as in OpenTelemetry's downscaling, so that a bucket
 * has the same bounds in every answer that is equally coarse.
 */
import { BUCKET_COUNT, BUCKET_UPPER_NS, bucketOf } from '../metrics/histogram.ts'
import type { DurationBounds } from '../types.ts'

/** Coarse bucket `i` holds the buckets [(first + i) << shift, (first + i + 1) << shift) of the histogram. */
export interface DurationBuckets {
  shift: number
  first: number
  count: number
}

/** The finest buckets, at most `limit`, from that of the shortest to that of the longest duration. */
export function durationBuckets(minNs: number, maxNs: number, limit: number): DurationBuckets {
  const low = bucketOf(minNs)
  const high = bucketOf(maxNs)
  let shift = 0
  while ((high >>> shift) - (low >>> shift) + 1 > limit) shift++
  return { shift, first: low >>> shift, count: (high >>> shift) - (low >>> shift) + 1 }
}

export function boundsOf({ count, first, shift }: DurationBuckets): DurationBounds[] {
  return Array.from({ length: count }, (_, i) => ({
    lowerNs: lowerNsOf((first + i) << shift),
    upperNs: lowerNsOf((first + i + 1) << shift),
  }))
}

/**
 * @param counts  of the whole histogram
 * @param buckets all durations counted lie in them
 */
export function coarsen(
  counts: Float64Array | Uint32Array,
  { count, first, shift }: DurationBuckets,
): number[] {
  const coarse = new Array<number>(count).fill(0)
  const end = Math.min(BUCKET_COUNT, (first + count) << shift)
  for (let bucket = first << shift; bucket < end; bucket++) {
    coarse[(bucket >>> shift) - first]! += counts[bucket]!
  }
  return coarse
}

/** The shortest duration that is in the bucket or above it. */
function lowerNsOf(bucket: number): number {
  return bucket === 0 ? 0 : BUCKET_UPPER_NS[Math.min(bucket, BUCKET_COUNT) - 1]! + 1
}
