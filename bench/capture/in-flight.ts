/**
 * @module bench/capture/in-flight
 * A hundred thousand calls of async functions that are all open at once and then end together: is each recorded, and what
 * does an open call hold in memory?
 */
import assert from 'node:assert/strict'
import { capture } from 'kronicler'
import type { BenchRow, Measurements } from '../harness/result.ts'
import { kronicler } from './contenders/kronicler.ts'
import { Ledger } from './ledger.ts'

const CALLS = 100_000
const NAME = 'bench.in-flight'

export async function measureInFlight(folder: string): Promise<Measurements> {
  // all end in one turn of the event loop: the queue must have room for them
  const own = await kronicler(folder, { queueCapacity: 2 ** 17 })
  const bare = async (gate: Promise<number>): Promise<number> => await gate
  const captured = capture(NAME, async (gate: Promise<number>): Promise<number> => await gate)
  await open(bare, 1000) // compiles
  const bareBytes = await open(bare, CALLS)
  await open(captured, 1000)
  const bytes = await open(captured, CALLS)
  const ledger = new Ledger()
  ledger.add(NAME, CALLS + 1000)
  await own.close()
  const dropped = await ledger.verify(folder)
  assert.equal(dropped, 0, 'every call that was in flight is stored')
  const rows: BenchRow[] = [
    { name: 'kronicler/in-flight-100k-dropped', value: dropped, unit: 'rows', n: CALLS },
    { name: 'kronicler/in-flight-100k-heap', value: bytes - bareBytes, unit: 'B/call', n: 1 },
  ]
  return { rows }
}

/** Opens so many calls, measures, and lets them end. @returns bytes of heap that an open call holds */
async function open(
  fn: (gate: Promise<number>) => Promise<number>,
  calls: number,
): Promise<number> {
  let release!: (value: number) => void
  const gate = new Promise<number>((resolve) => {
    release = resolve
  })
  const pending = new Array<Promise<number>>(calls)
  globalThis.gc!()
  const before = process.memoryUsage().heapUsed
  for (let i = 0; i < calls; i++) pending[i] = fn(gate)
  globalThis.gc!()
  const bytes = process.memoryUsage().heapUsed - before
  release(1)
  const results = await Promise.all(pending)
  assert.equal(results.length, calls)
  return bytes / calls
}
