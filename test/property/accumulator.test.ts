/** Adding up parts in any order and shape gives what adding up all calls at once gives. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { CallSummaries, CallTotals } from '../../src/database/call-totals.ts'
import { loadFallbackKernels, loadKernels } from '../../src/database/kernels/kernels.ts'
import { BUCKET_COUNT, bucketOf, quantileOf } from '../../src/metrics/histogram.ts'
import { CallAccumulator, QuantilePlan } from '../../src/query/accumulator.ts'
import { quantilesOf, slowCallsOf } from '../../src/query/quantiles.ts'
import { ALL_TIME } from '../../src/query/time.ts'

const duration = fc.oneof(
  fc.nat(5),
  fc.nat(1_000_000),
  fc.nat(0xffff_fffe),
  fc.maxSafeNat(),
  fc.constantFrom(0, 1, 0xffff_fffe, 0xffff_ffff, 2 ** 32, Number.MAX_SAFE_INTEGER),
)
const parts = fc.array(fc.array(duration, { minLength: 1, maxLength: 60 }), { maxLength: 12 })
const quantile = fc.oneof(
  fc.double({ min: 0, max: 1, noNaN: true }),
  fc.constantFrom(0, 0.5, 0.99, 1),
)

/** One accumulator for all runs: clearing it must leave nothing behind. */
const kernels = loadKernels()
const accumulator = new CallAccumulator(kernels)
const durationsAt = kernels.allocate(4 * 1024)
const histogramAt = kernels.allocate(4 * BUCKET_COUNT)
const sparseAt = kernels.allocate(1 << 20)

function addDecoded(durations: readonly number[]): void {
  if (durations.some((d) => d >= 0xffff_ffff)) {
    accumulator.addLongDurations(durations)
    return
  }
  kernels.u32.set(durations, durationsAt / 4)
  accumulator.addDurations(durationsAt, durations.length)
}

/** As a node of the summary tree. @returns end of its histogram */
function addSummarised(durations: readonly number[], to: number): number {
  const sum = durations.reduce((total, d) => total + BigInt(d), 0n)
  const mean = Number(sum) / durations.length
  accumulator.add({
    calls: durations.length,
    errors: 0,
    sumHigh: Number(sum >> 32n),
    sumLow: Number(sum & 0xffff_ffffn),
    squaredDeviations: durations.reduce((total, d) => total + (d - mean) ** 2, 0),
    minNs: Math.min(...durations),
    maxNs: Math.max(...durations),
    childrenNs: 0,
    firstUs: 0,
    lastUs: 1,
  })
  for (const d of durations) kernels.u32[histogramAt / 4 + bucketOf(d)]! += 1
  const sizeBytes = kernels.histogramEncode(histogramAt, to, true)
  accumulator.addHistogram(to, durations.length)
  return to + Math.ceil(sizeBytes / 4) * 4
}

test('sums of parts are the sums of all', () => {
  fc.assert(
    fc.property(
      parts,
      fc.array(fc.boolean(), { minLength: 12, maxLength: 12 }),
      fc.array(quantile),
      (sets, kinds, quantiles) => {
        accumulator.clear()
        let to = sparseAt
        sets.forEach((set, i) => {
          if (kinds[i]) to = addSummarised(set, to)
          else addDecoded(set)
        })
        const all = sets.flat()
        const stats = accumulator.toStats(new QuantilePlan(quantiles), ALL_TIME)
        expect(stats.calls).toBe(all.length)
        expect(stats.sumNs).toBe(Number(all.reduce((total, d) => total + BigInt(d), 0n)))
        if (all.length === 0) return
        expect(stats.minNs).toBe(Math.min(...all))
        expect(stats.maxNs).toBe(Math.max(...all))
        expectDeviation(stats.standardDeviationNs, all)
        const counts = new Float64Array(BUCKET_COUNT)
        for (const d of all) counts[bucketOf(d)]! += 1
        expect(stats.quantiles).toEqual(
          quantiles.map((q) => ({
            quantile: q,
            durationNs: quantileOf(counts, all.length, q, stats.minNs, stats.maxNs),
          })),
        )
      },
    ),
    { numRuns: 400 },
  )
})

