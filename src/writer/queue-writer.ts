/**
 * @module writer/queue-writer
 * Everything that the background thread and the application's thread do in the same way: take the lock, open the
 * writer's directory if this is the first row, drain, keep the count of refused rows on disk.
 */
import {
  DirectoryWriter,
  WRITER_STATE,
  type DirectoryWriterOptions,
} from '../database/write/directory-writer.ts'

import type { Kernels } from '../database/kernels/kernels.ts'
import { KroniclerError } from '../errors.ts'
import type { Retention } from '../database/maintain/retention.ts'
import type { SyncPolicy } from '../internal/options.ts'
import {
  FAILED_DRAINS,
  LOCK,
  DISCARDED_COUNTER,
  droppedDetails,
  droppedRows,
  FILTERED_COUNTER,
  FOLD_SEQUENCE,
  type SharedMemory,
} from '../queue/layout.ts'
import { acquire, release, releaseDead } from '../queue/lock.ts'
import { NAME_FUNCTION, NameLog, OVERFLOW_ID, RESERVED_IDS } from '../queue/name-log.ts'
import { monotonicNs } from '../queue/time-source.ts'
import { isClockTied, tieClock } from './clock.ts'
import { Drain } from './drain.ts'
import { HEALTH_FUNCTION } from '../internal/health-function.ts'
import type { SelfAccounting } from './self-accounting.ts'
import { threadFiles } from './thread-files.ts'

/** What a thread needs to take part; can be sent to a thread as it is. */
export interface WriterSetup {
  memory: SharedMemory
  directory: string
  sync: SyncPolicy
  segmentRows: number
  intervalMs: number
  maxFunctions: number
  compaction?: boolean | undefined
  retention?: Retention | undefined
}

/** Class names of errors: as many as fit the log's column. */
export const MAX_ERROR_TYPES = 60_000

export class QueueWriter {
  readonly #setup: WriterSetup
  readonly #owner: number
  readonly #kernels: (() => Kernels) | undefined
  readonly #control: Int32Array
  readonly #counters: Float64Array
  readonly #state: Float64Array
  readonly names: NameLog
  readonly #drain: Drain
  readonly #path: SharedText
  #directory: DirectoryWriter | undefined
  #deletedPath: string | undefined
  #countedOnDisk = 0

