/**
 * The same calls in our database and in DuckDB, and thousands of answers compared: counts, errors, sums and extremes
 * equal; mean and standard deviation to 1e-9; quantiles within the histogram's error; rows equal. Rows of samples are
 * repeated in DuckDB as often as they weigh.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openDatabase, type CallRow, type Database, type Stats } from '../../src/database.ts'
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
  type SqlRow,
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

const QUANTILES = [0, 0.01, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999, 1]
const RANGES = 12
const DETAILED_RANGES = 6

const LAYOUTS: [string, number, WriteOptions][] = [
  ['one writer, all sealed', 40_000, { segmentRows: 15_000 }],
  [
    'three writers, sealed and unsealed rows',
    40_000,
    { segmentRows: 6000, writers: 3, sealed: false },
  ],
  ['nothing sealed', 9000, { segmentRows: 1_000_000, sealed: false }],
  ['large chunks', 60_000, { segmentRows: 60_000, sealed: true }],
  ['a handful of rows', 7, { segmentRows: 3, sealed: false }],
  ['a single row', 1, { segmentRows: 100 }],
]

/** The same, with details. */
const DETAILED_LAYOUTS: [string, number, WriteOptions][] = [
  [
    'callers, samples and attributes: two writers, sealed and unsealed rows',
    16_000,
    { segmentRows: 5000, writers: 2, sealed: false },
  ],
  ['callers, samples and attributes: large chunks', 30_000, { segmentRows: 30_000 }],
  ['callers, samples and attributes: a handful of rows', 40, { segmentRows: 12, sealed: false }],
]
const WEIGHTS = [2, 2, 2, 3, 10]

let duckdb: CallsInDuckDb
let comparisons = 0

beforeAll(async () => {
  duckdb = await CallsInDuckDb.open()
})

afterAll(() => {
  duckdb.close()
  console.log(`${comparisons} numbers and rows compared`)
})

describe.each(SHAPES.map((shape, i) => ({ shape, seed: 1000 + i, name: shape.name })))(
  '$name',
  ({ seed, shape }) => {
    test.each(LAYOUTS)('%s', async (_name, count, options) => {
      await compareAll(randomCalls(shape, count, seed + count), options, seed, RANGES)
    })

    test.each(DETAILED_LAYOUTS)('%s', async (_name, count, options) => {
      const calls = randomCalls(shape, count, seed + count)
      await compareAll(withDetails(calls, WEIGHTS, seed), options, seed, DETAILED_RANGES)
    })
  },
)

test('weights up to the greatest', async () => {
  const directory = temporaryDirectory()
  const shape = SHAPES[0]!
  const calls = withDetails(randomCalls(shape, 20_000, 5), [2, 65_536, 1_000_003, 2 ** 31 - 1], 5)
  const writers = await writeCalls(directory, calls, { segmentRows: 9000, sealed: false })
  await duckdb.load(calls)
  const database = await openDatabase(directory)
  const random = randomFrom(1)
  for (let i = 0; i < 40; i++) {
    const range = i === 0 ? wholeRange(calls) : randomRange(calls, random)
    const stats = await database.stats(questionOf(range))
    const [expected] = await duckdb.ask(`
      select coalesce(sum(weight), 0) as calls, count(*) as rows, sum(duration::hugeint * weight) as total,
        coalesce(sum(weight) filter (error is not null), 0) as errors, sum(self::hugeint * weight) as self,
        sum(weight)::double * sum(weight) / sum(weight::double * weight) as size
      from calls where ${conditionOf(range)}`)
    expect(stats.calls).toBe(Number(expected!['calls']))
    expect(stats.rows).toBe(Number(expected!['rows']))
    expect(stats.errors).toBe(Number(expected!['errors']))
    expect(stats.sumNs).toBe(Number(expected!['total']))
    expectClose(stats.selfNs, Number(expected!['self']), 1e-12)
    if (stats.rows > 1) {
      const standardErrorNs = stats.standardDeviationNs / Math.sqrt(Number(expected!['size']))
      expectClose(stats.standardErrorNs, standardErrorNs, 1e-9)
    }
    comparisons += 6
  }
  await database.close()
  for (const writer of writers) await writer.close()
})

async function compareAll(
  calls: readonly Call[],
  options: WriteOptions,
  seed: number,
  ranges: number,
): Promise<void> {
  const directory = temporaryDirectory()
  const writers = await writeCalls(directory, calls, options)
  await duckdb.load(calls)
  const database = await openDatabase(directory)
  try {
    const random = randomFrom(seed)
    for (let i = 0; i < ranges; i++) {
      const range = i === 0 ? wholeRange(calls) : randomRange(calls, random)
      await compareStats(database, range)
      await compareFunctions(database, range)
      await compareSlowest(database, range, i % 3 === 0 ? 1 : 1 + Math.floor(200 * random()))
    }
    for (const n of [1, 10, 250]) await compareTail(database, n)
  } finally {
    await database.close()
    for (const writer of writers) await writer.close()
  }
}

const AGGREGATES = `
  count(*) as calls, count(error) as errors, sum(duration::hugeint) as total, min(duration) as low,
  max(duration) as high, avg(duration) as mean, stddev_samp(duration) as deviation, min(start) as first,
  max(start) as last, quantile_cont(duration::double, [${QUANTILES.join()}]) as quantiles,
  count(*) filter (duration > 10 * m) as slow, count(*) filter (duration between 9.8 * m and 10.2 * m) as near,
  sum(duration::double) filter (duration > 10 * m) as slowtime, sum(self::hugeint) as self,
  sum(1 / weight) as rows, count(*)::double * count(*) / sum(weight::double) as size`

