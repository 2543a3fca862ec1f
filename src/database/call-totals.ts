/**
 * @module database/call-totals
 * Exact sums over a set of calls, and how two sets are merged.
 *
 * The sum of durations is kept in two parts: a double alone loses nanoseconds above 2^53 ns, which is 104 days. The
 * variance is kept as the sum of squared deviations about the mean and merged by the pairwise formula, which does
 * not cancel.
 *
 * @see Chan, Golub, LeVeque: Updating formulae and a pairwise algorithm for computing sample variances (1979)
 */

const WORD = 2 ** 32

/** What is known of a set of calls without looking at its rows. */
export interface CallSummary {
  calls: number
  errors: number
  sumHigh: number // the sum of durations is sumHigh * 2^32 + sumLow nanoseconds
  sumLow: number // in [0, 2^53)
  squaredDeviations: number // about the mean of the set
  minNs: number // Infinity without calls
  maxNs: number // 0 without calls
  childrenNs: number // sum of the time spent in captured calls that they made; a double
  firstUs: number // Infinity without calls
  lastUs: number // -Infinity without calls
}

export class CallTotals implements CallSummary {
  calls = 0
  errors = 0
  sumHigh = 0
  sumLow = 0 // in [0, 2^32)
  squaredDeviations = 0
  minNs = Infinity
  maxNs = 0
  childrenNs = 0
  firstUs = Infinity
  lastUs = -Infinity

  clear(): void {
    this.calls = 0
    this.errors = 0
    this.sumHigh = 0
    this.sumLow = 0
    this.squaredDeviations = 0
    this.minNs = Infinity
    this.maxNs = 0
    this.childrenNs = 0
    this.firstUs = Infinity
    this.lastUs = -Infinity
  }

  /** Nanoseconds; exact below 2^53, else the nearest double. */
  get sumNs(): number {
    return this.sumHigh * WORD + this.sumLow
  }

  /** NaN without calls. */
  get meanNs(): number {
    return this.sumNs / this.calls
  }

  add(part: CallSummary): void {
    if (part.calls === 0) return
    this.addMoments(part.calls, part.sumHigh, part.sumLow, part.squaredDeviations)
    this.errors += part.errors
    this.childrenNs += part.childrenNs
    this.addExtremes(part.minNs, part.maxNs)
    this.addStarts(part.firstUs, part.lastUs)
  }

  /** @param calls at least 1 */
  addMoments(calls: number, sumHigh: number, sumLow: number, squaredDeviations: number): void {
    if (this.calls === 0) {
      this.squaredDeviations = squaredDeviations
    } else {
      const difference = (sumHigh * WORD + sumLow) / calls - this.meanNs
      const weight = (this.calls / (this.calls + calls)) * calls
      this.squaredDeviations += squaredDeviations + difference * difference * weight
    }
    const low = this.sumLow + sumLow
    const carry = Math.floor(low / WORD)
    this.sumLow = low - carry * WORD
    this.sumHigh += sumHigh + carry
    this.calls += calls
  }

  addExtremes(minNs: number, maxNs: number): void {
    if (minNs < this.minNs) this.minNs = minNs
    if (maxNs > this.maxNs) this.maxNs = maxNs
  }

  addStarts(firstUs: number, lastUs: number): void {
    if (firstUs < this.firstUs) this.firstUs = firstUs
    if (lastUs > this.lastUs) this.lastUs = lastUs
  }
}

const FIELDS = 9

/** Summaries of many sets, nine doubles each: objects would take four times the memory. */
export class CallSummaries {
  readonly #numbers: Float64Array
  #childrenNs: Float64Array | undefined // only if it is not 0 everywhere, as it mostly is

  constructor(count: number) {
    this.#numbers = new Float64Array(FIELDS * count)
  }

  set(index: number, from: CallSummary): void {
    const numbers = this.#numbers
    let at = FIELDS * index
    numbers[at++] = from.calls
    numbers[at++] = from.errors
    numbers[at++] = from.sumHigh
    numbers[at++] = from.sumLow
    numbers[at++] = from.squaredDeviations
    numbers[at++] = from.minNs
    numbers[at++] = from.maxNs
    numbers[at++] = from.firstUs
    numbers[at] = from.lastUs
    if (from.childrenNs !== 0 || this.#childrenNs !== undefined) {
      this.#childrenNs ??= new Float64Array(numbers.length / FIELDS)
      this.#childrenNs[index] = from.childrenNs
    }
  }

  get(index: number, into: CallSummary): void {
    const numbers = this.#numbers
    let at = FIELDS * index
    into.calls = numbers[at++]!
    into.errors = numbers[at++]!
    into.sumHigh = numbers[at++]!
    into.sumLow = numbers[at++]!
    into.squaredDeviations = numbers[at++]!
    into.minNs = numbers[at++]!
    into.maxNs = numbers[at++]!
    into.firstUs = numbers[at++]!
    into.lastUs = numbers[at]!
    into.childrenNs = this.#childrenNs?.[index] ?? 0
  }

  firstUs(index: number): number {
    return this.#numbers[FIELDS * index + 7]!
  }

  lastUs(index: number): number {
    return this.#numbers[FIELDS * index + 8]!
  }
}
