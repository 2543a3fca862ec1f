/**
 * @module outputs/custom-output
 * An output of the user's own: its function is called in the thread that has configured it, never while it still runs, and
 * whatever it does wrong ends here.
 */
import { setImmediate } from 'node:timers/promises'
import { later, nowMs } from '../internal/time.ts'
import { idleHealth } from './health.ts'
import type { CustomOutput, Metrics, MetricsByName, OutputHealth } from '../types.ts'

/** In one go metrics are read for so long; then the event loop turns. */
const READ_MS = 2

export class CustomOutputRunner {
  readonly #output: Required<CustomOutput>
  readonly #metrics: () => Iterable<[string, Metrics]>
  readonly #onFailure: (message: string) => void
  readonly #abort = new AbortController()
  #saving: Promise<boolean> | undefined
  #closed = false
  readonly health: OutputHealth

  /** @param onFailure told of every call that throws, rejects or takes too long; it does not throw */
  constructor(
    output: Required<CustomOutput>,
    metrics: () => Iterable<[string, Metrics]>,
    onFailure: (message: string) => void,
  ) {
    this.#output = output
    this.#metrics = metrics
    this.#onFailure = onFailure
    this.health = idleHealth(output.name)
  }

  start(): void {
    later(this.#output.intervalMs, () => {
      if (this.#closed) return
      void this.#save().then(() => {
        this.start()
      })
    })
  }

  /** Saves once more, with what there is now. @returns false if that failed */
  async flush(): Promise<boolean> {
    await this.#saving
    return this.#save()
  }

  /** Saves for the last time; a call that takes longer than its time-out is given up. */
  async close(): Promise<boolean> {
    if (this.#closed) return true
    this.#closed = true
    const saved = await this.flush()
    this.#abort.abort(new Error('kronicler is closing'))
    this.health.state = 'closed'
    return saved
  }

  #save(): Promise<boolean> {
    this.#saving ??= this.#saveNow().finally(() => {
      this.#saving = undefined
    })
    return this.#saving
  }

  async #saveNow(): Promise<boolean> {
    const timeOut = new AbortController()
    const signal = AbortSignal.any([timeOut.signal, this.#abort.signal])
    try {
      const metrics = await readSlowly(this.#metrics())
      if (metrics.size === 0) return true
      await within(this.#output.timeoutMs, timeOut, this.#output.save(metrics, { signal }))
      this.health.saved++
      this.health.savedMs = Date.now()
      this.health.state = 'ok'
      return true
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      const message = `saving to ${this.#output.name}: ${reason}`
      this.health.failures++
      this.health.lastError = message
      this.health.state = 'failing'
      this.#onFailure(message)
      return false
    }
  }
}

/** Does not keep the application from anything else. */
async function readSlowly(all: Iterable<[string, Metrics]>): Promise<MetricsByName> {
  const metrics = new Map<string, Metrics>()
  let untilMs = nowMs() + READ_MS
  for (const [name, each] of all) {
    metrics.set(name, each)
    if (nowMs() < untilMs) continue
    await setImmediate(undefined, { ref: false })
    untilMs = nowMs() + READ_MS
  }
  return metrics
}

/** @throws what the promise rejects with, or that the time is up: then the controller is aborted */
async function within(
  timeoutMs: number,
  controller: AbortController,
  promise: unknown,
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    later(timeoutMs, () => {
      const error = new Error(`it took longer than ${timeoutMs} ms`)
      controller.abort(error)
      reject(error)
    })
    Promise.resolve(promise).then(() => {
      resolve()
    }, reject)
  })
}