async function compareStats(database: Database, range: Range): Promise<void> {
  const stats = await database.stats({ ...questionOf(range), quantiles: QUANTILES })
  const condition = conditionOf(range)
  const median = `(select quantile_cont(duration::double, 0.5) from repeated where ${condition})`
  const [expected] = await duckdb.ask(
    `select ${AGGREGATES} from (select *, ${median} as m from repeated where ${condition})`,
  )
  expectStats(stats, expected!)
  expect(await database.count(questionOf(range))).toBe(Number(expected!['calls']))
}

async function compareFunctions(database: Database, range: Range): Promise<void> {
  const { fromUs, toUs } = range
  const functions = await database.functions({
    from: fromUs / 1000,
    to: toUs / 1000,
    quantiles: QUANTILES,
  })
  const condition = conditionOf({ ...range, function: undefined })
  const expected = await duckdb.ask(`
    select name, ${AGGREGATES} from (
      select *, quantile_cont(duration::double, 0.5) over (partition by name) as m from repeated where ${condition}
    ) group by name order by total desc, name`)
  expect(functions.map((stats) => stats.function)).toEqual(expected.map(({ name }) => name))
  functions.forEach((stats, i) => {
    expectStats(stats, expected[i]!)
  })
}

function expectStats(stats: Stats, expected: SqlRow): void {
  expect(stats.calls).toBe(Number(expected['calls']))
  expect(stats.errors).toBe(Number(expected['errors']))
  if (stats.calls === 0) {
    expect(stats.meanNs).toBeNaN()
    expect(stats.sumNs).toBe(0)
    return
  }
  expect(stats.sumNs).toBe(Number(expected['total']))
  expect(stats.rows).toBe(Math.round(expected['rows']))
  expectSelf(stats, Number(expected['self']))
  expect(stats.minNs).toBe(Number(expected['low']))
  expect(stats.maxNs).toBe(Number(expected['high']))
  expect(stats.firstStartMs).toBe(Number(expected['first']) / 1000)
  expect(stats.lastStartMs).toBe(Number(expected['last']) / 1000)
  expectClose(stats.meanNs, expected['mean'], 1e-9)
  if (stats.calls > 1) expectClose(stats.standardDeviationNs, expected['deviation'], 1e-9)
  if (stats.rows > 1) {
    expectClose(stats.standardErrorNs, expected['deviation'] / Math.sqrt(expected['size']), 1e-9)
  }
  stats.quantiles.forEach(({ durationNs }, i) => {
    expectClose(durationNs, expected['quantiles'][i], QUANTILE_RELATIVE_ERROR)
  })
  const near = Number(expected['near']) // about the threshold: the median itself is known to half a percent only
  expect(Math.abs(stats.slow.calls - Number(expected['slow']))).toBeLessThanOrEqual(near)
  if (near === 0 && stats.sumNs > 0) {
    expectClose(
      stats.slow.timeShare,
      Number(expected['slowtime']) / stats.sumNs,
      QUANTILE_RELATIVE_ERROR,
    )
  }
  comparisons += 14 + stats.quantiles.length
}

/** Exact where the time of children is. */
function expectSelf(stats: Stats, selfNs: number): void {
  if (stats.sumNs < 2 ** 53) expect(stats.selfNs).toBe(selfNs)
  else expectClose(stats.selfNs, selfNs, 1e-12)
  expectClose(stats.selfMeanNs, selfNs / stats.calls, 1e-12)
}

async function compareSlowest(database: Database, range: Range, limit: number): Promise<void> {
  const rows = await database.slowest({ ...questionOf(range), limit })
  const expected = await duckdb.ask(
    `select * from calls where ${conditionOf(range)} order by duration desc, start, name limit ${limit}`,
  )
  expectRows(rows, expected)
  await expectStored(rows)
  comparisons += rows.length
}

async function compareTail(database: Database, n: number): Promise<void> {
  const rows = await database.tail(n)
  const expected = await duckdb.ask(`select * from calls order by start desc, name desc limit ${n}`)
  expect(rows.map(({ function: name, startMs }) => [name, startMs])).toEqual(
    expected.reverse().map(({ name, start }) => [name, Number(start) / 1000]),
  )
  await expectStored(rows)
}

/** Equal in what the order is by: of several calls alike in that any may have been chosen. */
function expectRows(rows: CallRow[], expected: SqlRow[]): void {
  expect(rows.map((row) => [row.function, row.startMs, row.durationNs])).toEqual(
    expected.map(({ duration, name, start }) => [name, Number(start) / 1000, Number(duration)]),
  )
}

/** Every row is one that was written, error, details and all, and none is there more often than it was written. */
async function expectStored(rows: CallRow[]): Promise<void> {
  const counts = new Map<string, number>()
  for (const row of rows) {
    const { attributes, error, parent } = row
    const key = `name = '${row.function}' and start = ${Math.round(row.startMs * 1000)} and duration = ${row.durationNs}
      and error is not distinct from ${sqlText(error)} and parent is not distinct from ${sqlText(parent)}
      and weight = ${row.weight} and self = ${row.selfNs} and depth = ${row.depth} and async = ${row.async}
      and attributes is not distinct from ${sqlText(attributes && JSON.stringify(attributes))}`
    counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  for (const [key, count] of [...counts].slice(0, 20)) {
    const [stored] = await duckdb.ask(`select count(*) as n from calls where ${key}`)
    expect(Number(stored!['n'])).toBeGreaterThanOrEqual(count)
  }
}
