/**
 * Adding up parts in any order, shape and weight gives what adding up all calls at once gives, every row repeated as
 * often as it weighs.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { CallSummaries, CallTotals } from '../../src/database/call-totals.ts'
import { loadFallbackKernels, loadKernels } from '../../src/database/kernels/kernels.ts'
import { BUCKET_COUNT, bucketOf, quantileOf } from '../../src/metrics/histogram.ts'
import { MAX_WEIGHT } from '../../src/database/format/rows.ts'
import { CallAccumulator } from '../../src/query/accumulator.ts'
import { QuantilePlan } from '../../src/query/quantile-plan.ts'
import { slowCallsOf } from '../../src/query/slow-calls.ts'
import { SortedCalls } from '../../src/query/sorted-calls.ts'
import { ALL_TIME } from '../../src/query/time.ts'
import type { Stats } from '../../src/types.ts'

const duration = fc.oneof(
  fc.nat(5),
  fc.nat(1_000_000),
  fc.nat(0xffff_fffe),
  fc.maxSafeNat(),
  fc.constantFrom(0, 1, 0xffff_fffe, 0xffff_ffff, 2 ** 32, Number.MAX_SAFE_INTEGER),
)
interface Part {
  durations: number[]
  weight: number
  summarised: boolean // added as a node of the summary tree
}
const part: fc.Arbitrary<Part> = fc.record({
  durations: fc.array(duration, { minLength: 1, maxLength: 60 }),
  weight: fc.oneof({ weight: 3, arbitrary: fc.constant(1) }, fc.constantFrom(2, 3, 8)),
  summarised: fc.boolean(),
})
const parts = fc.array(part, { maxLength: 12 })
const quantile = fc.oneof(
  fc.double({ min: 0, max: 1, noNaN: true }),
  fc.constantFrom(0, 0.5, 0.99, 1),
)

/** One accumulator for all runs: clearing it must leave nothing behind. */
const kernels = loadKernels()
const accumulator = new CallAccumulator(kernels, undefined)
const durationsAt = kernels.allocate(4 * 1024)
const histogramAt = kernels.allocate(4 * BUCKET_COUNT)
const sparseAt = kernels.allocate(1 << 20)

function addDecoded({ durations, weight }: Part): void {
  if (durations.some((d) => d >= 0xffff_ffff)) {
    accumulator.addLongDurations(durations, weight)
    return
  }
  kernels.u32.set(durations, durationsAt / 4)
  accumulator.addDurations(durationsAt, durations.length, weight)
}

/** As a node of the summary tree. @returns end of its histogram */
function addSummarised({ durations, weight }: Part, to: number): number {
  const sum = durations.reduce((total, d) => total + BigInt(d), 0n)
  const mean = Number(sum) / durations.length
  const summary = {
    calls: durations.length,
    errors: 1,
    sumHigh: Number(sum >> 32n),
    sumLow: Number(sum & 0xffff_ffffn),
    squaredDeviations: durations.reduce((total, d) => total + (d - mean) ** 2, 0),
    minNs: Math.min(...durations),
    maxNs: Math.max(...durations),
    childrenNs: Math.min(...durations),
    firstUs: 0,
    lastUs: 1,
  }
  for (const d of durations) kernels.u32[histogramAt / 4 + bucketOf(d)]! += 1
  const sizeBytes = kernels.histogramEncode(histogramAt, to, true)
  accumulator.addSummary(summary, to, weight)
  return to + Math.ceil(sizeBytes / 4) * 4
}

test('sums of parts are the sums of all', () => {
  fc.assert(
    fc.property(parts, fc.array(quantile), (sets, quantiles) => {
      accumulator.clear()
      let to = sparseAt
      for (const set of sets) {
        if (set.summarised) to = addSummarised(set, to)
        else addDecoded(set)
      }
      const all = sets.flatMap(({ durations, weight }) =>
        durations.flatMap((d) => new Array<number>(weight).fill(d)),
      )
      const stats = accumulator.toStats(new QuantilePlan(quantiles), ALL_TIME)
      expect(stats.calls).toBe(all.length)
      expect(stats.rows).toBe(sets.reduce((rows, { durations }) => rows + durations.length, 0))
      expect(stats.sumNs).toBe(Number(all.reduce((total, d) => total + BigInt(d), 0n)))
      const summaries = sets.filter(({ summarised }) => summarised)
      expect(stats.errors).toBe(summaries.reduce((errors, { weight }) => errors + weight, 0))
      const childrenNs = summaries.reduce(
        (total, { durations, weight }) => total + weight * Math.min(...durations),
        0,
      )
      expect(stats.selfNs).toBe(Math.max(0, stats.sumNs - childrenNs))
      if (all.length === 0) return
      expect(stats.minNs).toBe(Math.min(...all))
      expect(stats.maxNs).toBe(Math.max(...all))
      expectDeviation(stats.standardDeviationNs, all)
      expectStandardError(stats, sets)
      const counts = new Float64Array(BUCKET_COUNT)
      for (const d of all) counts[bucketOf(d)]! += 1
      expect(stats.quantiles).toMatchObject(
        quantiles.map((q) => ({
          quantile: q,
          durationNs: quantileOf(counts, all.length, q, stats.minNs, stats.maxNs),
        })),
      )
      const medianNs = quantileOf(counts, all.length, 0.5, stats.minNs, stats.maxNs)
      expect(stats.slow).toEqual(slowCallsOf({ counts, ...stats, calls: all.length }, medianNs))
    }),
    { numRuns: 400 },
  )
})

