/**
 * @module writer/clock
 * Ties the monotonic clock of the records to the calendar.
 *
 * `Date.now()` has only milliseconds, but the moment at which it moves on is known to the microsecond: the monotonic
 * clock is read before and after each reading, and an edge counts only if the thread was not interrupted there.
 */
import { CLOCK_EPOCH_US, CLOCK_MONOTONIC_NS } from '../queue/layout.ts'

/** An edge seen within so little is good enough; otherwise the best of several is taken. */
const GOOD_BRACKET_NS = 10_000
const MOST_EDGES = 4
/** Gives up here even if the calendar stands still. */
const LONGEST_WAIT_NS = 10_000_000
/** A reading that took longer than this says nothing about the clocks. */
const INTERRUPTED_NS = 500_000

export function isClockTied(clock: Float64Array): boolean {
  return clock[CLOCK_MONOTONIC_NS] !== 0
}

/**
 * Ties the clocks, right to some microseconds. Takes about a millisecond, and 10 ms at most.
 *
 * @param monotonicNs the clock of the records
 */
export function tieClock(clock: Float64Array, monotonicNs: () => number): void {
  const startNs = monotonicNs()
  let bestBracketNs = Infinity
  let edges = 0
  let lastMs = Date.now()
  let lastNs = monotonicNs()
  for (;;) {
    const epochMs = Date.now()
    const nowNs = monotonicNs()
    if (epochMs !== lastMs) {
      edges++
      const bracketNs = nowNs - lastNs
      if (bracketNs < bestBracketNs) {
        bestBracketNs = bracketNs
        clock[CLOCK_EPOCH_US] = epochMs * 1000
        clock[CLOCK_MONOTONIC_NS] = lastNs + bracketNs / 2
      }
    }
    if (bestBracketNs <= GOOD_BRACKET_NS || edges >= MOST_EDGES) return
    if (nowNs - startNs > LONGEST_WAIT_NS) {
      if (edges === 0) tieAt(clock, epochMs, nowNs)
      return
    }
    lastMs = epochMs
    lastNs = nowNs
  }
}

/**
 * How far the calendar has moved against the monotonic clock since they were tied: it was set, or the machine slept.
 *
 * @returns microseconds; 0 also if the thread was interrupted while it looked
 */
export function clockJumpUs(clock: Float64Array, monotonicNs: () => number): number {
  const beforeNs = monotonicNs()
  const epochUs = Date.now() * 1000 + 500
  if (monotonicNs() - beforeNs > INTERRUPTED_NS) return 0
  return epochUs - clock[CLOCK_EPOCH_US]! - (beforeNs - clock[CLOCK_MONOTONIC_NS]!) / 1000
}

function tieAt(clock: Float64Array, epochMs: number, nowNs: number): void {
  clock[CLOCK_EPOCH_US] = epochMs * 1000 + 500
  clock[CLOCK_MONOTONIC_NS] = nowNs
}
