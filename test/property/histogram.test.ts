import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  BUCKET_COUNT,
  BUCKET_OFFSET,
  BUCKET_UPPER_NS,
  bucketMidpointNs,
  bucketOf,
  HISTOGRAM_SCALE,
  QUANTILE_RELATIVE_ERROR,
  quantileOf,
} from '../../src/metrics/histogram.ts'

/** Whole nanoseconds, every order of magnitude alike. */
const duration = fc
  .tuple(fc.integer({ min: 0, max: 52 }), fc.double({ min: 0, max: 1, noNaN: true }))
  .map(([octave, part]) => Math.floor(2 ** octave * (1 + part)))

describe('buckets', () => {
  test('a duration lies above the bucket below and not above its own', () => {
    fc.assert(
      fc.property(duration, (durationNs) => {
        const bucket = bucketOf(durationNs)
        expect(durationNs).toBeLessThanOrEqual(BUCKET_UPPER_NS[bucket]!)
        expect(durationNs).toBeGreaterThan(BUCKET_UPPER_NS[bucket - 1]!)
      }),
      { numRuns: 20_000 },
    )
  })

  test('are those of an OpenTelemetry exponential histogram of scale 6, upper bounds inclusive', () => {
    for (const seconds of [2 ** -9, 2 ** -4, 1, 2, 64]) {
      const durationNs = seconds * 1e9
      const index = Math.log2(seconds) * 2 ** HISTOGRAM_SCALE - 1 // an exact power of the base closes its bucket
      expect(bucketOf(durationNs) + BUCKET_OFFSET).toBe(index)
      expect(bucketOf(durationNs + 1) + BUCKET_OFFSET).toBe(index + 1)
    }
  })

  test('stand for their durations within the stated error', () => {
    fc.assert(
      fc.property(duration, (durationNs) => {
        const error = Math.abs(bucketMidpointNs(bucketOf(durationNs)) - durationNs) / durationNs
        expect(error).toBeLessThanOrEqual(0.00542)
      }),
      { numRuns: 20_000 },
    )
  })

  test('the first one holds the calls of 0 ns', () => {
    expect(bucketOf(0)).toBe(0)
    expect(bucketOf(1)).toBe(6)
    expect(bucketMidpointNs(0)).toBe(0)
    expect(bucketMidpointNs(bucketOf(1))).toBe(1)
  })

  test('hold the longest duration there is', () => {
    expect(bucketOf(Number.MAX_SAFE_INTEGER)).toBeLessThan(BUCKET_COUNT)
  })
})

describe('quantileOf', () => {
  test('is within the stated error of the exact quantile, gaps between modes included', () => {
    const durations = fc.array(duration, { minLength: 1, maxLength: 300 })
    const quantile = fc.double({ min: 0, max: 1, noNaN: true })
    fc.assert(
      fc.property(durations, quantile, (values, q) => {
        const sorted = [...values].sort((a, b) => a - b)
        const exact = exactQuantile(sorted, q)
        const estimate = quantileOf(countsOf(values), values.length, q, sorted[0]!, sorted.at(-1)!)
        expect(Math.abs(estimate - exact)).toBeLessThanOrEqual(exact * QUANTILE_RELATIVE_ERROR)
      }),
      { numRuns: 3000 },
    )
  })

  // One rank alone is off by the width of the gap: here p90 lies between 1 µs and 1 ms.
  test('blends the two ranks around a gap', () => {
    const values = [...Array<number>(9).fill(1000), 1e6, 1e6]
    const estimate = quantileOf(countsOf(values), 11, 0.85, 1000, 1e6)
    expect(estimate / exactQuantile(values, 0.85)).toBeCloseTo(1, 2)
  })

  test('is the exact minimum at 0 and the exact maximum at 1', () => {
    const counts = countsOf([12_345, 67_890, 1_234_567])
    expect(quantileOf(counts, 3, 0, 12_345, 1_234_567)).toBe(12_345)
    expect(quantileOf(counts, 3, 1, 12_345, 1_234_567)).toBe(1_234_567)
  })

  test('of nothing is NaN, and out of range an error', () => {
    expect(quantileOf(new Float64Array(BUCKET_COUNT), 0, 0.5, 0, 0)).toBeNaN()
    for (const wrong of [-0.1, 1.1, NaN, 99]) {
      expect(() => quantileOf(new Float64Array(BUCKET_COUNT), 1, wrong, 0, 0)).toThrow(RangeError)
    }
  })
})

function countsOf(durations: readonly number[]): Float64Array {
  const counts = new Float64Array(BUCKET_COUNT)
  for (const durationNs of durations) counts[bucketOf(durationNs)]!++
  return counts
}

function exactQuantile(sorted: readonly number[], quantile: number): number {
  const rank = quantile * (sorted.length - 1)
  const low = sorted[Math.floor(rank)]!
  const high = sorted[Math.ceil(rank)]!
  return low + (rank - Math.floor(rank)) * (high - low)
}
