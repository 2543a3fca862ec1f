/**
 * @module metrics/slab
 * Metrics of many functions in one piece of shared memory: a fixed part a function, and counts of the histogram in
 * blocks of one octave each, taken from a common pool when an octave is first met. A function that spans six octaves
 * costs 3.4 KB. One thread writes at a time (its lock is the caller's); readers copy under the caller's sequence.
 *
 *   header   64 B               i32 next free block (block 0 is never used), i32 calls that found no free block
 *   table    functions x 320 B  f64 calls, errors, origin, sum, squares, min, max, reserved; i32[64] block of octave
 *   blocks   n x 512 B          f64[64] counts
 *
 * `sum` and `squares` are those of (duration - origin), origin being the function's first duration: subtracting a
 * typical value first keeps the digits of the variance, at a third of the cost of a running mean.
 */
import type { MetricsAccumulator } from './accumulator.ts'
import { bucketOf } from './histogram.ts'

export const HEADER_BYTES = 64
export const FIELDS = 8
export const CALLS = 0
export const ERRORS = 1
export const ORIGIN = 2
export const SUM = 3
export const SQUARES = 4
export const MIN = 5
export const MAX = 6
export const OCTAVES = 64
export const FUNCTION_BYTES = FIELDS * 8 + OCTAVES * 4
export const BLOCK_SHIFT = 6
const BLOCK_BYTES = 8 << BLOCK_SHIFT
/** Address space for this many octaves a function, on average over as many functions as there may be. */
const BLOCKS_PER_FUNCTION = 4

const NEXT_BLOCK = 0
const UNPLACED = 1

/** @param functions ids in use are below this */
export function slabSizeBytes(functions: number): number {
  return HEADER_BYTES + functions * (FUNCTION_BYTES + BLOCKS_PER_FUNCTION * BLOCK_BYTES)
}

export class MetricsSlab {
  readonly #floats: Float64Array
  readonly #integers: Int32Array
  readonly #functions: number
  readonly #blocksStart: number // f64 index
  readonly #blockCount: number

  constructor(memory: SharedArrayBuffer, functions: number) {
    this.#floats = new Float64Array(memory)
    this.#integers = new Int32Array(memory)
    this.#functions = functions
    const blocksStartBytes = HEADER_BYTES + functions * FUNCTION_BYTES
    this.#blocksStart = blocksStartBytes / 8
    this.#blockCount = Math.floor((memory.byteLength - blocksStartBytes) / BLOCK_BYTES)
  }

  /** Adds one call. Never throws; an id out of range is ignored. */
  fold(id: number, durationNs: number, failed: boolean): void {
    if (id >= this.#functions) return
    const floats = this.#floats
    const base = (HEADER_BYTES + id * FUNCTION_BYTES) / 8
    const calls = floats[base + CALLS]!
    floats[base + CALLS] = calls + 1
    if (failed) floats[base + ERRORS] = floats[base + ERRORS]! + 1
    if (calls === 0) {
      floats[base + ORIGIN] = durationNs
      floats[base + MIN] = durationNs
      floats[base + MAX] = durationNs
    } else {
      const deviation = durationNs - floats[base + ORIGIN]!
      floats[base + SUM] = floats[base + SUM]! + deviation
      floats[base + SQUARES] = floats[base + SQUARES]! + deviation * deviation
      if (durationNs < floats[base + MIN]!) floats[base + MIN] = durationNs
      if (durationNs > floats[base + MAX]!) floats[base + MAX] = durationNs
    }
    const bucket = bucketOf(durationNs)
    const octaveWord = (base + FIELDS) * 2 + (bucket >>> BLOCK_SHIFT)
    const block = this.#integers[octaveWord]! || this.#newBlock(octaveWord)
    if (block === 0) return
    const count = this.#blocksStart + (block << BLOCK_SHIFT) + (bucket & (OCTAVES - 1))
    floats[count] = floats[count]! + 1
  }

  /** Adds what is known of a function to `into`. */
  read(id: number, into: MetricsAccumulator): void {
    if (id >= this.#functions) return
    const floats = this.#floats
    const base = (HEADER_BYTES + id * FUNCTION_BYTES) / 8
    const calls = floats[base + CALLS]!
    if (calls === 0) return
    const sum = floats[base + SUM]!
    const deviations = Math.max(0, floats[base + SQUARES]! - (sum * sum) / calls)
    into.merge(calls, floats[base + ORIGIN]! + sum / calls, deviations)
    into.errors += floats[base + ERRORS]!
    into.minNs = Math.min(into.minNs, floats[base + MIN]!)
    into.maxNs = Math.max(into.maxNs, floats[base + MAX]!)
    this.#readCounts((base + FIELDS) * 2, into.counts)
  }

  /** Calls whose octave found no free block: they are in every number but the quantiles. */
  get unplaced(): number {
    return this.#integers[UNPLACED]!
  }

  #readCounts(octaveWords: number, into: Float64Array): void {
    for (let octave = 0; octave < OCTAVES; octave++) {
      const block = this.#integers[octaveWords + octave]!
      if (block === 0) continue
      const from = this.#blocksStart + (block << BLOCK_SHIFT)
      const to = octave << BLOCK_SHIFT
      for (let i = 0; i < 1 << BLOCK_SHIFT; i++)
        into[to + i] = into[to + i]! + this.#floats[from + i]!
    }
  }

  /** @returns 0 if the pool is used up */
  #newBlock(octaveWord: number): number {
    const block = Math.max(1, this.#integers[NEXT_BLOCK]!)
    if (block >= this.#blockCount) {
      this.#integers[UNPLACED] = this.#integers[UNPLACED]! + 1
      return 0
    }
    this.#integers[NEXT_BLOCK] = block + 1
    this.#integers[octaveWord] = block
    return block
  }
}
