/**
 * @module queue/self-cost
 * What recording a call costs in this runtime on this machine: measured by the background thread with a queue of its
 * own, so that it neither disturbs the application nor what the engine has learned of the application's queue.
 */
import { CALL_TREE_BYTES } from './call-tree.ts'
import { clockReadCounter, createSharedMemory, headWord, tailWord } from './layout.ts'
import { createProducer } from './producer.ts'
import { monotonicNs, type ClockOriginMs } from './time-source.ts'

const CAPACITY = 1024
const ROUNDS = 60
const CALLS = 512
const NO_HOOKS = {
  start: () => undefined,
  pressure: () => undefined,
  mayWait: () => false,
  refused: () => undefined,
}

export interface SelfCost {
  recordNs: number // both clock reads and the record of one call; the call of the wrapper comes on top
  clockReadNs: number // as the producer's own probe finds it: in code that is run too rarely to be optimised
}

/** Takes some milliseconds. The least of many rounds: what it costs when nothing else interferes. */
export function measureSelfCost(origin: ClockOriginMs): SelfCost {
  const sizes = { names: 64, slab: 64, controls: 64, rules: 64, callTree: CALL_TREE_BYTES }
  const memory = createSharedMemory(CAPACITY, sizes, origin)
  const control = new Int32Array(memory.control)
  const counters = new Float64Array(memory.counters)
  const { begin, end } = createProducer(memory, 0, NO_HOOKS)
  const now = monotonicNs(origin)
  let recordNs = Infinity
  let clockReadNs = Infinity
  for (let round = 0; round < ROUNDS; round++) {
    const startNs = now()
    for (let call = 0; call < CALLS; call++) end(2, begin(2))
    recordNs = Math.min(recordNs, (now() - startNs) / CALLS)
    Atomics.store(control, tailWord(0), control[headWord(0)]!)
    const probedNs = counters[clockReadCounter(0)]!
    if (probedNs > 0) clockReadNs = Math.min(clockReadNs, probedNs)
  }
  return { recordNs, clockReadNs }
}
