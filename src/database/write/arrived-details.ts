/**
 * @module database/write/arrived-details
 * Details of the rows of a log while it is sealed, in the order in which the rows arrived; the clustered rows point to
 * them by number. Attributes stay where they are, in the log's bytes in the kernels' memory.
 */
import { forEachAttribute, forEachChildren, type FrameDetails } from '../format/wal-details.ts'
import { forEachError, type WalFrame } from '../format/wal-frame.ts'
import type { Kernels } from '../kernels/kernels.ts'
import type { GroupDetails } from './page-rows.ts'

export class ArrivedDetails implements GroupDetails {
  readonly #kernels: Kernels
  /** Number of each clustered row, in their order. */
  readonly arrivals: Uint32Array
  // By number.
  readonly contexts: Uint32Array
  readonly childrenNs: Float64Array
  readonly weights: Uint32Array
  readonly errorTypes: Uint16Array
  attributePointers: Uint32Array | undefined // 0: none
  attributeSizes: Uint32Array | undefined
  #count = 0 // rows added so far

  constructor(kernels: Kernels, rowCount: number) {
    this.#kernels = kernels
    this.arrivals = new Uint32Array(rowCount)
    this.contexts = new Uint32Array(rowCount)
    this.childrenNs = new Float64Array(rowCount)
    this.weights = new Uint32Array(rowCount).fill(1)
    this.errorTypes = new Uint16Array(rowCount)
  }

  /**
   * Adds the rows of a frame from `skip` on.
   *
   * @param positions of the frame's rows among the clustered ones
   */
  add(frame: WalFrame, skip: number, positions: Uint32Array): void {
    const kernels = this.#kernels
    const { details, rowCount } = frame
    const shift = this.#count - skip
    for (let row = skip; row < rowCount; row++) this.arrivals[positions[row]!] = shift + row
    forEachError(kernels, frame, (row, type) => {
      if (row >= skip) this.errorTypes[shift + row] = type
    })
    if (details !== undefined) this.#addDetails(kernels, details, rowCount, skip, shift)
    this.#count += rowCount - skip
  }

  copy(
    first: number,
    end: number,
    contexts: Uint32Array,
    childrenNs: Float64Array,
    to: number,
  ): void {
    for (let row = first; row < end; row++) {
      const arrival = this.arrivals[row]!
      contexts[to] = this.contexts[arrival]!
      childrenNs[to++] = this.childrenNs[arrival]!
    }
  }

  attributesOf(row: number): Uint8Array | undefined {
    if (this.attributePointers === undefined || this.attributeSizes === undefined) return undefined
    const arrival = this.arrivals[row]!
    const sizeBytes = this.attributeSizes[arrival]!
    if (sizeBytes === 0) return undefined
    const pointer = this.attributePointers[arrival]!
    return this.#kernels.u8.subarray(pointer, pointer + sizeBytes)
  }

  #addDetails(
    kernels: Kernels,
    details: FrameDetails,
    rowCount: number,
    skip: number,
    shift: number,
  ): void {
    const { u32 } = kernels
    for (const [column, pointer] of [
      [this.contexts, details.contexts],
      [this.weights, details.weights],
    ] as const) {
      if (pointer === 0) continue
      column.set(u32.subarray(pointer / 4 + skip, pointer / 4 + rowCount), shift + skip)
    }
    forEachChildren(kernels, details, (row, childrenNs) => {
      if (row >= skip) this.childrenNs[shift + row] = childrenNs
    })
    if (details.attributeCount === 0) return
    const pointers = (this.attributePointers ??= new Uint32Array(this.arrivals.length))
    const sizes = (this.attributeSizes ??= new Uint32Array(this.arrivals.length))
    forEachAttribute(kernels, details, (row, pointer, sizeBytes) => {
      if (row < skip) return
      pointers[shift + row] = pointer
      sizes[shift + row] = sizeBytes
    })
  }
}
