/**
 * @module instance
 * Wires one thread's capture, queue, metrics and writer together. Nothing is made before the first `capture`, and
 * nothing runs before the event loop turns or a captured function is called: importing costs next to nothing.
 */
import { getEnvironmentData, isMainThread } from 'node:worker_threads'
import { createCapture, type Capture, type CaptureBackend } from './capture/capture.ts'
import { createMeasure, type Measure } from './capture/measure.ts'
import { KroniclerError } from './errors.ts'
import { checkOptions, settle, type Options, type Settings } from './internal/options.ts'
import { Session, SESSION_KEY, type SharedSession } from './session.ts'
import type { Health, Metrics } from './types.ts'

export interface Instance extends Measure {
  capture: Capture
  configure: (options: Options) => void
  flush: () => Promise<boolean>
  close: () => Promise<void>
  getMetrics: (name: string) => Metrics | undefined
  metrics: () => IterableIterator<[name: string, metrics: Metrics]>
  health: () => Health
}

export function createInstance(): Instance {
  let options: Options = {}
  let session: Session | undefined
  let failed = false

  /** The session, made at the first capture; undefined while recording is switched off. */
  function activeSession(): Session | undefined {
    if (session === undefined && !failed) {
      const settings = settle(options, process.env)
      if (!settings.enabled) return undefined
      const shared = isMainThread
        ? undefined
        : (getEnvironmentData(SESSION_KEY) as SharedSession | undefined)
      session = openSession(settings, shared)
      failed = session === undefined
    }
    return session
  }

  const activeBackend = (): CaptureBackend | undefined => activeSession()?.backend

  return {
    capture: createCapture(activeBackend),
    ...createMeasure(activeBackend),
    configure(given) {
      const checked = checkOptions(given)
      if (session !== undefined) session.reconfigure(checked)
      options = { ...options, ...checked }
    },
    flush: async () => (await session?.flush()) ?? true,
    close: async () => {
      await session?.close()
    },
    getMetrics: (name) => session?.getMetrics(name),
    *metrics() {
      if (session !== undefined) yield* session.metrics()
    },
    health: () => session?.health() ?? IDLE_HEALTH,
  }
}

const IDLE_HEALTH: Health = {
  writer: 'idle',
  directory: undefined,
  storedBytes: 0,
  stored: 0,
  queued: 0,
  lagMs: 0,
  filtered: 0,
  attributesDropped: 0,
  dropped: 0,
  droppedBy: { queueFull: 0, noQueue: 0, failure: 0, closed: 0 },
  recordNs: NaN,
  overflowed: [],
  lastError: undefined,
}

/** A system that gives no memory for the queue must not keep a program from starting: functions are left as they are. */
function openSession(settings: Settings, shared: SharedSession | undefined): Session | undefined {
  try {
    return new Session(settings, shared)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    const message = `no memory for the queue, nothing is recorded: ${reason}`
    try {
      settings.onError(new KroniclerError('KRONICLER_WRITER', message, { cause: error }))
    } catch {
      // a broken listener must not break the application
    }
    return undefined
  }
}
