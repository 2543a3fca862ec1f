import { describe, expect, test } from 'vitest'
import { LiveMetrics } from '../../../src/capture/live-metrics.ts'
import { slabSizeBytes } from '../../../src/metrics/slab.ts'
import {
  createSharedMemory,
  DETAILED_BIT,
  droppedCounter,
  droppedRows,
  headWord,
  SLOT_COUNT,
  tailWord,
  WRITER,
  WRITER_CLOSED,
  type SharedMemory,
} from '../../../src/queue/layout.ts'
import { CALL_TREE_BYTES } from '../../../src/queue/call-tree.ts'
import { controlsSizeBytes } from '../../../src/queue/controls.ts'
import { claimSlot, createProducer, releaseSlotOfDead } from '../../../src/queue/producer.ts'

const CAPACITY = 1024
const FUNCTIONS = 10

/** As a call does at the end of the stack. */
function overflow(): never {
  throw new RangeError('Maximum call stack size exceeded')
}

function setUp(options: {
  mayWait?: () => boolean
  onPressure?: (memory: SharedMemory) => void
  onAnnounced?: () => void
}) {
  const sizes = {
    names: 1024,
    slab: slabSizeBytes(FUNCTIONS),
    controls: controlsSizeBytes(FUNCTIONS),
    rules: 64,
    callTree: CALL_TREE_BYTES,
  }
  const memory = createSharedMemory(CAPACITY, sizes, undefined)
  const control = new Int32Array(memory.control)
  const metrics = new LiveMetrics(memory, FUNCTIONS, 0)
  const log: string[] = []
  const producer = createProducer(memory, claimSlot(memory, 1), {
    start: () => log.push('start'),
    pressure: () => {
      log.push('pressure')
      options.onPressure?.(memory)
    },
    announced: () => {
      log.push('announced')
      options.onAnnounced?.()
    },
    mayWait: options.mayWait ?? (() => false),
    refused: (id, durationNs, failed) => {
      metrics.addRefused(id, durationNs, failed)
    },
  })
  const call = (id: number, times: number): void => {
    for (let i = 0; i < times; i++) producer.end(id, producer.begin(id))
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
    expect(metrics.read(3)!.calls).toBe(CAPACITY + 500)
    drainAll() // as if stored, but without folding: only what was refused is left
    expect(metrics.read(3)!.calls).toBe(500)
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

  test('does not wait for ever if nothing is stored: a second for the first row, nothing for the next', () => {
    const { call, dropped, drainAll } = setUp({ mayWait: () => true })
    call(3, CAPACITY)
    const begun = performance.now()
    call(3, 1)
    const first = performance.now()
    call(3, 1000)
    const next = performance.now()
    expect(dropped()).toBe(1001)
    expect(first - begun).toBeGreaterThan(500)
    expect(next - first).toBeLessThan(500)
    drainAll()
    call(3, 1)
    expect(dropped()).toBe(1001)
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
    expect(metrics.read(3)!.calls).toBeLessThanOrEqual(CAPACITY)
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
    for (let i = 0; i < 100; i++) producer.end(4, producer.begin(4))
    expect(control[headWord(1)]).toBe((start + 100) | 0)
    expect(control[headWord(1)]).toBeLessThan(0)
    expect(metrics.read(4)!.calls).toBe(100)
  })

  test('announces every row when it writes through', () => {
    const { producer, call, log } = setUp({})
    call(2, 5)
    producer.writeThrough()
    log.length = 0
    call(2, 3)
    expect(log).toEqual(['pressure', 'pressure', 'pressure'])
  })

  test('announces the next row when it is asked to, and no other', () => {
    const { producer, call, log, memory } = setUp({})
    call(2, 5)
    log.length = 0
    producer.announceNext()
    expect(log).toEqual([])
    call(2, 3)
    expect(log).toEqual(['announced'])
    producer.announceNext()
    call(2, 3)
    expect(log).toEqual(['announced', 'announced'])
    expect(new Int32Array(memory.control)[headWord(0)]).toBe(11)
  })

  test('announces the next row also when an earlier one had details', () => {
    const { producer, call, log } = setUp({})
    call(2, 5)
    producer.annotate(NaN, '{"a":1}')
    call(2, 1)
    log.length = 0
    producer.announceNext()
    call(2, 3)
    expect(log).toEqual(['announced'])
  })

  test('details of a row that could not be written are not those of the next one', () => {
    const { producer, call, memory, dropped } = setUp({ onAnnounced: overflow })
    producer.announceNext()
    producer.annotate(NaN, '{"a":1}')
    call(2, 1)
    expect(dropped()).toBe(1)
    call(3, 1)
    const [, , , , functionWord, parentWord] = new Uint32Array(memory.rings[0]!)
    expect(functionWord).toBe(3)
    expect(parentWord! & DETAILED_BIT).toBe(0)
  })

  test('refuses every row when it is told to, or when the files are closed', () => {
    const { producer, call, control, dropped, metrics } = setUp({})
    producer.refuseAll()
    call(2, 5)
    expect(dropped()).toBe(5)
    expect(metrics.read(2)!.calls).toBe(5)
    const closed = setUp({})
    closed.control[WRITER] = WRITER_CLOSED
    closed.call(2, 3)
    expect(closed.dropped()).toBe(3)
    expect(control[headWord(0)]).toBe(0)
  })

  test('without a slot refuses every row, and counts it among all threads', () => {
    const { memory, control } = setUp({})
    const hooks = {
      start: () => undefined,
      pressure: () => undefined,
      mayWait: () => false,
      refused: () => undefined,
    }
    const producers = [1, 2].map(() => createProducer(memory, undefined, hooks))
    for (const producer of producers) producer.end(2, producer.begin(2))
    expect(droppedRows(control, new Float64Array(memory.counters))).toBe(2)
  })
})

test('slots are claimed once each, and again when their thread is dead', () => {
  const memory = createSharedMemory(
    CAPACITY,
    { names: 64, slab: 64, controls: 64, rules: 64, callTree: 64 },
    undefined,
  )
  const slots = Array.from({ length: SLOT_COUNT }, (_, i) => claimSlot(memory, i + 1))
  expect(slots).toEqual(Array.from({ length: SLOT_COUNT }, (_, i) => i))
  expect(claimSlot(memory, 99)).toBeUndefined()
  releaseSlotOfDead(memory, 6)
  expect(claimSlot(memory, 99)).toBe(5)
  expect(claimSlot(memory, 100)).toBeUndefined()
})
