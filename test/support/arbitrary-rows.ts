/** Rows for property tests: ordinary ones, and every extreme that the format has a special case for. */
import fc from 'fast-check'
import { idRowOf, toColumns, type Extras, type IdRow } from './id-row.ts'

export { toColumns }

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

export const idRow = fc.tuple(functionId, startUs, durationNs, errorType)

/** Rows whose starts lie so close that every narrow case is met too. */
const tameRow = fc.tuple(
  fc.nat(3),
  fc.nat(5_000_000).map((us) => EPOCH_US + us),
  fc.nat(4_000_000_000),
  errorType,
)

const context = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(0, 5, 0x8010_0007) },
  { weight: 1, arbitrary: fc.nat(0xffff_ffff) },
)

const weight = fc.oneof(
  { weight: 6, arbitrary: fc.constant(1) },
  { weight: 2, arbitrary: fc.constantFrom(2, 10) },
  { weight: 1, arbitrary: fc.constantFrom(0x7fff_ffff, 1000) },
)

const attributes = fc.oneof(
  { weight: 4, arbitrary: fc.constant(undefined) },
  { weight: 4, arbitrary: fc.constantFrom('{}', '{"order":17}', '{"name":"größe","ok":true}') },
  { weight: 1, arbitrary: fc.string({ unit: 'binary' }).map((text) => JSON.stringify({ text })) },
)

/** Of a call's duration. */
const childrenShare = fc.oneof(fc.constantFrom(0, 1), fc.double({ min: 0, max: 1, noNaN: true }))

/** Which of the details are not the defaults: without those that no row has, every combination of sections is met. */
const present = fc.record({
  context: fc.boolean(),
  children: fc.boolean(),
  weight: fc.boolean(),
  attributes: fc.boolean(),
})

function detailed(row: fc.Arbitrary<IdRow>, constraints: fc.ArrayConstraints) {
  const extras = fc.tuple(row, context, childrenShare, weight, attributes)
  return fc.tuple(fc.array(extras, constraints), present).map(([rows, some]) =>
    rows.map(([plain, ...values]) => {
      const [ofContext, share, ofWeight, text] = values
      const extra: Extras = {
        context: some.context ? ofContext : 0,
        childrenNs: some.children ? Math.floor(share * plain[2]) : 0,
        weight: some.weight ? ofWeight : 1,
        attributes: some.attributes ? text : undefined,
      }
      return idRowOf(plain, extra)
    }),
  )
}

/** 1 row up to `maxLength`, some small, some over the border of a block of 128, none with details. */
export function plainRows(maxLength: number): fc.Arbitrary<IdRow[]> {
  return fc.oneof(
    fc.array<IdRow>(idRow, { minLength: 1, maxLength }),
    fc.array<IdRow>(tameRow, { minLength: 1, maxLength }),
    fc.array<IdRow>(tameRow, { minLength: Math.min(200, maxLength), maxLength, size: 'max' }),
  )
}

/** The same; half of them have rows with details. */
export function idRows(maxLength: number): fc.Arbitrary<IdRow[]> {
  const large = { minLength: Math.min(200, maxLength), maxLength, size: 'max' } as const
  return fc.oneof(
    { weight: 3, arbitrary: plainRows(maxLength) },
    detailed(idRow, { minLength: 1, maxLength }),
    detailed(tameRow, { minLength: 1, maxLength }),
    detailed(tameRow, large),
  )
}

/** Order of a segment: by function, then weight, then start, then arrival. */
export function clustered(rows: readonly IdRow[]): IdRow[] {
  const weightOf = (row: IdRow) => row[4]?.weight ?? 1
  return rows
    .map((row, i) => ({ row, i }))
    .sort(
      (a, b) =>
        a.row[0] - b.row[0] ||
        weightOf(a.row) - weightOf(b.row) ||
        a.row[1] - b.row[1] ||
        a.i - b.i,
    )
    .map(({ row }) => row)
}
