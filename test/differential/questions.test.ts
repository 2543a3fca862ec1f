/**
 * Series, heatmaps, histograms, counts with conditions and ordered rows, on the same calls as in DuckDB. Counts and sums are
 * equal, quantiles within the histogram's error, rows equal and in the same order.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  openDatabase,
  type CallFilter,
  type CallOrder,
  type CallRow,
  type Database,
} from '../../src/database.ts'
import { QUANTILE_RELATIVE_ERROR } from '../../src/metrics/histogram.ts'
import {
  CallsInDuckDb,
  conditionOf,
  expectClose,
  questionOf,
  randomRange,
  sqlText,
  wholeRange,
  type Range,
} from '../support/calls-in-duckdb.ts'
import {
  SHAPES,
  randomCalls,
  randomFrom,
  withDetails,
  writeCalls,
  type Call,
  type WriteOptions,
} from '../support/random-calls.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const LAYOUTS: [string, number, WriteOptions & { detailed?: boolean }][] = [
  ['two writers, sealed and unsealed rows', 5000, { segmentRows: 700, writers: 2, sealed: false }],
  ['samples and attributes', 4000, { segmentRows: 900, writers: 2, sealed: false, detailed: true }],
  ['several chunks of a function', 50_000, { segmentRows: 50_000 }],
  ['a handful of rows', 9, { segmentRows: 4, sealed: false }],
]
const ROUNDS = 5
const QUANTILES = [0, 0.25, 0.5, 0.99, 1]
const ORDERS: readonly CallOrder[] = ['start', '-start', 'duration', '-duration']

let duckdb: CallsInDuckDb
let comparisons = 0

beforeAll(async () => {
  duckdb = await CallsInDuckDb.open()
})

afterAll(() => {
  duckdb.close()
  console.log(`${comparisons} numbers and rows compared`)
})

describe.each(SHAPES.map((shape, i) => ({ shape, seed: 2000 + i, name: shape.name })))(
  '$name',
  ({ seed, shape }) => {
    test.each(LAYOUTS)('%s', async (_name, count, { detailed = false, ...options }) => {
      const plain = randomCalls(shape, count, seed + count)
      const calls = detailed ? withDetails(plain, [2, 2, 3, 10], seed) : plain
      const directory = temporaryDirectory()
      const writers = await writeCalls(directory, calls, options)
      await duckdb.load(calls)
      const database = await openDatabase(directory)
      try {
        const random = randomFrom(seed)
        for (let i = 0; i < ROUNDS; i++) {
          const range = i === 0 ? wholeRange(calls) : randomRange(calls, random)
          await compareSeries(database, range, random)
          await compareHeatmap(database, range, random)
          await compareHistogram(database, range, random)
          await compareExact(database, range)
          for (const order of ORDERS) await compareCalls(database, range, calls, order, random)
        }
      } finally {
        await database.close()
        for (const writer of writers) await writer.close()
      }
    })
  },
)

async function compareSeries(database: Database, range: Range, random: () => number) {
  const stepUs = randomStepUs(range, random)
  const aligned = random() < 0.7
  const series = await database.series({
    ...questionOf(range),
    step: stepUs / 1000,
    aligned,
    quantiles: QUANTILES,
  })
  if (range.fromUs === range.toUs) {
    expect(series.points).toEqual([])
    return
  }
  const firstUs = aligned ? Math.floor(range.fromUs / stepUs) * stepUs : range.fromUs
  expect(series.points.map(({ startMs }) => startMs)).toEqual(
    Array.from(
      { length: Math.ceil((range.toUs - firstUs) / stepUs) },
      (_, i) => (firstUs + i * stepUs) / 1000,
    ),
  )
  const expected = await duckdb.ask(`
    select (start - ${firstUs}) // ${stepUs} as bucket, count(*) as calls, count(error) as errors,
      sum(duration::hugeint) as total, min(duration) as low, max(duration) as high, sum(self::hugeint) as self,
      quantile_cont(duration::double, [${QUANTILES.join()}]) as quantiles
    from repeated where ${conditionOf(range)} group by bucket`)
  const byBucket = new Map(expected.map((row) => [Number(row['bucket']), row]))
  series.points.forEach((point, i) => {
    const row = byBucket.get(i)
    const seconds =
      (Math.min(range.toUs, firstUs + (i + 1) * stepUs) -
        Math.max(range.fromUs, firstUs + i * stepUs)) /
      1e6
    expectClose(point.ratePerSecond, Number(row?.['calls'] ?? 0) / seconds, 1e-12)
    if (row === undefined) {
      expect(point).toMatchObject({ calls: 0, errors: 0, sumNs: 0, meanNs: NaN, maxNs: NaN })
      return
    }
    expect([point.calls, point.errors, point.sumNs, point.minNs, point.maxNs]).toEqual(
      ['calls', 'errors', 'total', 'low', 'high'].map((key) => Number(row[key])),
    )
    expectClose(point.selfNs, Number(row['self']), 1e-12)
    point.quantiles.forEach(({ durationNs }, q) => {
      expectClose(durationNs, row['quantiles'][q], QUANTILE_RELATIVE_ERROR)
    })
    comparisons += 7 + QUANTILES.length
  })
}

async function compareHeatmap(database: Database, range: Range, random: () => number) {
  const stepUs = randomStepUs(range, random)
  const durationBuckets = 1 + Math.floor(150 * random() ** 2)
  const map = await database.heatmap({ ...questionOf(range), step: stepUs / 1000, durationBuckets })
  if (map.calls === 0) {
    expect(map.durations).toEqual([])
    return
  }
  expect(map.durations.length).toBeLessThanOrEqual(durationBuckets)
  expect(map.counts.length).toBe(map.startsMs.length)
  const firstUs = map.startsMs[0]! * 1000
  const lowers = map.durations.map(({ lowerNs }) => lowerNs)
  const expected = await duckdb.ask(`
    select (start - ${Math.round(firstUs)}) // ${stepUs} as bucket, duration, count(*) as calls
    from repeated where ${conditionOf(range)} group by bucket, duration`)
  const counts = map.counts.map((column) => column.map(() => 0))
  for (const { bucket, calls, duration } of expected) {
    const row = lowers.findLastIndex((lowerNs) => lowerNs <= Number(duration))
    expect(Number(duration)).toBeLessThan(map.durations[row]!.upperNs)
    counts[Number(bucket)]![row]! += Number(calls)
  }
  expect(map.counts).toEqual(counts)
  comparisons += counts.length * lowers.length
}

async function compareHistogram(database: Database, range: Range, random: () => number) {
  const limit = 1 + Math.floor(300 * random() ** 2)
  const { buckets, calls, maxNs, minNs } = await database.histogram({
    ...questionOf(range),
    buckets: limit,
  })
  expect(buckets.length).toBeLessThanOrEqual(limit)
  const sums = buckets.map(
    ({ lowerNs, upperNs }, i) =>
      `count(*) filter (duration >= ${lowerNs} and duration < ${upperNs}) as b${i}`,
  )
  const [expected] = await duckdb.ask(`
    select ${['count(*) as calls', 'min(duration) as low', 'max(duration) as high', ...sums].join()}
    from repeated where ${conditionOf(range)}`)
  expect(calls).toBe(Number(expected!['calls']))
  buckets.forEach((bucket, i) => {
    expect(bucket.calls).toBe(Number(expected![`b${i}`]))
    if (i > 0) expect(bucket.lowerNs).toBe(buckets[i - 1]!.upperNs)
  })
  expect(buckets.reduce((sum, bucket) => sum + bucket.calls, 0)).toBe(calls)
  if (calls > 0) {
    expect([minNs, maxNs]).toEqual([Number(expected!['low']), Number(expected!['high'])])
    expect(buckets[0]!.calls).toBeGreaterThan(0)
    expect(buckets.at(-1)!.calls).toBeGreaterThan(0)
  }
  comparisons += buckets.length + 3
}

/** Nothing is left of the histogram's error; slow calls are exact, too. */
async function compareExact(database: Database, range: Range) {
  const stats = await database.stats({ ...questionOf(range), quantiles: QUANTILES, exact: true })
  const condition = conditionOf(range)
  const [expected] = await duckdb.ask(`
    select count(*) as calls, quantile_cont(duration::double, [${QUANTILES.join()}]) as quantiles,
      quantile_cont(duration::double, 0.5) as median
    from repeated where ${condition}`)
  expect(stats.calls).toBe(Number(expected!['calls']))
  if (stats.calls === 0) return
  expect(stats.quantileRelativeError).toBe(0)
  stats.quantiles.forEach(({ durationNs, lowerNs, upperNs }, i) => {
    expectClose(durationNs, expected!['quantiles'][i], 1e-12)
    expect(lowerNs).toBeLessThanOrEqual(durationNs)
    expect(upperNs).toBeGreaterThanOrEqual(durationNs)
  })
  const { quantile, ...alone } = await database.quantile({
    ...questionOf(range),
    quantile: 0.99,
    exact: true,
  })
  expect(stats.quantiles).toContainEqual({ quantile, ...alone })
  const threshold = 10 * expected!['median']
  expectClose(stats.slow.thresholdNs, threshold, 1e-12)
  const [slow] = await duckdb.ask(`
    select count(*) as calls, coalesce(sum(duration::double), 0) as total from repeated
    where ${condition} and duration > ${stats.slow.thresholdNs}::double`)
  expect(stats.slow.calls).toBe(Number(slow!['calls']))
  if (stats.sumNs > 0) expectClose(stats.slow.timeShare, slow!['total'] / stats.sumNs, 1e-9)
  // the bounds by the histogram enclose the exact ones
  const rough = await database.stats({ ...questionOf(range), quantiles: QUANTILES })
  rough.quantiles.forEach(({ lowerNs, upperNs }, i) => {
    expect(lowerNs).toBeLessThanOrEqual(stats.quantiles[i]!.lowerNs)
    expect(upperNs).toBeGreaterThanOrEqual(stats.quantiles[i]!.upperNs)
  })
  comparisons += 5 * QUANTILES.length + 6
}

