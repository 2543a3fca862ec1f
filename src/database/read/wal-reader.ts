/**
 * @module database/read/wal-reader
 * Follows one write-ahead log as it grows. The descriptor stays open, so a log that was sealed and unlinked in the
 * meantime can still be read to its end.
 *
 * Invariant: `rows` holds every row of every valid frame before `position`, in the order of arrival, each once.
 */
import { CorruptionError } from '../../errors.ts'
import { createRowColumns, type RowColumns } from '../format/rows.ts'
import type { FileBytes } from '../format/file-bytes.ts'
import type { SlotSequences } from '../format/slot-sequences.ts'
import { decodeWalRows } from '../format/wal-frame.ts'
import { WAL_HEADER_SIZE_BYTES, decodeWalHeader } from '../format/wal-header.ts'
import { scanWal } from '../format/wal-scan.ts'
import { attempt, type ReaderContext } from './reader-context.ts'

/** Read at once; more only where a frame or a damaged part is larger. */
const PIECE_SIZE_BYTES = 4 * 1024 * 1024

export class WalReader {
  readonly path: string
  readonly sequence: number
  readonly rows: RowColumns = createRowColumns(1024)

  /** Arrival number of the first row, undefined until the header was read. */
  firstRow: number | undefined
  /** Arrival number behind the last row that was read; 0 before the header was read. */
  endRow = 0

  readonly #context: ReaderContext
  readonly #descriptor: number
  readonly #slots: SlotSequences
  #position = 0 // everything before it is accounted for
  #headerRead = false
  #damaged = false // something is missing from `rows`, and that has been reported
  #sizeBytes = 0 // when it was last looked at

  /**
   * @param slots what was read of each slot in earlier logs; taken further
   * @throws the file system's error, ENOENT among them
   */
  constructor(context: ReaderContext, path: string, sequence: number, slots: SlotSequences) {
    this.#context = context
    this.path = path
    this.sequence = sequence
    this.#slots = slots
    this.#descriptor = context.files.open(path, 'r')
  }

  /**
   * Reads what was appended since the last time.
   *
   * @param final nothing will be appended any more: the writer is dead, or has begun the next log
   */
  refresh(final: boolean): void {
    const { sizeBytes } = this.#context.files.fstat(this.#descriptor)
    this.#sizeBytes = sizeBytes
    if (sizeBytes < this.#position) {
      const reason = `the log was read up to byte ${this.#position} and ends earlier now`
      this.#report(new CorruptionError(this.path, sizeBytes, reason))
    }
    if (!this.#headerRead && !this.#readHeader(sizeBytes, final)) return
    while (this.#position < sizeBytes) {
      if (!this.#readPieces(sizeBytes, final)) return
    }
  }

  /** Whether the log ends in bytes that are not accounted for: a write in progress, or what a crash left. */
  get isUnfinished(): boolean {
    return this.#sizeBytes > this.#position || !this.#headerRead
  }

  /**
   * Checks that a finished log holds all rows up to those of the next one: it may have been cut off between frames.
   *
   * @param nextRow arrival number of the first row of the next log
   */
  checkEnd(nextRow: number | undefined): void {
    if (nextRow === undefined || nextRow <= this.endRow || this.#damaged) return
    const reason =
      this.firstRow === undefined
        ? `the log is cut off, and the next one begins with row ${nextRow}`
        : `rows ${this.endRow} to ${nextRow - 1} are missing`
    this.#report(new CorruptionError(this.path, this.#position, reason))
  }

  close(): void {
    this.#context.files.close(this.#descriptor)
  }

  /** @returns whether frames can be read: not while a live log is shorter than its header */
  #readHeader(sizeBytes: number, final: boolean): boolean {
    if (sizeBytes < WAL_HEADER_SIZE_BYTES && !final) return false
    const file = this.#read(0, WAL_HEADER_SIZE_BYTES)
    const header = attempt(this.#context.faults, () => decodeWalHeader(file))
    this.#headerRead = true
    this.#position = Math.min(sizeBytes, WAL_HEADER_SIZE_BYTES)
    if (header === undefined) {
      this.#damaged = sizeBytes >= WAL_HEADER_SIZE_BYTES // else torn, unless checkEnd finds otherwise
      return true // frames carry checksums of their own
    }
    if (header.sequence !== this.sequence) {
      const reason = `the file is named otherwise, it holds log ${header.sequence}`
      this.#report(new CorruptionError(this.path, 8, reason))
    }
    this.firstRow = header.firstRow
    this.endRow = header.firstRow
    return true
  }

  /** Reads on from #position, in a piece as large as it must be. @returns whether anything was accounted for */
  #readPieces(sizeBytes: number, final: boolean): boolean {
    const left = sizeBytes - this.#position
    for (let pieceSize = PIECE_SIZE_BYTES; ; pieceSize *= 2) {
      const last = pieceSize >= left
      const file = this.#read(this.#position, Math.min(pieceSize, left))
      const used = this.#scan(file, final && last)
      this.#position += used
      if (used > 0) return true
      if (last) return false
    }
  }

  #scan(file: FileBytes, final: boolean): number {
    return scanWal(file, 0, {
      sequence: this.sequence,
      final,
      onFrame: (frame) => {
        decodeWalRows(file, frame, this.#slots.take(frame), this.rows)
        this.endRow = frame.firstRow + frame.rowCount
      },
      onFault: (fault) => this.#report(fault),
    })
  }

  #report(fault: CorruptionError): void {
    if (fault.code !== 'KRONICLER_TORN') this.#damaged = true
    this.#context.faults.add(fault)
  }

  #read(offset: number, sizeBytes: number): FileBytes {
    return this.#context.read(this.#descriptor, this.path, offset, sizeBytes)
  }
}
