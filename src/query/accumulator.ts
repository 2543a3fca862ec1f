/**
 * @module query/accumulator
 * Adds up calls from any number of parts: whole nodes of the summary tree and decoded rows.
 *
 * A row counts as many times as its weight says, as if it had been stored that often.
 *
 * All numbers are exact but the histogram, which has the relative error of its buckets, and the time of children, which
 * is a double. The histogram stands in the kernels' memory with 32-bit counts of rows. It moves to doubles before they
 * can overflow, and when rows of a third weight come: so rows of weight 1, which is what nearly all are, never do.
 */
import type { BufferPool } from '../database/read/buffer-pool.ts'
import { CallTotals, type CallSummary } from '../database/call-totals.ts'
import type { Kernels } from '../database/kernels/kernels.ts'
import { BUCKET_COUNT, QUANTILE_RELATIVE_ERROR, bucketOf } from '../metrics/histogram.ts'
import type { FunctionStats, Interval, Stats } from '../types.ts'
import { BucketCounts } from './bucket-counts.ts'
import { studentQuantile } from './confidence.ts'
import { LazyFunctionStats, type FlatStats, type StatsParts } from './function-stats.ts'
import type { QuantilePlan } from './quantile-plan.ts'
import { slowCallsOf } from './slow-calls.ts'
import type { SampledDistribution } from './sorted-calls.ts'
import type { RangeUs } from './time.ts'

const WORD = 2 ** 32
const HALF_WORD = 2 ** 16
const NO_SLOW_CALLS = { thresholdNs: NaN, calls: 0, share: NaN, timeShare: NaN, meanNs: NaN }

export class CallAccumulator extends CallTotals {
  /** Calls that were added with an hour that lies only in part in the range. */
  coarseCalls = 0
  readonly #kernels: Kernels
  readonly #aggregate: number // 16 bytes
  readonly #ones: BucketCounts // of rows of weight 1: nearly always all of them
  readonly #others: BucketCounts // of rows of #otherWeight
  #otherWeight = 1
  readonly #sums = new Float64Array(BUCKET_COUNT) // calls that were moved out of the two
  #hasSums = false
  readonly #stats = emptyStats()

  // Of the rows whose weight is not 1.
  #weightedRows = 0
  #weightedCalls = 0
  #squaredWeights = 0

  /** @param pool where the histograms of summaries stand; undefined if they stay in place */
  constructor(kernels: Kernels, pool: BufferPool | undefined) {
    super()
    this.#kernels = kernels
    this.#aggregate = kernels.allocate(16)
    this.#ones = new BucketCounts(kernels, pool)
    this.#others = new BucketCounts(kernels, pool)
  }