async function compareCalls(
  database: Database,
  range: Range,
  calls: readonly Call[],
  order: CallOrder,
  random: () => number,
) {
  const { condition, where } = randomFilter(calls, random)
  const limit = random() < 0.5 ? undefined : 1 + Math.floor(3000 * random() ** 3)
  const question = { ...questionOf(range), where }
  const rows: CallRow[] = []
  for await (const row of database.calls({ ...question, order, limit })) rows.push(row)
  const [key, sign] = [order.replace('-', ''), order.startsWith('-') ? 'desc' : 'asc']
  const ties = key === 'duration' ? 'start, name' : `name ${sign}`
  const all = `from calls where ${conditionOf(range)} and ${condition}`
  const expected = await duckdb.ask(`
    select name, start, duration ${all} order by ${key} ${sign}, ${ties}
    limit ${Math.min(limit ?? Infinity, 1e9)}`)
  const orderOf = (value: { name: unknown; start: unknown; duration: unknown }) =>
    `${String(value.name)} ${Number(value.start)} ${Number(value.duration)}`
  const given = rows.map(({ durationNs, function: name, startMs }) =>
    orderOf({ name, start: Math.round(startMs * 1000), duration: durationNs }),
  )
  // rows alike in function and start are in the order of their arrival, which DuckDB does not know
  const sorted = key === 'start' ? sortTies(given) : given
  const wanted = expected.map((row) => orderOf(row as never))
  expect(sorted.length).toBe(wanted.length)
  if (key === 'duration' || limit === undefined) {
    expect(sorted).toEqual(key === 'start' ? sortTies(wanted) : wanted)
  } else {
    expect(sorted.map(startOf)).toEqual(wanted.map(startOf))
  }
  for (const row of rows.slice(0, 50)) expect(matches(row, where)).toBe(true)
  const [counted] = await duckdb.ask(`select coalesce(sum(weight), 0) as n ${all}`)
  expect(await database.count(question)).toBe(Number(counted!['n']))
  comparisons += rows.length + 1
}

