/**
 * @module internal/time
 * Time and timers as they were when the package was loaded: a test's fake clock, installed later, would stop them. They
 * come from Node's modules: where a test plays browser (jsdom), the globals are those of a browser, or missing.
 */
import { performance } from 'node:perf_hooks'
import * as timers from 'node:timers'

const { setTimeout } = timers

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
