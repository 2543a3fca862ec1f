import { expect, test } from 'vitest'
import {
  DEFAULT_QUANTILES,
  checkFunctions,
  checkLimit,
  checkPollMs,
  checkQuantiles,
} from '../../../src/query/options.ts'

test('quantiles', () => {
  expect(checkQuantiles(undefined)).toBe(DEFAULT_QUANTILES)
  expect(checkQuantiles([0, 1, 0.5])).toEqual([0, 1, 0.5])
  expect(checkQuantiles([])).toEqual([])
  for (const value of [[99], [-0.1], [NaN], Array.from({ length: 1001 }, () => 0.5)]) {
    expect(() => checkQuantiles(value)).toThrow(RangeError)
  }
  for (const value of ['p99', 0.5, ['0.5'], null]) {
    expect(() => checkQuantiles(value as unknown as number[])).toThrow(TypeError)
  }
})

test('limit', () => {
  expect(checkLimit(undefined)).toBe(10)
  expect([1, 100_000].map((limit) => checkLimit(limit))).toEqual([1, 100_000])
  for (const limit of [0, -1, 1.5, NaN, Infinity, 100_001]) {
    expect(() => checkLimit(limit)).toThrow(/^limit must be .* not /)
  }
  expect(() => checkLimit('10' as unknown as number, 'count')).toThrow(TypeError)
})

test('names and polling', () => {
  expect(checkFunctions(undefined)).toBeUndefined()
  expect(checkFunctions('')).toEqual([''])
  expect(checkFunctions(['a', 'b'])).toEqual(['a', 'b'])
  expect(() => checkFunctions(5 as unknown as string)).toThrow(TypeError)
  expect(() => checkFunctions([5] as unknown as string[])).toThrow(TypeError)
  expect(checkPollMs(undefined)).toBe(100)
  expect(() => checkPollMs(0)).toThrow(RangeError)
  expect(() => checkPollMs('1' as unknown as number)).toThrow(TypeError)
})