function startOf(key: string): string {
  return key.split(' ').slice(0, 2).join(' ')
}

/** Puts neighbours with the same function and start in order of duration. */
function sortTies(keys: string[]): string[] {
  const sorted: string[] = []
  for (let from = 0; from < keys.length;) {
    let end = from
    while (end < keys.length && startOf(keys[end]!) === startOf(keys[from]!)) end++
    sorted.push(...keys.slice(from, end).sort())
    from = end
  }
  return sorted
}

function matches(row: CallRow, where: CallFilter): boolean {
  const { attributes, duration, error } = where
  if (row.durationNs < (duration?.min ?? 0) || row.durationNs >= (duration?.max ?? Infinity)) {
    return false
  }
  if (typeof error === 'boolean' && (row.error !== undefined) !== error) return false
  if (typeof error === 'string' && row.error !== error) return false
  return Object.entries(attributes ?? {}).every(
    ([key, value]) => JSON.stringify(row.attributes?.[key]) === JSON.stringify(value),
  )
}

/** A filter and the same as a condition of SQL. */
function randomFilter(
  calls: readonly Call[],
  random: () => number,
): { where: CallFilter; condition: string } {
  const conditions = ['true']
  const where: CallFilter = {}
  const pick = () => calls[Math.floor(calls.length * random())]!
  if (random() < 0.5) {
    const [min, max] = [pick().durationNs, pick().durationNs + 1].sort((a, b) => a - b)
    where.duration = random() < 0.5 ? { min, max } : { min }
    conditions.push(`duration >= ${min}`)
    if (where.duration.max !== undefined) conditions.push(`duration < ${max}`)
  }
  const kind = random()
  if (kind < 0.2) {
    where.error = true
    conditions.push('error is not null')
  } else if (kind < 0.4) {
    where.error = false
    conditions.push('error is null')
  } else if (kind < 0.6) {
    where.error = pick().error ?? 'NoSuchError'
    conditions.push(`error = ${sqlText(where.error)}`)
  }
  const attributes = pick().details?.attributes
  const [entry] = Object.entries(attributes ?? {})
  if (entry !== undefined && random() < 0.7) {
    where.attributes = Object.fromEntries([entry])
    const [key, value] = entry
    conditions.push(
      `json_extract(attributes, '$.' || ${sqlText(JSON.stringify(key))})::varchar = ${sqlText(JSON.stringify(value))}`,
    )
  }
  return { where, condition: conditions.join(' and ') }
}

/** Between one bucket and some hundreds, often with borders on calls. */
function randomStepUs({ fromUs, toUs }: Range, random: () => number): number {
  return Math.max(1, Math.ceil((toUs - fromUs) / (1 + Math.floor(300 * random() ** 3))))
}
