/**
 * @module outputs/health
 * How an output is doing before it has done anything.
 */
import type { OutputHealth } from '../types.ts'

export function idleHealth(name: string): OutputHealth {
  return {
    name,
    state: 'idle',
    saved: 0,
    savedMs: NaN,
    failures: 0,
    lastError: undefined,
    waiting: 0,
    spooledBytes: 0,
    lagMs: 0,
  }
}
