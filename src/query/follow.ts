/**
 * @module query/follow
 * Rows as they arrive, as an iteration that waits for more.
 */
import { RowFollower, type ArrivedRows } from '../database/read/row-follower.ts'
import { toIoError } from '../database/file.ts'
import type { Snapshot } from '../database/read/snapshot.ts'
import { HEALTH_FUNCTION } from '../internal/health-function.ts'
import type { CallRow } from '../types.ts'
import { RowDecoder } from './rows.ts'

export interface FollowSettings {
  pollMs: number
  signals: readonly AbortSignal[] // any of them ends the iteration: the caller's, the database's
}

/** Begins behind the rows that are there when it is called, not when the iteration starts. */
export function followCalls(snapshot: Snapshot, settings: FollowSettings): AsyncIterable<CallRow> {
  const follower = attemptIo(snapshot, () => new RowFollower(snapshot.context, snapshot.path))
  const ending = new AbortController()
  const end = (): void => {
    for (const signal of settings.signals) signal.removeEventListener('abort', end)
    follower.close()
    ending.abort()
  }
  // not only when the iteration goes on: it may never have been started
  for (const signal of settings.signals) signal.addEventListener('abort', end)
  if (settings.signals.some(({ aborted }) => aborted)) end()
  return iterate(snapshot, follower, settings.pollMs, ending.signal, end)
}

async function* iterate(
  snapshot: Snapshot,
  follower: RowFollower,
  pollMs: number,
  signal: AbortSignal,
  end: () => void,
): AsyncGenerator<CallRow, void, undefined> {
  const isOver = (): boolean => signal.aborted // it changes while rows are given out
  try {
    while (!isOver()) {
      for (const row of attemptIo(snapshot, () => arrivedRows(snapshot, follower))) {
        yield row
        if (isOver()) return
      }
      snapshot.context.faults.flush()
      await pause(pollMs, signal)
    }
  } finally {
    end()
  }
}

/** The follower's arrays are used again, so rows are made while it walks. */
function arrivedRows(snapshot: Snapshot, follower: RowFollower): CallRow[] {
  const rows: CallRow[] = []
  for (const arrived of follower.poll()) addRows(snapshot, arrived, rows)
  return rows
}

function addRows(snapshot: Snapshot, arrived: ArrivedRows, to: CallRow[]): void {
  const { errorName, functionName, path } = arrived
  const { count, details, durationsNs, errorTypes, functionIds, startsUs } = arrived.rows
  const decoder = new RowDecoder(path, functionName, (fault) => {
    snapshot.context.faults.report(fault)
  })
  for (let row = 0; row < count; row++) {
    const name = functionName(functionIds[row]!)
    if (name === HEALTH_FUNCTION) continue
    const encoded = {
      id: undefined, // how many alike came before is not known here
      error: errorTypes[row] === 0 ? undefined : errorName(errorTypes[row]!),
      context: details?.contexts[row] ?? 0,
      childrenNs: details?.childrenNs[row] ?? 0,
      weight: details?.weights[row] ?? 1,
      attributes: details?.attributes.get(row),
      offset: 0,
    }
    to.push(decoder.row(name, startsUs[row]!, durationsNs[row]!, encoded))
  }
}

function attemptIo<T>(snapshot: Snapshot, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof RangeError) throw error
    throw toIoError(error, `following ${snapshot.path}`)
  }
}

/** Resolves after the time or when the signal aborts; keeps nothing of it afterwards. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve()
      return
    }
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done, { once: true })

    function done(): void {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
  })
}
