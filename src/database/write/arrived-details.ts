/**
 * @module database/write/arrived-details
 * Details of the rows of a log while it is sealed, in the order in which the rows arrived; the clustered rows point to
 * them by number. Attributes stay where they are, in the log's bytes in the kernels' memory.
 *
 * The columns are used again for the next log: 30 bytes a row, thrown away with each, would pile up to many megabytes
 * before they are collected.
 */
import { forEachAttribute, forEachChildren, type FrameDetails } from '../format/wal-details.ts'
import { forEachError, type WalFrame } from '../format/wal-frame.ts'
import type { Kernels } from '../kernels/kernels.ts'
import type { GroupDetails } from './page-rows.ts'

/** Logs are cut at about the same number of rows, not at the same. */
const ROOM_STEP = 65_536

export class ArrivedDetails implements GroupDetails {
  readonly #kernels: Kernels
  // Columns of the rows, and of more where an earlier log had more.
  #arrivals = new Uint32Array(0)
  #contexts = new Uint32Array(0) // this and the others by number
  #childrenNs = new Float64Array(0)
  #weights = new Uint32Array(0)
  #errorTypes = new Uint16Array(0)
  #attributePointers: Uint32Array | undefined // made for the first log with attributes
  #attributeSizes: Uint32Array | undefined // likewise; 0: none
  #hasAttributes = false
  #rowCount = 0
  #count = 0 // rows added so far

  constructor(kernels: Kernels) {
    this.#kernels = kernels
  }

  /** Number of each clustered row, in their order. */
  get arrivals(): Uint32Array {
    return this.#arrivals.subarray(0, this.#rowCount)
  }

  /** By number. */
  get weights(): Uint32Array {
    return this.#weights.subarray(0, this.#rowCount)
  }

  /** By number; 0: none. */
  get errorTypes(): Uint16Array {
    return this.#errorTypes.subarray(0, this.#rowCount)
  }

  /** Begins another log, of so many rows. */
  begin(rowCount: number): void {
    this.#rowCount = rowCount
    this.#count = 0
    this.#hasAttributes = false
    if (rowCount > this.#arrivals.length) {
      const room = Math.ceil(rowCount / ROOM_STEP) * ROOM_STEP
      this.#arrivals = new Uint32Array(room)
      this.#contexts = new Uint32Array(room)
      this.#childrenNs = new Float64Array(room)
      this.#weights = new Uint32Array(room)
      this.#errorTypes = new Uint16Array(room)
      this.#attributePointers = undefined
      this.#attributeSizes = undefined
    }
    this.#contexts.fill(0, 0, rowCount)
    this.#childrenNs.fill(0, 0, rowCount)
    this.#weights.fill(1, 0, rowCount)
    this.#errorTypes.fill(0, 0, rowCount)
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
    for (let row = skip; row < rowCount; row++) this.#arrivals[positions[row]!] = shift + row
    forEachError(kernels, frame, (row, type) => {
      if (row >= skip) this.#errorTypes[shift + row] = type
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
      const arrival = this.#arrivals[row]!
      contexts[to] = this.#contexts[arrival]!
      childrenNs[to++] = this.#childrenNs[arrival]!
    }
  }

  attributesOf(row: number): Uint8Array | undefined {
    if (!this.#hasAttributes) return undefined
    const arrival = this.#arrivals[row]!
    const sizeBytes = this.#attributeSizes![arrival]!
    if (sizeBytes === 0) return undefined
    const pointer = this.#attributePointers![arrival]!
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
      [this.#contexts, details.contexts],
      [this.#weights, details.weights],
    ] as const) {
      if (pointer === 0) continue
      column.set(u32.subarray(pointer / 4 + skip, pointer / 4 + rowCount), shift + skip)
    }
    forEachChildren(kernels, details, (row, childrenNs) => {
      if (row >= skip) this.#childrenNs[shift + row] = childrenNs
    })
    if (details.attributeCount === 0) return
    const pointers = (this.#attributePointers ??= new Uint32Array(this.#arrivals.length))
    const sizes = (this.#attributeSizes ??= new Uint32Array(this.#arrivals.length))
    if (!this.#hasAttributes) sizes.fill(0, 0, this.#rowCount)
    this.#hasAttributes = true
    forEachAttribute(kernels, details, (row, pointer, sizeBytes) => {
      if (row < skip) return
      pointers[shift + row] = pointer
      sizes[shift + row] = sizeBytes
    })
  }
}
