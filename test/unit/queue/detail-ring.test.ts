import { expect, test } from 'vitest'
import { DetailRing } from '../../../src/queue/detail-ring.ts'
import {
  createSharedMemory,
  detailHeadWord,
  detailTailWord,
  droppedDetails,
} from '../../../src/queue/layout.ts'

function setUp() {
  const sizes = { names: 64, slab: 64, controls: 64, rules: 64, callTree: 64 }
  const memory = createSharedMemory(1024, sizes, undefined)
  return { memory, ring: new DetailRing(memory, 2), reader: new DetailRing(memory, 2) }
}

const textOf = (bytes: Uint8Array | undefined): string | undefined =>
  bytes && Buffer.from(bytes).toString()

test('what is published is found under its record, once around the ring and more', () => {
  const { memory, ring, reader } = setUp()
  const control = new Int32Array(memory.control)
  const start = 0x7fff_ff00 // positions overflow on the way
  control[detailHeadWord(2)] = start
  control[detailTailWord(2)] = start
  for (let record = 0; record < 5000; record++) {
    const text = JSON.stringify({ n: record, text: 'ä€😀'.repeat(record % 90) })
    ring.prepare(record, text)
    expect(ring.publish(record)).toBe(true)
    const entry = reader.find(reader.tail, record)!
    expect(entry.childrenNs).toBe(record)
    expect(textOf(entry.attributes)).toBe(text)
    reader.release(entry.next)
  }
  expect(droppedDetails(new Float64Array(memory.counters))).toBe(0)
})

test('entries of records that were never written, or already read, are passed over', () => {
  const { ring, reader } = setUp()
  for (const record of [3, 4, 9]) {
    ring.prepare(NaN, `{"n":${record}}`)
    ring.publish(record)
  }
  const entry = reader.find(reader.tail, 9)!
  expect(textOf(entry.attributes)).toBe('{"n":9}')
  expect(entry.childrenNs).toBeNaN()
  expect(reader.find(reader.tail, 5)).toBeUndefined()
  expect(textOf(reader.find(reader.tail, 4)?.attributes)).toBe('{"n":4}')
  expect(reader.find(entry.next, 10)).toBeUndefined()
})

test('a full ring costs the details and counts them', () => {
  const { memory, ring, reader } = setUp()
  const text = JSON.stringify({ text: 'x'.repeat(4000) })
  let published = 0
  for (let record = 0; record < 400; record++) {
    ring.prepare(NaN, text)
    if (ring.publish(record)) published++
  }
  expect(published).toBeGreaterThan(200)
  expect(published).toBeLessThan(400)
  expect(droppedDetails(new Float64Array(memory.counters))).toBe(400 - published)
  let position = reader.tail
  for (let record = 0; record < published; record++) {
    const entry = reader.find(position, record)!
    expect(textOf(entry.attributes)).toBe(text)
    position = entry.next
  }
})

test('details without attributes', () => {
  const { ring, reader } = setUp()
  ring.prepare(17, undefined)
  expect(ring.isPrepared).toBe(true)
  ring.publish(1)
  expect(ring.isPrepared).toBe(false)
  expect(reader.find(reader.tail, 1)).toMatchObject({ childrenNs: 17, attributes: undefined })
})
