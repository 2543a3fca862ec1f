/**
 * @module metrics/slab-mirror
 * A slab as it was when each of its functions was last looked at: what has come since is the difference. The mirror has the
 * slab's layout, block for block, so that a function is brought up to date by copying it.
 *
 * A function is first copied aside (`copy`), which the caller may repeat until no fold has come in between, and only then told
 * (`addDifference`) and mirrored (`settle`).
 */
import {
  BLOCK_SHIFT,
  CALLS,
  ERRORS,
  FIELDS,
  FUNCTION_BYTES,
  HEADER_BYTES,
  MAX,
  MIN,
  OCTAVES,
  ORIGIN,
  SQUARES,
  SUM,
} from './slab.ts'

const BLOCK_COUNTS = 1 << BLOCK_SHIFT

/** Calls of one function: all that any number of batches can be merged from. */
export interface CallSums {
  calls: number
  errors: number
  sumNs: number // whole; exact below 2^53
  squaredDeviations: number // about the mean, ns²
  buckets: ArrayLike<number> // of metrics/histogram, ascending
  counts: ArrayLike<number> // calls in buckets[i]
}

/** What came since the last look, and what the extremes of all calls are. */
export interface SlabDifference extends CallSums {
  buckets: number[]
  counts: number[]
  minNs: number // of all calls so far
  maxNs: number
  hasNewMin: boolean // the minimum is one of the calls of this difference
  hasNewMax: boolean
}

export class SlabMirror {
  readonly #slab: Float64Array
  readonly #slabWords: Int32Array
  readonly #mirror: Float64Array
  readonly #blocksStart: number // f64 index
  readonly #fields = new Float64Array(FIELDS)
  readonly #blocks = new Int32Array(OCTAVES)
  readonly #counts = new Float64Array(OCTAVES * BLOCK_COUNTS)

  /** @param mirror as large as the slab's memory, zeros at first */
  constructor(slab: SharedArrayBuffer, mirror: SharedArrayBuffer, functions: number) {
    this.#slab = new Float64Array(slab)
    this.#slabWords = new Int32Array(slab)
    this.#mirror = new Float64Array(mirror)
    this.#blocksStart = (HEADER_BYTES + functions * FUNCTION_BYTES) / 8
  }

  /** Whether the function has been called since. */
  hasChanged(id: number): boolean {
    const at = baseOf(id) + CALLS
    return this.#slab[at] !== this.#mirror[at]
  }

  /** Copies the function aside. What is read while a fold is going on may not belong together. */
  copy(id: number): void {
    const base = baseOf(id)
    for (let field = 0; field < FIELDS; field++) this.#fields[field] = this.#slab[base + field]!
    const words = (base + FIELDS) * 2
    for (let octave = 0; octave < OCTAVES; octave++) {
      const block = this.#slabWords[words + octave]!
      this.#blocks[octave] = block
      if (block === 0) continue
      const from = this.#blockStart(block)
      const to = octave << BLOCK_SHIFT
      for (let i = 0; i < BLOCK_COUNTS; i++) this.#counts[to + i] = this.#slab[from + i]!
    }
  }

  /** The copied function's calls that the mirror does not have; undefined without any. */
  difference(id: number): SlabDifference | undefined {
    const fields = this.#fields
    const base = baseOf(id)
    const calls = fields[CALLS]! - this.#mirror[base + CALLS]!
    if (calls <= 0) return undefined
    const before = this.#mirror[base + CALLS]!
    const sum = fields[SUM]! - this.#mirror[base + SUM]!
    const squares = fields[SQUARES]! - this.#mirror[base + SQUARES]!
    const difference: SlabDifference = {
      calls,
      errors: fields[ERRORS]! - this.#mirror[base + ERRORS]!,
      sumNs: fields[ORIGIN]! * calls + sum,
      squaredDeviations: Math.max(0, squares - (sum * sum) / calls),
      buckets: [],
      counts: [],
      minNs: fields[MIN]!,
      maxNs: fields[MAX]!,
      hasNewMin: before === 0 || fields[MIN]! < this.#mirror[base + MIN]!,
      hasNewMax: before === 0 || fields[MAX]! > this.#mirror[base + MAX]!,
    }
    this.#addCounts(difference)
    return difference
  }

  /** The copied function is in the mirror from now on. */
  settle(id: number): void {
    const base = baseOf(id)
    this.#mirror.set(this.#fields, base)
    for (let octave = 0; octave < OCTAVES; octave++) {
      const block = this.#blocks[octave]!
      if (block === 0) continue
      const from = octave << BLOCK_SHIFT
      this.#mirror.set(this.#counts.subarray(from, from + BLOCK_COUNTS), this.#blockStart(block))
    }
  }

  #addCounts(into: SlabDifference): void {
    for (let octave = 0; octave < OCTAVES; octave++) {
      const block = this.#blocks[octave]!
      if (block === 0) continue
      const mirrored = this.#blockStart(block)
      const first = octave << BLOCK_SHIFT
      for (let i = 0; i < BLOCK_COUNTS; i++) {
        const count = this.#counts[first + i]! - this.#mirror[mirrored + i]!
        if (count === 0) continue
        into.buckets.push(first + i)
        into.counts.push(count)
      }
    }
  }

  #blockStart(block: number): number {
    return this.#blocksStart + (block << BLOCK_SHIFT)
  }
}

/** f64 index of a function's fields. */
function baseOf(id: number): number {
  return (HEADER_BYTES + id * FUNCTION_BYTES) / 8
}
