/**
 * @module writer/remote
 * The background thread as seen by a thread that has not started it: it can be woken and waited for.
 */
import { nowMs, sleep } from '../internal/time.ts'
import {
  FAILED_DRAINS,
  WAKE,
  WRITER,
  WRITER_CLOSED,
  WRITER_CLOSING,
  WRITER_FAILED,
  WRITER_NONE,
  WRITER_RUNNING,
} from '../queue/layout.ts'

export type WriterStatus = 'idle' | 'running' | 'failed' | 'closing' | 'closed'

const FLUSH_TIMEOUT_MS = 10_000

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
  async flush(queued: () => boolean): Promise<boolean> {
    const deadline = nowMs() + FLUSH_TIMEOUT_MS
    const failedBefore = Atomics.load(this.control, FAILED_DRAINS)
    while (queued()) {
      if (nowMs() > deadline || Atomics.load(this.control, FAILED_DRAINS) > failedBefore)
        return false
      this.hasten()
      if (queued()) await sleep(1)
    }
    return true
  }

  get status(): WriterStatus {
    return STATUS[Atomics.load(this.control, WRITER)] ?? 'failed'
  }

  protected hasten(): void {
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
