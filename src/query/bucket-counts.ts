/**
 * @module query/bucket-counts
 * A histogram of rows that is being added up in the kernels' memory: 32-bit counts, and a list of sparse histograms
 * that are merged into them together, which is faster than one by one.
 */
import type { AddressHolder, BufferPool } from '../database/read/buffer-pool.ts'
import type { Kernels } from '../database/kernels/kernels.ts'
import { BUCKET_COUNT, bucketOf } from '../metrics/histogram.ts'

const MAX_ROWS = 2 ** 32 - 1
const LIST_CAPACITY = 4096
const GROUP_BUCKETS = 16 // of a sparse histogram
const WIDE_FLAG = 0x8000

export class BucketCounts implements AddressHolder {
  /** Of u32[BUCKET_COUNT], without what is listed. */
  readonly pointer: number
  readonly #kernels: Kernels
  readonly #pool: BufferPool | undefined
  readonly #list: number // u32[LIST_CAPACITY], addresses of sparse histograms still to be merged
  #listed = 0
  #rows = 0 // the listed ones included
  // All other counts are zero. Most functions touch a tenth of the buckets, and there may be tens of thousands of them.
  #first = BUCKET_COUNT
  #end = 0
  #counts: Uint32Array | undefined // view of the counts, until the memory grows

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
    if (this.#rows === 0) return
    const at = this.pointer >>> 2
    if (this.#end > this.#first) this.#kernels.u32.fill(0, at + this.#first, at + this.#end)
    this.#first = BUCKET_COUNT
    this.#end = 0
    this.#rows = 0
  }

  /** Announces rows that the caller counts at `pointer`, and between which durations; there must be room for them. */
  reserve(rows: number, minNs: number, maxNs: number): void {
    this.#rows += rows
    this.#touch(bucketOf(minNs), bucketOf(maxNs) + 1)
  }

  /** @param histogram address of a sparse histogram of `rows` rows */
  addHistogram(histogram: number, rows: number): void {
    this.#rows += rows
    if (this.#listed === LIST_CAPACITY) this.letGo()
    if (this.#listed === 0) this.#pool?.hold(this)
    const { u8, u32 } = this.#kernels
    u32[(this.#list >>> 2) + this.#listed++] = histogram
    const first = GROUP_BUCKETS * (u8[histogram]! + 256 * u8[histogram + 1]!)
    const groups = (u8[histogram + 2]! + 256 * u8[histogram + 3]!) & ~WIDE_FLAG
    this.#touch(first, Math.min(BUCKET_COUNT, first + GROUP_BUCKETS * groups))
  }

  /** u32[BUCKET_COUNT] with everything added, until the kernels' memory grows. */
  counts(): Uint32Array {
    this.letGo()
    return this.#view()
  }

  /** Adds `weight` times the counts to `sums`, and begins anew. */
  moveTo(sums: Float64Array, weight: number): void {
    const counts = this.counts()
    for (let bucket = this.#first; bucket < this.#end; bucket++) {
      sums[bucket] = sums[bucket]! + weight * counts[bucket]!
    }
    this.clear()
  }

  /** Merges what is listed. */
  letGo(): void {
    this.#kernels.histogramMergeMany(this.#list, this.#listed, this.pointer)
    this.#listed = 0
  }

  #touch(first: number, end: number): void {
    if (first < this.#first) this.#first = first
    if (end > this.#end) this.#end = end
  }

  #view(): Uint32Array {
    const { u32 } = this.#kernels
    if (this.#counts?.buffer !== u32.buffer) {
      const first = this.pointer >>> 2
      this.#counts = u32.subarray(first, first + BUCKET_COUNT)
    }
    return this.#counts
  }
}
