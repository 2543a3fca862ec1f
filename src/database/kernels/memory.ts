/**
 * @module database/kernels/memory
 * One linear memory and its areas. Areas are handed out from the bottom up and never given back, so an area is
 * zero until somebody writes to it.
 *
 * Invariant: SLACK_SIZE_BYTES readable bytes follow the last area.
 */
import { HEAP_AT, SLACK_SIZE_BYTES } from './assembly/layout.ts'

export const PAGE_SIZE_BYTES = 65_536
export const MAX_PAGES = 65_536
const AREA_ALIGNMENT_BYTES = 64
const GROWTH_FACTOR = 1.5

export abstract class KernelMemory {
  // The whole memory. Replaced when it grows: never keep them over an allocate().
  u8!: Uint8Array
  u16!: Uint16Array
  u32!: Uint32Array
  f64!: Float64Array
  view!: DataView
  #end = HEAP_AT

  constructor(buffer: ArrayBuffer) {
    this.#look(buffer)
  }

  /**
   * A new area of zeros that lives as long as this object.
   *
   * @param sizeBytes whole, at least 0
   * @returns address, a multiple of 64
   * @throws {RangeError} `sizeBytes` is no size, or the memory would pass 4 GiB or what the system gives
   */
  allocate(sizeBytes: number): number {
    if (!(Number.isSafeInteger(sizeBytes) && sizeBytes >= 0)) {
      throw new RangeError(
        `sizeBytes must be a whole number of at least 0, not ${String(sizeBytes)}`,
      )
    }
    const start = this.#end
    const end = Math.ceil((start + sizeBytes) / AREA_ALIGNMENT_BYTES) * AREA_ALIGNMENT_BYTES
    if (end + SLACK_SIZE_BYTES > this.u8.byteLength) this.#reach(end + SLACK_SIZE_BYTES)
    this.#end = end
    return start
  }

  /** Makes the memory `pages` pages long, its content kept. Throws a RangeError if it cannot. */
  protected abstract grow(pages: number): ArrayBuffer

  #reach(sizeBytes: number): void {
    const needed = Math.ceil(sizeBytes / PAGE_SIZE_BYTES)
    if (needed > MAX_PAGES) {
      throw new RangeError(`kernel memory is limited to 4 GiB, ${sizeBytes} bytes are needed`)
    }
    const wanted = Math.ceil((this.u8.byteLength * GROWTH_FACTOR) / PAGE_SIZE_BYTES)
    this.#look(this.grow(Math.max(needed, Math.min(wanted, MAX_PAGES))))
  }

  #look(buffer: ArrayBuffer): void {
    this.u8 = new Uint8Array(buffer)
    this.u16 = new Uint16Array(buffer)
    this.u32 = new Uint32Array(buffer)
    this.f64 = new Float64Array(buffer)
    this.view = new DataView(buffer)
  }
}
