/**
 * @module outputs/host
 * Outputs as the application's thread sees them: starts the thread for those that are databases, calls those of the user's own,
 * and spools what is left when the process ends. In a file of its own (outputs-host.cjs), which only programs with outputs load.
 */
import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { threadId, Worker } from 'node:worker_threads'
import { nodeFiles } from '../database/file.ts'
import { currentIdentity } from '../database/writer-identity.ts'
import type { ErrorCode } from '../errors.ts'
import { customOutput, isDescriptor } from '../internal/output-options.ts'
import { later } from '../internal/time.ts'
import type { SharedMemory } from '../queue/layout.ts'
import { NameLog, type NameLimits } from '../queue/name-log.ts'
import type { CustomOutput, Metrics, Output, OutputDescriptor, OutputHealth } from '../types.ts'
import { createOutputMemory, Cutter } from './cutter.ts'
import { CustomOutputRunner } from './custom-output.ts'
import { DriverGuard } from './driver-guard.ts'
import { idleHealth } from './health.ts'
import { outputKey } from './output-key.ts'
import { appendBatch, spoolPath } from './spool.ts'
import type { OutputSetup, OutputsMessage, OutputsRequest, OutputsThreadSetup } from './thread.ts'

/** How long the exiting thread waits for the thread for outputs to finish cutting. */
const EXIT_LOCK_TIMEOUT_MS = 500
const FIRST_RESTART_MS = 1000
const LONGEST_RESTART_MS = 60_000

export interface OutputsHostSetup {
  outputs: readonly Output[]
  memory: SharedMemory
  directory: string
  names: NameLimits
  functions: number // ids in use are below this
}

export interface OutputsHostTools {
  threadFile: string // code of the thread for outputs
  metrics: () => Iterable<[string, Metrics]>
  onError: (code: ErrorCode, message: string, cause?: unknown) => void // told of every failure; does not throw
}

export class OutputsHost {
  readonly #setup: OutputsThreadSetup
  readonly #tools: OutputsHostTools
  readonly #cutters: Cutter[]
  readonly #custom: CustomOutputRunner[]
  readonly #order: readonly Output[]
  readonly #health: OutputHealth[]
  readonly #toldMs: number[] = [] // when each was told
  readonly #answers = new Map<number, (done: boolean) => void>()
  #worker: Worker | undefined
  #lastRequest = 0
  #restartMs = FIRST_RESTART_MS
  #closed = false

  constructor(setup: OutputsHostSetup, tools: OutputsHostTools) {
    const { memory, names, functions, directory } = setup
    this.#order = withoutRepeated(setup.outputs)
    this.#tools = tools
    const outputs = this.#order.filter(isDescriptor)
    this.#setup = { memory, names, functions, outputs: outputSetups(outputs, memory, directory) }
    const log = new NameLog(memory.names, names, threadId)
    this.#cutters = this.#setup.outputs.map(
      (output) => new Cutter(memory, output.memory, log, functions, threadId),
    )
    this.#health = outputs.map(({ name }) => idleHealth(name))
    this.#custom = this.#order
      .filter((output): output is Exclude<Output, OutputDescriptor> => !isDescriptor(output))
      .map((output, index) => this.#runnerOf(output, index + 1))
  }

