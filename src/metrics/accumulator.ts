/**
 * @module metrics/accumulator
 * Sums of one function's calls, from any number of parts, turned into the numbers people read.
 */
import type { Metrics } from '../types.ts'
import { BUCKET_COUNT, bucketOf, quantileOf } from './histogram.ts'

/**
 * Calls, errors, minimum, maximum and the histogram add up; the variance is kept as the sum of squared deviations
 * about the mean and merged by the pairwise formula, which does not cancel.
 *
 * @see Chan, Golub, LeVeque: Updating formulae and a pairwise algorithm for computing sample variances (1979)
 */
export class MetricsAccumulator {
  calls = 0
  errors = 0
  meanNs = 0
  squaredDeviations = 0
  minNs = Infinity
  maxNs = 0
  readonly counts = new Float64Array(BUCKET_COUNT)

  clear(): void {
    this.calls = 0
    this.errors = 0
    this.meanNs = 0
    this.squaredDeviations = 0
    this.minNs = Infinity
    this.maxNs = 0
    this.counts.fill(0)
  }

  add(durationNs: number, failed: boolean): void {
    this.merge(1, durationNs, 0)
    if (failed) this.errors++
    if (durationNs < this.minNs) this.minNs = durationNs
    if (durationNs > this.maxNs) this.maxNs = durationNs
    const bucket = bucketOf(durationNs)
    this.counts[bucket] = this.counts[bucket]! + 1
  }

  /** Merges the count, mean and squared deviations of another set of calls. */
  merge(calls: number, meanNs: number, squaredDeviations: number): void {
    if (calls === 0) return
    const total = this.calls + calls
    const difference = meanNs - this.meanNs
    this.meanNs += (difference * calls) / total
    this.squaredDeviations +=
      squaredDeviations + (difference * difference * this.calls * calls) / total
    this.calls = total
  }

  /** Duration at a quantile in [0, 1]; NaN without calls. */
  quantile(quantile: number): number {
    return quantileOf(this.counts, this.calls, quantile, this.minNs, this.maxNs)
  }

  toMetrics(): Metrics {
    const { calls, minNs, maxNs } = this
    const standardDeviationNs = Math.sqrt(this.squaredDeviations / (calls - 1))
    return {
      calls,
      errors: this.errors,
      meanNs: calls === 0 ? NaN : this.meanNs,
      standardDeviationNs: calls < 2 ? NaN : standardDeviationNs,
      standardErrorNs: calls < 2 ? NaN : standardDeviationNs / Math.sqrt(calls),
      minNs: calls === 0 ? NaN : minNs,
      maxNs: calls === 0 ? NaN : maxNs,
      p50Ns: this.quantile(0.5),
      p90Ns: this.quantile(0.9),
      p95Ns: this.quantile(0.95),
      p99Ns: this.quantile(0.99),
      p999Ns: this.quantile(0.999),
    }
  }
}
