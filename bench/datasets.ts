/**
 * @module bench/datasets
 * The three data sets of all benchmarks: seeded, of any size, made batch by batch.
 *
 *   A  60 functions, the first ones called most; log-normal durations, 2 µs to 7 ms in the median, 1 % of the calls
 *      8 to 48 times slower; starts uniform over a day
 *   B  3000 functions by Zipf's law, one to three modes each (cache hit and miss), rare long tails; a day with a
 *      busy and a quiet half
 *   C  requests that call the functions of B in bursts, back to back, after one of 200 fixed plans
 *
 * A day however many rows are asked for: more rows are a busier day.
 */
import type { DatabaseWriter } from 'kronicler/database'
import { createRandom, sortedUniforms, type Random } from './harness/random.ts'

/** Rows in columns, as DatabaseWriter takes them. */
export type RowColumns = Parameters<DatabaseWriter['append']>[0]

export const DAY_US = 86_400e6
export const DAY_START_US = Date.UTC(2026, 0, 1) * 1000
export const DATA_SET_NAME = /^([ABC])(?:(?<!A)(\d+)k)?$/
const BATCH_ROWS = 32_768
const SEEDS = { A: 1, B: 2, C: 3 }

/** One of a function's log-normal modes; `mu` is the logarithm of its median in ns. */
export interface Mode {
  weight: number // of all modes of a function: 1
  mu: number
  sigma: number
}

/** How a function's calls are drawn. */
export interface FunctionModel {
  share: number // of all calls
  modes: Mode[]
  tail: { share: number; low: number; high: number } // calls that take `low` to `high` times as long
  minNs: number
  errorShare: number
  errorTypes: number
}

export interface DataSet {
  name: string
  models: FunctionModel[]
  functionNames: string[]
  errorNames: string[] // the first is error type 1
  /** How many times the day's average rate; undefined if starts depend on each other. */
  rateAt: ((dayShare: number) => number) | undefined
  /** `rows` rows in the order of arrival. Function ids are indices into `models`. */
  batches(rows: number): Generator<RowColumns>
}

/** @param name A, B or C; B20k is B with 20,000 functions instead of 3000 */
export function dataSet(name: string): DataSet {
  const [, letter, thousands = '3'] = DATA_SET_NAME.exec(name) ?? []
  const functions = 1000 * Number(thousands)
  if (letter === 'A') return dataSetA()
  if (letter === 'B') return dataSetB(functions)
  if (letter === 'C') return dataSetC(functions)
  throw new RangeError(`there is no data set ${name}`)
}

function dataSetA(): DataSet {
  const exponent = 2.2
  const models = Array.from({ length: 60 }, (_, f) => ({
    share: ((f + 1) / 60) ** (1 / exponent) - (f / 60) ** (1 / exponent),
    modes: [{ weight: 1, mu: Math.log(2000 * (1 + f) ** 2), sigma: 0.35 }],
    tail: { share: 0.01, low: 8, high: 48 },
    minNs: 0,
    errorShare: 0.002 * (1 + (f % 7)),
    errorTypes: 5,
  }))
  return describe(
    'A',
    models,
    () => 1,
    (rows) => {
      const random = createRandom(SEEDS.A)
      const position = sortedUniforms(random, rows)
      return (draw) => {
        const startUs = position() * DAY_US
        draw(random, Math.floor(60 * random.uniform() ** exponent), startUs)
      }
    },
  )
}

function dataSetB(functions: number): DataSet {
  const shares = zipf(functions, 1.1)
  return describe('B', mixedModels(shares, SEEDS.B), diurnalRate, (rows) => {
    const random = createRandom(SEEDS.B)
    const position = sortedUniforms(random, rows)
    const pick = picker(shares)
    const timeOfDay = diurnalClock()
    return (draw) => {
      const startUs = timeOfDay(position()) * DAY_US
      draw(random, pick(random), startUs)
    }
  })
}

function dataSetC(functions: number): DataSet {
  const shares = zipf(functions, 1.1)
  return describe('C', mixedModels(shares, SEEDS.C), undefined, (rows) => {
    const random = createRandom(SEEDS.C)
    const plans = requestPlans(random, picker(shares))
    const planShares = zipf(plans.length, 1)
    const pickPlan = picker(planShares)
    const callsPerRequest = plans.reduce((sum, plan, i) => sum + planShares[i]! * plan.length, 0)
    const gapUs = (DAY_US * callsPerRequest) / rows
    let requestUs = 0
    let callUs = 0
    let plan: number[] = []
    let step = 0
    return (draw) => {
      if (step === plan.length) {
        requestUs += (-Math.log(random.uniform()) * gapUs) / diurnalRate(requestUs / DAY_US)
        plan = plans[pickPlan(random)]!
        callUs = requestUs
        step = 0
      }
      const durationNs = draw(random, plan[step++]!, callUs)
      callUs += durationNs / 1000 + 2 + 5 * random.uniform()
    }
  })
}

/** Draws one call and returns its duration in ns. */
type Draw = (random: Random, functionId: number, startUs: number) => number

