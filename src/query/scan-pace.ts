/**
 * @module query/scan-pace
 * Keeps a long scan from holding the thread: it gives way to the event loop, tells how far it is, and ends when it is
 * asked to.
 */
import { setImmediate } from 'node:timers'
import type { Snapshot } from '../database/read/snapshot.ts'
import { KroniclerError } from '../errors.ts'
import { nowMs } from '../internal/time.ts'
import type { ScanOptions } from '../types.ts'

/** How long a scan works before it gives way. */
const SLICE_MS = 10

export class ScanPace {
  readonly #snapshot: Snapshot
  readonly #options: ScanOptions
  readonly #totalRows: number
  #rows = 0
  #resumedMs = nowMs()

  /**
   * @param totalRows rows that may have to be looked at
   * @throws the signal's reason, if it has aborted already
   */
  constructor(snapshot: Snapshot, options: ScanOptions = {}, totalRows = 0) {
    this.#snapshot = snapshot
    this.#options = options
    this.#totalRows = totalRows
    options.signal?.throwIfAborted()
  }

  /** Counts rows that were looked at. */
  add(rows: number): void {
    this.#rows += rows
  }

  /** Whether it is time for `pause`. */
  get isDue(): boolean {
    return nowMs() - this.#resumedMs >= SLICE_MS
  }

  /**
   * Lets everything else that waits have its turn.
   *
   * @throws the signal's reason
   * @throws {KroniclerError} KRONICLER_CLOSED: the database was closed meanwhile
   */
  async pause(): Promise<void> {
    this.report()
    await new Promise((resolve) => setImmediate(resolve))
    this.check()
    this.#resumedMs = nowMs()
  }

  /** To be called whenever others may have run. */
  check(): void {
    this.#options.signal?.throwIfAborted()
    if (this.#snapshot.isClosed) {
      throw new KroniclerError('KRONICLER_CLOSED', 'the database was closed before the answer')
    }
  }

  report(): void {
    const totalRows = Math.max(this.#rows, this.#totalRows)
    this.#options.onProgress?.({ rows: Math.round(this.#rows), totalRows: Math.round(totalRows) })
  }
}
