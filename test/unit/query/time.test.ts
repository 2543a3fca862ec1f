import { describe, expect, test } from 'vitest'
import { parseTimeUs, resolveRange } from '../../../src/query/time.ts'
import type { TimeInput } from '../../../src/types.ts'

const NOW_MS = Date.UTC(2026, 0, 31, 12)

describe('parseTimeUs', () => {
  test.each<[TimeInput, number]>([
    [0, 0],
    [1.5, 1500],
    [-1, -1000],
    [1_700_000_000_123.457, 1_700_000_000_123_457],
    [new Date(5), 5000],
    ['now', NOW_MS * 1000],
    ['-0s', NOW_MS * 1000],
    ['-500ms', (NOW_MS - 500) * 1000],
    ['-90s', (NOW_MS - 90e3) * 1000],
    ['-15m', (NOW_MS - 15 * 60e3) * 1000],
    ['-1h', (NOW_MS - 3600e3) * 1000],
    ['-1.5h', (NOW_MS - 5400e3) * 1000],
    ['-7d', (NOW_MS - 7 * 86_400e3) * 1000],
    ['-2w', (NOW_MS - 14 * 86_400e3) * 1000],
    [' -1h ', (NOW_MS - 3600e3) * 1000],
    ['1970-01-02', 86_400e6],
    ['1970-01-01T00:00:01Z', 1e6],
    ['1970-01-01 00:00:01Z', 1e6],
    ['1970-01-01T01:00:01+01:00', 1e6],
    ['1970-01-01T00:00:00.123456Z', 123_456],
    ['1970-01-01T00:00:00,5Z', 500_000],
    ['1969-12-31T23:59:59.999999Z', -1],
  ])('%o', (input, us) => {
    expect(parseTimeUs(input, 'from', NOW_MS)).toBe(us)
  })

  test('a local time without zone', () => {
    const local = new Date(2026, 0, 31, 12, 30).getTime()
    expect(parseTimeUs('2026-01-31T12:30', 'from')).toBe(local * 1000)
  })

  test.each([
    NaN,
    Infinity,
    1e20,
    new Date(NaN),
    '',
    '5',
    'yesterday',
    '1h',
    '-1',
    '-1y',
    '2026-13-01',
    '2026-1-1',
    'May',
  ])('refuses %o and names the option', (input) => {
    expect(() => parseTimeUs(input, 'from')).toThrow(RangeError)
    expect(() => parseTimeUs(input, 'from')).toThrow(/^from must be/)
  })

  test.each([null, {}, [], true, 5n])('refuses %o by its type', (input) => {
    expect(() => parseTimeUs(input as unknown as TimeInput, 'to')).toThrow(TypeError)
  })

  test('startMs of a row, given back, is that row', () => {
    for (let us = 1_767_225_600_000_000; us < 1_767_225_600_000_000 + 5000; us++) {
      expect(parseTimeUs(us / 1000, 'from')).toBe(us)
    }
  })
})

describe('resolveRange', () => {
  test('is open where nothing is said', () => {
    expect(resolveRange(undefined)).toEqual({ fromUs: -Infinity, toUs: Infinity })
    expect(resolveRange({ to: 1 })).toEqual({ fromUs: -Infinity, toUs: 1000 })
  })

  test('both ends refer to the same now', () => {
    expect(resolveRange({ from: '-0s', to: 'now' }, NOW_MS)).toEqual({
      fromUs: NOW_MS * 1000,
      toUs: NOW_MS * 1000,
    })
  })

  test('refuses a range that ends before it begins', () => {
    expect(() => resolveRange({ from: 'now', to: '-1h' })).toThrow(RangeError)
  })
})
