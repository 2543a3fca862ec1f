/**
 * @module bench/capture/unpaced
 * A tight loop of calls, faster than any disk: what cannot be stored is counted, or waits, and no count is off by one.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { progress } from '../harness/report.ts'
import type { BenchRow, Measurements } from '../harness/result.ts'
import { kronicler } from './contenders/kronicler.ts'
import { createCountedLoop, Ledger } from './ledger.ts'

const CALLS = 20e6
const SLICE = 1e6
const WARM_UP_CALLS = 1e6

export async function measureUnpaced(
  folder: string,
  overflow: 'drop' | 'block',
): Promise<Measurements> {
  const own = await kronicler(folder, { overflow })
  const ledger = new Ledger()
  const call = createCountedLoop(own.wrap, ledger)
  await sleep(100) // the background thread starts
  call(WARM_UP_CALLS)
  await own.pace(262_144) // until the queue is empty
  const before = { calls: ledger.total, dropped: own.refused().dropped }
  const start = performance.now()
  for (let calls = 0; calls < CALLS; calls += SLICE) call(SLICE)
  const seconds = (performance.now() - start) / 1000
  await own.close()
  const dropped = (await ledger.verify(folder)) - before.dropped
  const what = overflow === 'drop' ? 'unpaced' : 'unpaced-block'
  progress(`${what}: ${(CALLS / seconds / 1e6).toFixed(2)} M calls/s, ${dropped} refused`)
  const rows: BenchRow[] = [
    { name: `kronicler/${what}`, value: CALLS / seconds, unit: 'calls/s', n: 1 },
    { name: `kronicler/${what}-dropped`, value: dropped, unit: 'rows', n: CALLS },
  ]
  return { rows }
}