function describe(
  name: string,
  models: FunctionModel[],
  rateAt: DataSet['rateAt'],
  prepare: (rows: number) => (draw: Draw) => void,
): DataSet {
  const errorTypes = Math.max(...models.map((model) => model.errorTypes))
  return {
    name,
    models,
    rateAt,
    functionNames: models.map((_, f) => `service.function${f}`),
    errorNames: Array.from({ length: errorTypes }, (_, type) => `Error${type + 1}`),
    *batches(rows) {
      const next = prepare(rows)
      for (let done = 0; done < rows; done += BATCH_ROWS) {
        yield fillBatch(Math.min(BATCH_ROWS, rows - done), models, next)
      }
    },
  }
}

function fillBatch(count: number, models: FunctionModel[], next: (draw: Draw) => void): RowColumns {
  const batch = {
    count,
    functionIds: new Uint32Array(count),
    startsUs: new Float64Array(count),
    durationsNs: new Float64Array(count),
    errorTypes: new Uint16Array(count),
  }
  let row = 0
  const draw: Draw = (random, functionId, startUs) => {
    const model = models[functionId]!
    const durationNs = drawDurationNs(random, model)
    batch.functionIds[row] = functionId
    batch.startsUs[row] = DAY_START_US + Math.floor(startUs)
    batch.durationsNs[row] = durationNs
    if (random.uniform() < model.errorShare) {
      batch.errorTypes[row] = 1 + random.below(model.errorTypes)
    }
    return durationNs
  }
  while (row < count) {
    next(draw)
    row++
  }
  return batch
}

function drawDurationNs(random: Random, { modes, tail, minNs }: FunctionModel): number {
  let left = random.uniform()
  let mode = modes[0]!
  for (mode of modes) {
    left -= mode.weight
    if (left <= 0) break
  }
  let durationNs = Math.exp(mode.mu + mode.sigma * random.normal())
  if (random.uniform() < tail.share) {
    durationNs *= tail.low + (tail.high - tail.low) * random.uniform()
  }
  return Math.max(minNs, Math.floor(durationNs))
}

/** Functions of one to three modes, 20 µs in the median of them all. */
function mixedModels(shares: Float64Array, seed: number): FunctionModel[] {
  const random = createRandom(seed + 77)
  return Array.from(shares, (share) => {
    const mu = Math.log(20_000) + 2 * random.normal()
    const modes = Array.from({ length: 1 + random.below(3) }, (_, mode) => ({
      weight: mode === 0 ? 1 : 0.5 * random.uniform(),
      mu: mu + mode * (1.2 + 2 * random.uniform()),
      sigma: 0.06 + 0.35 * random.uniform(),
    }))
    const weights = modes.reduce((sum, { weight }) => sum + weight, 0)
    for (const mode of modes) mode.weight /= weights
    return {
      share,
      modes,
      tail: { share: 0.0005 + 0.002 * random.uniform(), low: 5, high: 65 },
      minNs: 30,
      errorShare: random.uniform() < 0.2 ? 0.02 * random.uniform() : 0.0002,
      errorTypes: 7,
    }
  })
}

/** 200 lists of functions, some of them called several times in a row. */
function requestPlans(random: Random, pick: (random: Random) => number): number[][] {
  return Array.from({ length: 200 }, () => {
    const steps = Array.from({ length: 5 + random.below(25) }, () => {
      const repeats = random.uniform() < 0.3 ? 1 + random.below(12) : 1
      return new Array<number>(repeats).fill(pick(random))
    })
    return steps.flat()
  })
}

/** Shares of n things by Zipf's law. */
function zipf(n: number, exponent: number): Float64Array {
  const shares = Float64Array.from({ length: n }, (_, i) => (i + 1) ** -exponent)
  const sum = shares.reduce((total, share) => total + share)
  return shares.map((share) => share / sum)
}

/** Picks an index by share. */
function picker(shares: Float64Array): (random: Random) => number {
  let sum = 0
  const cumulative = shares.map((share) => (sum += share))
  return (random) => {
    const wanted = random.uniform()
    let low = 0
    let high = cumulative.length - 1
    while (low < high) {
      const middle = (low + high) >> 1
      if (cumulative[middle]! < wanted) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** Calls at a time of day in [0, 1), relative to the day's average. */
function diurnalRate(dayShare: number): number {
  return 1 + 0.7 * Math.sin(2 * Math.PI * dayShare)
}

/** Time of day at which a share of the day's calls is over; shares must ascend. Linear between 4096 points. */
function diurnalClock(): (share: number) => number {
  const points = 4096
  const shareAt = (point: number): number => {
    const time = point / points
    return time + (0.7 * (1 - Math.cos(2 * Math.PI * time))) / (2 * Math.PI)
  }
  let point = 0
  return (share) => {
    while (point < points - 1 && shareAt(point + 1) < share) point++
    const low = shareAt(point)
    return (point + (share - low) / (shareAt(point + 1) - low)) / points
  }
}
