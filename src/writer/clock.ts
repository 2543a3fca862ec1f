/**
 * @module writer/clock
 * Ties the monotonic clock of the records to the calendar. Two clocks are read one after the other, so the tie is only
 * as good as the calendar's resolution: `Date.now()` has milliseconds, and its edge tells the microsecond.
 */
import { CLOCK_EPOCH_US, CLOCK_MONOTONIC_NS } from '../queue/layout.ts'

/** How long to wait for the calendar's next millisecond. */
const EDGE_WAIT_NS = 3_000_000
/** A tie that differs by more than this from the present one means that the calendar was set, or the machine slept. */
const JUMP_US = 20_000

/** Monotonic nanoseconds lose at most 2 ns in a float until the machine has run for 208 days. */
const monotonicNs = (): number => Number(process.hrtime.bigint())

/** Ties the clocks without waiting: right to about a millisecond. Does nothing if they are tied. */
export function tieClockRoughly(clock: Float64Array): void {
  if (clock[CLOCK_MONOTONIC_NS] !== 0) return
  clock[CLOCK_EPOCH_US] = Date.now() * 1000 + 500
  clock[CLOCK_MONOTONIC_NS] = monotonicNs()
}

/** Ties the clocks at the calendar's next millisecond: right to about a microsecond. Blocks for up to 3 ms. */
export function tieClockAtEdge(clock: Float64Array): void {
  const first = Date.now()
  const giveUpNs = monotonicNs() + EDGE_WAIT_NS
  let epochMs = first
  let nowNs = monotonicNs()
  while (epochMs === first && nowNs < giveUpNs) {
    epochMs = Date.now()
    nowNs = monotonicNs()
  }
  clock[CLOCK_EPOCH_US] = epochMs * 1000
  clock[CLOCK_MONOTONIC_NS] = nowNs
}

/** Whether the calendar has moved against the monotonic clock since they were tied. */
export function clockJumped(clock: Float64Array): boolean {
  const expectedUs = clock[CLOCK_EPOCH_US]! + (monotonicNs() - clock[CLOCK_MONOTONIC_NS]!) / 1000
  return Math.abs(Date.now() * 1000 + 500 - expectedUs) > JUMP_US
}
