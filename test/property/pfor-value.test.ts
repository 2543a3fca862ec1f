/** One value of a page is the one that decoding the whole page finds. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { pforValue } from '../../src/database/format/pfor-value.ts'
import { loadFallbackKernels, pforMaxBytes } from '../../src/database/kernels/kernels.ts'

const kernels = loadFallbackKernels()
const MOST = 700
const from = kernels.allocate(4 * (MOST + 128))
const to = kernels.allocate(pforMaxBytes(MOST))

function encode(values: readonly number[]): Uint8Array {
  kernels.u32.set(values, from / 4)
  return kernels.u8.slice(to, kernels.pforEncode(from, values.length, 0, to))
}

test('of values of any width, with exceptions', () => {
  const bits = fc.constantFrom(...Array.from({ length: 33 }, (_, width) => width))
  const values = fc
    .tuple(bits, bits)
    .chain(([common, rare]) =>
      fc.array(
        fc.oneof(
          { weight: 15, arbitrary: fc.integer({ min: 0, max: 2 ** common - 1 }) },
          { weight: 1, arbitrary: fc.integer({ min: 0, max: 2 ** rare - 1 }) },
        ),
        { minLength: 1, maxLength: MOST, size: 'max' },
      ),
    )
  fc.assert(
    fc.property(values, (values) => {
      const page = encode(values)
      values.forEach((value, i) => {
        if (pforValue(page, values.length, i) !== value) throw new Error(`value ${i}`)
      })
    }),
    { numRuns: 200 },
  )
})

test('a damaged page gives some number, or none', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 300 }),
      fc.integer({ min: 1, max: 16_384 }),
      fc.nat(),
      (page, count, at) => {
        // prettier-ignore
        const value = pforValue(page, count, at % count)
        if (value !== undefined) expect(value).toBeGreaterThanOrEqual(0)
      },
    ),
    { numRuns: 500 },
  )
})
