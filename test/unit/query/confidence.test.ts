import { describe, expect, test } from 'vitest'
import { loadKernels } from '../../../src/database/kernels/kernels.ts'
import { CallAccumulator } from '../../../src/query/accumulator.ts'
import { normalQuantile, rankInterval, studentQuantile } from '../../../src/query/confidence.ts'
import { QuantilePlan } from '../../../src/query/quantile-plan.ts'
import { ALL_TIME } from '../../../src/query/time.ts'
import { randomFrom } from '../../support/random-calls.ts'

test('quantiles of the normal and of Student’s distribution', () => {
  expect(normalQuantile(0.5)).toBe(0)
  expect(normalQuantile(0.975)).toBeCloseTo(1.959963984540054, 14)
  expect(normalQuantile(0.025)).toBeCloseTo(-1.959963984540054, 14)
  expect(normalQuantile(1e-10)).toBeCloseTo(-6.361340902404056, 13)
  // from tables of t
  const table = [
    [0.975, 1, 12.706204736174694],
    [0.975, 2, 4.302652729749462],
    [0.975, 3, 3.1824463052837078],
    [0.995, 4, 4.604094871349992],
    [0.9995, 5, 6.868826625881276],
    [0.6, 9, 0.260955336473911],
    [0.975, 29, 2.045229642132703],
    [0.995, 100, 2.6258905214380173],
    [0.975, 1e6, 1.959966356814107],
  ]
  for (const [p, freedom, t] of table) {
    expect(Math.abs(studentQuantile(p!, freedom!) / t! - 1)).toBeLessThan(1e-5)
  }
})

describe('ranks that enclose a quantile', () => {
  test('are the narrowest with the probability asked for', () => {
    for (const n of [1, 2, 5, 6, 37, 100, 399, 1000, 5000]) {
      for (const p of [0, 0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 1]) {
        for (const confidence of [0.5, 0.9, 0.95, 0.999]) {
          const tail = (1 - confidence) / 2
          const { lower, upper } = rankInterval(n, p, confidence)
          const below = cumulative(n, p)
          const about = 1e-9 + (n * p * (1 - p) < 100 ? 0 : 1e-4) // rounding; the normal distribution
          const what = `${n} ${p} ${confidence}: ${lower} ${upper}`
          // fewer than `lower` calls below the quantile, or `upper` and more
          if (lower > 0) expect(below(lower - 1), what).toBeLessThan(tail + about)
          expect(1 - below(upper - 1), what).toBeLessThan(tail + about)
          // one call nearer on either side would not do
          if (lower < n) expect(below(lower), what).toBeGreaterThan(tail - about)
          if (upper > 1) expect(1 - below(upper - 2), what).toBeGreaterThan(tail - about)
        }
      }
    }
  })

  test('may not exist above', () => {
    expect(rankInterval(100, 0.99, 0.95)).toEqual({ lower: 97, upper: 101 })
    expect(rankInterval(1, 0.5, 0.95)).toEqual({ lower: 0, upper: 2 })
    expect(rankInterval(1e9, 0.99, 0.95)).toEqual({ lower: 989_993_833, upper: 990_006_167 })
  })
})

describe('intervals hold what they promise', () => {
  const TRIALS = 1500
  const QUANTILES = [0.1, 0.5, 0.9, 0.99]
  const kernels = loadKernels()
  const accumulator = new CallAccumulator(kernels, undefined)
  /** Four standard deviations of the share of trials that hold: one run in 16,000 would be beyond it by chance. */
  const tolerance = (confidence: number): number =>
    4 * Math.sqrt((confidence * (1 - confidence)) / TRIALS)

  test.each([
    ['20 calls', 20, [1], 0.95],
    ['20 calls, confidence 0.8', 20, [1], 0.8],
    ['300 calls', 300, [1], 0.95],
    ['200 rows of weight 10', 200, [10], 0.95],
    ['200 rows of weights 1 and 10', 200, [1, 10], 0.95],
  ])('%s', (_name, rows, weights, confidence) => {
    const random = randomFrom(rows + weights.length)
    const plan = new QuantilePlan(QUANTILES, confidence)
    const truth = QUANTILES.map((quantile) => 1e6 + 1e5 * normalQuantile(quantile))
    const held = new Array<number>(QUANTILES.length).fill(0)
    let meanHeld = 0
    for (let trial = 0; trial < TRIALS; trial++) {
      accumulator.clear()
      for (const weight of weights) {
        const durationsNs = Float64Array.from({ length: rows / weights.length }, () =>
          Math.round(1e6 + 1e5 * normalQuantile(random() || 0.5)),
        )
        accumulator.addLongDurations(durationsNs, weight)
      }
      const { meanInterval, quantiles } = accumulator.toStats(plan, ALL_TIME)
      if (meanInterval.lowerNs <= 1e6 && 1e6 <= meanInterval.upperNs) meanHeld++
      quantiles.forEach(({ lowerNs, upperNs }, i) => {
        if (lowerNs <= truth[i]! && truth[i]! <= upperNs) held[i]!++
      })
    }
    // the mean's is exact for normal durations; a quantile's has the probability at least, for calls are whole
    expect(Math.abs(meanHeld / TRIALS - confidence)).toBeLessThan(tolerance(confidence))
    for (const count of held) {
      expect(count / TRIALS).toBeGreaterThan(confidence - tolerance(confidence))
    }
  })

  test('too few rows for an interval of the mean', () => {
    accumulator.clear()
    accumulator.addLongDurations([5], 10)
    const { meanInterval, quantiles } = accumulator.toStats(new QuantilePlan([0.5, 1]), ALL_TIME)
    expect(meanInterval).toEqual({ lowerNs: NaN, upperNs: NaN })
    expect(quantiles).toEqual([
      { quantile: 0.5, durationNs: 5, lowerNs: 0, upperNs: Infinity },
      { quantile: 1, durationNs: 5, lowerNs: 5, upperNs: Infinity },
    ])
  })
})

/** P(X <= k) of the binomial distribution. */
function cumulative(n: number, p: number): (k: number) => number {
  const sums: number[] = []
  let logarithm = n * Math.log1p(-p)
  let sum = 0
  for (let k = 0; k <= n; k++) {
    sum += p === 0 ? Number(k === 0) : p === 1 ? Number(k === n) : Math.exp(logarithm)
    sums.push(sum)
    logarithm += Math.log(((n - k) / (k + 1)) * (p / (1 - p)))
  }
  return (k) => (k < 0 ? 0 : Math.min(1, sums[Math.min(k, n)]!))
}
