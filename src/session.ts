/**
 * @module session
 * What one thread records with. The first thread of a process makes the shared memory and owns the background thread;
 * the threads it starts join it through their environment data and use rings of their own.
 */
import { createRequire } from 'node:module'
import { setImmediate } from 'node:timers'
import { fileURLToPath } from 'node:url'
import { isMainThread, setEnvironmentData, threadId } from 'node:worker_threads'
import { createBackend } from './capture/backend.ts'
import type { CaptureBackend } from './capture/capture.ts'
import { LiveMetrics } from './capture/live-metrics.ts'
import { readControlFile } from './control/control-file.ts'
import type { ControlRule } from './control/rule.ts'
import { RULES_SIZE_BYTES, SharedRules } from './control/shared-rules.ts'
import { KroniclerError } from './errors.ts'
import { CALL_TREE_BYTES } from './queue/call-tree.ts'
import { Controls, controlsSizeBytes } from './queue/controls.ts'
import { chooseClock, monotonicNs } from './queue/time-source.ts'
import { isInOwnRealm } from './internal/host-process.ts'
import { settle, type Options, type Settings } from './internal/options.ts'
import { slabSizeBytes } from './metrics/slab.ts'
import {
  createSharedMemory,
  headWord,
  REFUSED_LOCK,
  REFUSED_SEQUENCE,
  tailWord,
  type SharedMemory,
} from './queue/layout.ts'
import { releaseDead } from './queue/lock.ts'
import { NAME_FUNCTION, NameLog, RESERVED_IDS } from './queue/name-log.ts'
import { claimSlot, createProducer, releaseSlotOfDead, type Producer } from './queue/producer.ts'
import type { OutputsHost } from './outputs/host.ts'
import type { Health, Metrics } from './types.ts'
import {
  onEndingSignal,
  onNaturalEnd,
  onProcessExit,
  onThreadExit,
  onUncaughtError,
} from './writer/exit-hooks.ts'
import { WriterHost } from './writer/host.ts'
import { nameLimits } from './writer/queue-writer.ts'
import { SelfAccounting } from './writer/self-accounting.ts'
import { WriterRemote } from './writer/remote.ts'

/** Under which a thread finds the session of the thread that started it. */
export const SESSION_KEY = 'kronicler.session'

/** How long `flush()` waits. */
const FLUSH_TIMEOUT_MS = 10_000

/** How long the end of a program is put off for outputs, at its natural end and in `close()`. */
const LAST_SAVE_TIMEOUT_MS = 2000
const CLOSE_SAVE_TIMEOUT_MS = 10_000

/** Address space for names; a page of it is used when it is reached. */
const NAME_LOG_BYTES = 16 * 1024 * 1024

export interface SharedSession {
  threadId: number // of the thread that has made it
  memory: SharedMemory
  settings: Pick<Settings, 'queueCapacity' | 'maxFunctions' | 'overflow' | 'directory'>
}

/** Options that decide how the shared memory looks, so they must be known before the first capture. */
const MEMORY_OPTIONS = ['queueCapacity', 'maxFunctions', 'enabled'] as const

/** At once, so that a program which ends in its first turn has spooled its calls. */
function loadOutputs(): { OutputsHost: typeof OutputsHost } {
  return createRequire(import.meta.url)('./outputs-host.cjs') as { OutputsHost: typeof OutputsHost }
}

export class Session {
  readonly backend: CaptureBackend
  readonly rules: SharedRules
  readonly #memory: SharedMemory
  readonly #control: Int32Array
  readonly #account: SelfAccounting
  readonly #controls: Controls
  readonly #names: NameLog
  readonly #metrics: LiveMetrics
  readonly #producer: Producer
  readonly #joined: boolean
  #settings: Settings
  #writer: WriterRemote
  #host: WriterHost | undefined // the same, if this thread has founded the session
  #outputs: OutputsHost | undefined
  #started = false
  #closed = false

