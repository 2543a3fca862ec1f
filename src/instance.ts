/**
 * @module instance
 * Wires one thread's capture, queue, metrics and writer together. Nothing is made before the first `capture`, and
 * nothing runs before the event loop turns or a captured function is called: importing costs next to nothing.
 */
import { getEnvironmentData, isMainThread } from 'node:worker_threads'
import { createCapture, type Capture, type CaptureBackend } from './capture/capture.ts'
import { createMeasure, type Measure } from './capture/measure.ts'
import { checkOptions, settle, type Options } from './internal/options.ts'
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

  /** The session, made at the first capture; undefined while recording is switched off. */
  function activeSession(): Session | undefined {
    if (session === undefined) {
      const settings = settle(options, process.env)
      if (!settings.enabled) return undefined
      const shared = isMainThread
        ? undefined
        : (getEnvironmentData(SESSION_KEY) as SharedSession | undefined)
      session = new Session(settings, shared)
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
  stored: 0,
  queued: 0,
  dropped: 0,
  lastError: undefined,
}
