/**
 * @module query/quantile-plan
 * The quantiles that a question asks for, and which of the sorted calls must be known to tell them and their intervals.
 */
import type { Quantile } from '../types.ts'
import { rankInterval } from './confidence.ts'
import { StatsParts } from './function-stats.ts'
import { SortedCalls, type SampledDistribution } from './sorted-calls.ts'

/** Ranks of sorted calls, from 0, that enclose a quantile. */
interface Enclosure {
  lower: number // -1: there is none
  upper: number // `calls`: there is none
}

export class QuantilePlan {
  readonly asked: readonly number[]
  readonly confidence: number
  readonly #calls = new SortedCalls()

  /** @param confidence of the intervals, in (0, 1) */
  constructor(asked: readonly number[], confidence = 0.95) {
    this.asked = [...asked]
    this.confidence = confidence
  }

  /** From the histogram. The intervals have the width of its buckets in addition, so that they enclose what they say. */
  read(distribution: SampledDistribution): { medianNs: number; quantiles: Quantile[] } {
    const parts = new StatsParts(this.asked, 1)
    const medianNs = this.readInto(distribution, parts, 0)
    return { medianNs, quantiles: parts.quantiles(0) }
  }

  /** The same, to a row of `parts`. @returns the median */
  readInto(distribution: SampledDistribution, parts: StatsParts, row: number): number {
    const { asked } = this
    const calls = this.#calls
    calls.read(distribution)
    for (let index = 0; index < asked.length; index++) {
      const quantile = asked[index]!
      const { lower, upper } = this.#enclose(distribution, quantile)
      const ns = calls.quantileNs(quantile)
      const lowerNs = lowerBoundNs(ns, calls.shortestNs(lower))
      parts.setQuantile(row, index, ns, lowerNs, upperBoundNs(ns, calls.longestNs(upper)))
    }
    return calls.quantileNs(0.5)
  }

  /** Ranks of all calls that `readExactly` needs, ascending, each once. */
  ranks(distribution: SampledDistribution, withMedian: boolean): number[] {
    const { calls } = distribution
    const ranks = new Set<number>()
    for (const quantile of withMedian ? [...this.asked, 0.5] : this.asked) {
      const rank = Math.floor(quantile * (calls - 1))
      const { lower, upper } = this.#enclose(distribution, quantile)
      for (const one of [rank, rank + 1, lower, upper]) {
        if (one >= 0 && one < calls) ranks.add(one)
      }
    }
    return [...ranks].sort((a, b) => a - b)
  }

  /** @param durationAt duration of the call with a rank, of those that `ranks` gave */
  readExactly(distribution: SampledDistribution, durationAt: (rank: number) => number): Quantile[] {
    const { calls } = distribution
    return this.asked.map((quantile) => {
      const { lower, upper } = this.#enclose(distribution, quantile)
      const lowerNs = lower < 0 ? 0 : durationAt(lower)
      const upperNs = upper >= calls ? Infinity : durationAt(upper)
      const durationNs = blend(quantile * (calls - 1), durationAt)
      return {
        quantile,
        durationNs,
        lowerNs: lowerBoundNs(durationNs, lowerNs),
        upperNs: upperBoundNs(durationNs, upperNs),
      }
    })
  }

  ofNothing(): Quantile[] {
    return this.asked.map((quantile) => ({
      quantile,
      durationNs: NaN,
      lowerNs: NaN,
      upperNs: NaN,
    }))
  }

  /** Where a sample of fewer calls tells as much, its ranks are stretched to all calls. */
  #enclose({ calls, sampleSize }: SampledDistribution, quantile: number): Enclosure {
    const size = Math.max(1, Math.floor(sampleSize))
    const { lower, upper } = rankInterval(size, quantile, this.confidence)
    if (size === calls) return { lower: lower - 1, upper: upper - 1 }
    const stretch = calls / size
    return {
      lower: lower === 0 ? -1 : Math.floor((lower - 1) * stretch),
      upper: upper > size ? calls : Math.min(calls - 1, Math.ceil(upper * stretch) - 1),
    }
  }
}

/** Of a handful of calls the bounds may lie to one side of the blended duration, which would look absurd. */
function lowerBoundNs(durationNs: number, lowerNs: number): number {
  return Math.min(lowerNs, durationNs)
}

function upperBoundNs(durationNs: number, upperNs: number): number {
  return Math.max(upperNs, durationNs)
}

/** Between the calls with the ranks on both sides of the position. */
export function blend(position: number, durationAt: (rank: number) => number): number {
  const rank = Math.floor(position)
  const low = durationAt(rank)
  return position === rank ? low : low + (position - rank) * (durationAt(rank + 1) - low)
}
