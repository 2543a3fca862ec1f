/**
 * @module outputs/output-worker
 * Saves to one output, in the thread for outputs: cuts a batch every few seconds, spools it, sends what waits, oldest first, and
 * tries again later what could not be sent. Cutting does not wait for sending. What other processes have left for the same output
 * is sent too.
 */
import { livenessOf } from '../database/writer-liveness.ts'
import { systemCode, type FileLayer } from '../database/file.ts'
import { KroniclerError } from '../errors.ts'
import type { OutputDescriptor, OutputHealth } from '../types.ts'
import { idleHealth } from './health.ts'
import type { Cutter } from './cutter.ts'
import { MinuteSums } from './minute-sums.ts'
import { MINUTE_MS, minuteOf, type Batch, type OutputStore } from './output.ts'
import { withoutSecrets } from './output-key.ts'
import {
  appendBatch,
  readBatch,
  readSpool,
  readSpoolOwner,
  removeSpool,
  spoolPath,
  spoolPaths,
  type FramePlace,
  type SpoolOwner,
} from './spool.ts'

const FIRST_RETRY_MS = 1000
const LONGEST_RETRY_MS = 60_000
/** While so much waits on the disk batches are cut once a minute. */
const MANY_SPOOLED_BYTES = 16 * 2 ** 20
const LOCK_TIMEOUT_MS = 1000
/** What others have left is looked for so often. */
const INHERIT_INTERVAL_MS = 60_000
/** A process of another machine that has not written for so long is taken for dead. */
const SILENT_MS = 60 * MINUTE_MS
const EXPIRE_INTERVAL_MS = 60 * MINUTE_MS

export interface OutputWorkerSetup {
  descriptor: OutputDescriptor
  owner: SpoolOwner
  directory: string
}

export interface OutputWorkerTools {
  files: FileLayer
  cutter: Cutter
  open: (descriptor: OutputDescriptor) => Promise<OutputStore>
  /** Told of every change. */
  onHealth: (health: OutputHealth) => void
  /** Told of every failed attempt. */
  onFailure: (error: KroniclerError) => void
  random?: () => number
}

/** More calls of a minute are not put together in memory before they are saved, nor more of their batches kept on the disk. */
const MOST_MINUTE_FUNCTIONS = 10_000
const MOST_MINUTE_BYTES = 16 * 2 ** 20

/** A batch that waits: on the disk, and in memory if it is the next one or the disk would not take it. */
interface Waiting {
  place: FramePlace | undefined
  batch: Batch | undefined
  fromMs: number
  isOld: boolean // of an earlier thread: its minute may have been saved already
}

export class OutputWorker {
  readonly #setup: OutputWorkerSetup
  readonly #tools: OutputWorkerTools
  readonly #path: string
  readonly #waiting: Waiting[] = [] // batches whose minute is not saved; the first of them may be in the totals already
  #inTotals = 0 // so many: their calls are in `#minute`
  #spoolEnd = 0 // of the file, while nobody else has added to it
  #minute: MinuteSums | undefined
  #isMinuteWanted = false // without waiting for its end
  #isMinuteTried = false // what was sent once is sent again as it was
  #store: OutputStore | undefined
  #lastTurn: Promise<unknown> = Promise.resolve()
  #sending: Promise<boolean> | undefined
  #retryMs = FIRST_RETRY_MS
  #retryAtMs = 0
  #cutAtMs = 0
  #inheritAtMs = 0
  #inheriting: Promise<void> = Promise.resolve()
  readonly #unreadable = new Set<string>() // files that others have left
  #expireAtMs = Date.now() + MINUTE_MS
  #timer: NodeJS.Timeout | undefined
  #closed = false
  readonly #health: OutputHealth

  constructor(setup: OutputWorkerSetup, tools: OutputWorkerTools) {
    this.#setup = setup
    this.#tools = tools
    this.#path = spoolPath(setup.directory, setup.owner)
    this.#health = idleHealth(setup.descriptor.name)
  }

