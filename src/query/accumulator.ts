/**
 * @module query/accumulator
 * Adds up calls from any number of parts: whole nodes of the summary tree and decoded rows.
 *
 * All numbers are exact but the histogram, which has the relative error of its buckets. It stands in the kernels'
 * memory with 32-bit counts and moves to doubles before they can overflow.
 */
import { CallTotals } from '../database/call-totals.ts'
import type { Kernels } from '../database/kernels/kernels.ts'
import { BUCKET_COUNT, QUANTILE_RELATIVE_ERROR, bucketOf } from '../metrics/histogram.ts'
import type { Stats } from '../types.ts'
import { quantilesOf, slowCallsOf, type Distribution } from './quantiles.ts'
import type { RangeUs } from './time.ts'

const WORD = 2 ** 32
const LIST_CAPACITY = 4096
const HISTOGRAM_SIZE_BYTES = 4 * BUCKET_COUNT

/** Quantiles in the order asked for, and sorted for the walk over the buckets. */
export class QuantilePlan {
  readonly asked: readonly number[]
  readonly #sorted: number[]
  readonly #positions: number[] // of the asked ones in the sorted ones; the median is sorted in, too
  readonly #medianPosition: number
  readonly #values: Float64Array

  constructor(asked: readonly number[]) {
    this.asked = [...asked]
    this.#sorted = [...new Set([...asked, 0.5])].sort((a, b) => a - b)
    this.#positions = asked.map((quantile) => this.#sorted.indexOf(quantile))
    this.#medianPosition = this.#sorted.indexOf(0.5)
    this.#values = new Float64Array(this.#sorted.length)
  }

  read(distribution: Distribution): { medianNs: number; quantiles: Stats['quantiles'] } {
    quantilesOf(distribution, this.#sorted, this.#values)
    return {
      medianNs: this.#values[this.#medianPosition]!,
      quantiles: this.asked.map((quantile, i) => ({
        quantile,
        durationNs: this.#values[this.#positions[i]!]!,
      })),
    }
  }
}

export class CallAccumulator extends CallTotals {
  readonly #kernels: Kernels
  readonly #histogram: number // u32[BUCKET_COUNT]
  readonly #aggregate: number // 16 bytes
  readonly #list: number // u32[LIST_CAPACITY], addresses of sparse histograms still to be merged
  #listed = 0
  #countedRows = 0 // in the u32 histogram, the listed ones included
  #spilled: Float64Array | undefined

  constructor(kernels: Kernels) {
    super()
    this.#kernels = kernels
    this.#histogram = kernels.allocate(HISTOGRAM_SIZE_BYTES)
    this.#aggregate = kernels.allocate(16)
    this.#list = kernels.allocate(4 * LIST_CAPACITY)
  }

