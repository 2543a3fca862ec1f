/**
 * @module database/read/reader-context
 * What all readers of one open database share.
 */
import { CorruptionError } from '../../errors.ts'
import { Arena, type Area } from '../arena.ts'
import { BufferPool } from './buffer-pool.ts'
import type { LoadedDurations, RowAttributes } from './chunk-source.ts'
import { FaultLog, type FaultListener } from './fault-log.ts'
import { readAt, type FileLayer } from '../file.ts'
import type { KeptMatches } from '../format/attribute-match.ts'
import type { FileBytes } from '../format/file-bytes.ts'
import { MAX_CHUNK_ROWS, decodedSizeBytes } from '../format/pages.ts'
import { PforReader } from '../format/pfor-reader.ts'
import { HUFFMAN_MARK_VALUES, type Kernels } from '../kernels/kernels.ts'
import { OpenFiles } from './open-files.ts'
import { SharedPages } from './shared-pages.ts'
import { StartMarks } from './start-marks.ts'

/** Holds files or memory until it is closed. */
export interface Closable {
  close(): void
}

export class ReaderContext {
  readonly files: FileLayer
  readonly kernels: Kernels
  readonly arena: Arena
  readonly pool: BufferPool
  readonly sharedPages: SharedPages
  readonly startMarks: StartMarks
  readonly faults: FaultLog
  readonly openFiles: OpenFiles

  // Decoded columns of the chunk that was loaded last, in the kernels' memory.
  readonly durations: number // u32[MAX_CHUNK_ROWS]
  readonly starts: number // f64[MAX_CHUNK_ROWS]
  readonly gaps: number // u32[MAX_CHUNK_ROWS]
  /** Some neighbouring starts of the chunk that was looked into last. */
  readonly nearStarts: number // f64[HUFFMAN_MARK_VALUES]
  /** Indices of the rows that a filter lets through. */
  readonly selection: number // u32[MAX_CHUNK_ROWS]

  readonly pfor: PforReader

  /** How a scan goes on: the extent behind those that it read last, and how many these were meant to be. */
  readonly readAhead = { nextKey: NaN, count: 1 }

  // What stands in `durations`, `starts` and `nearStarts`, and the attributes opened last; neighbouring questions often load the same chunk.
  loadedDurations: { key: number; value: LoadedDurations } | undefined
  loadedStarts: number | undefined
  loadedNearStarts: { key: number; firstRow: number; count: number } | undefined
  loadedAttributes: { key: number; value: RowAttributes } | undefined
  loadedMatches: { key: number; value: KeptMatches } | undefined // of the page that was searched last

  #input: Area
  #nextKey = 0
  #holds = 0
  #retired: Closable[] = [] // closed when nothing is held any more

  constructor(
    files: FileLayer,
    kernels: Kernels,
    cacheSizeBytes: number | undefined,
    onFault: FaultListener | undefined,
    openFileLimit?: number,
  ) {
    this.files = files
    this.kernels = kernels
    this.arena = new Arena(kernels)
    this.pool = new BufferPool(kernels, this.arena, cacheSizeBytes)
    this.sharedPages = new SharedPages(this.arena)
    this.startMarks = new StartMarks(this.arena)
    this.faults = new FaultLog(onFault)
    this.openFiles = new OpenFiles(files, openFileLimit)
    this.durations = kernels.allocate(decodedSizeBytes(MAX_CHUNK_ROWS, 4))
    this.starts = kernels.allocate(decodedSizeBytes(MAX_CHUNK_ROWS, 8))
    this.gaps = kernels.allocate(decodedSizeBytes(MAX_CHUNK_ROWS, 4))
    this.nearStarts = kernels.allocate(8 * HUFFMAN_MARK_VALUES)
    this.selection = kernels.allocate(decodedSizeBytes(MAX_CHUNK_ROWS, 4))
    this.pfor = new PforReader(kernels)
    this.#input = this.arena.take(1 << 17)
  }

  /** The first of `count` numbers that nothing else of this database has: keys of extents and of chunks. */
  takeKeys(count: number): number {
    const first = this.#nextKey
    this.#nextKey += count
    return first
  }

  /**
   * Keeps everything that is there now readable, also over a refresh, until the function that comes back is called: for
   * questions that give way to the event loop.
   */
  hold(): () => void {
    this.#holds++
    let isHeld = true
    return () => {
      if (!isHeld) return
      isHeld = false
      if (--this.#holds === 0) this.closeRetired()
    }
  }

  /** Closes what is no longer part of the database, as soon as nobody holds it. */
  retire(part: Closable): void {
    if (this.#holds === 0) part.close()
    else this.#retired.push(part)
  }

  /** Closes what was retired, held or not. */
  closeRetired(): void {
    for (const part of this.#retired.splice(0)) part.close()
  }

  /**
   * Reads a part of a file into the kernels' memory, where it stays until the next call of `read` or `place`.
   *
   * @returns what was read; shorter than asked for where the file ends
   */
  read(descriptor: number, path: string, offset: number, sizeBytes: number): FileBytes {
    const pointer = this.#reserve(sizeBytes)
    const { u8 } = this.kernels
    const count = readAt(this.files, descriptor, u8, pointer, sizeBytes, offset)
    return { kernels: this.kernels, pointer, sizeBytes: count, path, offset }
  }

  /** Copies bytes of a file that were read before into the kernels' memory. */
  place(bytes: Uint8Array, path: string, offset: number): FileBytes {
    const pointer = this.#reserve(bytes.length)
    this.kernels.u8.set(bytes, pointer)
    return { kernels: this.kernels, pointer, sizeBytes: bytes.length, path, offset }
  }

  #reserve(sizeBytes: number): number {
    this.#input = this.arena.resize(this.#input, sizeBytes)
    return this.#input.pointer
  }
}

/** Runs `decode`; damage is added to the fault log and answered with undefined. */
export function attempt<T>(faults: FaultLog, decode: () => T): T | undefined {
  try {
    return decode()
  } catch (error) {
    if (!(error instanceof CorruptionError)) throw error
    faults.add(error)
    return undefined
  }
}
