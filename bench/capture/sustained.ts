/**
 * @module bench/capture/sustained
 * The highest rate of calls at which every row is stored: one thread calls at an even pace, the background thread
 * writes to the disk at the same time.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { progress } from '../harness/report.ts'
import type { Measurements } from '../harness/result.ts'
import type { OwnContender } from './contenders/kronicler.ts'
import { createCountedLoop, Ledger } from './ledger.ts'
import { callAtRate, isReached } from './pace.ts'

const RATES = [1e6, 2e6, 3e6, 4e6, 5e6, 6e6]
const SECONDS = 3

/** @param folder where `own` writes */
export async function measureSustained(own: OwnContender, folder: string): Promise<Measurements> {
  const ledger = new Ledger()
  const call = createCountedLoop(own.wrap, ledger)
  await sleep(100) // the background thread starts
  callAtRate(call, 1e6, 0.5)
  let sustained = 0
  for (const rate of RATES) {
    const { dropped } = own.refused()
    const reached = callAtRate(call, rate, SECONDS)
    const lost = own.refused().dropped - dropped
    progress(`${rate / 1e6} M calls/s: ${(reached / 1e6).toFixed(2)} M reached, ${lost} refused`)
    if (lost > 0 || !isReached(reached, rate)) break
    sustained = rate
    await sleep(200)
  }
  await own.close()
  await ledger.verify(folder)
  return { rows: [{ name: 'kronicler/sustained', value: sustained, unit: 'calls/s', n: 1 }] }
}
