/**
 * @module bench/capture/contenders/timerify
 * Node's own wrapper, which records into a histogram.
 */
import { createHistogram, performance as nodePerformance } from 'node:perf_hooks'
import type { Contender } from './contender.ts'

export const timerify: Contender = {
  who: 'timerify',
  wrap: (subject) => nodePerformance.timerify(subject, { histogram: createHistogram() }),
}
