/**
 * @module bench/capture/pace
 * Calls at an even rate, as a busy application makes them.
 */

const BURSTS_PER_SECOND = 1000

/** Blocks for so many seconds. @returns calls per second: less than asked for if the machine is too slow */
export function callAtRate(call: (calls: number) => void, rate: number, seconds: number): number {
  const bursts = Math.round(seconds * BURSTS_PER_SECOND)
  const calls = Math.round(rate / BURSTS_PER_SECOND)
  const start = performance.now()
  for (let burst = 1; burst <= bursts; burst++) {
    call(calls)
    const due = start + (burst * 1000) / BURSTS_PER_SECOND
    while (performance.now() < due); // the application works on something else
  }
  return (bursts * calls * 1000) / (performance.now() - start)
}

/** The machine kept the pace. */
export function isReached(reached: number, rate: number): boolean {
  return reached >= 0.99 * rate
}
