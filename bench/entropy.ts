/**
 * @module bench/entropy
 * How small a data set could possibly be: the entropy of the process that draws it, as a mean over rows that were
 * drawn. No lossless code of the rows as a set (their order of arrival is not kept) is shorter on average.
 *
 * Per row: what function, when, how long and which error, less log2(n!) / n for the order of n rows.
 */
import { DAY_START_US, DAY_US, type DataSet, type FunctionModel } from './datasets.ts'

const SAMPLE_ROWS = 262_144

/** @returns bytes a row; undefined where starts depend on each other, so that their entropy is not known */
export function entropyBytesPerRow(set: DataSet, rows: number): number | undefined {
  const { rateAt, models } = set
  if (rateAt === undefined) return undefined
  let bits = 0
  let sampled = 0
  // a stride, as neighbouring rows are of the same time of day
  const stride = Math.max(1, Math.floor(rows / SAMPLE_ROWS))
  let row = 0
  for (const batch of set.batches(rows)) {
    for (let i = 0; i < batch.count; i++, row++) {
      if (row % stride !== 0) continue
      const model = models[batch.functionIds[i]!]!
      const dayShare = (batch.startsUs[i]! - DAY_START_US) / DAY_US
      bits -= Math.log2(model.share) + Math.log2(rateAt(dayShare) / DAY_US)
      bits -= Math.log2(durationProbability(model, batch.durationsNs[i]!))
      bits -= Math.log2(errorProbability(model, batch.errorTypes[i]! !== 0))
      sampled++
    }
  }
  return (bits / sampled - log2Factorial(rows) / rows) / 8
}

function errorProbability({ errorShare, errorTypes }: FunctionModel, failed: boolean): number {
  return failed ? errorShare / errorTypes : 1 - errorShare
}

/** Probability of a whole number of ns: the density in the middle of it. */
function durationProbability({ modes, tail }: FunctionModel, durationNs: number): number {
  const x = durationNs + 0.5
  let density = 0
  for (const { weight, mu, sigma } of modes) {
    density += weight * (1 - tail.share) * logNormalDensity(x, mu, sigma)
    density += weight * tail.share * stretchedDensity(x, mu, sigma, tail)
  }
  return Math.max(density, Number.MIN_VALUE)
}

function logNormalDensity(x: number, mu: number, sigma: number): number {
  return Math.exp(-(((Math.log(x) - mu) / sigma) ** 2) / 2) / (x * sigma * Math.sqrt(2 * Math.PI))
}

/** Density of a log-normal value times a factor uniform in [low, high]: the integral over the factor, solved. */
function stretchedDensity(
  x: number,
  mu: number,
  sigma: number,
  { low, high }: FunctionModel['tail'],
): number {
  const below = (y: number): number => normalCdf((Math.log(y) - mu + sigma ** 2) / sigma)
  const scale = Math.exp(-mu + sigma ** 2 / 2) / (high - low)
  return scale * Math.max(0, below(x / low) - below(x / high))
}

/** Absolute error below 8e-8. @see Abramowitz and Stegun, 26.2.17 */
function normalCdf(x: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(x))
  const polynomial =
    t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))))
  const above = (Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI)) * polynomial
  return x >= 0 ? 1 - above : above
}

/** Stirling. */
function log2Factorial(n: number): number {
  return (n * Math.log(n) - n + Math.log(2 * Math.PI * n) / 2) / Math.LN2
}
