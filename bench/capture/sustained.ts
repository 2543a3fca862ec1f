/**
 * @module bench/capture/sustained
 * The highest rate of calls at which every row is stored: one thread calls at an even pace, the background thread
 * writes to the disk at the same time.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { progress } from '../harness/report.ts'
import type { BenchRow } from '../harness/result.ts'
import type { Contender } from './contenders.ts'
import { createLoop, createSubjects, type Loop } from './subjects.ts'

const RATES = [1e6, 2e6, 3e6, 4e6, 5e6, 6e6]
const SECONDS = 3
const BURSTS_PER_SECOND = 1000
const PACE_TOLERANCE = 0.99

export async function measureSustained(contender: Contender): Promise<BenchRow> {
  const functions = createSubjects('sync-16').map((subject, k) =>
    contender.wrap!(subject, `bench.sustained.${k}`, false),
  )
  const loop = createLoop('sync-16', false) as Loop<number>
  const atRate = (rate: number, seconds: number): number => {
    const bursts = seconds * BURSTS_PER_SECOND
    const start = performance.now()
    for (let burst = 1; burst <= bursts; burst++) {
      loop(functions, rate / BURSTS_PER_SECOND)
      const due = start + (burst * 1000) / BURSTS_PER_SECOND
      while (performance.now() < due); // a busy application
    }
    return (bursts * (rate / BURSTS_PER_SECOND) * 1000) / (performance.now() - start)
  }
  await sleep(100) // the background thread starts
  atRate(1e6, 0.5)
  let sustained = 0
  for (const rate of RATES) {
    const { dropped } = contender.refused!()
    const reached = atRate(rate, SECONDS)
    const lost = contender.refused!().dropped - dropped
    progress(`${rate / 1e6} M calls/s: ${(reached / 1e6).toFixed(2)} M reached, ${lost} refused`)
    if (lost > 0 || reached < rate * PACE_TOLERANCE) break
    sustained = rate
    await contender.pace?.(rate / BURSTS_PER_SECOND)
    await sleep(200)
  }
  return { name: `${contender.who}/sustained`, value: sustained, unit: 'calls/s', n: 1 }
}
