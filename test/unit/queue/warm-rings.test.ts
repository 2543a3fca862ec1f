import { afterEach, expect, test, vi } from 'vitest'
import { createSharedMemory, headWord, RECORD_SIZE_BYTES } from '../../../src/queue/layout.ts'
import { createWarmRings } from '../../../src/queue/warm-rings.ts'

const ROWS_PER_PAGE = 4096 / RECORD_SIZE_BYTES

function setUp(capacity: number) {
  const sizes = { names: 64, slab: 64, controls: 64, rules: 64, callTree: 64 }
  const memory = createSharedMemory(capacity, sizes, undefined)
  const control = new Int32Array(memory.control)
  const { warm } = createWarmRings(memory)
  const add = vi.spyOn(Atomics, 'add')
  return {
    memory,
    /** @returns pages touched when the thread of that slot has got to `head` */
    reach(slot: number, head: number): number[] {
      Atomics.store(control, headWord(slot), head)
      add.mockClear()
      warm()
      return add.mock.calls.map(([, word]) => word / 1024)
    },
  }
}

afterEach(() => {
  vi.restoreAllMocks()
})

test('every page is touched once, before the producer gets there', () => {
  const capacity = 2 ** 18
  const { reach } = setUp(capacity)
  expect(reach(3, 0)).toEqual([]) // nobody records
  const touched = new Set(reach(3, 1))
  expect(touched.size).toBe(129)
  for (let head = 2; head < capacity; head += 5000) {
    for (const page of reach(3, head)) {
      expect(touched).not.toContain(page)
      expect(page * ROWS_PER_PAGE).toBeGreaterThan(head - ROWS_PER_PAGE)
      touched.add(page)
    }
    expect(touched).toContain(Math.floor(Math.min(head + 16_000, capacity - 1) / ROWS_PER_PAGE))
  }
  expect(touched.size).toBe(capacity / ROWS_PER_PAGE)
  expect(Math.max(...touched)).toBe(capacity / ROWS_PER_PAGE - 1)
  expect(reach(3, capacity + 5)).toEqual([])
  expect(reach(3, -5)).toEqual([]) // after 2^31 rows
})

test('one that starts late touches nothing of what has been used already', () => {
  const { reach } = setUp(1024)
  expect(reach(0, 500)).toEqual([3, 4, 5, 6, 7])
  expect(reach(0, 1030)).toEqual([])
})

test('a ring below a page has one', () => {
  const { reach } = setUp(64)
  expect(reach(0, 7)).toEqual([0])
  expect(reach(0, 70)).toEqual([])
})

test('what is in the ring stays as it is', () => {
  const { memory, reach } = setUp(4096)
  const ring = new Int32Array(memory.rings[1]!).map((_, word) => word * 7919)
  new Int32Array(memory.rings[1]!).set(ring)
  expect(reach(1, 100)).toHaveLength(32)
  expect(new Int32Array(memory.rings[1]!)).toEqual(ring)
})
