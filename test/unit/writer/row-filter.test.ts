import { describe, expect, test } from 'vitest'
import { createRowColumns, detailsOf, type RowColumns } from '../../../src/database/format/rows.ts'
import { MetricsSlab, slabSizeBytes } from '../../../src/metrics/slab.ts'
import { Controls, controlsSizeBytes } from '../../../src/queue/controls.ts'
import { RowFilter } from '../../../src/writer/row-filter.ts'

const IDS = 10

function setUp() {
  const controls = new Controls(new SharedArrayBuffer(controlsSizeBytes(IDS)), IDS)
  const slab = new MetricsSlab(new SharedArrayBuffer(slabSizeBytes(IDS)), IDS)
  return { controls, slab, filter: new RowFilter(controls, slab) }
}

function rowsOf(calls: readonly { id: number; durationNs: number; error?: number }[]): RowColumns {
  const rows = createRowColumns(calls.length)
  calls.forEach(({ id, durationNs, error = 0 }, row) => {
    rows.functionIds[row] = id
    rows.durationsNs[row] = durationNs
    rows.startsUs[row] = row
    rows.errorTypes[row] = error
  })
  rows.count = calls.length
  return rows
}

const durations = (rows: RowColumns): number[] => [...rows.durationsNs.subarray(0, rows.count)]

test('without a rule the rows themselves are stored', () => {
  const { filter } = setUp()
  const rows = rowsOf([{ id: 2, durationNs: 5 }])
  expect(filter.keep(rows, 0, 0)).toBe(rows)
})

test('below the threshold only failed calls are stored', () => {
  const { controls, filter } = setUp()
  controls.set(2, { enabled: true, slowerThanNs: 100, oneIn: 1 })
  const kept = filter.keep(
    rowsOf([
      { id: 2, durationNs: 99 },
      { id: 2, durationNs: 100 },
      { id: 2, durationNs: 7, error: 3 },
      { id: 3, durationNs: 1 },
    ]),
    0,
    0,
  )
  expect(durations(kept)).toEqual([100, 7, 1])
  expect([...kept.errorTypes.subarray(0, 3)]).toEqual([0, 3, 0])
})

test('details go with their row', () => {
  const { controls, filter } = setUp()
  controls.set(2, { enabled: true, slowerThanNs: 100, oneIn: 1 })
  const rows = rowsOf([
    { id: 2, durationNs: 1 },
    { id: 2, durationNs: 200 },
  ])
  const details = detailsOf(rows)
  details.contexts[1] = 77
  details.childrenNs[1] = 50
  details.attributes.set(0, Buffer.from('{"a":0}'))
  details.attributes.set(1, Buffer.from('{"a":1}'))
  const kept = filter.keep(rows, 0, 0)
  expect(kept.details!.contexts[0]).toBe(77)
  expect(kept.details!.childrenNs[0]).toBe(50)
  expect([...kept.details!.attributes]).toEqual([[0, Buffer.from('{"a":1}')]])
  expect(filter.keep(rowsOf([{ id: 2, durationNs: 300 }]), 0, 2).details!.attributes.size).toBe(0)
})

describe('a sample', () => {
  const CALLS = 100_000

  function sampled(oneIn: number) {
    const parts = setUp()
    parts.controls.set(2, { enabled: true, slowerThanNs: 0, oneIn })
    parts.filter.keep(rowsOf([]), 0, 0)
    for (let call = 0; call < 1000; call++) parts.slab.fold(2, call, false)
    parts.filter.learn()
    return parts
  }

  test('stands for all calls: the weights add up to their number, give or take chance', () => {
    const { filter } = sampled(10)
    const kept = filter.keep(rowsOf(Array(CALLS).fill({ id: 2, durationNs: 5 })), 0, 123)
    const weights = [...kept.details!.weights.subarray(0, kept.count)]
    expect(new Set(weights)).toEqual(new Set([10]))
    const calls = weights.reduce((sum, weight) => sum + weight, 0)
    const deviation = Math.sqrt(CALLS * 0.1 * 0.9) * 10
    expect(Math.abs(calls - CALLS)).toBeLessThan(5 * deviation)
  })

  test('is not caught by functions that are called in turns', () => {
    const { filter, controls } = sampled(4)
    controls.set(3, { enabled: true, slowerThanNs: 0, oneIn: 4 })
    controls.setKeepFromNs(3, 1e9)
    const calls = Array.from({ length: CALLS }, (_, i) => ({ id: 2 + (i % 2), durationNs: 5 }))
    const kept = filter.keep(rowsOf(calls), 0, 0)
    const ids = [...kept.functionIds.subarray(0, kept.count)]
    for (const id of [2, 3]) {
      const share = ids.filter((other) => other === id).length / (CALLS / 2)
      expect(Math.abs(share - 0.25)).toBeLessThan(0.02)
    }
  })

  test('always holds slow calls, each for itself', () => {
    const { filter } = sampled(1_000_000)
    const kept = filter.keep(
      rowsOf([
        { id: 2, durationNs: 500 },
        { id: 2, durationNs: 5000 },
      ]),
      0,
      0,
    )
    expect(durations(kept)).toEqual([5000])
    expect(kept.details!.weights[0]).toBe(1)
  })

  test('is one of a function that always takes as long, too', () => {
    const { controls, filter, slab } = setUp()
    controls.set(2, { enabled: true, slowerThanNs: 0, oneIn: 10 })
    filter.keep(rowsOf([]), 0, 0)
    for (let call = 0; call < 1000; call++) slab.fold(2, 1_000_000, false)
    filter.learn()
    const kept = filter.keep(rowsOf(Array(CALLS).fill({ id: 2, durationNs: 1_000_000 })), 0, 0)
    expect(kept.count).toBeLessThan(CALLS / 5)
  })

  test('holds everything while nobody knows what is slow', () => {
    const { controls, filter } = setUp()
    controls.set(2, { enabled: true, slowerThanNs: 0, oneIn: 1000 })
    expect(filter.keep(rowsOf(Array(50).fill({ id: 2, durationNs: 5 })), 0, 0).count).toBe(50)
  })

  test('of the same rows is the same: a batch may have to be written twice', () => {
    const { filter } = sampled(7)
    const rows = rowsOf(Array.from({ length: 1000 }, (_, i) => ({ id: 2, durationNs: i % 50 })))
    const first = durations(filter.keep(rows, 5, 0x7fff_fff0))
    expect(durations(filter.keep(rows, 5, 0x7fff_fff0))).toEqual(first)
    expect(durations(filter.keep(rows, 6, 0x7fff_fff0))).not.toEqual(first)
  })
})
