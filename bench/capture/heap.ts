/**
 * @module bench/capture/heap
 * Bytes of heap that a sync call leaves for the garbage collector. Needs --expose-gc, and a young generation so
 * large that it is not collected while calls are counted.
 */
import v8 from 'node:v8'
import type { BenchRow } from '../harness/result.ts'
import { median, percentiles } from '../harness/statistics.ts'
import type { Contender } from './contenders.ts'
import { createLoop, createSubjects } from './subjects.ts'

export const HEAP_FLAGS = ['--expose-gc', '--min-semi-space-size=256', '--max-semi-space-size=256']
export const HEAP_CALLS = 200_000
const WARM_UP_LOOPS = 5
const SAMPLES = 15

export async function measureHeap(contender: Contender): Promise<BenchRow> {
  const functions = createSubjects('sync-16').map(
    (subject, k) => contender.wrap?.(subject, `bench.heap.${k}`, false) ?? subject,
  )
  const loop = createLoop('sync-16', contender.clocked ?? false)
  const allocated = async (calls: number): Promise<number> => {
    await contender.pace?.(HEAP_CALLS)
    globalThis.gc!()
    const before = v8.getHeapStatistics().used_heap_size
    void loop(functions, calls)
    return v8.getHeapStatistics().used_heap_size - before
  }
  for (let i = 0; i < WARM_UP_LOOPS; i++) await allocated(HEAP_CALLS)
  const perCall: number[] = []
  while (perCall.length < SAMPLES) {
    const ofMeasuring = await allocated(0)
    const bytes = (await allocated(HEAP_CALLS)) - ofMeasuring
    perCall.push(bytes / HEAP_CALLS)
  }
  return {
    name: `${contender.who}/heap`,
    value: median(perCall),
    unit: 'B/call',
    n: SAMPLES,
    ...percentiles(perCall),
  }
}
