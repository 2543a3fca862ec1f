/**
 * @module writer/thread
 * The background thread: drains the rings every few milliseconds, seals full logs into segments, syncs once a second.
 * It sleeps in Atomics.wait, so that a producer needs no event loop to wake it, and turns to its own event loop after
 * every round, for what runs asynchronously (syncs, messages).
 */
import { setImmediate as turn } from 'node:timers/promises'
import { parentPort, threadId, workerData } from 'node:worker_threads'
import { basename } from 'node:path'
import { Caretaker } from '../database/maintain/caretaker.ts'
import type { DirectoryWriter } from '../database/write/directory-writer.ts'
import { loadKernels } from '../database/kernels/kernels.ts'
import { Pace } from '../database/pace.ts'
import {
  WAKE,
  WRITER,
  WRITER_CLOSED,
  WRITER_CLOSING,
  WRITER_NONE,
  WRITER_RUNNING,
} from '../queue/layout.ts'
import { measureSelfCost } from '../queue/self-cost.ts'
import { createWarmRings } from '../queue/warm-rings.ts'
import { monotonicNs } from '../queue/time-source.ts'
import { isClockTied, tieClock } from './clock.ts'
import { ClockWatch } from './clock-watch.ts'
import { ControlFollower } from './control-follower.ts'
import { SelfAccounting } from './self-accounting.ts'
import { retentionOf } from './retention-options.ts'
import { QueueWriter, toKroniclerError, type WriterSetup } from './queue-writer.ts'

const SYNC_INTERVAL_MS = 1000
/** While rows come in, rounds are this short: it bounds what a SIGKILL can take. */
const BUSY_INTERVAL_MS = 5
/** In one go; between two of them there is a look at the control file. */
const LONGEST_WAIT_MS = 500
/** After a failed write, until the next attempt. */
const FIRST_RETRY_MS = 200
const LONGEST_RETRY_MS = 5000
const LOCK_TIMEOUT_MS = 100
/** Finished logs that may wait to be sealed: 4 million rows with the default size. */
const MOST_UNSEALED_LOGS = 16
/** A log is sealed after this long even if it is not full, so that its rows get their summaries. */
const LONGEST_LOG_AGE_MS = 60 * 60 * 1000

/** The database is looked after so long after the start, and then every so often. */
const FIRST_CARE_MS = 5000
const CARE_INTERVAL_MS = 15_000
const CARE_RETRY_MS = 5 * 60_000
/** Meanwhile rounds are this long: of each, two milliseconds are spent on it, a quarter of the time. */
const CARE_ROUND_MS = 6

/** Every so often its own numbers become a row. */
const ACCOUNT_INTERVAL_MS = 10_000

const setup = workerData as WriterSetup
const control = new Int32Array(setup.memory.control)
const clock = new Float64Array(setup.memory.clock)
const now = monotonicNs(setup.memory.clockOrigin)
const account = new SelfAccounting(setup.memory, now)
const writer = new QueueWriter(setup, threadId, loadKernels)
const clockWatch = new ClockWatch(clock, now, {
  store: drain,
  beginLog,
  tie: tieClockExclusively,
})
const closing = new AbortController()
const pace = new Pace({ signal: closing.signal, onTurn: drain })
const rings = createWarmRings(setup.memory)
const controlFollower = new ControlFollower(setup, writer.names, threadId)

let lastWake = 0
let retryAtMs = 0
let retryMs = FIRST_RETRY_MS
let tending: Promise<void> | undefined
let tendAtMs = 0
let syncing = false
let backlog = 0 // finished logs that wait to be sealed
let unsealed = true // an earlier thread may have left something
const damagedLogs = new Set<number>()
let lastSyncMs = Date.now()
let unsynced = false
let waitMs = BUSY_INTERVAL_MS
let caretaker: Caretaker | undefined
let caring: Promise<void> | undefined
let careAtMs = Date.now() + FIRST_CARE_MS
let accountedMs = 0
let busyNs = 0 // in which rows were stored, since then

function report(error: unknown): void {
  const { code, message } = toKroniclerError(error)
  parentPort!.postMessage({ code, message })
}

/** Logs are cut at their size also while the one before is being sealed. @returns false if sealing lags too far */
function afterBatch(): boolean {
  const { directory } = writer
  if (directory === undefined) return true
  // not while files are synced: the oldest of them would be closed
  if (!syncing) rotateIfDue(directory)
  return backlog < MOST_UNSEALED_LOGS
}

/**
 * @returns whether any row was stored. None is while sealing lags: rows then wait in the rings and are refused if need be,
 *          rather than fill the disk with logs that every reader has to read whole
 */