  override clear(): void {
    super.clear()
    this.#listed = 0
    this.#spilled = undefined
    if (this.#countedRows > 0) this.#u32Counts().fill(0)
    this.#countedRows = 0
  }

  /**
   * Adds the histogram of what `add` adds.
   *
   * @param pointer address of a sparse histogram of `calls` calls; it must stay in place until the next `clear()`
   */
  addHistogram(pointer: number, calls: number): void {
    this.#reserveCounts(calls)
    if (this.#listed === LIST_CAPACITY) this.#mergeListed()
    this.#kernels.u32[(this.#list >>> 2) + this.#listed++] = pointer
  }

  /** Adds `n` durations below 2^32 - 1 ns from u32[n] at `pointer`; starts and errors are the caller's. */
  addDurations(pointer: number, n: number): void {
    if (n === 0) return
    this.#reserveCounts(n)
    const kernels = this.#kernels
    kernels.aggregate(pointer, n, this.#histogram, this.#aggregate)
    const sum = kernels.f64[this.#aggregate >>> 3]!
    const minNs = kernels.u32[(this.#aggregate >>> 2) + 2]!
    const maxNs = kernels.u32[(this.#aggregate >>> 2) + 3]!
    this.addMoments(n, 0, sum, kernels.squaredDeviations(pointer, n, sum / n))
    this.addExtremes(minNs, maxNs)
  }

  /** Adds durations of any length, one by one: for the few sets that hold some of 2^32 - 1 ns and more. */
  addLongDurations(durationsNs: ArrayLike<number>): void {
    const n = durationsNs.length
    if (n === 0) return
    this.#reserveCounts(n)
    const { u32 } = this.#kernels
    const histogram = this.#histogram >>> 2
    let sumHigh = 0
    let sumLow = 0
    for (let i = 0; i < n; i++) {
      const durationNs = durationsNs[i]!
      const high = Math.floor(durationNs / WORD)
      sumHigh += high
      sumLow += durationNs - high * WORD
      if (durationNs < this.minNs) this.minNs = durationNs
      if (durationNs > this.maxNs) this.maxNs = durationNs
      const bucket = histogram + bucketOf(durationNs)
      u32[bucket] = u32[bucket]! + 1
    }
    const mean = (sumHigh * WORD + sumLow) / n
    let squaredDeviations = 0
    for (let i = 0; i < n; i++) squaredDeviations += (durationsNs[i]! - mean) ** 2
    this.addMoments(n, sumHigh, sumLow, squaredDeviations)
  }

  toStats(plan: QuantilePlan, range: RangeUs): Stats {
    const { calls } = this
    const standardDeviationNs =
      calls < 2 ? NaN : Math.sqrt(Math.max(0, this.squaredDeviations) / (calls - 1))
    const shape = calls === 0 ? shapeOfNothing(plan) : this.#shape(plan)
    return {
      calls,
      errors: this.errors,
      ratePerSecond: this.#ratePerSecond(range),
      sumNs: this.sumNs,
      meanNs: this.meanNs,
      standardDeviationNs,
      standardErrorNs: standardDeviationNs / Math.sqrt(calls),
      minNs: calls === 0 ? NaN : this.minNs,
      maxNs: calls === 0 ? NaN : this.maxNs,
      firstStartMs: calls === 0 ? NaN : this.firstUs / 1000,
      lastStartMs: calls === 0 ? NaN : this.lastUs / 1000,
      quantiles: shape.quantiles,
      quantileRelativeError: QUANTILE_RELATIVE_ERROR,
      slow: shape.slow,
    }
  }

  #shape(plan: QuantilePlan): Pick<Stats, 'quantiles' | 'slow'> {
    const { calls, sumNs, minNs, maxNs } = this
    const distribution = { counts: this.#counts(), calls, sumNs, minNs, maxNs }
    const { medianNs, quantiles } = plan.read(distribution)
    return { quantiles, slow: slowCallsOf(distribution, medianNs) }
  }

  #ratePerSecond(range: RangeUs): number {
    const fromUs = range.fromUs === -Infinity ? this.firstUs : range.fromUs
    const toUs = range.toUs === Infinity ? this.lastUs : range.toUs
    return toUs > fromUs ? this.calls / ((toUs - fromUs) / 1e6) : NaN
  }

  /** Makes sure that no 32-bit count can overflow by `rows` more. */
  #reserveCounts(rows: number): void {
    if (this.#countedRows + rows >= WORD) this.#spill()
    this.#countedRows += rows
  }

  #spill(): void {
    this.#mergeListed()
    const spilled = (this.#spilled ??= new Float64Array(BUCKET_COUNT))
    const counts = this.#u32Counts()
    for (let bucket = 0; bucket < BUCKET_COUNT; bucket++) {
      spilled[bucket] = spilled[bucket]! + counts[bucket]!
    }
    counts.fill(0)
    this.#countedRows = 0
  }

  #mergeListed(): void {
    this.#kernels.histogramMergeMany(this.#list, this.#listed, this.#histogram)
    this.#listed = 0
  }

  #counts(): Uint32Array | Float64Array {
    if (this.#spilled === undefined) {
      this.#mergeListed()
      return this.#u32Counts()
    }
    this.#spill()
    return this.#spilled
  }

  #u32Counts(): Uint32Array {
    const first = this.#histogram >>> 2
    return this.#kernels.u32.subarray(first, first + BUCKET_COUNT)
  }
}

function shapeOfNothing(plan: QuantilePlan): Pick<Stats, 'quantiles' | 'slow'> {
  return {
    quantiles: plan.asked.map((quantile) => ({ quantile, durationNs: NaN })),
    slow: { thresholdNs: NaN, calls: 0, share: NaN, timeShare: NaN, meanNs: NaN },
  }
}
