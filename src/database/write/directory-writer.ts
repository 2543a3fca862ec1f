/**
 * @module database/write/directory-writer
 * The folder of one writing process: names, the active log, and the sealing of finished logs.
 *
 * Several threads of the process may each hold a DirectoryWriter over the same folder: what they must agree on stands
 * in `state`, which may be shared memory. The caller holds a lock around every method but `seal` and `syncAsync`, which
 * are for one thread at a time.
 *
 * Nothing is lost by a failure: a method that throws KRONICLER_IO leaves the state as it was, and the next call writes
 * over what the failed one left behind.
 */
import { dirname, join } from 'node:path'
import { KroniclerError } from '../../errors.ts'
import { writeCounters } from './counters-file.ts'
import { createOver, provideFormat } from './create-files.ts'
import { nodeFiles, systemCode, toIoError, writeAt, type FileLayer } from '../file.ts'
import {
  DICTIONARY_FILE,
  LOCK_FILE,
  parseWalFileName,
  walFileName,
  writerFolderName,
  type WriterIdentity,
} from '../format/directory.ts'
import {
  DICTIONARY_FRAME_HEADER_SIZE_BYTES,
  DICTIONARY_HEADER_SIZE_BYTES,
  encodeDictionaryFrame,
  encodeDictionaryHeader,
} from '../format/dictionary.ts'
import type { Counters } from '../format/counters.ts'
import type { RowColumns } from '../format/rows.ts'
import { planDetails, rowsOfOneFrame } from '../format/wal-details.ts'
import { type FrameOrigin } from '../format/wal-frame-layout.ts'
import { encodeWalFrame, walFrameBound } from '../format/wal-frame-encoder.ts'
import { encodeWalHeader, WAL_HEADER_SIZE_BYTES } from '../format/wal-header.ts'
import { ByteKernels } from '../kernels/byte-kernels.ts'
import type { Kernels, LogKernels } from '../kernels/kernels.ts'
import { writeLock } from '../lock-file.ts'
import { Scratch } from '../scratch.ts'
import type { Sealer } from './seal.ts'
import { currentIdentity } from '../writer-identity.ts'

/** Slots of the state, f64 each. */
export const WRITER_STATE = {
  walDescriptor: 0, // of the active log
  walSizeBytes: 1, // end of its last whole frame
  walSequence: 2,
  walRows: 3, // rows in it
  nextRow: 4, // arrival number of the next row
  dictionaryDescriptor: 5,
  dictionarySizeBytes: 6,
  open: 7, // 1 from create() to close()
  walCreatedMs: 8,
  previousDescriptor: 9, // of the log before, which may not be durable yet; -1: none
  previousSequence: 10,
  folderUnsynced: 11, // 1: a name was created since the folder was synced
  dictionaryUnsynced: 12, // 1: written since it was synced
  walUnsynced: 13, // 1: likewise
  walTorn: 14, // 1: a write that failed, or a thread that died in it, may have left bytes behind the last frame
  dictionaryTorn: 15, // 1: likewise
  countersWritten: 16, // records written to the counters file
} as const

export const WRITER_STATE_LENGTH = 17
const NO_DESCRIPTOR = -1
/** A log is full when it is larger than this and its rows without attributes. */
const MAX_LOG_ATTRIBUTES_SIZE_BYTES = 32 * 1024 * 1024
const MAX_ROW_SIZE_BYTES = 64
const S = WRITER_STATE

export interface DirectoryWriterOptions {
  state?: Float64Array | undefined // f64[WRITER_STATE_LENGTH], shared if threads share the folder (default: private)
  files?: FileLayer | undefined // (default: the operating system's)
  /** Loaded at the first append (default: those in TypeScript, when it seals; who seals, or writes much, passes loadKernels). */
  kernels?: Kernels | (() => Kernels) | undefined
  clock?: (() => number) | undefined // milliseconds since the Unix epoch (default: Date.now)
}

