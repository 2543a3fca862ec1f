/**
 * What every store promises. A test file calls this with what it takes to open one and to read it back.
 */
import { describe, expect, test } from 'vitest'
import { MetricsAccumulator } from '../../src/metrics/accumulator.ts'
import { bucketOf } from '../../src/metrics/histogram.ts'
import { MinuteSums } from '../../src/outputs/minute-sums.ts'
import type { Batch, FunctionDifference, OutputStore } from '../../src/outputs/output.ts'

export interface TotalsRead {
  function_name: string
  calls: number
  average_time: number
  errors: number
  min: number
  max: number
  standard_deviation: number | null
  p50: number
  p90: number
  p95: number
  p99: number
  total_time: number
}

export interface OutputUnderTest {
  /** A new place for tables. */
  create: () => Promise<{
    open: () => Promise<OutputStore>
    /** Runs SQL by another way than the store's, and returns rows as objects, numbers as numbers. */
    read: (sql: string) => Promise<Record<string, unknown>[]>
  }>
  /** SQL for the seconds at the quantile of a function's calls of all minutes, as column `value`. */
  quantileSql: (functionName: string, quantile: number) => string
}

const MINUTE = Date.UTC(2026, 0, 2, 3, 4)

/** What a batch says of calls, given their durations; errors are those of every tenth. */
export function differenceOf(name: string, durationsNs: readonly number[]): FunctionDifference {
  const counts = new Map<number, number>()
  const accumulator = new MetricsAccumulator()
  for (const [i, duration] of durationsNs.entries()) {
    accumulator.add(duration, i % 10 === 0)
    const bucket = bucketOf(duration)
    counts.set(bucket, (counts.get(bucket) ?? 0) + 1)
  }
  const buckets = [...counts.keys()].sort((a, b) => a - b)
  return {
    name,
    calls: durationsNs.length,
    errors: accumulator.errors,
    sumNs: durationsNs.reduce((sum, duration) => sum + duration, 0),
    squaredDeviations: accumulator.squaredDeviations,
    minNs: Math.min(...durationsNs),
    maxNs: Math.max(...durationsNs),
    hasNewMin: true,
    hasNewMax: true,
    buckets,
    counts: buckets.map((bucket) => counts.get(bucket)!),
  }
}

export function batchOf(
  sequence: number,
  functions: FunctionDifference[],
  changes: Partial<Batch> = {},
): Batch {
  const times = { fromMs: MINUTE + 1000, toMs: MINUTE + 11_000 }
  return { writer: 'w1', process: 'host:1', sequence, ...times, functions, ...changes }
}

/** The batch in both tables. */
export async function saveWhole(store: OutputStore, batch: Batch): Promise<void> {
  await store.save(batch)
  await store.saveMinute(new MinuteSums(batch))
}

export function durationsOf(count: number, seed: number): number[] {
  return Array.from({ length: count }, (_, i) => {
    const x = Math.sin(seed * 1000 + i) * 10_000
    return Math.round(1000 * Math.exp(6 * (x - Math.floor(x))))
  })
}

const READ_TOTALS =
  'SELECT function_name, calls, average_time, errors, min, max, standard_deviation, p50, p90, p95, p99, total_time FROM metrics ORDER BY function_name'

