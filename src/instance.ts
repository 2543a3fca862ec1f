/**
 * @module instance
 * Wires one thread's capture, queue, metrics and writer together. Nothing is made before the first `capture`, and
 * nothing runs before the event loop turns or a captured function is called: importing costs next to nothing.
 */
import { getEnvironmentData, isMainThread, threadId } from 'node:worker_threads'
import { createCapture, type Capture, type CaptureBackend } from './capture/capture.ts'
import { createMeasure, type Measure } from './capture/measure.ts'
import { createControl, type Control } from './control/control.ts'
import { withRule } from './control/edit-rules.ts'
import type { ControlRule } from './control/rule.ts'
import { KroniclerError } from './errors.ts'
import { createFlushAfter, type FlushAfter } from './integrations/flush-after.ts'
import { checkOptions, settle, type Options, type Settings } from './internal/options.ts'
import type { SharedRules } from './control/shared-rules.ts'
import { Session, SESSION_KEY, type SharedSession } from './session.ts'
import type { Database } from './query/database.ts'
import type { OpenOptions } from './query/open-database.ts'
import type { Health, Metrics } from './types.ts'

export interface Instance extends Measure {
  capture: Capture
  configure: (options: Options) => void
  control: Control
  flush: () => Promise<boolean>
  flushAfter: FlushAfter
  close: () => Promise<void>
  database: (options?: OpenOptions) => Promise<Database>
  getMetrics: (name: string) => Metrics | undefined
  metrics: () => IterableIterator<[name: string, metrics: Metrics]>
  health: () => Health
}

export function createInstance(): Instance {
  let options: Options = {}
  let session: Session | undefined
  let failed = false
  /** Rules set before there is a session to apply them. */
  const pending: { rules: readonly ControlRule[] } = { rules: [] }

  /** The session, made at the first capture; undefined while recording is switched off. */
  function activeSession(): Session | undefined {
    if (session === undefined && !failed) {
      const settings = settle(options, process.env)
      if (!settings.enabled) return undefined
      session = openSession(settings, sessionOfParent())
      failed = session === undefined
      if (pending.rules.length > 0) {
        session?.rules.change('program', (rules) => pending.rules.reduce(withRule, [...rules]))
      }
    }
    return session
  }

  /** Rules are set in the session of this thread, or of the one that started it. Setting some founds none. */
  function activeRules(): SharedRules | undefined {
    const active = sessionOfParent() === undefined ? session : activeSession()
    return active?.rules
  }

  const activeBackend = (): CaptureBackend | undefined => activeSession()?.backend

  return {
    capture: createCapture(activeBackend),
    ...createMeasure(activeBackend),
    control: createControl(activeRules, pending),
    configure(given) {
      const checked = checkOptions(given)
      if (session !== undefined) session.reconfigure(checked)
      options = { ...options, ...checked }
    },
    flush: async () => (await session?.flush()) ?? true,
    flushAfter: createFlushAfter(() => session),
    close: async () => {
      await session?.close()
    },
    async database(given) {
      await session?.flush()
      // programs that only record need none of it
      const { openDatabase } = await import('./query/open-database.ts')
      return openDatabase(session?.directory ?? settle(options, process.env).directory, given)
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
  droppedBy: { queueFull: 0, noQueue: 0, failure: 0, closed: 0, unrecorded: 0 },
  recordNs: NaN,
  overflowed: [],
  lastError: undefined,
  outputs: [],
}

/**
 * What a thread joins; undefined in a thread that founds a session of its own. That of another realm of the same thread, as
 * test runners make them for every file, is not joined: each counts its own calls.
 */
function sessionOfParent(): SharedSession | undefined {
  const shared = getEnvironmentData(SESSION_KEY) as SharedSession | undefined
  return isMainThread || shared?.threadId === threadId ? undefined : shared
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
