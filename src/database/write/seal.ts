/**
 * @module database/write/seal
 * A finished log → a segment: read, cluster, encode, write, make durable, and only then remove the log. A crash at any
 * point leaves the log, or the segment, or both; a reader drops the log of a segment.
 */
import { join } from 'node:path'
import { CorruptionError, KroniclerError } from '../../errors.ts'
import { ClusteredRows } from './clustered-rows.ts'
import { readAt, systemCode, toIoError, type FileLayer } from '../file.ts'
import { segmentFileName, TEMPORARY_SUFFIX, walFileName } from '../format/directory.ts'
import type { FileBytes } from '../format/file-bytes.ts'
import { SlotSequences } from '../format/slot-sequences.ts'
import { decodeWalHeader, WAL_HEADER_SIZE_BYTES, type WalHeader } from '../format/wal-header.ts'
import { scanWal } from '../format/wal-scan.ts'
import type { Kernels } from '../kernels/kernels.ts'
import { Progress } from '../progress.ts'
import { Scratch } from '../scratch.ts'
import { SegmentWriter } from './segment-writer.ts'

export { loadFallbackKernels } from '../kernels/fallback.ts'

const READ_SIZE_BYTES = 1 << 20

/** Seals the logs of one folder, one after the other, in areas of the kernels' memory that it keeps. */
export class Sealer {
  readonly #folder: string
  readonly #files: FileLayer
  readonly #kernels: Kernels
  readonly #log: Scratch
  readonly #rows: ClusteredRows
  readonly #writer: SegmentWriter
  // How far the slots had come at the end of the log sealed last, of use for the log behind it only: any other log
  // would seem to repeat rows that it does not.
  #slots = new SlotSequences()
  #slotsSequence = -1

  constructor(folder: string, files: FileLayer, kernels: Kernels) {
    this.#folder = folder
    this.#files = files
    this.#kernels = kernels
    this.#log = new Scratch(kernels)
    this.#rows = new ClusteredRows(kernels)
    this.#writer = new SegmentWriter(kernels, files)
  }

  /**
   * Seals one log; the caller waits for it before the next one. Calling again after a failure, even a crash, is safe.
   *
   * @param onProgress called about every 2 ms; it may write to the folder, with the same kernels
   * @throws {KroniclerError} KRONICLER_IO; KRONICLER_CORRUPT or _VERSION when a frame of the log is damaged: the log
   *                          stays, because sealing it would throw the damaged rows away for good
   */
  async seal(sequence: number, onProgress?: () => void): Promise<void> {
    const segment = join(this.#folder, segmentFileName(sequence, sequence))
    try {
      if (!this.#exists(segment)) await this.#writeSegment(sequence, segment, onProgress)
      this.#files.fsyncDirectory(this.#folder)
      this.#remove(join(this.#folder, walFileName(sequence)))
    } catch (error) {
      throw toIoError(error, `sealing log ${sequence} in ${this.#folder}`)
    }
  }

  async #writeSegment(
    sequence: number,
    segment: string,
    onProgress: (() => void) | undefined,
  ): Promise<void> {
    const progress = new Progress(onProgress)
    const slots = new SlotSequences(this.#slotsSequence === sequence - 1 ? this.#slots : undefined)
    const header = this.#load(sequence, slots, progress)
    const temporary = segment + TEMPORARY_SUFFIX
    this.#remove(temporary)
    const descriptor = this.#files.open(temporary, 'wx+')
    try {
      try {
        this.#writeRows(descriptor, sequence, header.firstRow, progress)
        await this.#files.fdatasync(descriptor)
      } finally {
        this.#files.close(descriptor)
      }
      this.#files.rename(temporary, segment)
      this.#slots = slots
      this.#slotsSequence = sequence
    } catch (error) {
      this.#discard(temporary)
      throw error
    }
  }

  #writeRows(descriptor: number, sequence: number, firstRow: number, progress: Progress): void {
    const rows = this.#rows
    const { maxStartUs, minStartUs, rowCount } = rows
    const hasDetails = rows.details !== undefined
    const sequences = { sequenceLow: sequence, sequenceHigh: sequence }
    const shape = { ...sequences, rowCount, minStartUs, maxStartUs, firstRow, hasDetails }
    this.#writer.begin(descriptor, shape, progress)
    for (const { functionId, weight, first, end } of rows.functions) {
      this.#writer.beginGroup(functionId, weight, end - first)
      this.#writer.addRows(rows, first, end)
    }
    this.#writer.finish()
  }

  /** Reads the log and clusters its rows. */
  #load(sequence: number, slots: SlotSequences, progress: Progress): WalHeader {
    const file = this.#read(join(this.#folder, walFileName(sequence)), progress)
    const header = decodeWalHeader(file)
    if (header.sequence !== sequence) {
      throw new CorruptionError(file.path, 8, `log ${header.sequence}, not ${sequence}`)
    }
    const positions: number[] = []
    scanWal(file, WAL_HEADER_SIZE_BYTES, {
      sequence,
      final: true,
      onFrame: (frame) => {
        positions.push(frame.position)
        progress.tick()
      },
      onFault: (fault) => {
        if (fault.code !== 'KRONICLER_TORN') throw fault
      },
    })
    this.#rows.load(file, positions, slots, progress)
    return header
  }

  #read(path: string, progress: Progress): FileBytes {
    const files = this.#files
    const descriptor = files.open(path, 'r')
    try {
      const { sizeBytes } = files.fstat(descriptor)
      const pointer = this.#log.reserve(sizeBytes)
      let done = 0
      while (done < sizeBytes) {
        const wanted = Math.min(READ_SIZE_BYTES, sizeBytes - done)
        const count = readAt(files, descriptor, this.#kernels.u8, pointer + done, wanted, done)
        if (count < wanted) throw new KroniclerError('KRONICLER_IO', `${path} shrinks`)
        done += count
        progress.tick()
      }
      return { kernels: this.#kernels, pointer, sizeBytes, path, offset: 0 }
    } finally {
      files.close(descriptor)
    }
  }

  #exists(path: string): boolean {
    try {
      this.#files.stat(path)
      return true
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return false
      throw error
    }
  }

  /** No error if it is not there. */
  #remove(path: string): void {
    try {
      this.#files.unlink(path)
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error
    }
  }

  /** After another failure, which is the one to report. The next attempt removes what is left. */
  #discard(path: string): void {
    try {
      this.#files.unlink(path)
    } catch {
      // Left behind: readers ignore temporary files.
    }
  }
}
