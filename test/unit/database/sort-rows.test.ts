import fc from 'fast-check'
import { expect, test } from 'vitest'
import { sortRows } from '../../../src/database/write/sort-rows.ts'

function sorted(starts: readonly number[]): [number, number, number][] {
  const columns = {
    startsUs: Float64Array.from([99, ...starts, -99]),
    durationsNs: Float64Array.from({ length: starts.length + 2 }, (_, i) => i),
    tags: Uint16Array.from({ length: starts.length + 2 }, (_, i) => i),
  }
  sortRows(columns, 1, starts.length + 1)
  expect([columns.startsUs[0], columns.startsUs.at(-1)]).toEqual([99, -99])
  return starts.map((_, i) => [
    columns.startsUs[i + 1]!,
    columns.durationsNs[i + 1]!,
    columns.tags[i + 1]!,
  ])
}

function expectSorted(starts: readonly number[]): void {
  const expected = starts
    .map((start, i) => [start, i + 1, i + 1])
    .sort((a, b) => a[0]! - b[0]! || a[1]! - b[1]!)
  expect(sorted(starts)).toEqual(expected)
}

test('any order of starts is sorted, equal ones keep their order', () => {
  const start = fc.oneof(fc.nat(20), fc.nat(), fc.maxSafeNat())
  fc.assert(fc.property(fc.array(start, { maxLength: 400, size: 'max' }), expectSorted))
})

test.each([
  ['ascending', (i: number) => i],
  ['descending', (i: number) => 3000 - i],
  ['nearly sorted', (i: number) => 10 * i - (i % 7 === 0 ? 35 : 0)],
  ['shuffled over more than 2^32 µs', (i: number) => ((i * 7919) % 3001) * 2 ** 31],
  ['all equal', () => 5],
  ['over the whole range', (i: number) => (i % 2 === 0 ? Number.MAX_SAFE_INTEGER - i : i)],
])('many rows %s', (_, startOf) => {
  expectSorted(Array.from({ length: 3000 }, (_, i) => startOf(i)))
})
