/**
 * @module writer/remote
 * The background thread as seen by a thread that has not started it: it can be woken and waited for.
 */
import { nowMs, sleep } from '../internal/time.ts'
import {
  FAILED_DRAINS,
  LOCK,
  WAKE,
  WRITER,
  WRITER_CLOSED,
  WRITER_CLOSING,
  WRITER_FAILED,
  WRITER_NONE,
  WRITER_RUNNING,
} from '../queue/layout.ts'

export type WriterStatus = 'idle' | 'running' | 'failed' | 'closing' | 'closed'

export class WriterRemote {
  protected readonly control: Int32Array

  constructor(control: Int32Array) {
    this.control = control
  }

  /** Rows wait: has them stored. Never throws, never waits. */
  relieve(): void {
    if (this.status === 'running' && Atomics.load(this.control, FAILED_DRAINS) === 0) this.wake()
  }

  /** Whether rows are being stored, so that it makes sense to wait for room. */
  get storing(): boolean {
    return this.status === 'running' && Atomics.load(this.control, FAILED_DRAINS) === 0
  }

  /**
   * Waits until `queued` says that no row is queued any more. Where storing has failed before it is tried once more.
   *
   * @returns false if rows could not be stored; why has been reported
   */
  async flush(queued: () => boolean, timeoutMs: number): Promise<boolean> {
    const mayWait = this.#patience(timeoutMs)
    while (queued()) {
      if (!mayWait()) return false
      this.hasten(timeoutMs)
      if (queued()) await sleep(1)
    }
    return true
  }

  /** The same, while the thread stands still. */
  flushNow(queued: () => boolean, timeoutMs: number): boolean {
    const mayWait = this.#patience(timeoutMs)
    while (queued()) {
      if (!mayWait()) return false
      this.hasten(timeoutMs)
      // nobody notifies of this: it is a sleep
      if (queued()) Atomics.wait(this.control, LOCK, Atomics.load(this.control, LOCK), 1)
    }
    return true
  }

  /** Whether there is time left, and no new failure. */
  #patience(timeoutMs: number): () => boolean {
    const deadline = nowMs() + timeoutMs
    const failedBefore = Atomics.load(this.control, FAILED_DRAINS)
    return () => nowMs() <= deadline && Atomics.load(this.control, FAILED_DRAINS) <= failedBefore
  }

  get status(): WriterStatus {
    return STATUS[Atomics.load(this.control, WRITER)] ?? 'failed'
  }

  /** Has rows stored, by this thread if need be, which then waits for its turn for so long. */
  protected hasten(_timeoutMs: number): void {
    this.wake()
  }

  protected wake(): void {
    Atomics.add(this.control, WAKE, 1)
    Atomics.notify(this.control, WAKE, 1)
  }
}

const STATUS: Partial<Record<number, WriterStatus>> = {
  [WRITER_NONE]: 'idle',
  [WRITER_RUNNING]: 'running',
  [WRITER_FAILED]: 'failed',
  [WRITER_CLOSING]: 'closing',
  [WRITER_CLOSED]: 'closed',
}
