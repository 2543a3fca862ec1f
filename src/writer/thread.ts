/**
 * @module writer/thread
 * The background thread: drains the rings every few milliseconds, seals full logs into segments, syncs once a second.
 * It sleeps in Atomics.wait, so that a producer needs no event loop to wake it, and turns to its own event loop after
 * every round, for what runs asynchronously (syncs, messages).
 */
import { setImmediate as turn } from 'node:timers/promises'
import { parentPort, threadId, workerData } from 'node:worker_threads'
import { loadKernels } from '../database/kernels/kernels.ts'
import {
  WAKE,
  WRITER,
  WRITER_CLOSED,
  WRITER_CLOSING,
  WRITER_NONE,
  WRITER_RUNNING,
} from '../queue/layout.ts'
import { clockJumped, isClockTied, tieClock } from './clock.ts'
import { QueueWriter, toKroniclerError, type WriterSetup } from './queue-writer.ts'

const SYNC_INTERVAL_MS = 1000
const CLOCK_CHECK_INTERVAL_MS = 1000
/** While rows come in, rounds are this short: it bounds what a SIGKILL can take. */
const BUSY_INTERVAL_MS = 5
/** After a failed write, until the next attempt. */
const FIRST_RETRY_MS = 200
const LONGEST_RETRY_MS = 5000
const LOCK_TIMEOUT_MS = 100
/** A log is sealed after this long even if it is not full, so that its rows get their summaries. */
const LONGEST_LOG_AGE_MS = 60 * 60 * 1000

const setup = workerData as WriterSetup
const control = new Int32Array(setup.memory.control)
const clock = new Float64Array(setup.memory.clock)
const writer = new QueueWriter(setup, threadId, loadKernels)

let retryAtMs = 0
let retryMs = FIRST_RETRY_MS
let sealing: Promise<void> | undefined
let lastSyncMs = Date.now()
let lastClockCheckMs = Date.now()
let unsynced = false
let waitMs = BUSY_INTERVAL_MS

function report(error: unknown): void {
  const { code, message } = toKroniclerError(error)
  parentPort!.postMessage({ code, message })
}

/** @returns whether any row was stored */
function drain(): boolean {
  if (Date.now() < retryAtMs) return false
  try {
    const stored = writer.drain(LOCK_TIMEOUT_MS) ?? 0
    retryMs = FIRST_RETRY_MS
    if (stored > 0) unsynced = true
    return stored > 0
  } catch (error) {
    report(error)
    retryAtMs = Date.now() + retryMs
    retryMs = Math.min(retryMs * 2, LONGEST_RETRY_MS)
    return false
  }
}

/** Starts a new log and seals the old one, while the rings are drained in between. */
async function sealLog(): Promise<void> {
  try {
    const finished = writer.exclusively(LOCK_TIMEOUT_MS, () => writer.directory!.rotate())
    if (finished === undefined) return
    await writer.directory!.seal(finished, { onProgress: drain })
  } catch (error) {
    report(error)
    retryAtMs = Date.now() + retryMs
  } finally {
    sealing = undefined
  }
}

function sealIfFull(): void {
  const { directory } = writer
  if (directory === undefined || sealing !== undefined || Date.now() < retryAtMs) return
  if (directory.walRows === 0) return
  const old = Date.now() - directory.walCreatedMs > LONGEST_LOG_AGE_MS
  if (directory.walRows >= setup.segmentRows || old) sealing = sealLog()
}

async function syncIfDue(): Promise<void> {
  if (setup.sync !== 'interval' || !unsynced || Date.now() - lastSyncMs < SYNC_INTERVAL_MS) return
  unsynced = false
  lastSyncMs = Date.now()
  try {
    await writer.directory?.syncAsync()
  } catch (error) {
    report(error)
  }
}

function checkClock(): void {
  if (Date.now() - lastClockCheckMs < CLOCK_CHECK_INTERVAL_MS) return
  lastClockCheckMs = Date.now()
  if (clockJumped(clock)) tieClockExclusively()
}

/** The tie is read while rows are stored, so it changes under the lock only. */
function tieClockExclusively(): void {
  writer.exclusively(LOCK_TIMEOUT_MS, () => {
    tieClock(clock)
  })
}

async function finish(): Promise<void> {
  await sealing
  drain()
  const { directory } = writer
  if (directory !== undefined && directory.walRows > 0) await sealLog()
  drain()
}

async function run(): Promise<void> {
  if (!isClockTied(clock)) tieClockExclusively()
  Atomics.compareExchange(control, WRITER, WRITER_NONE, WRITER_RUNNING) // or it is to close already
  parentPort!.postMessage({ ready: true })
  for (;;) {
    const wake = Atomics.load(control, WAKE)
    const busy = drain()
    if (Atomics.load(control, WRITER) === WRITER_CLOSING) break
    sealIfFull()
    void syncIfDue()
    checkClock()
    waitMs = busy
      ? Math.min(BUSY_INTERVAL_MS, setup.intervalMs)
      : Math.min(waitMs * 2, setup.intervalMs)
    Atomics.wait(control, WAKE, wake, waitMs)
    await turn()
  }
  await finish()
  Atomics.store(control, WRITER, WRITER_CLOSED)
}

run().catch((error: unknown) => {
  // an error that no round has caught: end the thread with it, so that the host learns of it
  setImmediate(() => {
    throw error
  })
})