export function outputContract(
  name: string,
  output: OutputUnderTest,
  { skip }: { skip: Record<string, string> }, // by name of a test, and why
): void {
  const promise = (title: string, run: () => Promise<void>): void => {
    test.skipIf(skip[title] !== undefined)(title, run)
  }

  describe(`the output ${name}`, () => {
    promise('makes the tables, with the columns that were promised first', async () => {
      const place = await output.create()
      const store = await place.open()
      await saveWhole(store, batchOf(1, [differenceOf('f', [1000])]))
      await store.close()
      const [row] = await place.read('SELECT * FROM metrics')
      expect(Object.keys(row!).slice(0, 15)).toEqual([
        ...['function_name', 'calls', 'average_time', 'errors', 'min', 'max', 'standard_deviation'],
        ...['p50', 'p90', 'p95', 'p99', 'total_time', 'first_seen', 'last_seen', 'updated_at'],
      ])
    })

    promise('adds batches up to what all calls together are', async () => {
      const place = await output.create()
      const store = await place.open()
      const parts = [durationsOf(400, 1), durationsOf(1, 2), durationsOf(900, 3)]
      for (const [i, part] of parts.entries()) {
        await saveWhole(
          store,
          batchOf(i + 1, [differenceOf('f', part), differenceOf(`g${i}`, [5])]),
        )
      }
      await store.close()
      const rows = (await place.read(READ_TOTALS)) as unknown as TotalsRead[]
      expect(rows.map((row) => [row.function_name, row.calls])).toEqual([
        ['f', 1301],
        ['g0', 1],
        ['g1', 1],
        ['g2', 1],
      ])
      const all = parts.flat()
      const truth = new MetricsAccumulator()
      for (const duration of all) truth.add(duration, false)
      const expected = truth.toMetrics()
      const f = rows[0]!
      expect(f.errors).toBe(40 + 1 + 90)
      expect(f.total_time).toBeCloseTo(all.reduce((sum, ns) => sum + ns, 0) / 1e9, 12)
      expect(f.average_time).toBeCloseTo(expected.meanNs / 1e9, 12)
      expect(f.min).toBeCloseTo(expected.minNs / 1e9, 12)
      expect(f.max).toBeCloseTo(expected.maxNs / 1e9, 12)
      expect(f.standard_deviation! * 1e9).toBeCloseTo(expected.standardDeviationNs, 3)
      expect(f.p50 * 1e9).toBeCloseTo(expected.p50Ns, 3)
      expect(f.p90 * 1e9).toBeCloseTo(expected.p90Ns, 3)
      expect(f.p95 * 1e9).toBeCloseTo(expected.p95Ns, 3)
      expect(f.p99 * 1e9).toBeCloseTo(expected.p99Ns, 3)
      expect(rows[1]!.standard_deviation).toBeNull()
    })

    promise('saves a batch once, however often it is tried', async () => {
      const place = await output.create()
      const store = await place.open()
      const first = batchOf(1, [differenceOf('f', [1000, 2000])])
      await saveWhole(store, first)
      await saveWhole(store, first)
      await saveWhole(store, batchOf(2, [differenceOf('f', [3000])]))
      await saveWhole(store, first)
      await saveWhole(store, { ...first, writer: 'w2' })
      await store.close()
      const again = await place.open() // by another connection
      await saveWhole(again, first)
      await again.close()
      const [row] = await place.read('SELECT calls, errors FROM metrics')
      expect(row).toEqual({ calls: 5, errors: 3 })
      const [minutes] = await place.read(
        'SELECT sum(calls) AS calls, count(*) AS lines FROM metrics_by_minute',
      )
      expect(minutes).toEqual({ calls: 5, lines: 1 })
    })

    promise('takes a minute of several batches once, and merges the parts of one', async () => {
      const place = await output.create()
      const store = await place.open()
      const parts = [durationsOf(40, 1), durationsOf(70, 2), durationsOf(20, 3)]
      const batches = parts.map((part, i) => batchOf(i + 1, [differenceOf('f', part)]))
      for (const batch of batches) await store.save(batch)
      const sums = new MinuteSums(batches[0]!)
      sums.add(batches[1]!)
      await store.saveMinute(sums)
      await store.saveMinute(sums)
      for (const batch of batches.slice(0, 2)) await store.saveMinute(new MinuteSums(batch)) // as whoever finds the spool would
      const rest = new MinuteSums(batches[2]!)
      rest.add(batchOf(4, [differenceOf('g', [7])]))
      await store.saveMinute(rest)
      await store.close()
      const all = parts.flat()
      const rows = await place.read(
        'SELECT function_name, calls, errors, total_time, min, max FROM metrics_by_minute ORDER BY function_name',
      )
      expect(rows).toEqual([
        {
          function_name: 'f',
          calls: 130,
          errors: 4 + 7 + 2,
          total_time: expect.closeTo(all.reduce((sum, ns) => sum + ns, 0) / 1e9, 12),
          min: Math.min(...all) / 1e9,
          max: Math.max(...all) / 1e9,
        },
        { function_name: 'g', calls: 1, errors: 1, total_time: 7e-9, min: 7e-9, max: 7e-9 },
      ])
      const truth = new MetricsAccumulator()
      for (const duration of all) truth.add(duration, false)
      const [row] = await place.read(output.quantileSql('f', 0.9))
      expect((row!['value'] as number) * 1e9).toBeCloseTo(truth.quantile(0.9), 2)
    })

    promise('goes on from what the table has, whoever has changed it', async () => {
      const place = await output.create()
      const [a, b] = [await place.open(), await place.open()]
      const parts = [durationsOf(30, 1), durationsOf(50, 2), durationsOf(60, 3)]
      await a.save(batchOf(1, [differenceOf('f', parts[0]!), differenceOf('g', [5])]))
      await b.save(batchOf(1, [differenceOf('f', parts[1]!)], { writer: 'w2' }))
      await a.save(batchOf(2, [differenceOf('f', parts[2]!), differenceOf('new', [9])]))
      const truth = new MetricsAccumulator()
      for (const duration of parts.flat()) truth.add(duration, false)
      const [f] = await place.read("SELECT calls, p90 FROM metrics WHERE function_name = 'f'")
      expect(f).toEqual({ calls: 140, p90: expect.closeTo(truth.quantile(0.9) / 1e9, 12) })
      // by hand: one is forgotten, one is begun anew
      await place.read("DELETE FROM metrics WHERE function_name = 'g'")
      await place.read(
        "UPDATE metrics SET calls = 0, time_ns = 0, errors = 0, histogram = NULL WHERE function_name = 'f'",
      )
      await a.save(batchOf(3, [differenceOf('f', [8, 8]), differenceOf('g', [6, 6])]))
      expect(await place.read('SELECT function_name, calls, p50 FROM metrics ORDER BY 1')).toEqual([
        { function_name: 'f', calls: 2, p50: expect.any(Number) },
        { function_name: 'g', calls: 2, p50: 6e-9 },
        { function_name: 'new', calls: 1, p50: 9e-9 },
      ])
      await a.close()
      await b.close()
    })

    promise('keeps minutes and processes apart, and expires minutes only', async () => {
      const place = await output.create()
      const store = await place.open()
      const later = { fromMs: MINUTE + 61_000, toMs: MINUTE + 62_000 }
      await saveWhole(store, batchOf(1, [differenceOf('f', [10, 20])]))
      await saveWhole(store, batchOf(2, [differenceOf('f', [30])], later))
      await saveWhole(
        store,
        batchOf(1, [differenceOf('f', [40])], { writer: 'w2', process: 'host:2' }),
      )
      const count = 'SELECT process, calls FROM metrics_by_minute ORDER BY process, minute'
      expect(await place.read(count)).toEqual([
        { process: 'host:1', calls: 2 },
        { process: 'host:1', calls: 1 },
        { process: 'host:2', calls: 1 },
      ])
      await store.expire(MINUTE + 60_000)
      expect(await place.read(count)).toEqual([{ process: 'host:1', calls: 1 }])
      expect(await place.read('SELECT calls FROM metrics')).toEqual([{ calls: 4 }])
      await saveWhole(store, batchOf(2, [differenceOf('f', [30])], later)) // still known
      expect(await place.read('SELECT calls FROM metrics')).toEqual([{ calls: 4 }])
      await store.close()
    })

    promise(
      "its SQL gives the quantiles of any period that Kronicler's own code gives",
      async () => {
        const place = await output.create()
        const store = await place.open()
        const parts = [durationsOf(500, 4), durationsOf(700, 5), durationsOf(3, 6)]
        for (const [i, part] of parts.entries()) {
          const at = MINUTE + i * 60_000
          await saveWhole(
            store,
            batchOf(i + 1, [differenceOf('f', part)], { fromMs: at, toMs: at + 1 }),
          )
        }
        await saveWhole(store, batchOf(4, [differenceOf('one', [12_345])]))
        await store.close()
        const truth = new MetricsAccumulator()
        for (const duration of parts.flat()) truth.add(duration, false)
        for (const quantile of [0, 0.25, 0.5, 0.9, 0.99, 0.999, 1]) {
          const [row] = await place.read(output.quantileSql('f', quantile))
          expect((row!['value'] as number) * 1e9).toBeCloseTo(truth.quantile(quantile), 2)
        }
        const [one] = await place.read(output.quantileSql('one', 0.99))
        expect(one!['value']).toBeCloseTo(12_345e-9, 15)
      },
    )

    promise('brings a table of the simple form up to date, and loses nothing', async () => {
      const place = await output.create()
      await place.read(
        'CREATE TABLE metrics (function_name TEXT PRIMARY KEY, calls INTEGER, average_time REAL, errors INTEGER)',
      )
      await place.read(
        "INSERT INTO metrics VALUES ('old', 10, 0.5, 2), ('f', 4, 0.25, 1), ('never', 0, NULL, NULL)",
      )
      const store = await place.open()
      await saveWhole(
        store,
        batchOf(1, [differenceOf('f', [1e9, 2e9]), differenceOf('never', [1e9])]),
      )
      await store.close()
      const rows = await place.read(
        'SELECT function_name, calls, average_time, errors, total_time, p50 FROM metrics ORDER BY function_name',
      )
      expect(rows).toEqual([
        {
          function_name: 'f',
          calls: 6,
          average_time: expect.closeTo(4 / 6, 12),
          errors: 2,
          total_time: expect.closeTo(4, 12),
          p50: expect.closeTo(1.5, 2),
        },
        { function_name: 'never', calls: 1, average_time: 1, errors: 1, total_time: 1, p50: 1 },
        { function_name: 'old', calls: 10, average_time: 0.5, errors: 2, total_time: 5, p50: null },
      ])
    })

    promise('leaves alone what it does not know', async () => {
      const foreign = await output.create()
      await foreign.read('CREATE TABLE metrics (id INTEGER, value REAL)')
      await expect(foreign.open()).rejects.toMatchObject({ code: 'KRONICLER_OUTPUT' })
      const newer = await output.create()
      await (await newer.open()).close()
      await newer.read('UPDATE metrics_version SET version = 99')
      await expect(newer.open()).rejects.toMatchObject({ code: 'KRONICLER_OUTPUT' })
    })

    promise('takes names that SQL might take for its own', async () => {
      const place = await output.create()
      const store = await place.open()
      const names = [
        "'; DROP TABLE metrics; --",
        '"quoted"',
        'ünï çödé 💾',
        '{"a":1}',
        'a,b',
        '\\x',
      ]
      await saveWhole(
        store,
        batchOf(
          1,
          names.map((each) => differenceOf(each, [1000])),
        ),
      )
      await saveWhole(
        store,
        batchOf(
          2,
          names.map((each) => differenceOf(each, [1000])),
        ),
      )
      await store.close()
      const rows = await place.read('SELECT function_name, calls FROM metrics')
      expect(new Set(rows.map((row) => row['function_name']))).toEqual(new Set(names))
      expect(rows.every((row) => row['calls'] === 2)).toBe(true)
    })

    promise('adds up what several writers save at once', async () => {
      const place = await output.create()
      await (await place.open()).close()
      const writers = Array.from({ length: 4 }, async (_, writer) => {
        const store = await place.open()
        for (let sequence = 1; sequence <= 5; sequence++) {
          const functions = ['a', 'b', 'c'].map((each) => differenceOf(each, [1000 + sequence]))
          if (writer % 2 === 1) functions.reverse() // locks in another order
          await saveWhole(store, batchOf(sequence, functions, { writer: `w${writer}` }))
        }
        await store.close()
      })
      await Promise.all(writers)
      const rows = await place.read('SELECT calls, errors FROM metrics')
      expect(rows).toEqual(Array.from({ length: 3 }, () => ({ calls: 20, errors: 20 })))
    })
  })
}
