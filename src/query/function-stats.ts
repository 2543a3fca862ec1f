/**
 * @module query/function-stats
 * Statistics of many functions at once. Each is an object like any other, but of its nested ones (intervals, quantiles, slow calls)
 * only the numbers are kept until somebody looks at them: of thousands of functions mostly a few are looked at closely, and
 * making the nested objects of all would take longer than finding what is in them.
 */
import type { FunctionStats, Interval, Quantile, SlowCalls, Stats } from '../types.ts'

/** Without what is nested. */
export type FlatStats = Omit<Stats, 'meanInterval' | 'quantiles' | 'slow'>

const SLOW_AT = 2
const QUANTILES_AT = 7
const NUMBERS_OF_QUANTILE = 3

/** Whoever keeps one function keeps the numbers of so many. */
const FUNCTIONS_TOGETHER = 256

/** The numbers of the nested objects, of one function after the other. */
export class StatsParts {
  readonly #asked: readonly number[]
  readonly #numbers: Float64Array
  readonly #rowLength: number
  readonly #room: number
  #rows = 0

  constructor(asked: readonly number[], room = FUNCTIONS_TOGETHER) {
    this.#asked = asked
    this.#rowLength = QUANTILES_AT + NUMBERS_OF_QUANTILE * asked.length
    this.#numbers = new Float64Array(room * this.#rowLength)
    this.#room = room
  }

  /** Then others are needed for the next function. */
  get isFull(): boolean {
    return this.#rows === this.#room
  }

  /** Begins with the next function. @returns its row */
  addRow(): number {
    return this.#rows++
  }

  setMeanInterval(row: number, { lowerNs, upperNs }: Interval): void {
    const at = row * this.#rowLength
    this.#numbers[at] = lowerNs
    this.#numbers[at + 1] = upperNs
  }

  setSlow(row: number, { calls, meanNs, share, thresholdNs, timeShare }: SlowCalls): void {
    const at = row * this.#rowLength + SLOW_AT
    this.#numbers[at] = thresholdNs
    this.#numbers[at + 1] = calls
    this.#numbers[at + 2] = share
    this.#numbers[at + 3] = timeShare
    this.#numbers[at + 4] = meanNs
  }

  setQuantile(row: number, index: number, ns: number, lowerNs: number, upperNs: number): void {
    const at = row * this.#rowLength + QUANTILES_AT + NUMBERS_OF_QUANTILE * index
    this.#numbers[at] = ns
    this.#numbers[at + 1] = lowerNs
    this.#numbers[at + 2] = upperNs
  }

  meanInterval(row: number): Interval {
    const at = row * this.#rowLength
    return { lowerNs: this.#numbers[at]!, upperNs: this.#numbers[at + 1]! }
  }

  slow(row: number): SlowCalls {
    const at = row * this.#rowLength + SLOW_AT
    const numbers = this.#numbers
    return {
      thresholdNs: numbers[at]!,
      calls: numbers[at + 1]!,
      share: numbers[at + 2]!,
      timeShare: numbers[at + 3]!,
      meanNs: numbers[at + 4]!,
    }
  }

  quantiles(row: number): Quantile[] {
    const first = row * this.#rowLength + QUANTILES_AT
    return this.#asked.map((quantile, index) => {
      const at = first + NUMBERS_OF_QUANTILE * index
      const [durationNs, lowerNs, upperNs] = this.#numbers.subarray(at, at + NUMBERS_OF_QUANTILE)
      return { quantile, durationNs: durationNs!, lowerNs: lowerNs!, upperNs: upperNs! }
    })
  }
}

/**
 * The nested objects are own enumerable properties as all others are, so that copies by spread, JSON and structured clones have
 * them; the accessors are the same functions for all, which keeps the objects in one hidden class.
 */
export class LazyFunctionStats implements FunctionStats {
  readonly #parts: StatsParts
  readonly #row: number
  #meanInterval: Interval | undefined
  #quantiles: Quantile[] | undefined
  #slow: SlowCalls | undefined

  function: string
  definedAt: string | undefined
  calls: number
  rows: number
  errors: number
  ratePerSecond: number
  sumNs: number
  selfNs: number
  meanNs: number
  selfMeanNs: number
  standardDeviationNs: number
  standardErrorNs: number
  declare meanInterval: Interval
  confidence: number
  minNs: number
  maxNs: number
  firstStartMs: number
  lastStartMs: number
  declare quantiles: Quantile[]
  quantileRelativeError: number
  coarseCalls: number
  declare slow: SlowCalls

  /** @param parts holds what is nested in the row */
  constructor(
    name: string,
    definedAt: string | undefined,
    flat: FlatStats,
    parts: StatsParts,
    row: number,
  ) {
    this.#parts = parts
    this.#row = row
    this.function = name
    this.definedAt = definedAt
    this.calls = flat.calls
    this.rows = flat.rows
    this.errors = flat.errors
    this.ratePerSecond = flat.ratePerSecond
    this.sumNs = flat.sumNs
    this.selfNs = flat.selfNs
    this.meanNs = flat.meanNs
    this.selfMeanNs = flat.selfMeanNs
    this.standardDeviationNs = flat.standardDeviationNs
    this.standardErrorNs = flat.standardErrorNs
    this.confidence = flat.confidence
    this.minNs = flat.minNs
    this.maxNs = flat.maxNs
    this.firstStartMs = flat.firstStartMs
    this.lastStartMs = flat.lastStartMs
    this.quantileRelativeError = flat.quantileRelativeError
    this.coarseCalls = flat.coarseCalls
    Object.defineProperties(this, LazyFunctionStats.#nested)
  }

  /** What `console.log` shows: the numbers, not that they are made when looked at. */
  [Symbol.for('nodejs.util.inspect.custom')](): FunctionStats {
    return Object.assign({}, this)
  }

  static readonly #nested: PropertyDescriptorMap & ThisType<LazyFunctionStats> = {
    meanInterval: {
      get() {
        return (this.#meanInterval ??= this.#parts.meanInterval(this.#row))
      },
      set(value: Interval) {
        this.#meanInterval = value
      },
      enumerable: true,
      configurable: true,
    },
    quantiles: {
      get() {
        return (this.#quantiles ??= this.#parts.quantiles(this.#row))
      },
      set(value: Quantile[]) {
        this.#quantiles = value
      },
      enumerable: true,
      configurable: true,
    },
    slow: {
      get() {
        return (this.#slow ??= this.#parts.slow(this.#row))
      },
      set(value: SlowCalls) {
        this.#slow = value
      },
      enumerable: true,
      configurable: true,
    },
  }
}
