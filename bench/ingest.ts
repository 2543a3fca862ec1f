/**
 * @module bench/ingest
 * How many rows per second go into the database? From columns in memory until everything is on the disk and closed,
 * one thread, durable once a second.
 *
 * Rows that are inserted one by one, and the mean of what was inserted, are measured beside SQLite, as the benchmark of this
 * project's ancestor did.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { dataSet, type DataSet, type RowColumns } from './datasets.ts'
import { progress, shortCount } from './harness/report.ts'
import { withRatios, type BenchRow } from './harness/result.ts'
import { inFolder, type Suite, type SuiteOptions } from './harness/suite.ts'
import { median, percentiles } from './harness/statistics.ts'
import { takeTurns as askInTurns, type Contender } from './harness/turns.ts'
import { duckdbStore } from './stores/duckdb.ts'
import { kroniclerStore } from './stores/kronicler.ts'
import { sqliteStore } from './stores/sqlite.ts'
import type { Store, StoreReader, StoreWriter } from './stores/store.ts'

const STORES = [kroniclerStore, duckdbStore]
const DEFAULT_ROWS = [10e6]
const ONE_BY_ONE_ROWS = 1e6
const MEAN_MS = 1000
const DEFAULT_ROUNDS = 3
const BESIDE_SQLITE = /^(one-by-one|mean)$/

export const ingestSuite: Suite = {
  peers: ['@duckdb/node-api', 'libsql'],
  async run(options) {
    const rows: BenchRow[] = []
    for (const name of options.sets ?? ['A', 'B', 'C']) {
      for (const count of options.rows ?? DEFAULT_ROWS) {
        rows.push(...(await measureSet(dataSet(name), count, options)))
      }
    }
    return { rows: withRatios(withRatios(rows, 'sqlite', BESIDE_SQLITE), 'duckdb') }
  },
}

/** How a store is given a batch. */
type Handing = (writer: StoreWriter, batch: RowColumns) => Promise<void> | void

async function measureSet(set: DataSet, count: number, options: SuiteOptions): Promise<BenchRow[]> {
  const what = `${set.name}-${shortCount(count)}`
  progress(`${what}: making the rows`)
  const batches = [...set.batches(count)] // kept, so that making them is not measured
  // SQLite takes half a minute, whatever the set
  const all = set.name === 'A' ? [...STORES, sqliteStore] : STORES
  const appended = await takeTurns(what, all, set, batches, options, (writer, batch) =>
    writer.append(batch),
  )
  if (set.name !== 'A') return appended
  // as a program does that measures by itself
  const few = batches.slice(0, Math.ceil(ONE_BY_ONE_ROWS / batches[0]!.count))
  const stores = [kroniclerStore, sqliteStore]
  const inserted = await takeTurns('one-by-one', stores, set, few, options, (writer, batch) =>
    writer.insertEach!(batch),
  )
  const means = await measureMeans(stores, set, few, options)
  return [...appended, ...inserted, ...means]
}

/** The mean of a function's durations, of the same rows. */
async function measureMeans(
  stores: readonly Store[],
  set: DataSet,
  batches: readonly RowColumns[],
  { skip, folder }: SuiteOptions,
): Promise<BenchRow[]> {
  return inFolder(folder, async (path) => {
    const contenders: Contender[] = []
    const readers: StoreReader[] = []
    for (const store of stores.filter(({ who }) => !skip.includes(who))) {
      const own = join(path, store.who)
      mkdirSync(own)
      const writer = await store.create(own, set)
      for (const batch of batches) await writer.append(batch)
      await writer.finish()
      await store.prepare?.(own)
      const reader = await store.open(own, set)
      readers.push(reader)
      contenders.push({
        who: store.who,
        ask: (random) => reader.mean!(random.below(set.models.length)),
      })
    }
    const rows = await askInTurns('mean', contenders, MEAN_MS)
    for (const reader of readers) await reader.close()
    return rows
  })
}

async function takeTurns(
  what: string,
  stores: readonly Store[],
  set: DataSet,
  batches: readonly RowColumns[],
  { rounds = DEFAULT_ROUNDS, skip, folder }: SuiteOptions,
  hand: Handing,
): Promise<BenchRow[]> {
  const count = batches.reduce((sum, batch) => sum + batch.count, 0)
  const runs = stores
    .filter(({ who }) => !skip.includes(who))
    .map((store) => ({ store, rates: [] as number[] }))
  for (let round = 0; round < rounds; round++) {
    for (const { store, rates } of round % 2 === 0 ? runs : [...runs].reverse()) {
      const seconds = await inFolder(folder, (path) => ingest(store, path, set, batches, hand))
      settle()
      rates.push(count / seconds)
      progress(`${what}: ${store.who} ${(count / seconds / 1e6).toFixed(2)} M rows/s`)
    }
  }
  return runs.map(({ store, rates }) => ({
    name: `${store.who}/${what}`,
    value: median(rates),
    unit: 'rows/s',
    n: rates.length,
    ...percentiles(rates),
    best: Math.max(...rates),
  }))
}

/** What the one before has left to the system to be written must not slow down the next one. */
function settle(): void {
  spawnSync('sync') // there is none on Windows, where nothing happens then
}

/** @returns seconds */
async function ingest(
  store: Store,
  folder: string,
  set: DataSet,
  batches: readonly RowColumns[],
  hand: Handing,
): Promise<number> {
  const writer = await store.create(folder, set)
  const start = performance.now()
  let committed = start
  for (const batch of batches) {
    await hand(writer, batch)
    if (performance.now() - committed < 1000) continue
    writer.commit()
    committed = performance.now()
  }
  await writer.finish()
  return (performance.now() - start) / 1000
}
