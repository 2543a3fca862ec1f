/**
 * @module query/sorted-calls
 * What a histogram tells of its calls in the order of their durations. Calls are asked for by rank, from 0; a first walk adds
 * up groups of buckets, so that finding a rank takes a handful of comparisons: with thousands of functions, and dozens of ranks
 * of each, walking over the buckets again and again would take longer than adding them up.
 */
import { BUCKET_COUNT, BUCKET_UPPER_NS, bucketMidpointNs, bucketOf } from '../metrics/histogram.ts'

const GROUP_BUCKETS = 16

export const MIDPOINTS_NS = Float64Array.from({ length: BUCKET_COUNT }, (_, bucket) =>
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

export class SortedCalls {
  #counts: Float64Array | Uint32Array = new Uint32Array(0)
  #calls = 0
  #minNs = 0
  #maxNs = 0
  #firstGroup = 0
  #lastGroup = 0
  readonly #upTo = new Float64Array(BUCKET_COUNT / GROUP_BUCKETS) // calls of all groups up to this one

  /** Takes in a histogram, whose counts must stay as they are. */
  read({ calls, counts, maxNs, minNs }: Distribution): void {
    this.#counts = counts
    this.#calls = calls
    this.#minNs = minNs
    this.#maxNs = maxNs
    this.#firstGroup = Math.floor(bucketOf(minNs) / GROUP_BUCKETS)
    this.#lastGroup = Math.floor(bucketOf(maxNs) / GROUP_BUCKETS)
    const upTo = this.#upTo
    let sum = 0
    for (let group = this.#firstGroup; group <= this.#lastGroup; group++) {
      const end = (group + 1) * GROUP_BUCKETS
      for (let bucket = group * GROUP_BUCKETS; bucket < end; bucket++) sum += counts[bucket]!
      upTo[group] = sum
    }
  }

  /**
   * Duration at a quantile, blended of the calls on both sides of it; the same number as `quantileOf` of metrics/histogram
   * gives.
   *
   * @param quantile in [0, 1]
   */
  quantileNs(quantile: number): number {
    const position = quantile * (this.#calls - 1)
    const rank = Math.floor(position)
    const lowNs = this.durationNs(rank)
    return position === rank
      ? lowNs
      : lowNs + (position - rank) * (this.durationNs(rank + 1) - lowNs)
  }

  /** About what the call took; exactly for the first and the last. */
  durationNs(rank: number): number {
    const minNs = this.#minNs
    const maxNs = this.#maxNs
    if (rank <= 0) return minNs
    if (rank >= this.#calls - 1) return maxNs
    const midpointNs = MIDPOINTS_NS[this.#bucketOf(rank)]!
    return midpointNs < minNs ? minNs : midpointNs > maxNs ? maxNs : midpointNs
  }

  /** What it took at least; of a call before the first one nothing is known. */
  shortestNs(rank: number): number {
    if (rank < 0) return 0
    const bucket = this.#bucketOf(rank)
    const below = bucket === 0 ? -1 : BUCKET_UPPER_NS[bucket - 1]!
    return Math.max(this.#minNs, below + 1)
  }

  /** What it took at most. */
  longestNs(rank: number): number {
    if (rank >= this.#calls) return Infinity
    return Math.min(this.#maxNs, BUCKET_UPPER_NS[this.#bucketOf(rank)]!)
  }

  #bucketOf(rank: number): number {
    const counts = this.#counts
    const upTo = this.#upTo
    let low = this.#firstGroup
    let high = this.#lastGroup
    while (low < high) {
      const middle = (low + high) >>> 1
      if (upTo[middle]! > rank) high = middle
      else low = middle + 1
    }
    let seen = low === this.#firstGroup ? 0 : upTo[low - 1]!
    let bucket = low * GROUP_BUCKETS
    const last = bucket + GROUP_BUCKETS - 1
    while (bucket < last && (seen += counts[bucket]!) <= rank) bucket++
    return bucket
  }
}
