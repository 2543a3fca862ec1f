/**
 * @module database/format/pfor-reader
 * Decodes PFOR pages that stand in the program's own memory.
 */
import type { Kernels } from '../kernels/kernels.ts'
import { pforMaxBytes } from '../kernels/sizes.ts'
import { decodedSizeBytes, MAX_CHUNK_ROWS } from './pages.ts'

const MAX_PAGE_SIZE_BYTES = pforMaxBytes(MAX_CHUNK_ROWS)

export class PforReader {
  readonly #kernels: Kernels
  // In the kernels' memory; 0: not needed yet.
  #page = 0
  #values = 0

  constructor(kernels: Kernels) {
    this.#kernels = kernels
  }

  /**
   * @param page  with base 0
   * @param count 1..MAX_CHUNK_ROWS
   * @returns undefined: the page is malformed, or not of this size
   */
  decode(page: Uint8Array, count: number): Uint32Array | undefined {
    if (page.length > MAX_PAGE_SIZE_BYTES) return undefined
    const kernels = this.#kernels
    if (this.#page === 0) {
      this.#page = kernels.allocate(MAX_PAGE_SIZE_BYTES)
      this.#values = kernels.allocate(decodedSizeBytes(MAX_CHUNK_ROWS, 4))
    }
    kernels.u8.set(page, this.#page)
    const end = kernels.pforDecode(this.#page, count, 0, this.#values)
    if (end !== this.#page + page.length) return undefined
    return kernels.u32.slice(this.#values / 4, this.#values / 4 + count)
  }
}