function drain(): boolean {
  if (Date.now() < retryAtMs || backlog >= MOST_UNSEALED_LOGS) return false
  try {
    const stored = writer.drain(LOCK_TIMEOUT_MS, afterBatch) ?? 0
    const loss = writer.takeLoss()
    if (loss !== undefined) report(loss)
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

/** Begins a new log if the active one is full or old. */
function rotateIfDue(directory: DirectoryWriter): void {
  if (directory.walRows === 0) return
  const old = Date.now() - directory.walCreatedMs > LONGEST_LOG_AGE_MS
  if (!directory.isLogFull(setup.segmentRows) && !old) return
  rotate(directory)
}

function rotate(directory: DirectoryWriter): void {
  if (writer.exclusively(LOCK_TIMEOUT_MS, () => directory.rotate()) === undefined) return
  unsealed = true
  backlog++
}

/** Seals all finished logs, also those that an earlier attempt or an earlier thread has left. */
async function sealLogs(directory: DirectoryWriter): Promise<void> {
  unsealed = false
  const logs = directory.finishedLogs().filter((sequence) => !damagedLogs.has(sequence))
  backlog = logs.length
  for (const sequence of logs) {
    try {
      await directory.seal(sequence, { onProgress: drain })
    } catch (error) {
      if (toKroniclerError(error).code !== 'KRONICLER_CORRUPT') throw error
      damagedLogs.add(sequence) // stays as it is, for a reader to take what can be read
      report(error)
    }
    backlog--
  }
}

/** The folder changes and is synced in turns: a sync must not meet a file that is being closed. */
function tendFolder(): void {
  const { directory } = writer
  if (directory === undefined || tending !== undefined || Date.now() < tendAtMs) return
  tending = tend(directory)
    .catch((error: unknown) => {
      report(error)
      unsealed = true
      tendAtMs = Date.now() + LONGEST_RETRY_MS
    })
    .finally(() => {
      tending = undefined
    })
}

/** Merges, lets expire, tidies up: a little in every round, while everything else goes on. */
function care(): void {
  if (caring !== undefined || Date.now() < careAtMs) return
  caring = tendDatabase()
    .then(() => {
      careAtMs = Date.now() + CARE_INTERVAL_MS
    })
    .catch((error: unknown) => {
      careAtMs = Date.now() + CARE_RETRY_MS
      if (!closing.signal.aborted) report(error)
    })
    .finally(() => {
      caring = undefined
    })
}

async function tendDatabase(): Promise<void> {
  caretaker ??= new Caretaker(setup.directory, report, {
    compaction: setup.compaction,
    retention: retentionOf(setup.retention, process.env),
  })
  const { directory } = writer
  await caretaker.tend(directory === undefined ? undefined : basename(directory.path), pace)
}

async function tend(directory: DirectoryWriter): Promise<void> {
  rotateIfDue(directory)
  if (unsealed) await sealLogs(directory)
  if (setup.sync === 'interval' && unsynced && Date.now() - lastSyncMs >= SYNC_INTERVAL_MS) {
    lastSyncMs = Date.now()
    unsynced = false
    syncing = true
    try {
      await directory.syncAsync()
    } catch (error) {
      unsynced = true
      throw error
    } finally {
      syncing = false
    }
  }
}

/** What is to be recorded may be changed by anybody, at any time, in the control file. */
function followControl(): void {
  try {
    controlFollower.follow()
  } catch (error) {
    report(error)
  }
}

/** Sleeps until the next round, or until somebody calls. */
function rest(wake: number): void {
  for (let leftMs = waitMs; leftMs > 0; leftMs -= LONGEST_WAIT_MS) {
    followControl()
    const outcome = Atomics.wait(control, WAKE, wake, Math.min(leftMs, LONGEST_WAIT_MS))
    if (outcome !== 'timed-out') return
  }
}

/** For rows of another time than those before. */
function beginLog(): void {
  const { directory } = writer
  if (directory === undefined || directory.walRows === 0 || syncing) return
  try {
    rotate(directory)
  } catch (error) {
    report(error)
  }
}

/** The tie is read while rows are stored, so it changes under the lock only. */
function tieClockExclusively(): void {
  writer.exclusively(LOCK_TIMEOUT_MS, () => {
    tieClock(clock, now)
  })
}

/** Stores and seals what there is. Threads that go on recording meanwhile are not waited for. */
async function finish(): Promise<void> {
  closing.abort()
  await Promise.all([tending, caring])
  retryAtMs = 0
  drain()
  const { directory } = writer
  if (directory === undefined) return
  try {
    await sealLogs(directory)
    drain()
    if (directory.walRows > 0) rotate(directory)
    await sealLogs(directory)
  } catch (error) {
    report(error)
  }
}

/** The first time it only measures what a call costs: not before the first rows are stored. */
function accountForItself(): void {
  const nowMs = Date.now()
  if (writer.directory === undefined || nowMs - accountedMs < ACCOUNT_INTERVAL_MS) return
  const startMs = accountedMs
  accountedMs = nowMs
  if (startMs === 0) {
    account.setCost(measureSelfCost(setup.memory.clockOrigin))
    return
  }
  if (busyNs === 0) return
  try {
    writer.writeOwnRow(LOCK_TIMEOUT_MS, account, { startMs, busyNs })
    busyNs = 0
  } catch (error) {
    report(error)
  }
}

async function run(): Promise<void> {
  if (!isClockTied(clock)) tieClockExclusively()
  followControl()
  Atomics.compareExchange(control, WRITER, WRITER_NONE, WRITER_RUNNING) // or it is to close already
  parentPort!.postMessage({ ready: true })
  for (;;) {
    const wake = Atomics.load(control, WAKE)
    if (wake !== lastWake) retryAtMs = 0 // somebody waits for rows to be stored: no matter when that failed
    lastWake = wake
    clockWatch.check()
    rings.warm()
    const startedNs = now()
    const busy = drain()
    if (busy) busyNs += now() - startedNs
    if (Atomics.load(control, WRITER) === WRITER_CLOSING) break
    tendFolder()
    care()
    accountForItself()
    waitMs = busy
      ? Math.min(BUSY_INTERVAL_MS, setup.intervalMs)
      : Math.min(waitMs * 2, setup.intervalMs)
    if (caring !== undefined) waitMs = Math.min(waitMs, CARE_ROUND_MS)
    rest(wake)
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
