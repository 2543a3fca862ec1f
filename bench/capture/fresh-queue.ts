/**
 * @module bench/capture/fresh-queue
 * What does a call cost while the queue's memory is new? A page that is written for the first time has to be given and
 * cleared by the system, which the background thread does ahead of the calls. Nearly all programs make most of their calls
 * in a queue that is new.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { BenchRow, Measurements } from '../harness/result.ts'
import { median } from '../harness/statistics.ts'
import { kronicler } from './contenders/kronicler.ts'
import { createCountedLoop, Ledger } from './ledger.ts'

const QUEUE_ROWS = 262_144
const WARM_UP_CALLS = 20_000
const BURST_CALLS = 2000
const PAUSE_MS = 5
/** Bursts in the second time around the queue, for comparison. */
const LATER_BURSTS = 100

export async function measureFreshQueue(folder: string): Promise<Measurements> {
  const own = await kronicler(folder, { queueCapacity: QUEUE_ROWS })
  const ledger = new Ledger()
  const call = createCountedLoop(own.wrap, ledger)
  call(WARM_UP_CALLS) // compiles, in new memory too, while there is no background thread yet
  await sleep(300)
  const bursts = async (count: number): Promise<number[]> => {
    const perCallNs: number[] = []
    for (let burst = 0; burst < count; burst++) {
      const start = process.hrtime.bigint()
      call(BURST_CALLS)
      perCallNs.push(Number(process.hrtime.bigint() - start) / BURST_CALLS)
      await sleep(PAUSE_MS)
    }
    return perCallNs
  }
  const fresh = await bursts(Math.floor((QUEUE_ROWS - WARM_UP_CALLS) / BURST_CALLS))
  await bursts(1)
  const later = await bursts(LATER_BURSTS)
  await own.close()
  await ledger.verify(folder)
  const rows: BenchRow[] = [
    {
      name: 'kronicler/fresh-queue',
      value: median(fresh),
      unit: 'ns',
      ratio: median(fresh) / median(later),
      baseline: 'kronicler/used-queue',
      n: fresh.length,
    },
    { name: 'kronicler/used-queue', value: median(later), unit: 'ns', n: later.length },
  ]
  return { rows }
}