export interface DirectoryCreateOptions extends DirectoryWriterOptions {
  identity?: WriterIdentity | undefined // (default: this process)
  random?: number | undefined // 32 bits of the folder's name (default: random)
}

export class DirectoryWriter {
  /** The writer's folder. */
  readonly path: string
  readonly #state: Float64Array
  readonly #files: FileLayer
  readonly #clock: () => number
  readonly #loadKernels: (() => Kernels) | undefined
  readonly #small: LogKernels // for headers and names: creating must not wait for WebAssembly
  readonly #smallScratch: Scratch
  #kernels: Kernels | undefined
  #frame: Scratch | undefined
  #sealer: Sealer | undefined
  #sealing: Promise<void> = Promise.resolve()
  #syncing: Promise<void> = Promise.resolve()

  private constructor(path: string, options: DirectoryWriterOptions) {
    const { kernels } = options
    this.path = path
    this.#state = options.state ?? new Float64Array(WRITER_STATE_LENGTH)
    checkState(this.#state)
    this.#files = options.files ?? nodeFiles
    this.#clock = options.clock ?? Date.now
    this.#loadKernels = typeof kernels === 'function' ? kernels : kernels && (() => kernels)
    this.#small = new ByteKernels()
    this.#smallScratch = new Scratch(this.#small)
  }

  /**
   * Makes a new folder in `root`, and `root` if it is missing. Takes a few file operations and syncs nothing:
   * what is written is durable after `sync`.
   *
   * @throws {KroniclerError} KRONICLER_VERSION: `root` was made by a newer version; KRONICLER_IO
   */
  static create(root: string, options: DirectoryCreateOptions = {}): DirectoryWriter {
    const files = options.files ?? nodeFiles
    checkState(options.state)
    try {
      const identity = options.identity ?? currentIdentity(files)
      const random = options.random ?? Math.floor(Math.random() * 2 ** 32)
      const name = writerFolderName(identity.pid, identity.createdMs, random)
      files.mkdir(root)
      provideFormat(files, root, name)
      const writer = new DirectoryWriter(join(root, name), options)
      writer.#createFiles(identity)
      return writer
    } catch (error) {
      throw toIoError(error, `creating a database in ${root}`)
    }
  }

  /**
   * A second writer, for another thread, over a folder that is open.
   *
   * @param options state must be the shared one
   * @throws {KroniclerError} KRONICLER_CLOSED
   */
  static attach(path: string, options: DirectoryWriterOptions): DirectoryWriter {
    const writer = new DirectoryWriter(path, options)
    writer.#assertOpen()
    return writer
  }

  /** Rows in the active log. */
  get walRows(): number {
    return this.#state[S.walRows]!
  }

  get walSizeBytes(): number {
    return this.#state[S.walSizeBytes]!
  }

  get walSequence(): number {
    return this.#state[S.walSequence]!
  }

  /** Size of all files in the folder; 0 if that cannot be read. */
  get storedBytes(): number {
    const files = this.#files
    try {
      return files
        .readdir(this.path)
        .reduce((sum, name) => sum + files.stat(join(this.path, name)).sizeBytes, 0)
    } catch {
      return 0 // a log was sealed and unlinked in between, or the folder is gone
    }
  }

  /** Whether somebody has deleted the folder: what is written then goes to files that nobody can open. */
  get isGone(): boolean {
    try {
      this.#files.stat(this.path)
      return false
    } catch (error) {
      return systemCode(error) === 'ENOENT'
    }
  }

  /**
   * Whether the active log should be sealed: readers read it whole, and so does who seals it.
   *
   * @param segmentRows rows that a log should have; less if their attributes take much more than the rows
   */
  isLogFull(segmentRows: number): boolean {
    const largest = MAX_LOG_ATTRIBUTES_SIZE_BYTES + MAX_ROW_SIZE_BYTES * segmentRows
    return this.walRows >= segmentRows || this.walSizeBytes >= largest
  }

  /** When the active log was begun, milliseconds since the Unix epoch. */
  get walCreatedMs(): number {
    return this.#state[S.walCreatedMs]!
  }

  /**
   * Adds names to the dictionary: one frame, handed to the system.
   *
   * @param entries whole entries of encodeDictionaryEntry, one after the other; nothing happens if empty
   * @throws {KroniclerError} KRONICLER_IO, KRONICLER_CLOSED
   */
  appendNames(entries: Uint8Array): void {
    this.#assertOpen()
    if (entries.length === 0) return
    const to = this.#smallScratch.reserve(DICTIONARY_FRAME_HEADER_SIZE_BYTES + entries.length)
    const sizeBytes = encodeDictionaryFrame(this.#small, entries, to)
    try {
      this.#appendBytes(DICTIONARY, this.#small, to, sizeBytes)
    } catch (error) {
      throw toIoError(error, `writing names to ${this.path}`)
    }
  }

  /**
   * Adds rows to the active log: one frame, handed to the system, not yet durable. Allocates next to nothing if the rows
   * have no details. Rows with more than 16 MiB of attributes make several frames; if writing one of them fails, those
   * before it are written, and read once when the same rows are appended again.
   *
   * @param rows   1 to 65,536 (0: nothing happens)
   * @param origin who produced them: rows that are appended twice with the same origin are read once
   * @throws {KroniclerError} KRONICLER_IO, KRONICLER_CLOSED
   */
  append(rows: RowColumns, origin: FrameOrigin): void {
    this.appendSlice(rows, 0, rows.count, origin)
  }

  /** Adds rows [from, from + count) of `rows`, likewise. */
  appendSlice(rows: RowColumns, from: number, count: number, origin: FrameOrigin): void {
    this.#assertOpen()
    for (let done = 0; done < count;) {
      const { slot, slotSequence } = origin
      const place = { slot, slotSequence: slotSequence + done }
      done += this.appendFrame(rows, from + done, count - done, place)
    }
  }

  /**
   * Adds as many of the rows [from, from + rowCount) as one frame holds, likewise.
   *
   * @param rowCount 1 to 65,536
   * @returns how many: all unless they have more than 16 MiB of attributes
   */
  appendFrame(rows: RowColumns, from: number, rowCount: number, origin: FrameOrigin): number {
    this.#assertOpen()
    let count = rowCount
    let plan = planDetails(rows, from, from + count)
    if (rows.details !== undefined && plan !== undefined) {
      count = rowsOfOneFrame(rows.details, plan, from, rowCount)
      if (count < rowCount) plan = planDetails(rows, from, from + count)
    }
    const state = this.#state
    const kernels = this.#logKernels()
    this.#frame ??= new Scratch(kernels)
    const to = this.#frame.reserve(walFrameBound(count, plan))
    const place = {
      slot: origin.slot,
      slotSequence: origin.slotSequence,
      firstRow: state[S.nextRow]!,
      sequence: state[S.walSequence]!,
    }
    const sizeBytes = encodeWalFrame(kernels, rows, from, count, place, to, plan)
    try {
      this.#appendBytes(LOG, kernels, to, sizeBytes)
    } catch (error) {
      throw toIoError(error, `writing rows to ${this.path}`)
    }
    state[S.walRows]! += count
    state[S.nextRow]! += count
    return count
  }

  /**
   * Tells readers how this writer is doing; also after close(), for calls that came too late to be stored. Not synced:
   * after a power loss the counters may be older than the rows.
   *
   * @throws {KroniclerError} KRONICLER_IO
   */
  storeCounters(counters: Counters): void {
    const generation = this.#state[S.countersWritten]!
    try {
      writeCounters(this.#files, this.path, this.#small, this.#smallScratch, counters, generation)
    } catch (error) {
      throw toIoError(error, `writing counters to ${this.path}`)
    }
    this.#state[S.countersWritten] = generation + 1
  }

  /**
   * Makes everything written so far durable.
   *
   * @throws {KroniclerError} KRONICLER_IO: then rows since the last sync are certain to be durable only once their log
   *                          is sealed, because a system may forget a failed write. KRONICLER_CLOSED
   */
  sync(): void {
    this.#assertOpen()
    const files = this.#files
    try {
      this.#clearing(S.folderUnsynced, () => {
        this.#syncFolders()
      })
      this.#clearing(S.dictionaryUnsynced, () => {
        files.fdatasyncSync(this.#state[S.dictionaryDescriptor]!)
      })
      const previous = this.#state[S.previousDescriptor]!
      if (previous !== NO_DESCRIPTOR) files.fdatasyncSync(previous)
      this.#clearing(S.walUnsynced, () => {
        files.fdatasyncSync(this.#state[S.walDescriptor]!)
      })
    } catch (error) {
      throw toIoError(error, `syncing ${this.path}`)
    }
  }

  /** The same, without blocking the thread. Makes durable what was written before the call. */
  syncAsync(): Promise<void> {
    this.#assertOpen()
    this.#syncing = this.#syncing.catch(ignore).then(() => this.#syncFiles())
    return this.#syncing
  }

  /**
   * Begins the next log.
   *
   * @returns sequence of the finished log, to be sealed
   * @throws {KroniclerError} KRONICLER_IO, KRONICLER_CLOSED
   */
  rotate(): number {
    this.#assertOpen()
    const state = this.#state
    const sequence = state[S.walSequence]!
    const nowMs = this.#clock()
    try {
      this.#cutTorn(LOG)
      this.#dropPrevious()
      const descriptor = this.#createLog(sequence + 1, state[S.nextRow]!, nowMs)
      state[S.previousDescriptor] = state[S.walDescriptor]!
      state[S.previousSequence] = sequence
      this.#openLog(descriptor, sequence + 1, nowMs)
    } catch (error) {
      throw toIoError(error, `beginning log ${sequence + 1} in ${this.path}`)
    }
    return sequence
  }

  /**
   * Sequences of the logs that are finished but not sealed, ascending: the next ones to be given to seal().
   *
   * @throws {KroniclerError} KRONICLER_IO
   */
  finishedLogs(): number[] {
    try {
      return this.#files
        .readdir(this.path)
        .map(parseWalFileName)
        .filter((sequence) => sequence !== undefined && sequence < this.walSequence)
        .sort((a, b) => a! - b!) as number[]
    } catch (error) {
      throw toIoError(error, `listing ${this.path}`)
    }
  }

  /**
   * Turns a finished log into a segment and removes it. Logs must be sealed in ascending order for rows appended twice
   * to be told across two logs. Safe to call again after a failure.
   *
   * @param sequence as rotate() returned it
   * @param options  onProgress is called about every 2 ms; it may append to the folder, and rotate
   * @throws {KroniclerError} KRONICLER_IO; KRONICLER_CORRUPT: the log is damaged, and stays
   */
  seal(sequence: number, options: { onProgress?: (() => void) | undefined } = {}): Promise<void> {
    this.#sealing = this.#sealing
      .catch(ignore)
      .then(() => this.#sealNow(sequence, options.onProgress))
    return this.#sealing
  }

  /**
   * Closes the files and gives up the folder; the active log stays as it is. Call sync() first for durability.
   * Closing twice is no error.
   */
  close(): void {
    const state = this.#state
    if (state[S.open] !== 1) return
    state[S.open] = 0
    const descriptors = [S.walDescriptor, S.dictionaryDescriptor, S.previousDescriptor]
    for (const slot of descriptors) {
      const descriptor = state[slot]!
      state[slot] = NO_DESCRIPTOR
      if (descriptor !== NO_DESCRIPTOR) this.#closeQuietly(descriptor)
    }
    try {
      this.#files.unlink(join(this.path, LOCK_FILE))
    } catch {
      // A reader finds out that the process is gone.
    }
  }

  #assertOpen(): void {
    if (this.#state[S.open] === 1) return
    throw new KroniclerError('KRONICLER_CLOSED', `the writer of ${this.path} is closed`)
  }

  #logKernels(): LogKernels {
    return this.#givenKernels() ?? this.#small
  }

  #givenKernels(): Kernels | undefined {
    this.#kernels ??= this.#loadKernels?.()
    return this.#kernels
  }

  /** LOCK, dictionary and first log of a new folder. */
  #createFiles(identity: WriterIdentity): void {
    const files = this.#files
    const state = this.#state
    const small = this.#small
    files.mkdir(this.path)
    writeLock(files, join(this.path, LOCK_FILE), identity)
    const dictionary = files.open(join(this.path, DICTIONARY_FILE), 'wx+')
    try {
      const to = this.#smallScratch.reserve(DICTIONARY_HEADER_SIZE_BYTES)
      encodeDictionaryHeader(small, to)
      writeAt(files, dictionary, small.u8, to, DICTIONARY_HEADER_SIZE_BYTES, 0)
      const log = this.#createLog(0, 0, identity.createdMs)
      state.fill(0)
      state[S.previousDescriptor] = NO_DESCRIPTOR
      state[S.dictionaryDescriptor] = dictionary
      state[S.dictionarySizeBytes] = DICTIONARY_HEADER_SIZE_BYTES
      state[S.dictionaryUnsynced] = 1
      this.#openLog(log, 0, identity.createdMs)
      state[S.open] = 1
    } catch (error) {
      this.#closeQuietly(dictionary)
      throw error
    }
  }

  /** Creates the log's file with its header. @returns its descriptor */
  #createLog(sequence: number, firstRow: number, createdMs: number): number {
    const files = this.#files
    const path = join(this.path, walFileName(sequence))
    const descriptor = createOver(files, path)
    try {
      const to = this.#smallScratch.reserve(WAL_HEADER_SIZE_BYTES)
      encodeWalHeader(this.#small, { sequence, firstRow, createdUs: createdMs * 1000 }, to)
      writeAt(files, descriptor, this.#small.u8, to, WAL_HEADER_SIZE_BYTES, 0)
      return descriptor
    } catch (error) {
      this.#closeQuietly(descriptor)
      throw error
    }
  }

  #openLog(descriptor: number, sequence: number, createdMs: number): void {
    const state = this.#state
    state[S.walDescriptor] = descriptor
    state[S.walSizeBytes] = WAL_HEADER_SIZE_BYTES
    state[S.walSequence] = sequence
    state[S.walRows] = 0
    state[S.walCreatedMs] = createdMs
    state[S.walTorn] = 0
    state[S.walUnsynced] = 1
    state[S.folderUnsynced] = 1
  }

  /** Writes at the end of the file as the state knows it; moves that end only if all was written. */
  #appendBytes(file: AppendedFile, kernels: LogKernels, from: number, sizeBytes: number): void {
    const state = this.#state
    this.#cutTorn(file)
    const descriptor = state[file.descriptor]!
    const end = state[file.sizeBytes]!
    state[file.unsynced] = 1
    state[file.torn] = 1 // until it is known to be whole: the write may fail, and the thread may die in it
    writeAt(this.#files, descriptor, kernels.u8, from, sizeBytes, end)
    state[file.sizeBytes] = end + sizeBytes
    state[file.torn] = 0
  }

  /** Removes what a failed write left behind the last frame: a shorter frame over it would leave a rest. */
  #cutTorn(file: AppendedFile): void {
    const state = this.#state
    if (state[file.torn] === 0) return
    this.#files.truncate(state[file.descriptor]!, state[file.sizeBytes]!)
    state[file.torn] = 0
  }

  /** Closes the log before the active one, durable. */
  #dropPrevious(): void {
    const state = this.#state
    const descriptor = state[S.previousDescriptor]!
    if (descriptor === NO_DESCRIPTOR) return
    this.#files.fdatasyncSync(descriptor)
    state[S.previousDescriptor] = NO_DESCRIPTOR
    this.#closeQuietly(descriptor)
  }

  /** Does `work` if the flag is set and clears it; sets it again if the work fails. */
  #clearing(flag: number, work: () => void): void {
    if (this.#state[flag] === 0) return
    this.#state[flag] = 0
    try {
      work()
    } catch (error) {
      this.#state[flag] = 1
      throw error
    }
  }

  async #syncFiles(): Promise<void> {
    const state = this.#state
    if (state[S.open] !== 1) return // closed meanwhile, which promises nothing
    try {
      this.#clearing(S.folderUnsynced, () => {
        this.#syncFolders()
      })
      // All descriptors are taken now: the log may be rotated while the thread goes on.
      await Promise.all([
        this.#fdatasync(S.dictionaryUnsynced, state[S.dictionaryDescriptor]!),
        this.#fdatasync(S.walUnsynced, state[S.walDescriptor]!),
        state[S.previousDescriptor] === NO_DESCRIPTOR
          ? undefined
          : this.#files.fdatasync(state[S.previousDescriptor]!),
      ])
    } catch (error) {
      throw toIoError(error, `syncing ${this.path}`)
    }
  }

  async #fdatasync(flag: number, descriptor: number): Promise<void> {
    const state = this.#state
    if (state[flag] === 0) return
    state[flag] = 0
    try {
      await this.#files.fdatasync(descriptor)
    } catch (error) {
      state[flag] = 1
      throw error
    }
  }

  /** A program's own thread only appends: what seals is loaded by those who seal. */
  async #createSealer(): Promise<Sealer> {
    const { loadFallbackKernels, Sealer } = await import('./seal.ts')
    const kernels = this.#givenKernels() ?? loadFallbackKernels()
    return new Sealer(this.path, this.#files, kernels)
  }

  async #sealNow(sequence: number, onProgress: (() => void) | undefined): Promise<void> {
    const state = this.#state
    if (state[S.open] === 1 && !(sequence < state[S.walSequence]!)) {
      throw new RangeError(`log ${sequence} is not finished`)
    }
    // Rows must not outlive the names of their functions.
    if (state[S.open] === 1) await this.#fdatasync(S.dictionaryUnsynced, this.#dictionary)
    this.#sealer ??= await this.#createSealer()
    await this.#sealer.seal(sequence, onProgress)
    await this.#syncing.catch(ignore)
    const descriptor = state[S.previousDescriptor]!
    if (descriptor === NO_DESCRIPTOR || state[S.previousSequence] !== sequence) return
    state[S.previousDescriptor] = NO_DESCRIPTOR
    this.#closeQuietly(descriptor)
  }

  get #dictionary(): number {
    return this.#state[S.dictionaryDescriptor]!
  }

  #syncFolders(): void {
    this.#files.fsyncDirectory(this.path)
    this.#files.fsyncDirectory(dirname(this.path))
  }

  #closeQuietly(descriptor: number): void {
    try {
      this.#files.close(descriptor)
    } catch {
      // What was written is in the file; nothing depends on the descriptor.
    }
  }
}

/** Slots of the state that belong to a file which is only appended to. */
interface AppendedFile {
  descriptor: number
  sizeBytes: number
  unsynced: number
  torn: number
}

const LOG: AppendedFile = {
  descriptor: S.walDescriptor,
  sizeBytes: S.walSizeBytes,
  unsynced: S.walUnsynced,
  torn: S.walTorn,
}

const DICTIONARY: AppendedFile = {
  descriptor: S.dictionaryDescriptor,
  sizeBytes: S.dictionarySizeBytes,
  unsynced: S.dictionaryUnsynced,
  torn: S.dictionaryTorn,
}

function checkState(state: Float64Array | undefined): void {
  if (state !== undefined && state.length < WRITER_STATE_LENGTH) {
    throw new RangeError(
      `options.state must have ${WRITER_STATE_LENGTH} elements, not ${state.length}`,
    )
  }
}

function ignore(): void {
  // Whoever started that work has its error.
}
