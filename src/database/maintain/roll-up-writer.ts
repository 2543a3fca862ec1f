/**
 * @module database/maintain/roll-up-writer
 * Entries → the file of a roll-up, block by block, in a small part of the kernels' memory.
 */
import { writeAt, type FileLayer } from '../file.ts'
import type { SequenceInterval } from '../format/directory.ts'
import {
  encodeRollUpBlock,
  encodeRollUpEntry,
  encodeRollUpHeader,
  MAX_ROLL_UP_BLOCK_SIZE_BYTES,
  ROLL_UP_BLOCK_HEADER_SIZE_BYTES,
  ROLL_UP_BLOCK_SIZE_BYTES,
  ROLL_UP_HEADER_SIZE_BYTES,
  type RollUpEntry,
} from '../format/roll-up.ts'
import type { Kernels } from '../kernels/kernels.ts'

export interface RollUpRange {
  minStartUs: number // of all entries; both 0 without any
  maxStartUs: number
}

export class RollUpWriter {
  readonly #kernels: Kernels
  readonly #files: FileLayer
  readonly #descriptor: number
  readonly #range: RollUpRange
  readonly #block: number // address of the block at hand
  #end: number
  #entries = 0 // in it
  #previousId = 0
  #offset = ROLL_UP_HEADER_SIZE_BYTES // of the block in the file
  #blockCount = 0
  #entryCount = 0
  #rowCount = 0

  /**
   * @param descriptor of an empty file
   * @param range      of the starts of all entries to come
   * @param scratch    room for a block in the kernels' memory: MAX_ROLL_UP_BLOCK_SIZE_BYTES
   */
  constructor(
    kernels: Kernels,
    files: FileLayer,
    descriptor: number,
    range: RollUpRange,
    scratch = kernels.allocate(MAX_ROLL_UP_BLOCK_SIZE_BYTES),
  ) {
    this.#kernels = kernels
    this.#files = files
    this.#descriptor = descriptor
    this.#range = range
    this.#block = scratch
    this.#end = scratch + ROLL_UP_BLOCK_HEADER_SIZE_BYTES
  }

  /** Adds an entry; they come by function, then weight, then start. */
  add(entry: RollUpEntry): void {
    const { minStartUs } = this.#range
    this.#end = encodeRollUpEntry(this.#kernels, entry, this.#previousId, minStartUs, this.#end)
    this.#previousId = entry.functionId
    this.#entries++
    this.#entryCount++
    this.#rowCount += entry.calls
    if (this.#end - this.#block >= ROLL_UP_BLOCK_SIZE_BYTES) this.#endBlock()
  }

  /** Writes what is left, and the header. Does not sync. */
  finish({ low, high }: SequenceInterval): void {
    if (this.#entries > 0) this.#endBlock()
    const header = {
      sequenceLow: low,
      sequenceHigh: high,
      rowCount: this.#rowCount,
      ...this.#range,
      entryCount: this.#entryCount,
      blockCount: this.#blockCount,
    }
    encodeRollUpHeader(this.#kernels, header, this.#block)
    this.#write(ROLL_UP_HEADER_SIZE_BYTES, 0)
  }

  #endBlock(): void {
    const sizeBytes = this.#end - this.#block
    encodeRollUpBlock(this.#kernels, this.#entries, this.#block, this.#end)
    this.#write(sizeBytes, this.#offset)
    this.#offset += sizeBytes
    this.#end = this.#block + ROLL_UP_BLOCK_HEADER_SIZE_BYTES
    this.#entries = 0
    this.#previousId = 0
    this.#blockCount++
  }

  #write(sizeBytes: number, position: number): void {
    writeAt(this.#files, this.#descriptor, this.#kernels.u8, this.#block, sizeBytes, position)
  }
}
