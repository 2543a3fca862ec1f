import { describe, expect, test } from 'vitest'
import { parseDurationNs } from '../../../src/internal/duration.ts'
import { oneInOf } from '../../../src/internal/sampling.ts'

describe('durations', () => {
  test.each([
    ['250us', 250_000],
    ['250µs', 250_000],
    ['250\u03bcs', 250_000],
    ['5ms', 5_000_000],
    ['1.5s', 1_500_000_000],
    ['2m', 120_000_000_000],
    ['2min', 120_000_000_000],
    ['1h', 3_600_000_000_000],
    ['100ns', 100],
    ['0.4ns', 0],
    ['5 ms', 5_000_000],
    [' 5ms ', 5_000_000],
    ['0', 0],
    ['0.0', 0],
    ['0ms', 0],
    [0, 0],
    [5, 5_000_000],
    [0.25, 250_000],
    [9_007_199_254, 9_007_199_254_000_000],
  ])('%j is %d ns', (value, ns) => {
    expect(parseDurationNs(value, 'slowerThan')).toBe(ns)
  })

  test.each([
    ['5', 'needs a unit'],
    ['', "such as '250us'"],
    ['ms', "such as '250us'"],
    ['5 days', "such as '250us'"],
    ['-5ms', "such as '250us'"],
    ['5MS', "such as '250us'"],
    ['1e3ms', "such as '250us'"],
    ['.5ms', "such as '250us'"],
    ['5ms5ms', "such as '250us'"],
    [-1, 'from 0'],
    [NaN, 'from 0'],
    [Infinity, 'from 0'],
    ['99999999999999h', 'from 0'],
    [9_007_199_255, 'from 0'],
  ])('%j is refused', (value, reason) => {
    const parse = () => parseDurationNs(value, 'slowerThan')
    expect(parse).toThrow(RangeError)
    expect(parse).toThrow(/^slowerThan /)
    expect(parse).toThrow(reason)
  })

  test.each([[null], [undefined], [true], [{}], [[5]], [5n]])('%s is no duration', (value) => {
    expect(() => parseDurationNs(value, 'slowerThan')).toThrow(TypeError)
    expect(() => parseDurationNs(value, 'slowerThan')).toThrow(/^slowerThan /)
  })

  test('a long text by mistake gives a short message', () => {
    try {
      parseDurationNs('9'.repeat(1_000_000), 'slowerThan')
      expect.unreachable()
    } catch (error) {
      expect((error as Error).message.length).toBeLessThan(200)
    }
  })
})

describe('sampling rates', () => {
  test.each([
    [1, 1],
    [0.5, 2],
    [0.1, 10],
    [0.3, 3],
    [0.001, 1000],
    [0.7, 1],
    [1e-300, 2 ** 31 - 1],
    [Number.MIN_VALUE, 2 ** 31 - 1],
  ])('%d keeps one in %d', (rate, oneIn) => {
    expect(oneInOf(rate, 'sample')).toBe(oneIn)
  })

  test.each([0, -0.1, 1.001, NaN, Infinity])('%d is refused', (rate) => {
    expect(() => oneInOf(rate, 'sample')).toThrow(RangeError)
    expect(() => oneInOf(rate, 'sample')).toThrow(/^sample /)
  })

  test.each([['0.1'], [null], [true]])('%j is no rate', (rate) => {
    expect(() => oneInOf(rate, 'sample')).toThrow(TypeError)
    expect(() => oneInOf(rate, 'sample')).toThrow(/^sample /)
  })
})
