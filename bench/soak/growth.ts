/**
 * @module bench/soak/growth
 * Does memory grow? The slope of samples over calls, once the beginning is over.
 */
import { median } from '../harness/statistics.ts'

export interface MemorySample {
  calls: number // made so far
  heapUsed: number // bytes, after collecting garbage
  rss: number // bytes
  external: number // bytes
  arrayBuffers: number // bytes
  atMs: number // since the process began
}

/** At first code is compiled, buffers and generations take their size, and the first segments are written. */
export const WARM_UP_SHARE = 0.25

/**
 * Bytes that a call leaves behind for good: the median of the slopes between all pairs of samples after the first quarter
 * (Theil and Sen), which a few samples cannot move, however far they are off.
 */
export function bytesPerCall(samples: readonly MemorySample[], what: 'heapUsed' | 'rss'): number {
  const steady = afterWarmUp(samples)
  const slopes: number[] = []
  for (const [i, a] of steady.entries()) {
    for (const b of steady.slice(i + 1)) slopes.push((b[what] - a[what]) / (b.calls - a.calls))
  }
  return median(slopes)
}

export function afterWarmUp(samples: readonly MemorySample[]): readonly MemorySample[] {
  return samples.slice(Math.floor(samples.length * WARM_UP_SHARE))
}
