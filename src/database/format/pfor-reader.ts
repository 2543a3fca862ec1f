/**
 * @module database/format/pfor-reader
 * Decodes and searches PFOR pages that stand in the program's own memory.
 */
import type { Kernels } from '../kernels/kernels.ts'
import { pforMaxBytes } from '../kernels/sizes.ts'
import { decodedSizeBytes, MAX_CHUNK_ROWS } from './pages.ts'

const MAX_PAGE_SIZE_BYTES = pforMaxBytes(MAX_CHUNK_ROWS)

/** Values asked for, both inclusive, in [0, 2^32). */
export interface ValueBounds {
  least: number
  most: number
}

export class PforReader {
  readonly #kernels: Kernels
  // In the kernels' memory; 0: not needed yet.
  #page = 0
  #values = 0
  #found = 0

  constructor(kernels: Kernels) {
    this.#kernels = kernels
  }

  /** Takes the memory it needs: afterwards the kernels' views stay as they are. */
  prepare(): void {
    if (this.#page !== 0) return
    const kernels = this.#kernels
    this.#page = kernels.allocate(MAX_PAGE_SIZE_BYTES)
    this.#values = kernels.allocate(decodedSizeBytes(MAX_CHUNK_ROWS, 4))
    this.#found = kernels.allocate(decodedSizeBytes(MAX_CHUNK_ROWS, 4))
  }

  /**
   * @param page  with base 0
   * @param count 1..MAX_CHUNK_ROWS
   * @returns undefined: the page is malformed, or not of this size
   */
  decode(page: Uint8Array, count: number): Uint32Array | undefined {
    if (!this.#load(page)) return undefined
    const kernels = this.#kernels
    const end = kernels.pforDecode(this.#page, count, 0, this.#values)
    if (end !== this.#page + page.length) return undefined
    return kernels.u32.slice(this.#values / 4, this.#values / 4 + count)
  }

  /**
   * Finds the values within the bounds, without decoding the others. `page` and `count` are as for decode().
   *
   * @param into their indices, ascending; undefined: only their number is wanted
   * @returns how many there are; undefined: the page is malformed where it was looked at
   */
  find(
    page: Uint8Array,
    count: number,
    { least, most }: ValueBounds,
    into: Uint16Array | undefined,
  ): number | undefined {
    if (!this.#load(page)) return undefined
    const kernels = this.#kernels
    const from = this.#page
    const all = { from, end: from + page.length, n: count, base: 0, rowStart: 0, rowEnd: count }
    const found =
      into === undefined
        ? kernels.pforCountBetween(all, least, most)
        : kernels.pforSelectBetween(all, least, most, this.#found, this.#values)
    if (found < 0) return undefined
    into?.set(kernels.u32.subarray(this.#found / 4, this.#found / 4 + found))
    return found
  }

  /** Copies a page to where the kernels find it. @returns false: there is none that large */
  #load(page: Uint8Array): boolean {
    if (page.length > MAX_PAGE_SIZE_BYTES) return false
    this.prepare()
    this.#kernels.u8.set(page, this.#page)
    return true
  }
}
