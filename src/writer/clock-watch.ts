/**
 * @module writer/clock-watch
 * Notices that the calendar and the monotonic clock have gone apart, and ties them anew. If they are far apart, because
 * the calendar was set or the machine slept, the rows from before get a log of their own: segments stay narrow in
 * time, and a question about the time after does not have to read them.
 */
import { clockJumpUs } from './clock.ts'

/** Beyond this they are tied anew. */
const DRIFT_US = 5000
/** Beyond this a new log is begun. */
const JUMP_US = 1_000_000
/** Calendars are adjusted slowly; a jump is looked for whenever rows are stored. */
const DRIFT_CHECK_INTERVAL_NS = 1e9

export interface ClockActions {
  /** Stores what is queued, dated as the clocks are tied now. */
  store: () => void
  beginLog: () => void
  tie: () => void
}

export class ClockWatch {
  readonly #clock: Float64Array
  readonly #monotonicNs: () => number
  readonly #actions: ClockActions
  #checkedNs: number

  constructor(clock: Float64Array, monotonicNs: () => number, actions: ClockActions) {
    this.#clock = clock
    this.#monotonicNs = monotonicNs
    this.#actions = actions
    this.#checkedNs = monotonicNs()
  }

  /** Call before rows are stored, the clocks being tied. */
  check(): void {
    const apartUs = Math.abs(clockJumpUs(this.#clock, this.#monotonicNs))
    if (apartUs > JUMP_US) {
      this.#actions.store()
      this.#actions.beginLog()
      this.#actions.tie()
      return
    }
    const nowNs = this.#monotonicNs()
    if (nowNs - this.#checkedNs < DRIFT_CHECK_INTERVAL_NS) return
    this.#checkedNs = nowNs
    if (apartUs > DRIFT_US) this.#actions.tie()
  }
}
