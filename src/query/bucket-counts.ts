/**
 * @module query/bucket-counts
 * A histogram of rows that is being added up in the kernels' memory: 32-bit counts, and a list of sparse histograms
 * that are merged into them together, which is faster than one by one.
 */
import type { AddressHolder, BufferPool } from '../database/buffer-pool.ts'
import type { Kernels } from '../database/kernels/kernels.ts'
import { BUCKET_COUNT } from '../metrics/histogram.ts'

const MAX_ROWS = 2 ** 32 - 1
const LIST_CAPACITY = 4096

export class BucketCounts implements AddressHolder {
  /** Of u32[BUCKET_COUNT], without what is listed. */
  readonly pointer: number
  readonly #kernels: Kernels
  readonly #pool: BufferPool | undefined
  readonly #list: number // u32[LIST_CAPACITY], addresses of sparse histograms still to be merged
  #listed = 0
  #rows = 0 // the listed ones included

  /** @param pool where the listed histograms stand; undefined if they stay in place */
  constructor(kernels: Kernels, pool: BufferPool | undefined) {
    this.#kernels = kernels
    this.#pool = pool
    this.pointer = kernels.allocate(4 * BUCKET_COUNT)
    this.#list = kernels.allocate(4 * LIST_CAPACITY)
  }

  get isEmpty(): boolean {
    return this.#rows === 0
  }

  /** Whether no count can overflow by so many rows more. */
  hasRoomFor(rows: number): boolean {
    return this.#rows + rows <= MAX_ROWS
  }

  clear(): void {
    this.#listed = 0
    if (this.#rows > 0) this.#view().fill(0)
    this.#rows = 0
  }

  /** Announces rows that the caller counts at `pointer`; there must be room for them. */
  reserve(rows: number): void {
    this.#rows += rows
  }

  /** @param histogram address of a sparse histogram of `rows` rows */
  addHistogram(histogram: number, rows: number): void {
    this.#rows += rows
    if (this.#listed === LIST_CAPACITY) this.letGo()
    if (this.#listed === 0) this.#pool?.hold(this)
    this.#kernels.u32[(this.#list >>> 2) + this.#listed++] = histogram
  }

  /** u32[BUCKET_COUNT] with everything added, until the kernels' memory grows. */
  counts(): Uint32Array {
    this.letGo()
    return this.#view()
  }

  /** Adds `weight` times the counts of buckets [first, end) to `sums`, and begins anew. */
  moveTo(sums: Float64Array, weight: number, first: number, end: number): void {
    const counts = this.counts()
    for (let bucket = first; bucket < end; bucket++) {
      sums[bucket] = sums[bucket]! + weight * counts[bucket]!
    }
    this.clear()
  }

  /** Merges what is listed. */
  letGo(): void {
    this.#kernels.histogramMergeMany(this.#list, this.#listed, this.pointer)
    this.#listed = 0
  }

  #view(): Uint32Array {
    const first = this.pointer >>> 2
    return this.#kernels.u32.subarray(first, first + BUCKET_COUNT)
  }
}
