/**
 * @module bench/capture/heap
 * Bytes of heap that a sync call leaves for the garbage collector. Needs --expose-gc, and a young generation so
 * large that it is not collected while calls are counted.
 */
import v8 from 'node:v8'
import type { BenchRow } from '../harness/result.ts'
import { median, percentiles } from '../harness/statistics.ts'
import type { Contender } from './contenders/contender.ts'
import { createLoop, createSubjects } from './subjects.ts'

export const HEAP_FLAGS = ['--expose-gc', '--min-semi-space-size=256', '--max-semi-space-size=256']
export const MAX_HEAP_CALLS = 200_000
const MIN_HEAP_CALLS = 1000
const SAMPLE_MS = 50
const WARM_UP_MS = 500
const MIN_WARM_UP_SAMPLES = 5
const SAMPLES = 15

export async function measureHeap(contender: Contender): Promise<BenchRow> {
  const functions = createSubjects('sync-16').map(
    (subject, k) => contender.wrap?.(subject, `bench.heap.${k}`, false) ?? subject,
  )
  const loop = createLoop('sync-16', contender.clocked ?? false)
  const allocated = async (calls: number): Promise<number> => {
    await contender.pace?.(calls)
    globalThis.gc!()
    const before = v8.getHeapStatistics().used_heap_size
    if (contender.around === undefined) void loop(functions, calls)
    else contender.around(() => loop(functions, calls))
    return v8.getHeapStatistics().used_heap_size - before
  }
  const calls = await warmedUp(allocated, contender.maxCalls ?? MAX_HEAP_CALLS)
  const perCall: number[] = []
  while (perCall.length < SAMPLES) {
    const ofMeasuring = await allocated(0)
    perCall.push(((await allocated(calls)) - ofMeasuring) / calls)
  }
  return {
    name: `${contender.who}/heap`,
    value: median(perCall),
    unit: 'B/call',
    n: SAMPLES,
    ...percentiles(perCall),
  }
}

/** Calls until everything is compiled. @returns how many calls a sample is of */
async function warmedUp(
  run: (calls: number) => Promise<number>,
  maxCalls: number,
): Promise<number> {
  const start = performance.now()
  let calls = Math.min(MIN_HEAP_CALLS, maxCalls)
  for (let samples = 0; samples < MIN_WARM_UP_SAMPLES || performance.now() - start < WARM_UP_MS;) {
    const before = performance.now()
    await run(calls)
    const perCallMs = (performance.now() - before) / calls // its pause for collecting included
    if (calls === maxCalls || perCallMs * calls > SAMPLE_MS) samples++
    else calls = Math.min(maxCalls, calls * 2)
  }
  return calls
}
