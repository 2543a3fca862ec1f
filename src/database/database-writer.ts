/**
 * @module database/database-writer
 * Writes a database without capturing anything: for programs that bring their own measurements, and for benchmarks.
 * Names instead of ids, batches of any size, and logs that seal themselves.
 */
import { KroniclerError } from '../errors.ts'
import { checkOptionNames, kindOf } from '../internal/check-options.ts'
import { DirectoryWriter, type DirectoryCreateOptions } from './directory-writer.ts'
import { toIoError } from './file.ts'
import { encodeDictionaryEntry, KIND_ERROR_TYPE, KIND_FUNCTION } from './format/dictionary.ts'
import { createRowColumns, MAX_DURATION_NS, MAX_START_US, type RowColumns } from './format/rows.ts'
import { MAX_FRAME_ROWS } from './format/wal-frame.ts'
import { loadKernels } from './kernels/kernels.ts'

export interface DatabaseWriterOptions extends Pick<
  DirectoryCreateOptions,
  'files' | 'kernels' | 'identity' | 'random'
> {
  /** When rows become durable: with every append and flush, every second or so, or when the system likes (default 'interval'). */
  sync?: 'batch' | 'interval' | 'never' | undefined
  segmentRows?: number | undefined // rows after which a log is sealed, 1 to 16,777,216 (default 262,144)
}

/** One call, as insert() takes it. */
export interface CallInput {
  function: string
  startMs: number // since the Unix epoch, at least 0; kept to the microsecond
  durationNs: number // rounded to a whole number, 0 .. 2^53 - 1
  error?: string | undefined // class name of the error (default: none)
}

const DEFAULT_SEGMENT_ROWS = 262_144
const MAX_SEGMENT_ROWS = 16_777_216
const MAX_ERROR_TYPES = 0xffff
const SYNC_INTERVAL_MS = 1000
const BUFFERED_ROWS = 4096
const SLOT = 0
type NameKind = typeof KIND_FUNCTION | typeof KIND_ERROR_TYPE
const OPTIONS = ['sync', 'segmentRows', 'files', 'kernels', 'identity', 'random', 'clock']

