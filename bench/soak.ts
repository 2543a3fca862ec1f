/**
 * @module bench/soak
 * Does a program that runs for long hold more and more memory? Two hundred million calls of every kind, the heap and the
 * resident memory sampled all the time; and the same program without Kronicler.
 */
import { join } from 'node:path'
import { progress, shortCount } from './harness/report.ts'
import type { BenchRow } from './harness/result.ts'
import { inFolder, type Suite } from './harness/suite.ts'
import { percentiles } from './harness/statistics.ts'
import { afterWarmUp, bytesPerCall, type MemorySample } from './soak/growth.ts'
import { runSoak } from './soak/run.ts'

const DEFAULT_CALLS = 200e6
const SAMPLES = 200
const PROGRESS_SAMPLES = 10

export const soakSuite: Suite = {
  peers: [],
  async run({ calls = DEFAULT_CALLS, folder, skip }) {
    const rows: BenchRow[] = []
    for (const captured of [true, false]) {
      const who = captured ? 'kronicler' : 'bare'
      if (skip.includes(who)) continue
      const samples = await inFolder(folder, (path) =>
        runSoak({
          calls,
          samples: SAMPLES,
          directory: join(path, 'calls'),
          captured,
          onSample: (sample) => {
            tell(who, sample, calls)
          },
        }),
      )
      rows.push(...rowsOf(who, samples))
    }
    return { rows }
  },
}

function rowsOf(who: string, samples: readonly MemorySample[]): BenchRow[] {
  const steady = afterWarmUp(samples)
  const last = samples.at(-1)!
  const seconds = (last.atMs - samples[0]!.atMs) / 1000
  const memory = (what: 'heapUsed' | 'rss', name: string): BenchRow[] => {
    const held = percentiles(steady.map((sample) => sample[what] / 2 ** 20))
    return [
      {
        name: `${who}/${name}-growth`,
        value: bytesPerCall(samples, what) * 1e6,
        unit: 'B/M calls',
        n: last.calls,
      },
      { name: `${who}/${name}`, value: held.p50, unit: 'MiB', n: steady.length, ...held },
    ]
  }
  return [
    { name: `${who}/calls`, value: last.calls, unit: 'calls', n: 1 },
    {
      name: `${who}/rate`,
      value: (last.calls - samples[0]!.calls) / seconds,
      unit: 'calls/s',
      n: 1,
    },
    ...memory('heapUsed', 'heap'),
    ...memory('rss', 'rss'),
  ]
}

function tell(who: string, { calls, heapUsed, rss }: MemorySample, all: number): void {
  const step = all / PROGRESS_SAMPLES
  if (Math.floor(calls / step) === Math.floor((calls - all / SAMPLES) / step)) return
  const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(1)
  progress(`${who}: ${shortCount(calls)} calls, heap ${mib(heapUsed)} MiB, RSS ${mib(rss)} MiB`)
}