  /** Sends what earlier threads and processes have left, which may all have been short, and then goes on round by round. */
  start(): void {
    this.#resume()
    this.#plan()
    void this.#sendAll()
  }

  /**
   * Cuts now and sends everything, whatever failed before.
   *
   * @returns false if it could not be sent: then it waits on the disk
   */
  async flush(): Promise<boolean> {
    await this.#sending
    this.#cut()
    this.#retryAtMs = 0
    this.#isMinuteWanted = true
    return this.#sendAll()
  }

  /** The same once more, and then nothing. What cannot be sent stays on the disk. */
  async close(): Promise<boolean> {
    this.#closed = true
    clearTimeout(this.#timer)
    const sent = await this.flush()
    await this.#inTurn(() => this.#closeStore())
    this.#tell({ state: 'closed' })
    return sent
  }

  #plan(): void {
    const nowMs = Date.now()
    this.#cutAtMs = this.#nextCutMs(nowMs)
    this.#timer = setTimeout(
      () => {
        this.#round()
        if (!this.#closed) this.#plan()
      },
      Math.max(1, this.#cutAtMs - nowMs),
    )
  }

  /** At whole intervals, and at the end of a minute, so that a minute's calls are counted in it. */
  #nextCutMs(nowMs: number): number {
    const { intervalMs } = this.#setup.descriptor
    const next = (step: number): number => (Math.floor(nowMs / step) + 1) * step
    const isFull = this.#health.spooledBytes > MANY_SPOOLED_BYTES
    return isFull ? next(MINUTE_MS) : Math.min(next(intervalMs), next(MINUTE_MS))
  }

