import { describe, expect, test } from 'vitest'
import { LiveMetrics } from '../../../src/capture/live-metrics.ts'
import { slabSizeBytes } from '../../../src/metrics/slab.ts'
import {
  createSharedMemory,
  droppedCounter,
  headWord,
  SLOT_COUNT,
  tailWord,
  type SharedMemory,
} from '../../../src/queue/layout.ts'
import { claimSlot, createProducer, releaseSlot } from '../../../src/queue/producer.ts'

const CAPACITY = 1024
const FUNCTIONS = 10

function setUp(options: { mayWait?: () => boolean; onPressure?: (memory: SharedMemory) => void }) {
  const sizes = { names: 1024, slab: slabSizeBytes(FUNCTIONS) }
  const memory = createSharedMemory(CAPACITY, sizes)
  const control = new Int32Array(memory.control)
  const metrics = new LiveMetrics(memory, FUNCTIONS, 0)
  const log: string[] = []
  const producer = createProducer(memory, claimSlot(memory), {
    start: () => log.push('start'),
    pressure: () => {
      log.push('pressure')
      options.onPressure?.(memory)
    },
    mayWait: options.mayWait ?? (() => false),
    refused: (id, durationNs, failed) => {
      metrics.addRefused(id, durationNs, failed)
    },
  })
  const call = (id: number, times: number): void => {
    for (let i = 0; i < times; i++) producer.end(id, producer.begin())
  }
  const dropped = (): number => new Float64Array(memory.counters)[droppedCounter(0)]!
  const drainAll = (): void => {
    control[tailWord(0)] = control[headWord(0)]!
  }
  return { memory, control, metrics, log, producer, call, dropped, drainAll }
}

describe('a full ring', () => {
  test('refuses rows, counts them exactly, and folds them into the metrics all the same', () => {
    const { control, metrics, call, dropped, drainAll } = setUp({})
    call(3, CAPACITY + 500)
    expect(control[headWord(0)]).toBe(CAPACITY)
    expect(dropped()).toBe(500)
    expect(metrics.read([3])!.calls).toBe(CAPACITY + 500)
    drainAll() // as if stored, but without folding: only what was refused is left
    expect(metrics.read([3])!.calls).toBe(500)
    call(3, 10)
    expect(dropped()).toBe(500)
  })

  test('waits with overflow "block", for as long as a drain can be expected', () => {
    let patience = 3
    const { call, dropped, log } = setUp({ mayWait: () => patience-- > 0 })
    call(3, CAPACITY + 1)
    expect(patience).toBe(-1)
    expect(dropped()).toBe(1)
    expect(log.filter((entry) => entry === 'pressure').length).toBeGreaterThan(3)
  })

  test('loses nothing if pressure makes room', () => {
    const { call, dropped, metrics, control } = setUp({
      onPressure: (memory) => {
        const words = new Int32Array(memory.control)
        words[tailWord(0)] = words[headWord(0)]!
      },
    })
    call(3, 10 * CAPACITY)
    expect(control[headWord(0)]).toBe(10 * CAPACITY)
    expect(dropped()).toBe(0)
    expect(metrics.read([3])!.calls).toBeLessThanOrEqual(CAPACITY)
  })
})

describe('a producer', () => {
  test('starts at the first call, once', () => {
    const { call, log } = setUp({})
    expect(log).toEqual([])
    call(2, 3)
    expect(log).toEqual(['start'])
  })

  test('goes on where the record number wraps around', () => {
    const { memory, control, metrics } = setUp({})
    const start = 0x7fff_fff0
    control[headWord(1)] = start
    control[tailWord(1)] = start
    const producer = createProducer(memory, 1, {
      start: () => undefined,
      pressure: () => undefined,
      mayWait: () => false,
      refused: () => undefined,
    })
    for (let i = 0; i < 100; i++) producer.end(4, producer.begin())
    expect(producer.head).toBe((start + 100) | 0)
    expect(producer.head).toBeLessThan(0)
    expect(metrics.read([4])!.calls).toBe(100)
  })

  test('announces every row when it writes through', () => {
    const { producer, call, log } = setUp({})
    call(2, 5)
    producer.writeThrough()
    log.length = 0
    call(2, 3)
    expect(log).toEqual(['pressure', 'pressure', 'pressure'])
  })

  test('refuses every row when it is told to, and counts it or not', () => {
    const { producer, call, dropped, metrics } = setUp({})
    producer.refuseAll()
    call(2, 5)
    expect(dropped()).toBe(5)
    expect(metrics.read([2])!.calls).toBe(5)
    producer.refuseAll(true)
    call(2, 5)
    expect(dropped()).toBe(5)
    expect(metrics.read([2])!.calls).toBe(5)
  })
})

test('slots are claimed once each, and again when they are released', () => {
  const memory = createSharedMemory(CAPACITY, { names: 64, slab: 64 })
  const slots = Array.from({ length: SLOT_COUNT }, () => claimSlot(memory))
  expect(slots).toEqual(Array.from({ length: SLOT_COUNT }, (_, i) => i))
  expect(claimSlot(memory)).toBeUndefined()
  releaseSlot(memory, 5)
  expect(claimSlot(memory)).toBe(5)
})
