/**
 * @module outputs/driver-guard
 * Keeps the thread for outputs from being ended within a native driver: some of them abort the whole process then. Whoever is about to
 * end the thread, or the process, asks the driver's user to stop, and waits for it.
 *
 * Words of an output's control memory, i32, behind those of `outputs/cutter`: STOP (host), BUSY (thread for outputs).
 */
import { KroniclerError } from '../errors.ts'

const STOP = 4
const BUSY = 5
const NAP_MS = 1

export class DriverGuard {
  readonly #words: Int32Array

  constructor(control: SharedArrayBuffer) {
    this.#words = new Int32Array(control)
  }

  /**
   * Runs what calls the driver.
   *
   * @throws {KroniclerError} KRONICLER_OUTPUT: the thread is to stop
   */
  run<T>(work: () => T): T {
    Atomics.store(this.#words, BUSY, 1)
    try {
      this.check()
      return work()
    } finally {
      Atomics.store(this.#words, BUSY, 0)
    }
  }

  /** For long work, every now and then. */
  check(): void {
    if (Atomics.load(this.#words, STOP) === 0) return
    throw new KroniclerError('KRONICLER_OUTPUT', 'the process ends')
  }

  /** Returns when the driver is not in use any more, and will not be; at the latest when the time is up. */
  stop(timeoutMs: number): void {
    Atomics.store(this.#words, STOP, 1)
    const untilMs = Date.now() + timeoutMs
    while (Atomics.load(this.#words, BUSY) === 1 && Date.now() < untilMs) {
      Atomics.wait(this.#words, BUSY, 1, NAP_MS)
    }
  }
}
