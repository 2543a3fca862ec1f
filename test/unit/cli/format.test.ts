import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  formatCount,
  formatDuration,
  formatInstant,
  formatQuantile,
  formatRate,
  formatShare,
} from '../../../src/cli/format.ts'

test.each<[number, string]>([
  [0, '0 ns'],
  [1, '1 ns'],
  [999, '999 ns'],
  [12.34, '12.3 ns'],
  [0.004, '0.00 ns'],
  [999.4, '999 ns'],
  [999.6, '1.00 µs'],
  [1000, '1.00 µs'],
  [12_345, '12.3 µs'],
  [999_499, '999 µs'],
  [999_500, '1.00 ms'],
  [59.94e9, '59.9 s'],
  [59.96e9, '1.00 min'],
  [90e9, '1.50 min'],
  [3600e9, '1.00 h'],
  [86_400e9, '1.00 d'],
  [86_400e9 * 12_345, '12,300 d'],
  [Number.MAX_SAFE_INTEGER, '104 d'],
  [NaN, '–'],
])('duration %d', (ns, text) => {
  expect(formatDuration(ns)).toBe(text)
})

test('a duration reads as what it is, to three digits', () => {
  const units: Record<string, number> = {
    ns: 1,
    µs: 1e3,
    ms: 1e6,
    s: 1e9,
    min: 60e9,
    h: 3600e9,
    d: 86_400e9,
  }
  fc.assert(
    fc.property(fc.maxSafeNat(), (ns) => {
      const [value, unit] = formatDuration(ns).split(' ') as [string, string]
      expect(Math.abs(Number(value) * units[unit]! - ns)).toBeLessThanOrEqual(0.00501 * ns)
      expect(value.length).toBeLessThanOrEqual(4)
    }),
  )
})

test('counts, shares, rates, quantiles', () => {
  expect([0, 999, 1000, 1_234_567].map(formatCount)).toEqual(['0', '999', '1,000', '1,234,567'])
  expect([0, 1e-9, 0.001, 0.5, 0.99949, 0.9999, 1, NaN].map(formatShare)).toEqual([
    '0 %',
    '<0.1 %',
    '0.1 %',
    '50.0 %',
    '99.9 %',
    '>99.9 %',
    '100 %',
    '–',
  ])
  expect([0, 12_345, 1, 0.5, 0.001, 1e-5, NaN].map(formatRate)).toEqual([
    '0 /s',
    '12,300 /s',
    '1.00 /s',
    '30.0 /min',
    '3.60 /h',
    '0.86 /d',
    '–',
  ])
  expect([0.5, 0.999, 0.9999, 0.07].map(formatQuantile)).toEqual(['p50', 'p99.9', 'p99.99', 'p7'])
})

test('instants are local, with microseconds', () => {
  const ms = new Date(2026, 0, 2, 3, 4, 5, 6).getTime()
  expect(formatInstant(ms + 0.789)).toBe('2026-01-02 03:04:05.006789')
  expect(formatInstant(new Date(1969, 11, 31, 23, 59, 59, 999).getTime() + 0.25)).toBe(
    '1969-12-31 23:59:59.999250',
  )
  expect(formatInstant(NaN)).toBe('–')
})
