/**
 * @module internal/time
 * Time and timers as they were when the package was loaded: a test's fake clock, installed later, would stop them.
 */

const { performance, setTimeout } = globalThis

/** Milliseconds on the monotonic clock. */
export const nowMs: () => number = performance.now.bind(performance)

export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds)
  })
}

/** Calls back later, without keeping the process alive. */
export function later(milliseconds: number, work: () => void): void {
  setTimeout(work, milliseconds).unref()
}