  override clear(): void {
    super.clear()
    this.coarseCalls = 0
    this.#ones.clear()
    this.#others.clear()
    if (this.#hasSums) this.#sums.fill(0)
    this.#hasSums = false
    this.#weightedRows = 0
    this.#weightedCalls = 0
    this.#squaredWeights = 0
  }

  /** Stored rows behind the calls. */
  get rows(): number {
    return this.calls - this.#weightedCalls + this.#weightedRows
  }

  /**
   * Adds a node of the summary tree.
   *
   * @param summary   of rows, each counted once
   * @param histogram address of their sparse histogram
   * @param weight    calls that each of the rows stands for
   */
  addSummary(summary: CallSummary, histogram: number, weight = 1): void {
    const { calls: rows } = summary
    if (rows === 0) return
    if (weight === 1) {
      this.add(summary)
    } else {
      const { errors, squaredDeviations, sumHigh, sumLow } = summary
      this.#addRows(rows, sumHigh, sumLow, squaredDeviations, weight)
      this.errors += weight * errors
      this.childrenNs += weight * summary.childrenNs
      this.addExtremes(summary.minNs, summary.maxNs)
      this.addStarts(summary.firstUs, summary.lastUs)
    }
    this.#countsFor(rows, weight).addHistogram(histogram, rows)
  }

  /**
   * Adds `n` durations below 2^32 - 1 ns from u32[n] at `pointer`; starts, errors and the time of children are the
   * caller's.
   */
  addDurations(pointer: number, n: number, weight = 1): void {
    if (n === 0) return
    const counts = this.#countsFor(n, weight)
    const kernels = this.#kernels
    kernels.aggregate(pointer, n, counts.pointer, this.#aggregate)
    const sum = kernels.f64[this.#aggregate >>> 3]!
    const minNs = kernels.u32[(this.#aggregate >>> 2) + 2]!
    const maxNs = kernels.u32[(this.#aggregate >>> 2) + 3]!
    counts.reserve(n, minNs, maxNs)
    this.#addRows(n, 0, sum, kernels.squaredDeviations(pointer, n, sum / n), weight)
    this.addExtremes(minNs, maxNs)
  }

  /** Adds durations of any length, one by one: for the few sets that hold some of 2^32 - 1 ns and more. */
  addLongDurations(durationsNs: ArrayLike<number>, weight = 1): void {
    const n = durationsNs.length
    if (n === 0) return
    const counts = this.#countsFor(n, weight)
    const { u32 } = this.#kernels
    const histogram = counts.pointer >>> 2
    let sumHigh = 0
    let sumLow = 0
    let minNs = Infinity
    let maxNs = 0
    for (let i = 0; i < n; i++) {
      const durationNs = durationsNs[i]!
      const high = Math.floor(durationNs / WORD)
      sumHigh += high
      sumLow += durationNs - high * WORD
      if (durationNs < minNs) minNs = durationNs
      if (durationNs > maxNs) maxNs = durationNs
      const bucket = histogram + bucketOf(durationNs)
      u32[bucket] = u32[bucket]! + 1
    }
    counts.reserve(n, minNs, maxNs)
    this.addExtremes(minNs, maxNs)
    const mean = (sumHigh * WORD + sumLow) / n
    let squaredDeviations = 0
    for (let i = 0; i < n; i++) squaredDeviations += (durationsNs[i]! - mean) ** 2
    this.#addRows(n, sumHigh, sumLow, squaredDeviations, weight)
  }

  toStats(plan: QuantilePlan, range: RangeUs): Stats {
    const flat = this.#describe(plan, range)
    return {
      ...flat,
      meanInterval: this.#meanInterval(flat.standardErrorNs, plan.confidence),
      ...(this.calls === 0 ? shapeOfNothing(plan) : this.#shape(plan)),
    }
  }

  /** The same of a function, with the nested objects' numbers in the next row of `parts`. There must be calls. */
  toFunctionStats(
    name: string,
    definedAt: string | undefined,
    plan: QuantilePlan,
    range: RangeUs,
    parts: StatsParts,
  ): FunctionStats {
    const flat = this.#describe(plan, range)
    const row = parts.addRow()
    parts.setMeanInterval(row, this.#meanInterval(flat.standardErrorNs, plan.confidence))
    const distribution = this.distribution()
    parts.setSlow(row, slowCallsOf(distribution, plan.readInto(distribution, parts, row)))
    return new LazyFunctionStats(name, definedAt, flat, parts, row)
  }

  /** What is not nested. Filled in anew by the next call, so that thousands of functions do not take two objects each. */
  #describe(plan: QuantilePlan, range: RangeUs): FlatStats {
    const stats = this.#stats
    const { calls, rows, sumNs } = this
    const isEmpty = calls === 0
    const standardDeviationNs =
      calls < 2 ? NaN : Math.sqrt(Math.max(0, this.squaredDeviations) / (calls - 1))
    // time of children is a double, which may be rounded up beyond 2^53
    const selfNs = Math.max(0, sumNs - this.childrenNs)
    stats.calls = calls
    stats.rows = rows
    stats.errors = this.errors
    stats.ratePerSecond = this.#ratePerSecond(range)
    stats.sumNs = sumNs
    stats.selfNs = selfNs
    stats.meanNs = this.meanNs
    stats.selfMeanNs = selfNs / calls
    stats.standardDeviationNs = standardDeviationNs
    stats.standardErrorNs = rows < 2 ? NaN : standardDeviationNs / Math.sqrt(this.#effectiveSize())
    stats.confidence = plan.confidence
    stats.minNs = isEmpty ? NaN : this.minNs
    stats.maxNs = isEmpty ? NaN : this.maxNs
    stats.firstStartMs = isEmpty ? NaN : this.firstUs / 1000
    stats.lastStartMs = isEmpty ? NaN : this.lastUs / 1000
    stats.coarseCalls = this.coarseCalls
    return stats
  }

  /** Independent calls that tell as much of the mean as the weighted rows do: (sum w)^2 / sum w^2. */
  #effectiveSize(): number {
    if (this.#weightedRows === 0) return this.calls
    return this.calls ** 2 / (this.calls - this.#weightedCalls + this.#squaredWeights)
  }

  /** The counts are those of `counts()`. There must be calls. */
  distribution(): SampledDistribution {
    const { calls, sumNs, minNs, maxNs } = this
    return { counts: this.counts(), calls, sumNs, minNs, maxNs, sampleSize: this.#effectiveSize() }
  }

  #shape(plan: QuantilePlan): Pick<Stats, 'quantiles' | 'slow'> {
    const distribution = this.distribution()
    const { medianNs, quantiles } = plan.read(distribution)
    return { quantiles, slow: slowCallsOf(distribution, medianNs) }
  }

  #meanInterval(standardErrorNs: number, confidence: number): Interval {
    if (Number.isNaN(standardErrorNs)) return { lowerNs: NaN, upperNs: NaN }
    const freedom = Math.max(1, this.#effectiveSize() - 1)
    const halfNs = studentQuantile(1 - (1 - confidence) / 2, freedom) * standardErrorNs
    return { lowerNs: Math.max(0, this.meanNs - halfNs), upperNs: this.meanNs + halfNs }
  }

  #ratePerSecond(range: RangeUs): number {
    const fromUs = range.fromUs === -Infinity ? this.firstUs : range.fromUs
    const toUs = range.toUs === Infinity ? this.lastUs : range.toUs
    return toUs > fromUs ? this.calls / ((toUs - fromUs) / 1e6) : NaN
  }

  /** Sums of rows, each counted once, as `weight` calls each. */
  #addRows(
    rows: number,
    sumHigh: number,
    sumLow: number,
    squaredDeviations: number,
    weight: number,
  ): void {
    if (weight === 1) {
      this.addMoments(rows, sumHigh, sumLow, squaredDeviations)
      return
    }
    const calls = weight * rows
    const carry = Math.floor(sumLow / WORD)
    // no product of halves reaches 2^53, so none is rounded
    const low = sumLow - carry * WORD
    const weightHigh = Math.floor(weight / HALF_WORD)
    const middle = low * weightHigh
    const middleHigh = Math.floor(middle / HALF_WORD)
    this.addMoments(
      calls,
      weight * (sumHigh + carry) + middleHigh,
      low * (weight - weightHigh * HALF_WORD) + (middle - middleHigh * HALF_WORD) * HALF_WORD,
      weight * squaredDeviations,
    )
    this.#weightedRows += rows
    this.#weightedCalls += calls
    this.#squaredWeights += weight * calls
  }

  /** Counts of rows of the weight, with room for `rows` more. */
  #countsFor(rows: number, weight: number): BucketCounts {
    if (weight === 1) {
      if (!this.#ones.hasRoomFor(rows)) this.#moveToSums(this.#ones, 1)
      return this.#ones
    }
    if (weight !== this.#otherWeight || !this.#others.hasRoomFor(rows)) {
      this.#moveToSums(this.#others, this.#otherWeight)
      this.#otherWeight = weight
    }
    return this.#others
  }

  #moveToSums(counts: BucketCounts, weight: number): void {
    if (counts.isEmpty) return
    counts.moveTo(this.#sums, weight)
    this.#hasSums = true
  }

  /**
   * Writes the histogram in its sparse form, if all rows were added with weight 1; at most SPARSE_HISTOGRAM_MAX_BYTES.
   *
   * @returns its size; 0 without rows, or if they do not fit 32-bit counts
   */
  encodeHistogram(to: number): number {
    if (!this.#others.isEmpty || this.#hasSums || this.#ones.isEmpty) return 0
    this.#ones.counts()
    return this.#kernels.histogramEncode(this.#ones.pointer, to, false)
  }

  /** Calls in each bucket of the histogram, [BUCKET_COUNT]; until something is added or the kernels' memory grows. */
  counts(): Uint32Array | Float64Array {
    if (this.#others.isEmpty && !this.#hasSums) return this.#ones.counts()
    this.#moveToSums(this.#ones, 1)
    this.#moveToSums(this.#others, this.#otherWeight)
    return this.#sums
  }
}

function emptyStats(): FlatStats {
  return {
    calls: 0,
    rows: 0,
    errors: 0,
    ratePerSecond: NaN,
    sumNs: 0,
    selfNs: 0,
    meanNs: NaN,
    selfMeanNs: NaN,
    standardDeviationNs: NaN,
    standardErrorNs: NaN,
    confidence: NaN,
    minNs: NaN,
    maxNs: NaN,
    firstStartMs: NaN,
    lastStartMs: NaN,
    quantileRelativeError: QUANTILE_RELATIVE_ERROR,
    coarseCalls: 0,
  }
}

function shapeOfNothing(plan: QuantilePlan): Pick<Stats, 'quantiles' | 'slow'> {
  return { quantiles: plan.ofNothing(), slow: { ...NO_SLOW_CALLS } }
}
