import { expect, test } from 'vitest'
import fc from 'fast-check'
import { BestRows } from '../../../src/query/best-rows.ts'

test('keeps what sorting would put first', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 50 })),
      fc.integer({ min: 1, max: 20 }),
      (values, limit) => {
        const best = new BestRows<number>(limit, (a, b) => a > b)
        for (const value of values) best.add(value)
        const sorted = [...values].sort((a, b) => b - a).slice(0, limit)
        expect(best.sorted()).toEqual(sorted)
        expect(best.worst).toBe(values.length >= limit ? sorted.at(-1) : undefined)
      },
    ),
  )
})