  #round(): void {
    this.#cut()
    void this.#sendAll()
  }

  /** What waits, and when that is sent what others have left; then what has expired goes. @returns false if the first was not */
  async #sendAll(): Promise<boolean> {
    const sent = await this.#send()
    if (!sent) return false
    try {
      await this.#inherit()
      await this.#expire()
    } catch (error) {
      await this.#fail(error)
    }
    return true
  }

  /** Nothing is cut while a batch waits that the disk would not take, or too many wait there: the calls stay together in memory. */
  #cut(): void {
    const { spoolBytes } = this.#setup.descriptor
    if (this.#health.spooledBytes > spoolBytes) return
    if (this.#waiting.some(({ place }) => place === undefined)) return
    const { cutter } = this.#tools
    try {
      cutter.cut(this.#setup.owner, { timeoutMs: LOCK_TIMEOUT_MS, isLast: false }, (batch) => {
        const waiting: Waiting = { place: undefined, batch, fromMs: batch.fromMs, isOld: false }
        this.#waiting.push(waiting)
        const sizeBytes = this.#spoolSize()
        const place = appendBatch(this.#tools.files, this.#path, this.#setup.owner, batch)
        waiting.place = place
        const isOwn = sizeBytes === 0 || sizeBytes === this.#spoolEnd
        if (isOwn) this.#spoolEnd = place.position + place.sizeBytes
        if (this.#waiting.length > this.#inTotals + 1) waiting.batch = undefined
      })
    } catch (error) {
      this.#report(error)
    }
    this.#count()
  }

  /** One at a time; whoever asks meanwhile gets the same answer. */
  #send(): Promise<boolean> {
    this.#sending ??= this.#sendWaiting().finally(() => {
      this.#sending = undefined
    })
    return this.#sending
  }

  async #sendWaiting(): Promise<boolean> {
    if (Date.now() < this.#retryAtMs) return this.#waiting.length === this.#inTotals
    try {
      if (this.#isMinuteTried) await this.#saveMinute()
      let next: Waiting | undefined
      while ((next = this.#waiting[this.#inTotals]) !== undefined) await this.#sendNext(next)
      if (this.#isMinuteWanted) await this.#saveMinute()
      this.#isMinuteWanted = false
      return true
    } catch (error) {
      await this.#fail(error)
      return false
    }
  }

  async #sendNext(next: Waiting): Promise<void> {
    const batch = next.batch ?? this.#readBack(next.place!)
    if (batch !== undefined) {
      if (this.#minute?.minuteMs !== minuteOf(batch)) await this.#saveMinute()
      await this.#save(batch)
      if (this.#minute === undefined) this.#minute = new MinuteSums(batch)
      else this.#minute.add(batch)
    }
    this.#inTotals++
    if (next.place !== undefined) next.batch = undefined
    if (this.#minute === undefined || this.#isMinuteDue(next)) await this.#saveMinute()
    this.#count()
  }

  /** What is not on the disk, or may have been saved in part, does not wait for the end of the minute. */
  #isMinuteDue({ place, isOld }: Waiting): boolean {
    const { isOver, rows } = this.#minute!
    if (isOver || isOld || place === undefined || rows.size >= MOST_MINUTE_FUNCTIONS) return true
    return bytesOf(this.#waiting.slice(0, this.#inTotals)) >= MOST_MINUTE_BYTES
  }

  /** Then the batches that are in it are done. */
  async #saveMinute(): Promise<void> {
    const minute = this.#minute
    if (minute !== undefined) {
      this.#isMinuteTried = true
      await this.#inTurn(async () => (await this.#opened()).saveMinute(minute))
      this.#isMinuteTried = false
      this.#minute = undefined
    }
    this.#waiting.splice(0, this.#inTotals)
    this.#inTotals = 0
    if (this.#waiting.length === 0) this.#emptySpool()
  }

  /** @throws whatever made it impossible; it may have been saved all the same */
  async #save(batch: Batch): Promise<void> {
    await this.#inTurn(async () => (await this.#opened()).save(batch))
    this.#retryMs = FIRST_RETRY_MS
    this.#health.saved++
    this.#tell({ state: 'ok', savedMs: Date.now() })
  }

  async #opened(): Promise<OutputStore> {
    this.#store ??= await this.#tools.open(this.#setup.descriptor)
    return this.#store
  }

  /** Undefined if the file was removed, or damaged: then the batch is lost, and that is told. */
  #readBack(place: FramePlace): Batch | undefined {
    try {
      return readBatch(this.#tools.files, this.#path, this.#setup.owner, place)
    } catch (error) {
      if (systemCode(error) !== 'ENOENT' && !(error instanceof KroniclerError)) throw error
      this.#report(error)
      return undefined
    }
  }

  /** Unless the thread that exits has just added to it. */
  #emptySpool(): void {
    const { cutter, files } = this.#tools
    cutter.exclusively(LOCK_TIMEOUT_MS, () => {
      if (this.#spoolSize() === this.#spoolEnd) removeSpool(files, this.#path)
    })
  }

  /** 0: there is none. */
  #spoolSize(): number {
    try {
      return this.#tools.files.stat(this.#path).sizeBytes
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error
      return 0
    }
  }

  /** What a thread of this process has left that died. */
  #resume(): void {
    try {
      const { frames } = readSpool(this.#tools.files, this.#path)
      for (const place of frames) {
        this.#waiting.push({ place, batch: undefined, fromMs: place.fromMs, isOld: true })
      }
      this.#spoolEnd = this.#spoolSize()
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') this.#report(error)
    }
    this.#count()
  }

  /**
   * Sends what processes have left that are gone, every now and then; whoever asks meanwhile waits for the end of it. Several
   * processes may do it at once: every batch is saved once, and a file that has been sent is removed by whoever is first.
   */
  #inherit(): Promise<void> {
    if (Date.now() < this.#inheritAtMs) return this.#inheriting
    this.#inheritAtMs = Date.now() + INHERIT_INTERVAL_MS
    const inheriting = this.#sendWhatOthersLeft()
    this.#inheriting = inheriting.catch(() => undefined)
    return inheriting
  }

  async #sendWhatOthersLeft(): Promise<void> {
    const { files } = this.#tools
    const { directory, owner } = this.#setup
    for (const path of spoolPaths(files, directory)) {
      if (path === this.#path || !path.includes(`.${owner.output}.`)) continue
      try {
        await this.#sendLeft(path)
      } catch (error) {
        if (systemCode(error) !== 'ENOENT') throw error // somebody else has sent it
      }
    }
  }

  async #sendLeft(path: string): Promise<void> {
    const { files } = this.#tools
    const owner = this.#ownerOf(path)
    if (owner === undefined || owner.output !== this.#setup.owner.output) return
    const liveness = livenessOf(owner.identity, files)
    const isSilent = Date.now() - files.stat(path).modifiedMs > SILENT_MS
    if (liveness === 'alive' || (liveness === 'unknown' && !isSilent)) return
    for (const place of readSpool(files, path).frames) {
      const batch = readBatch(files, path, owner, place)
      await this.#save(batch)
      const minute = new MinuteSums(batch)
      await this.#inTurn(async () => (await this.#opened()).saveMinute(minute))
    }
    removeSpool(files, path)
  }

  /** Undefined for a file that cannot be read: it stays, and is told of once. */
  #ownerOf(path: string): SpoolOwner | undefined {
    if (this.#unreadable.has(path)) return undefined
    try {
      return readSpoolOwner(this.#tools.files, path)
    } catch (error) {
      if (!(error instanceof KroniclerError)) throw error
      const { modifiedMs } = this.#tools.files.stat(path)
      if (Date.now() - modifiedMs < INHERIT_INTERVAL_MS) return undefined // it may be being made
      this.#unreadable.add(path)
      this.#report(error)
      return undefined
    }
  }

  async #expire(): Promise<void> {
    if (Date.now() < this.#expireAtMs) return
    this.#expireAtMs = Date.now() + EXPIRE_INTERVAL_MS
    const beforeMs = Date.now() - this.#setup.descriptor.keepMinutesMs
    await this.#inTurn(async () => this.#store?.expire(beforeMs))
  }

  /** A connection has one transaction at a time. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#lastTurn.then(work)
    this.#lastTurn = turn.catch(() => undefined)
    return turn
  }

  /** Begins anew with a new connection, later: twice as late each time, and not when all others do. */
  async #fail(error: unknown): Promise<void> {
    this.#report(error)
    const { random = Math.random } = this.#tools
    this.#retryAtMs = Date.now() + this.#retryMs * (0.5 + random() / 2)
    this.#retryMs = Math.min(this.#retryMs * 2, LONGEST_RETRY_MS)
    await this.#inTurn(() => this.#closeStore())
    if (this.#closed) return
    setTimeout(() => void this.#send(), this.#retryAtMs - Date.now() + 1).unref()
  }

  #report(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error)
    const { descriptor } = this.#setup
    const message = `saving to ${descriptor.name}: ${withoutSecrets(reason, descriptor)}`
    const code = error instanceof KroniclerError ? error.code : 'KRONICLER_OUTPUT'
    this.#health.failures++
    this.#tell({ state: 'failing', lastError: message })
    this.#tools.onFailure(new KroniclerError(code, message))
  }

  async #closeStore(): Promise<void> {
    const store = this.#store
    this.#store = undefined
    try {
      await store?.close()
    } catch {
      // it was broken
    }
  }

  /** What is in the totals waits for the end of its minute only, and is not told of. */
  #count(): void {
    const unsent = this.#waiting.slice(this.#inTotals)
    const [first] = unsent
    this.#tell({
      waiting: unsent.length,
      spooledBytes: bytesOf(unsent),
      lagMs: first === undefined ? 0 : Date.now() - first.fromMs,
    })
  }

  #tell(change: Partial<OutputHealth>): void {
    Object.assign(this.#health, change)
    this.#tools.onHealth({ ...this.#health })
  }
}

function bytesOf(waiting: readonly Waiting[]): number {
  return waiting.reduce((sum, { place }) => sum + (place?.sizeBytes ?? 0), 0)
}
