import { expect, test } from 'vitest'
import { interpretListing } from '../../../src/database/directory-listing.ts'

test('segments cover what is inside them, whatever the order of names', () => {
  const names = [
    'wal.000003',
    'seg.000002-000002',
    'LOCK',
    'dict',
    'seg.000000-000002',
    'wal.000001',
    'seg.000001-000001',
    'seg.000003-000003.tmp',
    'wal.000004',
  ]
  for (const order of [names, [...names].reverse()]) {
    const listing = interpretListing(order)
    expect(listing.segments.map(({ name }) => name)).toEqual(['seg.000000-000002'])
    expect(listing.wals.map(({ sequence }) => sequence)).toEqual([3, 4])
    expect(listing.coveredWals.map(({ sequence }) => sequence)).toEqual([1])
    expect(listing).toMatchObject({ hole: undefined, last: 4 })
  }
})

test.each<[string[], number | undefined, number]>([
  [[], undefined, -1],
  [['wal.000000'], undefined, 0],
  [['seg.000005-000009', 'wal.000010'], undefined, 10], // the oldest may have been removed
  [['seg.000000-000000', 'wal.000002'], 1, 2],
  [['seg.000000-000003', 'seg.000006-000006', 'wal.000009'], 4, 9],
])('%j', (names, hole, last) => {
  expect(interpretListing(names)).toMatchObject({ hole, last })
})
