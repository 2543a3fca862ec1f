/**
 * @module bench/capture/contenders/hdr-histogram
 * hdr-histogram-js: two clock reads, recorded in whole nanoseconds with three digits.
 */
import type { AsyncSubject, SyncSubject } from '../subjects.ts'
import type { Contender } from './contender.ts'

export async function hdrHistogram(): Promise<Contender> {
  const { build } = await import('hdr-histogram-js')
  return {
    who: 'hdr-histogram-js',
    wrap(subject, _name, isAsync) {
      const histogram = build({ highestTrackableValue: 3600e9, numberOfSignificantValueDigits: 3 })
      const sync = subject as SyncSubject
      const async = subject as AsyncSubject
      return isAsync
        ? async function wrapped(this: unknown, i: number, x: number) {
            const start = performance.now()
            try {
              return await async.call(this, i, x)
            } finally {
              histogram.recordValue(Math.round((performance.now() - start) * 1e6))
            }
          }
        : function wrapped(this: unknown, i: number, x: number) {
            const start = performance.now()
            try {
              return sync.call(this, i, x)
            } finally {
              histogram.recordValue(Math.round((performance.now() - start) * 1e6))
            }
          }
    },
  }
}