  start(): void {
    for (const runner of this.#custom) runner.start()
    if (this.#setup.outputs.length > 0) this.#startThread()
  }

  /** Of all outputs, in the order in which they were configured. */
  get health(): OutputHealth[] {
    const nowMs = Date.now()
    const databases = this.#health.map((health, i) => ({
      ...health,
      lagMs: health.waiting === 0 ? 0 : health.lagMs + nowMs - this.#toldMs[i]!,
    }))
    const custom = this.#custom.map(({ health }) => ({ ...health }))
    return this.#order.map((output) => (isDescriptor(output) ? databases : custom).shift()!)
  }

  /** @returns false if something could not be saved, or not in time; never rejects */
  async flush(timeoutMs: number): Promise<boolean> {
    const all = [this.#ask('flush', timeoutMs), ...this.#custom.map((runner) => runner.flush())]
    return (await Promise.all(all)).every(Boolean)
  }

  /** Saves everything for the last time. What cannot be saved in time stays in the spool. */
  async close(timeoutMs: number): Promise<boolean> {
    if (this.#closed) return true
    this.#closed = true
    const all = [this.#ask('close', timeoutMs), ...this.#custom.map((runner) => runner.close())]
    const done = await Promise.all(all)
    this.#stopDrivers()
    await this.#worker?.terminate()
    return done.every(Boolean)
  }

  /** The process may end: what has come since the last batch goes to the spool, by this thread. Never throws. */
  spoolNow(): void {
    for (const [index, { owner, directory }] of this.#setup.outputs.entries()) {
      try {
        const options = { timeoutMs: EXIT_LOCK_TIMEOUT_MS, isLast: true }
        const cut = this.#cutters[index]!.cut(owner, options, (batch) => {
          appendBatch(nodeFiles, spoolPath(directory, owner), owner, batch)
        })
        if (!cut) throw new Error('another thread keeps the lock')
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error)
        const message = `the last calls of ${this.#health[index]!.name} could not be kept: ${reason}`
        this.#tools.onError('KRONICLER_OUTPUT', message, error)
      }
    }
  }

  /** The same for the last time: nothing is saved any more. */
  endNow(): void {
    this.#stopDrivers()
    this.spoolNow()
  }

  /** The thread is about to end. */
  #stopDrivers(): void {
    for (const { memory } of this.#setup.outputs) {
      new DriverGuard(memory.control).stop(EXIT_LOCK_TIMEOUT_MS)
    }
  }

  #startThread(): void {
    try {
      const worker = new Worker(this.#tools.threadFile, {
        name: 'kronicler-outputs',
        workerData: this.#setup,
        execArgv: [], // no preloaded modules, no inspector of the application's
      })
      const deadOwner = worker.threadId + 1
      worker.on('message', (message: OutputsMessage) => {
        this.#receive(message)
      })
      worker.on('error', (error) => {
        this.#report('KRONICLER_OUTPUT', `the thread for outputs failed: ${error.message}`)
      })
      worker.on('exit', () => {
        this.#onThreadExit(deadOwner)
      })
      worker.unref() // last: a listener for messages keeps the process alive again
      this.#worker = worker
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      this.#report('KRONICLER_OUTPUT', `the thread for outputs could not be started: ${reason}`)
      this.#restartLater()
    }
  }

  /** It goes on with what the one before has spooled. */
  #onThreadExit(deadOwner: number): void {
    this.#worker = undefined
    for (const cutter of this.#cutters) cutter.releaseDead(deadOwner)
    for (const answer of this.#answers.values()) answer(false)
    if (!this.#closed) this.#restartLater()
  }

  #restartLater(): void {
    later(this.#restartMs, () => {
      if (!this.#closed) this.#startThread()
    })
    this.#restartMs = Math.min(this.#restartMs * 2, LONGEST_RESTART_MS)
  }

  /** Keeps the process alive until there is an answer, or the time is up. */
  async #ask(request: OutputsRequest['request'], timeoutMs: number): Promise<boolean> {
    const worker = this.#worker
    if (worker === undefined) return this.#setup.outputs.length === 0
    const id = ++this.#lastRequest
    worker.ref()
    const done = await new Promise<boolean>((resolve) => {
      this.#answers.set(id, resolve)
      later(timeoutMs, () => {
        resolve(false)
      })
      worker.postMessage({ id, request } satisfies OutputsRequest)
    })
    this.#answers.delete(id)
    if (this.#answers.size === 0) worker.unref()
    return done
  }

  #receive(message: OutputsMessage): void {
    if ('id' in message) this.#answers.get(message.id)?.(message.done)
    else if ('health' in message) {
      this.#health[message.output] = message.health
      this.#toldMs[message.output] = Date.now()
      if (message.health.state === 'ok') this.#restartMs = FIRST_RESTART_MS
    } else this.#report(message.code as ErrorCode, message.message)
  }

  #report(code: ErrorCode, message: string): void {
    this.#tools.onError(code, message)
  }

  #runnerOf(output: CustomOutput | CustomOutput['save'], number: number): CustomOutputRunner {
    return new CustomOutputRunner(customOutput(output, number), this.#tools.metrics, (message) => {
      this.#report('KRONICLER_OUTPUT', message)
    })
  }
}

/** Two outputs to one place would count every call twice. */
function withoutRepeated(outputs: readonly Output[]): Output[] {
  const seen = new Set<string>()
  return outputs.filter((output) => {
    if (!isDescriptor(output)) return true
    const key = outputKey(output)
    if (seen.has(key)) return false
    seen.add(key)
    return true
  })
}

function outputSetups(
  outputs: readonly OutputDescriptor[],
  memory: SharedMemory,
  directory: string,
): OutputSetup[] {
  const startMs = Date.now()
  const identity = currentIdentity(nodeFiles)
  const random = randomBytes(4).toString('hex')
  return outputs.map((descriptor) => ({
    descriptor,
    directory,
    memory: createOutputMemory(memory, startMs),
    owner: {
      identity,
      writer: `${process.pid}-${startMs.toString(16)}-${random}`,
      process: `${hostname()}:${process.pid}:${new Date(startMs).toISOString()}`,
      output: outputKey(descriptor),
    },
  }))
}
