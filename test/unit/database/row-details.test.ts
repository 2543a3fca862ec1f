import { expect, test } from 'vitest'
import {
  depthOf,
  encodeContext,
  isAsyncContext,
  MAX_DEPTH,
  MAX_PARENT_ID,
  parentIdOf,
} from '../../../src/database/format/call-context.ts'
import {
  clearDetails,
  createRowColumns,
  detailsOf,
  reserveRows,
} from '../../../src/database/format/rows.ts'

const text = new TextEncoder().encode('{}')

test('details are made on demand, with the defaults', () => {
  const rows = createRowColumns(3)
  expect(rows.details).toBeUndefined()
  const details = detailsOf(rows)
  expect(detailsOf(rows)).toBe(details)
  expect([...details.contexts]).toEqual([0, 0, 0])
  expect([...details.childrenNs]).toEqual([0, 0, 0])
  expect([...details.weights]).toEqual([1, 1, 1])
  expect(details.attributes.size).toBe(0)
})

test('making room keeps the details of the rows that count, and gives the others the defaults', () => {
  const rows = createRowColumns(2)
  rows.count = 1
  const details = detailsOf(rows)
  details.contexts.set([7, 8])
  details.childrenNs.set([70, 80])
  details.weights.set([700, 800])
  details.attributes.set(0, text).set(1, text)
  reserveRows(rows, 4)
  expect(rows.details).toBe(details)
  expect([...details.contexts]).toEqual([7, 0, 0, 0])
  expect([...details.childrenNs]).toEqual([70, 0, 0, 0])
  expect([...details.weights]).toEqual([700, 1, 1, 1])
  expect([...details.attributes]).toEqual([[0, text]])
})

test('rows that are used again can be given the defaults', () => {
  const details = detailsOf(createRowColumns(3))
  details.contexts.fill(1)
  details.childrenNs.fill(2)
  details.weights.fill(3)
  for (const row of [0, 1, 2]) details.attributes.set(row, text)
  clearDetails(details, 1, 3)
  expect([...details.contexts]).toEqual([1, 0, 0])
  expect([...details.childrenNs]).toEqual([2, 0, 0])
  expect([...details.weights]).toEqual([3, 1, 1])
  expect([...details.attributes.keys()]).toEqual([0])
})

test.each([
  [0, 0, false],
  [MAX_PARENT_ID, MAX_DEPTH, true],
  [1, 2046, true],
  [777, 1, false],
])('a context of function %i at depth %i comes back', (parentId, depth, isAsync) => {
  const context = encodeContext(parentId, depth, isAsync)
  expect(context).toBe(context >>> 0)
  expect(parentIdOf(context)).toBe(parentId)
  expect(depthOf(context)).toBe(depth)
  expect(isAsyncContext(context)).toBe(isAsync)
})

test('depths beyond the greatest are the greatest', () => {
  expect(depthOf(encodeContext(5, 1e6, false))).toBe(MAX_DEPTH)
  expect(parentIdOf(encodeContext(5, 1e6, false))).toBe(5)
})
