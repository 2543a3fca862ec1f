import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MetricsAccumulator } from '../../src/metrics/accumulator.ts'
import { MetricsSlab, slabSizeBytes } from '../../src/metrics/slab.ts'

const call = fc.record({
  id: fc.integer({ min: 0, max: 4 }),
  durationNs: fc.oneof(
    fc.integer({ min: 0, max: 2000 }),
    fc.integer({ min: 1_000_000, max: 1_001_000 }), // a large mean next to a small deviation
    fc.constant(5 * 3600 * 1e9),
  ),
  failed: fc.boolean(),
})

test('a slab gives what a direct calculation gives, split into two or not', () => {
  fc.assert(
    fc.property(fc.array(call, { minLength: 1, maxLength: 400 }), fc.nat(400), (calls, cut) => {
      const first = new MetricsSlab(new SharedArrayBuffer(slabSizeBytes(5)), 5)
      const second = new MetricsSlab(new SharedArrayBuffer(slabSizeBytes(5)), 5)
      calls.forEach(({ id, durationNs, failed }, i) => {
        ;(i < cut ? first : second).fold(id, durationNs, failed)
      })
      for (let id = 0; id < 5; id++) {
        const accumulator = new MetricsAccumulator()
        first.read(id, accumulator)
        second.read(id, accumulator)
        expectEqualMetrics(
          accumulator,
          calls.filter((one) => one.id === id),
        )
      }
    }),
    { numRuns: 500 },
  )
})

test('a deviation a millionth of the mean keeps its digits', () => {
  const slab = new MetricsSlab(new SharedArrayBuffer(slabSizeBytes(1)), 1)
  const hour = 3600 * 1e9
  for (let i = 0; i < 1000; i++) slab.fold(0, hour + (i % 2), false)
  const accumulator = new MetricsAccumulator()
  slab.read(0, accumulator)
  expect(accumulator.toMetrics().standardDeviationNs).toBeCloseTo(Math.sqrt(250 / 999), 6)
})

test('ids out of range are ignored, and a full pool only costs the histogram', () => {
  const functions = 2
  const slab = new MetricsSlab(new SharedArrayBuffer(slabSizeBytes(functions)), functions)
  slab.fold(7, 1, false)
  for (let octave = 0; octave < 50; octave++) slab.fold(0, 2 ** octave, false)
  const accumulator = new MetricsAccumulator()
  slab.read(0, accumulator)
  slab.read(7, accumulator)
  expect(accumulator.calls).toBe(50)
  expect(accumulator.maxNs).toBe(2 ** 49)
  const placed = accumulator.counts.reduce((sum, count) => sum + count, 0)
  expect(placed + slab.unplaced).toBe(50)
  expect(slab.unplaced).toBeGreaterThan(0)
})

function expectEqualMetrics(
  accumulator: MetricsAccumulator,
  calls: readonly { durationNs: number; failed: boolean }[],
): void {
  const durations = calls.map((one) => one.durationNs)
  const n = durations.length
  const metrics = accumulator.toMetrics()
  expect(metrics.calls).toBe(n)
  expect(metrics.errors).toBe(calls.filter((one) => one.failed).length)
  if (n === 0) {
    expect(metrics.meanNs).toBeNaN()
    return
  }
  const mean = durations.reduce((sum, value) => sum + value, 0) / n
  expect(Math.abs(metrics.meanNs - mean)).toBeLessThanOrEqual(1e-9 * mean)
  expect(metrics.minNs).toBe(Math.min(...durations))
  expect(metrics.maxNs).toBe(Math.max(...durations))
  if (n < 2) {
    expect(metrics.standardDeviationNs).toBeNaN()
    return
  }
  const squares = durations.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  const deviation = Math.sqrt(squares / (n - 1))
  expect(Math.abs(metrics.standardDeviationNs - deviation)).toBeLessThanOrEqual(
    1e-6 * deviation + 1e-6 * mean,
  )
}
