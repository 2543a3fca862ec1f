/**
 * @module queue/time-source
 * The clock of the records, chosen by runtime. Node stores `process.hrtime.bigint()` raw into a BigUint64Array, which
 * costs 26-29 ns a read and allocates nothing. Bun and Deno box the BigInt, so they store `performance.now()` in
 * nanoseconds as a double: the same eight bytes, the same code, another view. Its step is that of the runtime's clock.
 */

import { performance } from 'node:perf_hooks'

/** Eight-byte times. With the float clock it is a Float64Array, and every `bigint` that is read from it a number. */
export type Times = BigUint64Array

/** Both taken at load: a test's fake clock, installed later, would stop them. */
// eslint-disable-next-line @typescript-eslint/unbound-method -- needs no receiver
const hrtime = process.hrtime.bigint
const performanceNow = performance.now.bind(performance)

/**
 * What the records' clock is: undefined for Node's BigInt clock, else the instant, in epoch ms, at which the float clock
 * of all threads begins. (Each thread's `performance.now()` begins when the thread does.)
 */
export type ClockOriginMs = number | undefined

/** The clock for a new process. */
export function chooseClock(): ClockOriginMs {
  const { bun, deno } = process.versions as { bun?: string; deno?: string }
  return bun !== undefined || deno !== undefined ? performance.timeOrigin : undefined
}

/** Monotonic nanoseconds, to be stored in a `Times` at once. */
export function timeSource(origin: ClockOriginMs): () => bigint {
  if (origin === undefined) return hrtime
  const sinceOriginMs = performance.timeOrigin - origin
  return (() => (sinceOriginMs + performanceNow()) * 1e6) as unknown as () => bigint
}

/** The same as a number; a double loses at most 2 ns of it until the machine has run for 208 days. */
export function monotonicNs(origin: ClockOriginMs): () => number {
  const now = timeSource(origin)
  return () => Number(now())
}

export function createTimes(length: number, origin: ClockOriginMs): Times {
  return origin === undefined
    ? new BigUint64Array(length)
    : (new Float64Array(length) as unknown as Times)
}

/** The eight-byte slots of shared memory as times. */
export function viewTimes(memory: SharedArrayBuffer, origin: ClockOriginMs): Times {
  return origin === undefined
    ? new BigUint64Array(memory)
    : (new Float64Array(memory) as unknown as Times)
}

/** A duration in whole nanoseconds as a time to be subtracted from another. */
export function asTime(durationNs: number, origin: ClockOriginMs): bigint {
  return origin === undefined ? BigInt(durationNs) : (durationNs as unknown as bigint)
}
