/**
 * @module writer/host
 * The side of the thread that owns the background thread: starts it, restarts it, and stands in for it where there is
 * none. Whoever exits drains: the last rows never depend on a thread that may be gone.
 */
import { Worker } from 'node:worker_threads'
import { KroniclerError, type ErrorCode } from '../errors.ts'
import { later, nowMs } from '../internal/time.ts'
import {
  FAILED_DRAINS,
  FOLD_SEQUENCE,
  headWord,
  LOCK,
  SLOT_COUNT,
  tailWord,
  WRITER,
  WRITER_CLOSED,
  WRITER_CLOSING,
  WRITER_FAILED,
  WRITER_NONE,
} from '../queue/layout.ts'
import { releaseDead } from '../queue/lock.ts'
import { QueueWriter, toKroniclerError, type WriterSetup } from './queue-writer.ts'
import { WriterRemote } from './remote.ts'

/** How long the exiting thread waits for the background thread to finish a batch. */
const EXIT_LOCK_TIMEOUT_MS = 2000
const CLOSE_TIMEOUT_MS = 60_000
/** What the background thread throws away would else make its heap grow by tens of megabytes before it is collected. */
const YOUNG_GENERATION_MB = 8
/** After a failed write of this thread, until its next attempt. */
const RETRY_MS = 1000
const FIRST_RESTART_MS = 1000
const LONGEST_RESTART_MS = 60_000
/** Of a thread's time, spent on storing rows soon; it may spend so much at once. */
const STORE_SHARE = 0.1
const MOST_STORE_DEBT_MS = 25
/** Rows in a log that nobody seals: the largest `segmentRows`. */
const MOST_ROWS_IN_LOG = 4_194_304
const SLOTS = Array.from({ length: SLOT_COUNT }, (_, slot) => slot)

type Message = { ready: true } | { code: ErrorCode; message: string }

export class WriterHost extends WriterRemote {
  readonly #setup: WriterSetup
  readonly #threadFile: string
  readonly #writer: QueueWriter
  readonly #onError: (error: Error) => void
  readonly #reported = new Set<string>()
  #worker: Worker | undefined
  #retryAtMs = 0
  #storeDebtMs = 0
  #storeDebtAtMs = nowMs()
  #restartMs = FIRST_RESTART_MS
  #lastError: Error | undefined
  #exiting = false
  #closing: Promise<void> | undefined

  /** @param threadFile of the background thread's code */
  constructor(
    setup: WriterSetup,
    threadId: number,
    threadFile: string,
    onError: (error: Error) => void,
  ) {
    super(new Int32Array(setup.memory.control))
    this.#setup = setup
    this.#threadFile = threadFile
    this.#writer = new QueueWriter(setup, threadId)
    this.#onError = onError
  }