export class DatabaseWriter {
  readonly #writer: DirectoryWriter
  readonly #sync: 'batch' | 'interval' | 'never'
  readonly #segmentRows: number
  readonly #functionIds = new Map<string, number>()
  readonly #errorTypeIds = new Map<string, number>()
  readonly #buffer = createRowColumns(BUFFERED_ROWS)
  #rowCount = 0
  #sealing: Promise<void> = Promise.resolve()
  #failure: KroniclerError | undefined // of work in the background; thrown by the next call that waits for it
  #timer: NodeJS.Timeout | undefined
  #lastSyncMs = Date.now()
  readonly #onExit = (): void => {
    this.#writeAtExit()
  }
  #closed: Promise<void> | undefined

  private constructor(dir: string, options: DatabaseWriterOptions) {
    if (typeof dir !== 'string' || dir === '') throw new TypeError('dir must be a path')
    checkOptionNames(options, 'options', OPTIONS)
    const { segmentRows = DEFAULT_SEGMENT_ROWS, sync = 'interval' } = options
    if (!Number.isInteger(segmentRows) || segmentRows < 1 || segmentRows > MAX_SEGMENT_ROWS) {
      throw new RangeError(
        `options.segmentRows must be a whole number from 1 to ${MAX_SEGMENT_ROWS}, not ${segmentRows}`,
      )
    }
    if (!['batch', 'interval', 'never'].includes(sync)) {
      throw new RangeError(`options.sync must be 'batch', 'interval' or 'never', not '${sync}'`)
    }
    this.#sync = sync
    this.#segmentRows = segmentRows
    this.#writer = DirectoryWriter.create(dir, {
      ...options,
      kernels: options.kernels ?? loadKernels,
    })
    process.once('exit', this.#onExit)
  }

  /**
   * Opens a database for writing, and makes it if it is missing. Any number of writers and readers may be open.
   *
   * @throws {RangeError} an option is out of range
   * @throws {KroniclerError} KRONICLER_IO; KRONICLER_VERSION: made by a newer version
   */
  static open(dir: string, options: DatabaseWriterOptions = {}): DatabaseWriter {
    return new DatabaseWriter(dir, options)
  }

  /** The folder of this writer. */
  get path(): string {
    return this.#writer.path
  }

  /** Id of a function, to be used in append() of this writer. Gives the name one if it has none. */
  functionId(name: string): number {
    checkText(name, 'name')
    return this.#idOf(this.#functionIds, KIND_FUNCTION, name)
  }

  /**
   * Id of an error's class, from 1 on; 0 means no error.
   *
   * @throws {RangeError} there are more than 65,535
   */
  errorTypeId(name: string): number {
    checkText(name, 'name')
    if (this.#errorTypeIds.size >= MAX_ERROR_TYPES && !this.#errorTypeIds.has(name)) {
      throw new RangeError(`more than ${MAX_ERROR_TYPES} classes of errors`)
    }
    return this.#idOf(this.#errorTypeIds, KIND_ERROR_TYPE, name)
  }

  /**
   * Writes rows, any number of them. They are visible to readers on return.
   *
   * @throws {RangeError} a row is out of range or has an unknown id; nothing is written
   * @throws {KroniclerError} KRONICLER_IO: the rows from some row on were not written; KRONICLER_CLOSED
   */
  append(rows: RowColumns): void {
    this.#assertOpen()
    this.#check(rows)
    this.#writeBuffer()
    this.#write(rows)
    this.#syncIfDue()
  }

  /**
   * Writes one call. Kept in memory for a second, or until there are a few thousand, or flush(), close() or the end of
   * the process.
   *
   * @throws {TypeError}  a field is missing, unknown or of the wrong type
   * @throws {RangeError} startMs or durationNs is out of range
   */
  insert(call: CallInput): void {
    this.#assertOpen()
    checkCall(call)
    const startUs = Math.round(call.startMs * 1000)
    const durationNs = Math.round(call.durationNs)
    if (!(startUs >= 0 && startUs <= MAX_START_US))
      throw new RangeError(`startMs is ${call.startMs}`)
    if (!(durationNs >= 0 && durationNs <= MAX_DURATION_NS)) {
      throw new RangeError(`durationNs is ${call.durationNs}`)
    }
    const functionId = this.functionId(call.function)
    const errorType = call.error === undefined ? 0 : this.errorTypeId(call.error)
    const buffer = this.#buffer
    if (buffer.count === BUFFERED_ROWS) this.#writeBuffer()
    const row = buffer.count++
    buffer.functionIds[row] = functionId
    buffer.startsUs[row] = startUs
    buffer.durationsNs[row] = durationNs
    buffer.errorTypes[row] = errorType
    this.#startTimer()
    if (buffer.count === BUFFERED_ROWS) {
      this.#writeBuffer()
      this.#syncIfDue()
    }
  }

  /**
   * Writes what insert() has kept, and makes it durable unless `sync` is 'never'.
   *
   * @throws {KroniclerError} KRONICLER_IO, KRONICLER_CLOSED
   */
  flush(): void {
    this.#assertOpen()
    this.#writeBuffer()
    if (this.#sync !== 'never') this.#syncNow()
  }

  /** Waits until the finished logs are sealed. @throws {KroniclerError} what sealing met */
  async sealed(): Promise<void> {
    await this.#sealing
    this.#throwFailure()
  }

  /**
   * Flushes, seals every log and closes. Calling it again gives the same promise.
   *
   * @throws {KroniclerError} what flushing or sealing met; the files are closed all the same
   */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    try {
      this.#writeBuffer()
      if (this.#writer.walRows > 0) this.#rotate()
      if (this.#sync !== 'never') this.#syncNow()
      await this.sealed()
    } finally {
      clearTimeout(this.#timer)
      process.removeListener('exit', this.#onExit)
      this.#writer.close()
    }
  }

  #throwFailure(): void {
    const failure = this.#failure
    this.#failure = undefined
    if (failure !== undefined) throw failure
  }

  #assertOpen(): void {
    if (this.#closed !== undefined) {
      throw new KroniclerError('KRONICLER_CLOSED', `the writer of ${this.path} is closed`)
    }
  }

  #idOf(ids: Map<string, number>, kind: NameKind, name: string): number {
    const known = ids.get(name)
    if (known !== undefined) return known
    this.#assertOpen()
    const id = ids.size + (kind === KIND_ERROR_TYPE ? 1 : 0)
    this.#writer.appendNames(encodeDictionaryEntry(kind, id, name))
    ids.set(name, id)
    return id
  }

  #check(rows: RowColumns): void {
    const { count, functionIds, startsUs, durationsNs, errorTypes } = rows
    const length = Math.min(
      functionIds.length,
      startsUs.length,
      durationsNs.length,
      errorTypes.length,
    )
    if (!(Number.isInteger(count) && count >= 0 && count <= length)) {
      throw new RangeError(`rows.count is ${count}, the shortest column has ${length} elements`)
    }
    const functions = this.#functionIds.size
    const errors = this.#errorTypeIds.size
    for (let row = 0; row < count; row++) {
      const durationNs = durationsNs[row]!
      const startUs = startsUs[row]!
      if (
        !(durationNs >= 0 && Number.isSafeInteger(durationNs)) ||
        !(startUs >= 0 && Number.isSafeInteger(startUs)) ||
        functionIds[row]! >= functions ||
        errorTypes[row]! > errors
      ) {
        throw new RangeError(
          `row ${row} is out of range: function ${functionIds[row]} of ${functions}, start ${startUs} µs, ` +
            `duration ${durationNs} ns, error ${errorTypes[row]} of ${errors}`,
        )
      }
    }
  }

  /** Rows that were written before a failure leave the buffer, so that none is written twice. */
  #writeBuffer(): void {
    const buffer = this.#buffer
    const before = this.#rowCount
    try {
      this.#write(buffer)
    } finally {
      dropRows(buffer, this.#rowCount - before)
    }
  }

  /** One frame after the other, into logs of `segmentRows` each. */
  #write(rows: RowColumns): void {
    let from = 0
    while (from < rows.count) {
      const room = this.#segmentRows - this.#writer.walRows
      const count = Math.min(rows.count - from, room, MAX_FRAME_ROWS)
      if (count > 0) {
        const origin = { slot: SLOT, slotSequence: this.#rowCount }
        this.#writer.appendSlice(rows, from, count, origin)
        this.#rowCount += count
        from += count
      }
      if (this.#writer.walRows >= this.#segmentRows) this.#rotate()
    }
  }

  #rotate(): void {
    const sequence = this.#writer.rotate()
    this.#sealing = this.#sealing.then(async () => {
      try {
        await this.#writer.seal(sequence)
      } catch (error) {
        this.#failure ??= toIoError(error, `sealing log ${sequence} of ${this.path}`)
      }
    })
  }

  #syncIfDue(): void {
    // the clock is asked as well as the timer, which does not come while a program appends without a pause
    const overdue = this.#sync === 'interval' && Date.now() - this.#lastSyncMs > SYNC_INTERVAL_MS
    if (this.#sync === 'batch' || overdue) this.#syncNow()
    else this.#startTimer()
  }

  #syncNow(): void {
    this.#throwFailure()
    this.#writer.sync()
    this.#lastSyncMs = Date.now()
  }

  /** A program that ends without close() keeps what insert() has taken. */
  #writeAtExit(): void {
    if (this.#closed !== undefined) return
    try {
      this.#writeBuffer()
    } catch {
      // the process is ending, and nobody is left to be told
    }
  }

  /** Writes and syncs a second later what nobody flushes. Does not keep the process alive. */
  #startTimer(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      if (this.#closed !== undefined) return
      try {
        this.#writeBuffer()
        if (this.#sync !== 'never') this.#syncNow()
      } catch (error) {
        this.#failure ??= toIoError(error, `writing to ${this.path}`)
      }
    }, SYNC_INTERVAL_MS).unref()
  }
}

/** Removes the first `count` rows. */
function dropRows(rows: RowColumns, count: number): void {
  const { functionIds, startsUs, durationsNs, errorTypes } = rows
  for (const column of [functionIds, startsUs, durationsNs, errorTypes]) {
    column.copyWithin(0, count, rows.count)
  }
  rows.count -= count
}

function checkCall(call: CallInput): void {
  checkOptionNames(call, 'call', ['function', 'startMs', 'durationNs', 'error'])
  checkText(call.function, 'function')
  if (call.error !== undefined) checkText(call.error, 'error')
  for (const field of ['startMs', 'durationNs'] as const) {
    if (typeof call[field] !== 'number') {
      throw new TypeError(`${field} must be a number, not ${kindOf(call[field])}`)
    }
  }
}

function checkText(value: unknown, what: string): void {
  if (typeof value !== 'string')
    throw new TypeError(`${what} must be a string, not ${kindOf(value)}`)
}