function expectDeviation(actual: number, all: readonly number[]): void {
  if (all.length < 2) {
    expect(actual).toBeNaN()
    return
  }
  const mean = Number(all.reduce((total, d) => total + BigInt(d), 0n)) / all.length
  const expected = Math.sqrt(
    all.reduce((total, d) => total + (d - mean) ** 2, 0) / (all.length - 1),
  )
  // where the deviation is far below the mean, the mean's own rounding is what remains
  expect(Math.abs(actual - expected)).toBeLessThanOrEqual(1e-9 * expected + 1e-15 * mean)
}

test('counts leave 32 bits before they overflow', () => {
  const other = new CallAccumulator(loadFallbackKernels())
  const spilling = loadFallbackKernels()
  const large = new CallAccumulator(spilling)
  const histogram = spilling.allocate(4 * BUCKET_COUNT)
  const sparse = spilling.allocate(65_536)
  const calls = 3_000_000_000
  spilling.u32[histogram / 4 + bucketOf(1000)] = calls
  spilling.histogramEncode(histogram, sparse, true)
  for (let i = 0; i < 3; i++) {
    large.add({
      calls,
      errors: 0,
      sumHigh: 0,
      sumLow: 0,
      squaredDeviations: 0,
      minNs: 1,
      maxNs: 1e9,
      childrenNs: 0,
      firstUs: 0,
      lastUs: 0,
    })
    large.addHistogram(sparse, calls)
  }
  const [median] = large.toStats(new QuantilePlan([0.5]), ALL_TIME).quantiles
  expect(large.calls).toBe(3 * calls)
  expect(Math.abs(median!.durationNs - 1000)).toBeLessThan(6)
  large.clear()
  expect(large.toStats(new QuantilePlan([0.5]), ALL_TIME)).toEqual(
    other.toStats(new QuantilePlan([0.5]), ALL_TIME),
  )
})

test('many quantiles at once are those asked for one by one', () => {
  fc.assert(
    fc.property(
      fc.array(duration, { minLength: 1, maxLength: 300 }),
      fc.array(quantile),
      (durations, quantiles) => {
        const counts = new Float64Array(BUCKET_COUNT)
        for (const d of durations) counts[bucketOf(d)]! += 1
        const [minNs, maxNs] = [Math.min(...durations), Math.max(...durations)]
        const sorted = quantiles.sort((a, b) => a - b)
        const values = new Float64Array(sorted.length)
        const calls = durations.length
        quantilesOf({ counts, calls, sumNs: 0, minNs, maxNs }, sorted, values)
        expect([...values]).toEqual(sorted.map((q) => quantileOf(counts, calls, q, minNs, maxNs)))
      },
    ),
  )
})

test('slow calls: shares stay shares, and their mean lies above the threshold', () => {
  fc.assert(
    fc.property(fc.array(duration, { minLength: 1, maxLength: 300 }), (durations) => {
      const counts = new Float64Array(BUCKET_COUNT)
      for (const d of durations) counts[bucketOf(d)]! += 1
      const [minNs, maxNs] = [Math.min(...durations), Math.max(...durations)]
      const sumNs = durations.reduce((a, b) => a + b, 0)
      const calls = durations.length
      const medianNs = quantileOf(counts, calls, 0.5, minNs, maxNs)
      const slow = slowCallsOf({ counts, calls, sumNs, minNs, maxNs }, medianNs)
      expect(slow.thresholdNs).toBe(10 * medianNs)
      expect(slow.calls > 0).toBe(maxNs > slow.thresholdNs)
      expect(slow.share).toBe(slow.calls / calls)
      expect(slow.timeShare).toBeGreaterThanOrEqual(0)
      expect(slow.timeShare).toBeLessThanOrEqual(1)
      if (slow.calls === 0) return
      expect(slow.meanNs).toBeGreaterThan(slow.thresholdNs * 0.99)
      expect(slow.meanNs).toBeLessThanOrEqual(maxNs * 1.0055)
    }),
  )
})

test('summaries come back as they were stored', () => {
  const summaries = new CallSummaries(3)
  const one = new CallTotals()
  one.addMoments(4, 1, 2, 3)
  one.addExtremes(5, 6)
  one.addStarts(7, 8)
  one.childrenNs = 9
  summaries.set(1, one)
  const back = new CallTotals()
  summaries.get(1, back)
  expect(back).toEqual(one)
  expect([summaries.firstUs(1), summaries.lastUs(1)]).toEqual([7, 8])
})
