/**
 * @module database/write/database-writer
 * Writes a database without capturing anything: for programs that bring their own measurements, and for benchmarks.
 * Names instead of ids, batches of any size, and logs that seal themselves.
 */
import { KroniclerError } from '../../errors.ts'
import { checkOptionNames } from '../../internal/check-options.ts'
import { checkCall, checkText, type CallInput, type CheckedCall } from './call-input.ts'
import { checkRows } from './check-rows.ts'
import { DirectoryWriter, type DirectoryCreateOptions } from './directory-writer.ts'
import { toIoError } from '../file.ts'
import { encodeDictionaryEntry, KIND_ERROR_TYPE, KIND_FUNCTION } from '../format/dictionary.ts'
import { encodeContext, MAX_PARENT_ID } from '../format/call-context.ts'
import { createRowColumns, detailsOf, type RowColumns, type RowDetails } from '../format/rows.ts'
import { MAX_FRAME_ROWS } from '../format/wal-frame-layout.ts'
import { loadKernels } from '../kernels/kernels.ts'

export interface DatabaseWriterOptions extends Pick<
  DirectoryCreateOptions,
  'files' | 'kernels' | 'identity' | 'random'
> {
  /** When rows become durable: with every append and flush, every second or so, or when the system likes (default 'interval'). */
  sync?: 'batch' | 'interval' | 'never' | undefined
  segmentRows?: number | undefined // rows after which a log is sealed, 1 to 16,777,216 (default 262,144)
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
  #nextFunctionId = 0
  #firstAsCaller: number | undefined // another id of the function with id 0, which means "none" in a context
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
   * Id of a function that called another, to be used in the contexts of append(). Unlike functionId() never 0.
   *
   * @throws {RangeError} there are too many functions: contexts have room for the first 1,048,575
   */
  callerId(name: string): number {
    let id = this.functionId(name)
    if (id === 0) {
      id = this.#firstAsCaller ?? this.#nextFunctionId
      if (this.#firstAsCaller === undefined) {
        this.#writer.appendNames(encodeDictionaryEntry(KIND_FUNCTION, id, name))
        this.#nextFunctionId++
        this.#firstAsCaller = id
      }
    }
    if (id > MAX_PARENT_ID)
      throw new RangeError(`more than ${MAX_PARENT_ID} functions with a caller`)
    return id
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
   * @throws {TypeError}  attributes are no text of a JSON object; nothing is written
   * @throws {KroniclerError} KRONICLER_IO: the rows from some row on were not written; KRONICLER_CLOSED
   */
  append(rows: RowColumns): void {
    this.#assertOpen()
    checkRows(rows, this.#nextFunctionId, this.#errorTypeIds.size)
    this.#writeBuffer()
    this.#write(rows)
    this.#syncIfDue()
  }

  /**
   * Writes one call. Kept in memory for a second, or until there are a few thousand, or flush(), close() or the end of
   * the process.
   *
   * @throws {TypeError}  a field is missing, unknown or of the wrong type
   * @throws {RangeError} a number is out of range, or the attributes are too large
   */
  insert(call: CallInput): void {
    this.#assertOpen()
    const checked = checkCall(call)
    const functionId = this.functionId(call.function)
    const errorType = call.error === undefined ? 0 : this.errorTypeId(call.error)
    const parentId = call.parent === undefined ? 0 : this.callerId(call.parent)
    const buffer = this.#buffer
    if (buffer.count === BUFFERED_ROWS) this.#writeBuffer()
    const row = buffer.count++
    buffer.functionIds[row] = functionId
    buffer.startsUs[row] = checked.startUs
    buffer.durationsNs[row] = checked.durationNs
    buffer.errorTypes[row] = errorType
    putDetails(buffer, row, checked, parentId)
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
    const id = kind === KIND_FUNCTION ? this.#nextFunctionId : ids.size + 1
    this.#writer.appendNames(encodeDictionaryEntry(kind, id, name))
    if (kind === KIND_FUNCTION) this.#nextFunctionId++
    ids.set(name, id)
    return id
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

  /** One frame after the other, into logs of `segmentRows` each, or less if their attributes are large. */
  #write(rows: RowColumns): void {
    let from = 0
    while (from < rows.count) {
      const room = this.#segmentRows - this.#writer.walRows
      const count = Math.min(rows.count - from, room, MAX_FRAME_ROWS)
      if (count > 0) {
        const origin = { slot: SLOT, slotSequence: this.#rowCount }
        const written = this.#writer.appendFrame(rows, from, count, origin)
        this.#rowCount += written
        from += written
      }
      if (this.#writer.isLogFull(this.#segmentRows)) this.#rotate()
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
  const { functionIds, startsUs, durationsNs, errorTypes, details } = rows
  for (const column of [functionIds, startsUs, durationsNs, errorTypes]) {
    column.copyWithin(0, count, rows.count)
  }
  if (count === rows.count) rows.details = undefined
  else if (details !== undefined) dropDetails(details, count, rows.count)
  rows.count -= count
}

function dropDetails(details: RowDetails, count: number, end: number): void {
  for (const column of [details.contexts, details.childrenNs, details.weights]) {
    column.copyWithin(0, count, end)
  }
  const kept = [...details.attributes].filter(([row]) => row >= count)
  details.attributes = new Map(kept.map(([row, text]) => [row - count, text]))
}

/** The row's details; columns for them are made for the first row that needs them. */
function putDetails(rows: RowColumns, row: number, call: CheckedCall, parentId: number): void {
  const { attributes, childrenNs, depth, isAsync, weight } = call
  const context = encodeContext(parentId, depth, isAsync)
  const isPlain = context === 0 && childrenNs === 0 && weight === 1 && attributes === undefined
  if (isPlain && rows.details === undefined) return
  const details = detailsOf(rows)
  details.contexts[row] = context
  details.childrenNs[row] = childrenNs
  details.weights[row] = weight
  if (attributes !== undefined) details.attributes.set(row, attributes)
}