function expectStandardError(stats: Stats, sets: readonly Part[]): void {
  const weights = sets.flatMap(({ durations, weight }) => durations.map(() => weight))
  const sum = weights.reduce((total, w) => total + w, 0)
  const size = sum ** 2 / weights.reduce((total, w) => total + w * w, 0)
  if (weights.length < 2) expect(stats.standardErrorNs).toBeNaN()
  else expect(stats.standardErrorNs).toBeCloseTo(stats.standardDeviationNs / Math.sqrt(size), 9)
}

test('the sum is exact whatever the weight', () => {
  const weight = fc.oneof(
    fc.integer({ min: 1, max: MAX_WEIGHT }),
    fc.constantFrom(1, 65_535, 65_536, MAX_WEIGHT),
  )
  fc.assert(
    fc.property(fc.array(fc.tuple(duration, weight), { minLength: 1 }), (rows) => {
      accumulator.clear()
      let sum = 0n
      let calls = 0
      for (const [durationNs, w] of rows) {
        addDecoded({ durations: [durationNs], weight: w, summarised: false })
        sum += BigInt(durationNs) * BigInt(w)
        calls += w
      }
      fc.pre(sum < 2n ** 85n) // beyond it the upper half of the sum is rounded
      const stats = accumulator.toStats(new QuantilePlan([0, 1]), ALL_TIME)
      expect(stats.calls).toBe(calls)
      expect(stats.sumNs).toBe(Number(sum))
      expect(stats.quantiles.map(({ durationNs }) => durationNs)).toEqual([
        Math.min(...rows.map(([d]) => d)),
        Math.max(...rows.map(([d]) => d)),
      ])
    }),
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

test.each([1, 5])('counts of rows of weight %d leave 32 bits before they overflow', (weight) => {
  const other = new CallAccumulator(loadFallbackKernels(), undefined)
  const spilling = loadFallbackKernels()
  const large = new CallAccumulator(spilling, undefined)
  const histogram = spilling.allocate(4 * BUCKET_COUNT)
  const sparse = spilling.allocate(65_536)
  const calls = 3_000_000_000
  spilling.u32[histogram / 4 + bucketOf(1000)] = calls
  spilling.histogramEncode(histogram, sparse, true)
  for (let i = 0; i < 3; i++) {
    const summary = {
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
    }
    large.addSummary(summary, sparse, weight)
  }
  const [median] = large.toStats(new QuantilePlan([0.5]), ALL_TIME).quantiles
  expect(large.calls).toBe(3 * calls * weight)
  expect(Math.abs(median!.durationNs - 1000)).toBeLessThan(6)
  large.clear()
  expect(large.toStats(new QuantilePlan([0.5]), ALL_TIME)).toEqual(
    other.toStats(new QuantilePlan([0.5]), ALL_TIME),
  )
})

test('calls by rank: quantiles are those asked for one by one, bounds enclose the sorted durations', () => {
  const calls = new SortedCalls() // one for all runs: reading must leave nothing behind
  fc.assert(
    fc.property(
      fc.array(duration, { minLength: 1, maxLength: 300 }),
      fc.array(quantile),
      (durations, quantiles) => {
        const counts = new Float64Array(BUCKET_COUNT)
        for (const d of durations) counts[bucketOf(d)]! += 1
        const [minNs, maxNs] = [Math.min(...durations), Math.max(...durations)]
        const n = durations.length
        calls.read({ counts, calls: n, sumNs: 0, minNs, maxNs })
        expect(quantiles.map((q) => calls.quantileNs(q))).toEqual(
          quantiles.map((q) => quantileOf(counts, n, q, minNs, maxNs)),
        )
        durations
          .sort((a, b) => a - b)
          .forEach((d, rank) => {
            expect(bucketOf(calls.shortestNs(rank))).toBe(bucketOf(d))
            expect(bucketOf(calls.longestNs(rank))).toBe(bucketOf(d))
            expect(calls.shortestNs(rank)).toBeLessThanOrEqual(d)
            expect(calls.longestNs(rank)).toBeGreaterThanOrEqual(d)
          })
        expect([calls.shortestNs(-1), calls.longestNs(n)]).toEqual([0, Infinity])
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
