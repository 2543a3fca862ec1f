/**
 * @module queue/time-source
 * The clock of the records, chosen by runtime. Node stores `process.hrtime.bigint()` raw into a BigUint64Array, which
 * costs 26-29 ns a read and allocates nothing. Bun and Deno box the BigInt, so they store `performance.now()` in
 * nanoseconds as a double: the same eight bytes, the same code, another view. Its step is that of the runtime's clock.
 */

/** Eight-byte times. With the float clock it is a Float64Array, and every `bigint` that is read from it a number. */
export type Times = BigUint64Array

/** Both taken at load: a test's fake clock, installed later, would stop them. */
// eslint-disable-next-line @typescript-eslint/unbound-method -- needs no receiver
const hrtime = process.hrtime.bigint
const { performance } = globalThis
const performanceNow = performance.now.bind(performance)

export function runtimeHasFloatClock(): boolean {
  const { bun, deno } = process.versions as { bun?: string; deno?: string }
  return bun !== undefined || deno !== undefined
}

/** Monotonic nanoseconds, to be stored in a `Times` at once. */
export function timeSource(floatClock: boolean): () => bigint {
  if (!floatClock) return hrtime
  return (() => performanceNow() * 1e6) as unknown as () => bigint
}

export function createTimes(length: number, floatClock: boolean): Times {
  return floatClock
    ? (new Float64Array(length) as unknown as Times)
    : new BigUint64Array(length)
}

/** The eight-byte slots of shared memory as times. */
export function viewTimes(memory: SharedArrayBuffer, floatClock: boolean): Times {
  return floatClock
    ? (new Float64Array(memory) as unknown as Times)
    : new BigUint64Array(memory)
}

/** A duration in whole nanoseconds as a time to be subtracted from another. */
export function asTime(durationNs: number, floatClock: boolean): bigint {
  return floatClock ? (durationNs as unknown as bigint) : BigInt(durationNs)
}