  /** @param shared the session of the thread that started this one, if it has one */
  constructor(settings: Settings, shared: SharedSession | undefined) {
    this.#joined = shared !== undefined
    this.#settings = { ...settings, ...shared?.settings }
    const { queueCapacity, maxFunctions } = this.#settings
    const ids = maxFunctions + RESERVED_IDS
    this.#memory =
      shared?.memory ??
      createSharedMemory(
        queueCapacity,
        {
          names: NAME_LOG_BYTES,
          slab: slabSizeBytes(ids),
          controls: controlsSizeBytes(ids),
          rules: RULES_SIZE_BYTES,
          callTree: CALL_TREE_BYTES,
        },
        chooseClock(),
      )
    this.#control = new Int32Array(this.#memory.control)
    this.#account = new SelfAccounting(this.#memory, monotonicNs(this.#memory.clockOrigin))
    this.#controls = new Controls(this.#memory.controls, ids)
    this.#names = new NameLog(this.#memory.names, nameLimits(maxFunctions), threadId)
    this.rules = new SharedRules(this.#memory.rules, this.#names, this.#controls, threadId)
    this.#metrics = new LiveMetrics(this.#memory, ids, threadId)
    this.#writer = new WriterRemote(this.#control)
    const slot = claimSlot(this.#memory, threadId + 1)
    this.#producer = this.#createProducer(slot)
    this.backend = this.#createBackend()
    if (!this.#joined) this.#found()
    onThreadExit((ended) => {
      this.#release(ended)
    })
  }

  /**
   * Changes options before the first call.
   *
   * @throws {KroniclerError} KRONICLER_STARTED: it is too late for one of them
   */
  reconfigure(options: Options): void {
    const late = this.#started
      ? Object.keys(options)[0]
      : MEMORY_OPTIONS.find((name) => options[name] !== undefined)
    if (late !== undefined) {
      const moment = this.#started ? 'the first captured call' : 'the first capture'
      throw new KroniclerError('KRONICLER_STARTED', `${late} must be configured before ${moment}`)
    }
    this.#settings = {
      ...this.#settings,
      ...settle({ ...this.#settings, ...options }, process.env),
    }
    if (options.directory !== undefined) this.#readControlFile()
    if (!this.#joined) this.#share()
  }

  /** Where rows go. A thread that joined is told when it starts, so later changes do not reach it. */
  get directory(): string {
    return this.#settings.directory
  }

  getMetrics(name: string): Metrics | undefined {
    const id = this.#names.find(NAME_FUNCTION, name)
    return id === undefined ? undefined : this.#metrics.read(id)
  }

  /** All functions that have been called, in the order in which they were captured. */
  *metrics(): IterableIterator<[string, Metrics]> {
    for (const name of [...this.#names.names(NAME_FUNCTION)]) {
      const metrics = this.getMetrics(name)
      if (metrics !== undefined) yield [name, metrics]
    }
  }

  async flush(timeoutMs = FLUSH_TIMEOUT_MS): Promise<boolean> {
    const queued = this.#queuedNow()
    const stored = this.#started || queued() ? await this.#writer.flush(queued, timeoutMs) : true
    const saved = await this.#outputs?.flush(timeoutMs)
    return stored && saved !== false
  }

  /** The same, while the thread stands still. */
  storeNow(timeoutMs: number): void {
    const queued = this.#queuedNow()
    if (this.#started || queued()) this.#writer.flushNow(queued, timeoutMs)
  }

  /** @returns whether a row that is queued at this moment still is */
  #queuedNow(): () => boolean {
    const heads = this.#ringWords(headWord)
    // a tail may be past the head read above: the distance is then negative
    return () => this.#ringWords(tailWord).some((tail, slot) => ((heads[slot]! - tail) | 0) > 0)
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#producer.refuseAll()
    if (this.#host === undefined) await this.flush()
    else await this.#host.close()
    await this.#outputs?.close(CLOSE_SAVE_TIMEOUT_MS)
  }

  health(): Health {
    return {
      writer: this.#writer.status,
      directory: this.#host?.directoryPath,
      storedBytes: this.#host?.storedBytes ?? 0,
      ...this.#account.read(),
      overflowed: this.#names.overflowed,
      lastError: this.#host?.lastError,
      outputs: this.#outputs?.health ?? [],
    }
  }

  /** First thread of the process: others may join, the background thread starts soon, the exit is watched. */
  #found(): void {
    this.#readControlFile()
    this.#share()
    setImmediate(() => {
      this.#start()
    }).unref()
    // a thread can be terminated without notice, and its background thread is with it; a realm's process nearly so
    if (!isMainThread || isInOwnRealm()) this.#producer.announceNext()
    onProcessExit(() => {
      // the exit may come before the start: then only threads that joined can have queued anything
      this.#hostWriter().drainAtExit()
      this.#producer.writeThrough()
      this.#outputs?.endNow()
    })
  }

  /** Lets threads that start from now on join. */
  #share(): void {
    const { directory, maxFunctions, overflow, queueCapacity } = this.#settings
    const shared: SharedSession = {
      threadId,
      memory: this.#memory,
      settings: { directory, maxFunctions, overflow, queueCapacity },
    }
    setEnvironmentData(SESSION_KEY, shared)
  }

  /**
   * What is switched off is off from the first call on. The background thread reads the file again, follows it, and tells
   * what is wrong with it.
   */
  #readControlFile(): void {
    let rules: ControlRule[] = []
    try {
      rules = readControlFile(this.#settings.directory)
    } catch {
      // a broken file sets nothing
    }
    this.rules.change('file', () => rules)
  }

  /** At the first call, or when the event loop turns, whichever comes first. */
  #start(): void {
    if (this.#started || this.#closed) return
    this.#started = true
    if (this.#joined) return
    const writer = this.#hostWriter()
    writer.start()
    this.#startOutputs()
    const drainNow = (): void => {
      writer.drainNow()
      this.#outputs?.spoolNow()
    }
    if (this.#settings.signals) onEndingSignal(drainNow)
    onUncaughtError(drainNow)
  }

  #startOutputs(): void {
    if (this.#settings.outputs.length === 0) return
    try {
      this.#outputs = this.#createOutputs()
      this.#outputs.start()
    } catch (error) {
      // the package was bundled without that file
      const message = `outputs cannot be used: ${error instanceof Error ? error.message : String(error)}`
      this.#hostWriter().report(new KroniclerError('KRONICLER_OUTPUT', message, { cause: error }))
      return
    }
    let ended = false
    onNaturalEnd(() => {
      if (ended || this.#closed) return // what it begins ends, too
      ended = true
      void this.flush(LAST_SAVE_TIMEOUT_MS)
    })
  }

  #createOutputs(): OutputsHost {
    const { outputs, maxFunctions, directory } = this.#settings
    const { OutputsHost } = loadOutputs()
    return new OutputsHost(
      {
        outputs,
        memory: this.#memory,
        directory,
        names: nameLimits(maxFunctions),
        functions: maxFunctions + RESERVED_IDS,
      },
      {
        threadFile: fileURLToPath(new URL('./outputs-thread.cjs', import.meta.url)),
        metrics: () => this.metrics(),
        onError: (code, message, cause) => {
          this.#hostWriter().report(new KroniclerError(code, message, { cause }))
        },
      },
    )
  }

  #hostWriter(): WriterHost {
    if (this.#host === undefined) {
      this.#host = this.#createHost()
      this.#writer = this.#host
    }
    return this.#host
  }

  #createHost(): WriterHost {
    const { onError } = this.#settings
    const { directory, sync, segmentRows, intervalMs, maxFunctions } = this.#settings
    const { compaction, retention } = this.#settings
    const setup = {
      memory: this.#memory,
      directory,
      sync,
      segmentRows,
      intervalMs,
      maxFunctions,
      compaction,
      retention,
    }
    const threadFile = fileURLToPath(new URL('./writer-thread.cjs', import.meta.url))
    return new WriterHost(setup, threadId, threadFile, onError)
  }

  #createProducer(slot: number | undefined): Producer {
    return createProducer(this.#memory, slot, {
      start: () => {
        this.#start()
      },
      pressure: () => {
        this.#writer.relieve()
      },
      announced: () => {
        this.#hostWriter().storeSoon(() => {
          this.#producer.announceNext()
        })
      },
      mayWait: () => this.#settings.overflow === 'block' && this.#writer.storing,
      refused: (id, durationNs, failed) => {
        this.#metrics.addRefused(id, durationNs, failed)
      },
    })
  }

  #createBackend(): CaptureBackend {
    return createBackend({
      producer: this.#producer,
      clockOrigin: this.#memory.clockOrigin,
      names: this.#names,
      controls: this.#controls,
      admit: (id, own) => {
        this.rules.admit(id, own)
      },
      maxFunctions: this.#settings.maxFunctions,
      warn: (message) => {
        this.#warn(message)
      },
    })
  }

  /** Nothing that the listener throws gets out. */
  #warn(message: string): void {
    try {
      this.#settings.onError(new KroniclerError('KRONICLER_NAMES', message))
    } catch {
      // a broken listener must not break the application
    }
  }

  /** Gives back what a thread that this one has started may have held when it ended. */
  #release(endedThreadId: number): void {
    const owner = endedThreadId + 1
    releaseSlotOfDead(this.#memory, owner)
    releaseDead(this.#control, REFUSED_LOCK, REFUSED_SEQUENCE, owner)
    this.#names.releaseDead(owner)
    this.rules.releaseDead(owner)
  }

  #ringWords(word: (slot: number) => number): number[] {
    return this.#memory.rings.map((_, slot) => Atomics.load(this.#control, word(slot)))
  }
}
