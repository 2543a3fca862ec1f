/**
 * @module bench/capture/paced
 * Three million calls a second for ten seconds: how many rows are refused?
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { progress } from '../harness/report.ts'
import type { Measurements } from '../harness/result.ts'
import type { OwnContender } from './contenders/kronicler.ts'
import { createCountedLoop, Ledger } from './ledger.ts'
import { callAtRate, isReached } from './pace.ts'

const RATE = 3e6
const SECONDS = 10
const NAME = 'kronicler/paced-3M-dropped'

/** @param folder where `own` writes */
export async function measurePaced(own: OwnContender, folder: string): Promise<Measurements> {
  const ledger = new Ledger()
  const call = createCountedLoop(own.wrap, ledger)
  await sleep(100) // the background thread starts
  callAtRate(call, 1e6, 0.5)
  const before = { calls: ledger.total, dropped: own.refused().dropped }
  const reached = callAtRate(call, RATE, SECONDS)
  await own.close()
  const dropped = (await ledger.verify(folder)) - before.dropped
  progress(`${(reached / 1e6).toFixed(2)} M calls/s reached, ${dropped} refused`)
  if (!isReached(reached, RATE)) {
    const why = `the machine reached ${(reached / 1e6).toFixed(2)} M calls/s only`
    return { rows: [], notMeasured: { [NAME]: why } }
  }
  return { rows: [{ name: NAME, value: dropped, unit: 'rows', n: ledger.total - before.calls }] }
}
