/**
 * @module database/verify/verify-log
 * Reads a write-ahead log from its first byte to its last, in pieces: every checksum, every number, every attribute.
 */
import { CorruptionError } from '../../errors.ts'
import { parseAttributes } from '../format/attributes.ts'
import { parentIdOf } from '../format/call-context.ts'
import type { FileBytes } from '../format/file-bytes.ts'
import { type SlotSequences } from '../format/slot-sequences.ts'
import { forEachAttribute } from '../format/wal-details.ts'
import { forEachError, functionIdsOf, type WalFrame } from '../format/wal-frame.ts'
import { decodeWalHeader, WAL_HEADER_SIZE_BYTES } from '../format/wal-header.ts'
import { scanWal } from '../format/wal-scan.ts'
import type { NamesUsed } from '../write/names-used.ts'
import type { Pacer } from '../pacer.ts'
import { attempt, type ReaderContext } from '../read/reader-context.ts'

/** Read at once; more only where a frame or a damaged part is larger. */
const PIECE_SIZE_BYTES = 4 * 1024 * 1024

/** What a file of rows was found to hold. */
export interface VerifiedRows {
  rows: number // as readers count them
  firstRow: number | undefined // arrival number of the first; undefined: not known
  endRow: number // arrival number behind the last
  isSound: boolean // false: some rows are missing, and that was reported
}

interface LogOptions {
  sequence: number
  final: boolean // nothing will be appended any more
  slots: SlotSequences // taken further: what was written twice counts once
  names: NamesUsed
  pacer: Pacer
}

/**
 * Faults go to the context's log of faults. What is appended meanwhile is not looked at.
 *
 * @throws the file system's error, ENOENT among them
 */
export async function verifyLog(
  context: ReaderContext,
  path: string,
  options: LogOptions,
): Promise<VerifiedRows> {
  const { files } = context
  const descriptor = files.open(path, 'r')
  try {
    return await new LogCheck(context, path, descriptor, options).run()
  } finally {
    files.close(descriptor)
  }
}

class LogCheck {
  readonly #context: ReaderContext
  readonly #path: string
  readonly #descriptor: number
  readonly #options: LogOptions
  readonly #result: VerifiedRows = { rows: 0, firstRow: undefined, endRow: 0, isSound: true }

  constructor(context: ReaderContext, path: string, descriptor: number, options: LogOptions) {
    this.#context = context
    this.#path = path
    this.#descriptor = descriptor
    this.#options = options
  }

  async run(): Promise<VerifiedRows> {
    const { final, pacer } = this.#options
    const { sizeBytes } = this.#context.files.fstat(this.#descriptor)
    let position = Math.min(sizeBytes, WAL_HEADER_SIZE_BYTES)
    if (sizeBytes >= WAL_HEADER_SIZE_BYTES || final) this.#checkHeader()
    pacer.add(position)
    for (let pieceSize = PIECE_SIZE_BYTES; position < sizeBytes;) {
      const left = sizeBytes - position
      const file = this.#read(position, Math.min(pieceSize, left))
      const isLast = pieceSize >= left
      const used = this.#scan(file, final && isLast)
      position += used
      pacer.add(used)
      if (used === 0 && isLast) break
      pieceSize = used > 0 ? PIECE_SIZE_BYTES : 2 * pieceSize
      if (pacer.isDue) await pacer.pause()
    }
    return this.#result
  }

  #checkHeader(): void {
    const { faults } = this.#context
    const { sequence } = this.#options
    const result = this.#result
    const file = this.#read(0, WAL_HEADER_SIZE_BYTES)
    const header = attempt(faults, () => decodeWalHeader(file))
    if (header === undefined) {
      result.isSound = file.sizeBytes < WAL_HEADER_SIZE_BYTES
      return
    }
    if (header.sequence !== sequence) {
      this.#report(8, `the file is named otherwise, it holds log ${header.sequence}`)
    }
    result.firstRow = header.firstRow
    result.endRow = header.firstRow
  }

  /** @returns bytes accounted for */
  #scan(file: FileBytes, final: boolean): number {
    return scanWal(file, 0, {
      sequence: this.#options.sequence,
      final,
      onFrame: (frame) => this.#checkFrame(file, frame),
      onFault: (fault) => {
        if (fault.code !== 'KRONICLER_TORN') this.#result.isSound = false
        this.#context.faults.add(fault)
      },
    })
  }

  #checkFrame(file: FileBytes, frame: WalFrame): void {
    const { names, slots } = this.#options
    const { kernels } = this.#context
    const result = this.#result
    const offset = file.offset + frame.position
    const { firstRow, rowCount } = frame
    result.endRow = firstRow + rowCount // as the last frame tells it: numbers may repeat after a thread's death
    result.rows += rowCount - slots.take(frame)
    for (const id of functionIdsOf(kernels, frame)) names.useFunction(id, this.#path, offset)
    forEachError(kernels, frame, (_, type) => names.useErrorType(type, this.#path, offset))
    this.#checkDetails(frame, offset)
  }

  #checkDetails({ details, rowCount }: WalFrame, offset: number): void {
    if (details === undefined) return
    const { names } = this.#options
    const { kernels } = this.#context
    if (details.contexts !== 0) {
      const first = details.contexts / 4
      for (const context of kernels.u32.subarray(first, first + rowCount)) {
        names.useCaller(parentIdOf(context), this.#path, offset)
      }
    }
    forEachAttribute(kernels, details, (_, pointer, sizeBytes) => {
      const text = kernels.u8.subarray(pointer, pointer + sizeBytes)
      if (parseAttributes(text) === undefined) {
        this.#report(offset, 'attributes that are no text of a JSON object')
      }
    })
  }

  #report(offset: number, reason: string): void {
    this.#context.faults.add(new CorruptionError(this.#path, offset, reason))
  }

  #read(offset: number, sizeBytes: number): FileBytes {
    return this.#context.read(this.#descriptor, this.#path, offset, sizeBytes)
  }
}