  /**
   * @param threadId of the calling thread, as worker_threads has it
   * @param kernels  for a thread that seals; one that only drains is served by the default
   */
  constructor(setup: WriterSetup, threadId: number, kernels?: () => Kernels) {
    const { memory, maxFunctions } = setup
    this.#setup = setup
    this.#kernels = kernels
    this.#owner = threadId + 1
    this.#control = new Int32Array(memory.control)
    this.#counters = new Float64Array(memory.counters)
    this.#state = new Float64Array(memory.directoryState)
    this.#path = new SharedText(memory.directoryPath)
    this.names = new NameLog(memory.names, nameLimits(maxFunctions), threadId)
    this.#drain = new Drain(memory, this.names, maxFunctions + RESERVED_IDS, () =>
      this.#openDirectory(),
    )
  }

  /** The open directory, undefined before the first row. */
  get directory(): DirectoryWriter | undefined {
    return this.#attachedDirectory() ?? this.#directory
  }

  /**
   * Stores what is queued.
   *
   * @param timeoutMs how long to wait for the lock
   * @param onBatch   called, without the lock, between batches; returning false ends the drain
   * @returns rows stored, or undefined if another thread kept the lock
   * @throws {KroniclerError} KRONICLER_IO; the rows stay queued
   */
  drain(timeoutMs: number, onBatch?: () => boolean): number | undefined {
    let stored = 0
    for (;;) {
      if (!acquire(this.#control, LOCK, this.#owner, timeoutMs)) return undefined
      let batch: number
      try {
        batch = this.#drain.drainOnce()
        if (batch > 0 && this.#setup.sync === 'batch') this.#directory!.sync()
        this.#storeCounters()
        Atomics.store(this.#control, FAILED_DRAINS, 0)
      } catch (error) {
        Atomics.add(this.#control, FAILED_DRAINS, 1)
        throw toKroniclerError(error)
      } finally {
        release(this.#control, LOCK)
      }
      stored += batch
      if (batch === 0 || onBatch?.() === false) return stored
    }
  }

  /** Stores a row that tells how Kronicler itself is doing. @throws {KroniclerError} KRONICLER_IO */
  writeOwnRow(
    timeoutMs: number,
    account: SelfAccounting,
    interval: { startMs: number; busyNs: number },
  ): void {
    this.exclusively(timeoutMs, () => {
      const functionId = this.names.idOf(NAME_FUNCTION, HEALTH_FUNCTION)
      if (functionId === OVERFLOW_ID) return
      this.#drain.storeNames()
      account.writeRow(this.#openDirectory(), { ...interval, functionId })
    })
  }

  /**
   * Takes the lock from a thread that will never release it, and goes on in a log of its own: what that thread was writing
   * ends in the old one, whole or torn, and rows that are in both are read once.
   *
   * @throws {KroniclerError} KRONICLER_IO
   */
  seize(): void {
    releaseDead(this.#control, LOCK, FOLD_SEQUENCE, Atomics.load(this.#control, LOCK))
    this.exclusively(0, () => this.directory?.rotate())
  }

  /** Runs `work` while no other thread drains. @returns undefined if another thread kept the lock */
  exclusively<T>(timeoutMs: number, work: () => T): T | undefined {
    if (!acquire(this.#control, LOCK, this.#owner, timeoutMs)) return undefined
    try {
      return work()
    } finally {
      release(this.#control, LOCK)
    }
  }

  /** Rows refused by all threads since the process began. */
  get dropped(): number {
    return droppedRows(this.#control, this.#counters)
  }

  /** Counts what is queued as dropped: the files are closed. */
  discard(timeoutMs: number): void {
    this.exclusively(timeoutMs, () => {
      const rows = this.#drain.discard()
      this.#counters[DISCARDED_COUNTER] = this.#counters[DISCARDED_COUNTER]! + rows
      this.#storeCounters()
    })
  }

  #storeCounters(): void {
    const { dropped } = this
    const filtered = this.#counters[FILTERED_COUNTER]!
    const attributesDropped = droppedDetails(this.#counters)
    const counted = dropped + filtered + attributesDropped
    if (counted === this.#countedOnDisk || this.#directory === undefined) return
    this.#directory.storeCounters({ dropped, filtered, attributesDropped })
    this.#countedOnDisk = counted
  }

  /** The caller holds the lock. Makes the directory if there is none yet, and anew if it was deleted. */
  #openDirectory(): DirectoryWriter {
    const known = this.#attachedDirectory()
    if (known !== undefined && !known.isGone) return known
    if (known !== undefined) this.#giveUp(known)
    const clock = new Float64Array(this.#setup.memory.clock)
    if (!isClockTied(clock)) tieClock(clock, monotonicNs(this.#setup.memory.clockOrigin))
    const created = DirectoryWriter.create(this.#setup.directory, this.#directoryOptions())
    this.#path.write(created.path)
    this.#directory = created
    return created
  }

  /** The open directory, which another thread may have made, or made anew. */
  #attachedDirectory(): DirectoryWriter | undefined {
    if (this.#state[WRITER_STATE.open] !== 1) return undefined
    const path = this.#path.read()
    if (this.#directory?.path !== path) {
      this.#directory = DirectoryWriter.attach(path, this.#directoryOptions())
    }
    return this.#directory
  }

  #giveUp(deleted: DirectoryWriter): void {
    deleted.close()
    this.names.markPersisted(0) // the next directory needs them all
    this.#countedOnDisk = 0
    this.#deletedPath = deleted.path
  }

  #directoryOptions(): DirectoryWriterOptions {
    return {
      state: this.#state,
      kernels: this.#kernels,
      files: threadFiles(() => this.#path.read()),
    }
  }

  /** Tells once that the directory had been deleted and was made anew. */
  takeLoss(): KroniclerError | undefined {
    const path = this.#deletedPath
    this.#deletedPath = undefined
    if (path === undefined) return undefined
    const message = `${path} was deleted while it was in use: the calls in it are gone, new ones go to a new folder`
    return new KroniclerError('KRONICLER_IO', message)
  }
}

export function nameLimits(maxFunctions: number): { functions: number; errorTypes: number } {
  return { functions: maxFunctions, errorTypes: MAX_ERROR_TYPES }
}

export function toKroniclerError(error: unknown): KroniclerError {
  if (error instanceof KroniclerError) return error
  const message = error instanceof Error ? error.message : String(error)
  return new KroniclerError('KRONICLER_WRITER', message, { cause: error })
}

/** A text in shared memory: u32 byte length, then UTF-8. */
class SharedText {
  readonly #bytes: Uint8Array
  readonly #length: Uint32Array

  constructor(memory: SharedArrayBuffer) {
    this.#length = new Uint32Array(memory, 0, 1)
    this.#bytes = new Uint8Array(memory, 4)
  }

  write(text: string): void {
    const bytes = Buffer.from(text, 'utf8')
    this.#bytes.set(bytes)
    this.#length[0] = bytes.length
  }

  read(): string {
    return Buffer.from(this.#bytes.slice(0, this.#length[0])).toString('utf8')
  }
}
