/** Rows for property tests: ordinary ones, and every extreme that the format has a special case for. */
import fc from 'fast-check'
import { createRowColumns, type RowColumns } from '../../src/database/format/rows.ts'
import type { IdRow } from './read-folder.ts'

const EPOCH_US = 1_700_000_000_000_000

const functionId = fc.oneof(
  { weight: 6, arbitrary: fc.nat(5) },
  { weight: 1, arbitrary: fc.constantFrom(65_535, 65_536, 70_000, 0xffff_ffff) },
)

const startUs = fc.oneof(
  { weight: 8, arbitrary: fc.nat(10_000_000).map((us) => EPOCH_US + us) },
  { weight: 1, arbitrary: fc.constantFrom(EPOCH_US, EPOCH_US + 2 ** 32, EPOCH_US + 2 ** 32 - 1) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(0, 1, Number.MAX_SAFE_INTEGER, 2 ** 52),
  },
)

const durationNs = fc.oneof(
  { weight: 6, arbitrary: fc.nat(2_000_000) },
  { weight: 1, arbitrary: fc.nat(0xffff_ffff) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(0, 1, 2 ** 32 - 2, 2 ** 32 - 1, 2 ** 32, 3_600e9, 2 ** 53 - 1),
  },
)

const errorType = fc.oneof(
  { weight: 8, arbitrary: fc.constant(0) },
  { weight: 1, arbitrary: fc.constantFrom(1, 2, 127, 128, 65_535) },
)

export const idRow: fc.Arbitrary<IdRow> = fc.tuple(functionId, startUs, durationNs, errorType)

/** Rows whose starts lie so close that every narrow case is met too. */
const tameRow: fc.Arbitrary<IdRow> = fc.tuple(
  fc.nat(3),
  fc.nat(5_000_000).map((us) => EPOCH_US + us),
  fc.nat(4_000_000_000),
  errorType,
)

/** 1 row up to `maxLength`, some small, some over the border of a block of 128. */
export function idRows(maxLength: number): fc.Arbitrary<IdRow[]> {
  return fc.oneof(
    fc.array(idRow, { minLength: 1, maxLength }),
    fc.array(tameRow, { minLength: 1, maxLength }),
    fc.array(tameRow, { minLength: Math.min(200, maxLength), maxLength, size: 'max' }),
  )
}

export function toColumns(rows: readonly IdRow[]): RowColumns {
  const columns = createRowColumns(rows.length)
  rows.forEach((row, i) => {
    columns.functionIds[i] = row[0]
    columns.startsUs[i] = row[1]
    columns.durationsNs[i] = row[2]
    columns.errorTypes[i] = row[3]
  })
  columns.count = rows.length
  return columns
}

/** Order of a segment: by function, then start, then arrival. */
export function clustered(rows: readonly IdRow[]): IdRow[] {
  return rows
    .map((row, i) => ({ row, i }))
    .sort((a, b) => a.row[0] - b.row[0] || a.row[1] - b.row[1] || a.i - b.i)
    .map(({ row }) => row)
}