  /** Starts the background thread. Never throws; a thread that cannot start is reported, and tried again later. */
  start(): void {
    try {
      const worker = new Worker(this.#threadFile, {
        name: 'kronicler-writer',
        workerData: this.#setup,
        execArgv: [], // no preloaded modules, no inspector of the application's
        env: environmentOfThread(),
        resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
        trackUnmanagedFds: false, // files are opened by whoever comes first and closed by whoever is last
      })
      const owner = worker.threadId + 1
      worker.on('message', (message: Message) => {
        this.#receive(message)
      })
      worker.on('error', (error) => {
        this.#reportThread(error.message, error)
      })
      worker.on('exit', () => {
        this.#onThreadExit(owner)
      })
      worker.unref() // last: a listener for messages keeps the process alive again
      this.#worker = worker
    } catch (error) {
      Atomics.store(this.control, WRITER, WRITER_FAILED)
      this.#reportThread(error instanceof Error ? error.message : String(error), error)
      this.#restartLater()
    }
  }

  /**
   * While there is no background thread, the rows are stored here: a few milliseconds in a quarter of a ring. While the
   * process exits too: the thread is about to be stopped.
   */
  override relieve(): void {
    if (this.#exiting) this.drainNow()
    else if (this.#standsIn) this.#drainHere(0)
    else super.relieve()
  }

  override get storing(): boolean {
    return super.storing || (this.#standsIn && Atomics.load(this.control, FAILED_DRAINS) === 0)
  }

  /**
   * There is no background thread yet, or it has died. Nobody seals then, so at some size of the log rows are refused until
   * the thread is back.
   */
  get #standsIn(): boolean {
    if (this.status === 'idle') return true
    return this.status === 'failed' && (this.#writer.directory?.walRows ?? 0) < MOST_ROWS_IN_LOG
  }

  /**
   * Stores what is queued, by this thread, as soon as the code that records gives way: for a thread that can be terminated
   * without notice. In the long run it spends a tenth of its time on it at most.
   *
   * @param onStored called then; the rows after it are to be told of again
   */
  storeSoon(onStored: () => void): void {
    const store = (): void => {
      const isFirst = this.directoryPath === undefined // makes the files, once
      const startMs = nowMs()
      const stored = this.#drainHere(0)
      const endMs = nowMs()
      if (!isFirst) this.#storeDebtMs += endMs - startMs
      if (stored) onStored()
      else later(1, store) // the background thread is at it, but may not have got to the last row
    }
    const paidMs = (nowMs() - this.#storeDebtAtMs) * STORE_SHARE
    this.#storeDebtAtMs = nowMs()
    this.#storeDebtMs = Math.max(0, this.#storeDebtMs - paidMs)
    // not when the event loop turns: the thread may have said before that that it is done, and be terminated
    if (this.#storeDebtMs <= MOST_STORE_DEBT_MS) void Promise.resolve().then(store)
    else later((this.#storeDebtMs - MOST_STORE_DEBT_MS) / STORE_SHARE, store)
  }

  /** Stores everything that is queued, by this thread. Never throws. */
  drainNow(): void {
    this.#retryAtMs = 0
    if (this.status === 'closed') this.#discard()
    else if (!this.#drainHere(EXIT_LOCK_TIMEOUT_MS)) this.#reportBusy()
  }

  /** The same, and from now on by this thread only. */
  drainAtExit(): void {
    this.#exiting = true
    this.#retryAtMs = 0
    if (this.status === 'closed') this.#discard()
    else if (!this.#drainHere(EXIT_LOCK_TIMEOUT_MS)) this.#drainByForce()
  }

  /** Has the background thread store and seal everything and end, and closes the files. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    const worker = this.#worker
    const { status } = this
    if (worker !== undefined && (status === 'running' || status === 'idle')) {
      Atomics.store(this.control, WRITER, WRITER_CLOSING)
      worker.ref()
      await new Promise<void>((resolve) => {
        worker.once('exit', () => {
          resolve()
        })
        later(CLOSE_TIMEOUT_MS, resolve)
        this.wake()
      })
    }
    this.#retryAtMs = 0
    // what other threads have queued since, or the background thread could not store
    if (!this.#drainHere(EXIT_LOCK_TIMEOUT_MS)) this.#drainByForce()
    Atomics.store(this.control, WRITER, WRITER_CLOSED)
    this.#writer.exclusively(EXIT_LOCK_TIMEOUT_MS, () => this.#writer.directory?.close())
    this.#discard()
  }

  get lastError(): Error | undefined {
    return this.#lastError
  }

  /** The writer's own directory, undefined before the first row is stored. */
  get directoryPath(): string | undefined {
    return this.#writer.directory?.path
  }

  /** Size of the files of the writer's directory. */
  get storedBytes(): number {
    return this.#writer.directory?.storedBytes ?? 0
  }

  protected override hasten(timeoutMs: number): void {
    if (this.status === 'running' || this.status === 'closing') this.wake()
    else {
      this.#retryAtMs = 0 // somebody waits for it
      this.#drainHere(Math.min(timeoutMs, EXIT_LOCK_TIMEOUT_MS))
    }
  }

  /**
   * Stores what is queued at this moment; threads that go on recording are not waited for.
   *
   * @returns false if another thread kept the lock; a failure is reported and counts as done
   */
  #drainHere(timeoutMs: number): boolean {
    if (nowMs() < this.#retryAtMs) return true
    const heads = SLOTS.map((slot) => Atomics.load(this.control, headWord(slot)))
    const queued = (): boolean =>
      SLOTS.some((slot) => ((heads[slot]! - Atomics.load(this.control, tailWord(slot))) | 0) > 0)
    try {
      const drained = this.#writer.drain(timeoutMs, queued) !== undefined
      const loss = this.#writer.takeLoss()
      if (loss !== undefined) this.report(loss)
      return drained
    } catch (error) {
      this.#retryAtMs = nowMs() + RETRY_MS
      this.report(toKroniclerError(error))
      return true
    }
  }

  /** The background thread keeps the lock: it is dead, which this thread has not been told yet, or its disk hangs. */
  #drainByForce(): void {
    void this.#worker?.terminate() // it runs no more code of ours, even if its write returns
    try {
      this.#writer.seize()
    } catch (error) {
      this.report(toKroniclerError(error))
      return
    }
    if (!this.#drainHere(0)) this.#reportBusy()
  }

  #reportBusy(): void {
    const message = 'the log is busy: calls could not be stored before the process ended'
    this.report(new KroniclerError('KRONICLER_IO', message))
  }

  /** What threads have queued since the files were closed is counted as dropped. */
  #discard(): void {
    try {
      this.#writer.discard(EXIT_LOCK_TIMEOUT_MS)
    } catch (error) {
      this.report(toKroniclerError(error))
    }
  }

  #receive(message: Message): void {
    if ('ready' in message) this.#restartMs = FIRST_RESTART_MS
    else this.report(new KroniclerError(message.code, message.message))
  }

  /** The thread has ended: as asked, or it died, perhaps with the lock. */
  #onThreadExit(owner: number): void {
    this.#worker = undefined
    releaseDead(this.control, LOCK, FOLD_SEQUENCE, owner)
    if (this.status === 'closing' || this.status === 'closed') return
    Atomics.store(this.control, WRITER, WRITER_FAILED)
    this.#reportThread('it ended unexpectedly')
    this.#restartLater()
  }

  #restartLater(): void {
    later(this.#restartMs, () => {
      if (
        Atomics.compareExchange(this.control, WRITER, WRITER_FAILED, WRITER_NONE) === WRITER_FAILED
      ) {
        this.start()
      }
    })
    this.#restartMs = Math.min(this.#restartMs * 2, LONGEST_RESTART_MS)
  }

  #reportThread(reason: string, cause?: unknown): void {
    const message = `the background thread failed and will be restarted: ${reason}`
    this.report(new KroniclerError('KRONICLER_WRITER', message, { cause }))
  }

  /** Tells each kind of failure once. Nothing that the listener throws reaches the application. */
  report(error: KroniclerError): void {
    this.#lastError = error
    // the control file is told of whenever it has changed and cannot be used: somebody is just editing it
    if (this.#reported.has(error.code) && error.code !== 'KRONICLER_CONTROL') return
    this.#reported.add(error.code)
    try {
      this.#onError(error)
    } catch {
      // a broken listener must not break the application
    }
  }
}

/** What the thread reads of the environment; nothing else of it is its business. */
function environmentOfThread(): NodeJS.ProcessEnv {
  const names = ['KRONICLER_WASM', 'KRONICLER_RETENTION_AGE', 'KRONICLER_RETENTION_SIZE']
  // a value that is not there would arrive as the text "undefined"
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = process.env[name]
      return value === undefined ? [] : [[name, value]]
    }),
  )
}
