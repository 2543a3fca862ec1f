/**
 * @module bench/scale
 * How do answers slow down as rows and functions grow? Each set is loaded once, into all databases at the same time;
 * then they are asked in turns, every sample another question: from the page cache, and with their files evicted from it.
 *
 * Rows of set A are named like `one-function-100M`, those of others after their number of functions, like
 * `one-function-of-20k-100M`; what all functions of set B with 20,000 took is `all-20k-functions-100M`.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { dataSet, type DataSet } from './datasets.ts'
import { createRandom, type Random } from './harness/random.ts'
import { progress, shortCount } from './harness/report.ts'
import { withRatios, type BenchRow, type Measurements } from './harness/result.ts'
import { median } from './harness/statistics.ts'
import { inFolder, type Suite, type SuiteOptions } from './harness/suite.ts'
import { rowOf, takeTurns, type Contender } from './harness/turns.ts'
import { installClickhouse } from './peers/install.ts'
import { canEvict, evictFiles } from './scale/evict.ts'
import { readerMemoryBytes } from './scale/reader-memory.ts'
import { repeatedBatches } from './scale/repeated-batches.ts'
import { clickhouseStore } from './stores/clickhouse.ts'
import { compareAnswers } from './stores/compare-answers.ts'
import { duckdbStore } from './stores/duckdb.ts'
import { kroniclerStore } from './stores/kronicler.ts'
import { randomRange } from './stores/random-range.ts'
import { sqliteStore } from './stores/sqlite.ts'
import { sizeOnDisk, type Store, type StoreReader, type StoreWriter } from './stores/store.ts'

const DEFAULT_ROWS = [10e6]
const DEFAULT_SECONDS = 1
const BUCKETS = 200
const SLOW_NS = 3_000_000
const KEYS = 200
const COLD_SAMPLES = 7
const SEED = 6

/** The largest databases that loading and asking a peer takes reasonable time for. */
const PEERS: [Store, { maxRows: number; sets: RegExp }][] = [
  [duckdbStore, { maxRows: 100e6, sets: /./ }],
  [clickhouseStore, { maxRows: 100e6, sets: /./ }],
  [sqliteStore, { maxRows: 10e6, sets: /^A$/ }],
]

/** Those whose cost depends on the number of functions. */
const QUESTIONS_OF_ALL_SETS = new Set([
  'one-function',
  'all-functions',
  'all-functions-all-time',
  `series-${BUCKETS}`,
  'top-100',
  'scan',
  'open',
])

interface Loaded {
  who: string
  store: Store
  folder: string
  reader: StoreReader
  keys: readonly unknown[]
}

/** Asks one random question; undefined if the database has no answer to such questions. */
type Question = (loaded: Loaded) => ((random: Random) => Promise<unknown>) | undefined

export const scaleSuite: Suite = {
  peers: ['@duckdb/node-api', 'chdb', 'libsql'],
  async run(options) {
    const rows: BenchRow[] = []
    const notMeasured: Record<string, string> = {}
    const clickhouseFails = options.skip.includes('clickhouse') ? undefined : installClickhouse()
    if (clickhouseFails !== undefined) notMeasured['clickhouse'] = clickhouseFails
    for (const count of options.rows ?? DEFAULT_ROWS) {
      for (const name of options.sets ?? setsOf(count)) {
        const stores = storesFor(name, count, [...options.skip, ...Object.keys(notMeasured)])
        const found = await inFolder(options.folder, (folder) =>
          measureSet(folder, dataSet(name), count, stores, options),
        )
        rows.push(...found.rows)
        Object.assign(notMeasured, found.notMeasured)
      }
    }
    return { rows: withRatios(rows, 'duckdb'), notMeasured }
  },
}

/** Fewer sets the longer they take. */
function setsOf(rows: number): string[] {
  if (rows <= 10e6) return ['A', 'B3k', 'B20k']
  return rows <= 100e6 ? ['A', 'B20k'] : ['A']
}

function storesFor(set: string, rows: number, skip: readonly string[]): Store[] {
  const peers = PEERS.filter(([, { maxRows, sets }]) => rows <= maxRows && sets.test(set))
  return [kroniclerStore, ...peers.map(([store]) => store)].filter(({ who }) => !skip.includes(who))
}

async function measureSet(
  folder: string,
  set: DataSet,
  count: number,
  stores: readonly Store[],
  { seconds = DEFAULT_SECONDS }: SuiteOptions,
): Promise<Measurements> {
  const named = (question: string): string => `${nameOf(question, set)}-${shortCount(count)}`
  const rows: BenchRow[] = []
  const notMeasured: Record<string, string> = {}
  const folders = new Map(stores.map((store) => [store, join(folder, store.who)]))
  await load(folders, set, count)
  for (const [store, path] of folders) {
    const start = performance.now()
    await store.prepare?.(path)
    const tookMs = performance.now() - start
    progress(`${store.who}: prepared in ${(tookMs / 1000).toFixed(1)} s`)
    if (store.prepare !== undefined) {
      rows.push({ name: `${store.who}/${named('prepare')}`, value: tookMs, unit: 'ms', n: 1 })
    }
    const sizeBytes = sizeOnDisk(path)
    const name = `${store.who}/${named('size')}`
    rows.push({ name, value: sizeBytes / count, unit: 'B/row', n: count })
  }
  const databases = await openAll(folders, set)
  await compareAnswers(databases, set)
  for (const [question, prepare] of Object.entries(questionsOf(set))) {
    if (set.name !== 'A' && !QUESTIONS_OF_ALL_SETS.has(question)) continue
    const contenders: Contender[] = []
    for (const loaded of databases) {
      const ask = prepare(loaded)
      if (ask === undefined) notMeasured[`${loaded.who}/${question}`] = 'it is not asked that here'
      else contenders.push({ who: loaded.who, ask })
    }
    const measured = await takeTurns(named(question), contenders, seconds * 1000)
    progress(measured.map(({ name, value }) => `${name} ${value.toPrecision(3)} ms`).join(', '))
    rows.push(...measured)
  }
  if (set.name === 'A') {
    for (const loaded of databases) rows.push(...(await measureCold(loaded, set, named)))
  }
  for (const { reader } of databases) await reader.close()
  for (const [store, path] of folders) {
    if (store !== kroniclerStore) continue
    const value = readerMemoryBytes(path, set.functionNames) / 2 ** 20
    rows.push({ name: `${store.who}/${named('memory')}`, value, unit: 'MiB', n: 1 })
  }
  return { rows, notMeasured }
}

function nameOf(question: string, { name, functionNames }: DataSet): string {
  if (name === 'A') return question
  const functions = shortCount(functionNames.length)
  const bursts = name === 'C' ? '-bursts' : ''
  if (question.startsWith('all-functions')) {
    return question.replace('all-', `all-${functions}-`) + bursts
  }
  return `${question}-of-${functions}${bursts}`
}

/** Makes the rows once and hands every batch to all databases. */
async function load(folders: Map<Store, string>, set: DataSet, count: number): Promise<void> {
  const who = [...folders.keys()].map((store) => store.who).join(', ')
  progress(`${set.name}: loading ${shortCount(count)} rows into ${who}`)
  const writers: StoreWriter[] = []
  for (const [store, folder] of folders) {
    mkdirSync(folder)
    writers.push(await store.create(folder, set))
  }
  for (const batch of repeatedBatches(set, count)) {
    for (const writer of writers) await writer.append(batch)
  }
  for (const writer of writers) await writer.finish()
}

async function openAll(folders: Map<Store, string>, set: DataSet): Promise<Loaded[]> {
  const databases: Loaded[] = []
  for (const [store, folder] of folders) {
    const reader = await store.open(folder, set)
    const keys = (await reader.rowKeys?.(KEYS, createRandom(SEED))) ?? []
    databases.push({ who: store.who, store, folder, reader, keys })
  }
  return databases
}

function questionsOf(set: DataSet): Record<string, Question> {
  // half of the questions about functions that are called much, as people ask
  const id = (random: Random): number =>
    Math.floor(set.models.length * random.uniform() ** (random.below(2) === 0 ? 1 : 4))
  return {
    'one-function':
      ({ reader }) =>
      (random) =>
        reader.oneFunction(id(random), randomRange(random)),
    'one-function-all-time':
      ({ reader }) =>
      (random) =>
        reader.oneFunction(id(random)),
    mean: ({ reader }) => reader.mean && ((random) => reader.mean!(id(random))),
    'all-functions':
      ({ reader }) =>
      (random) =>
        reader.allFunctions(randomRange(random)),
    'all-functions-all-time':
      ({ reader }) =>
      () =>
        reader.allFunctions(),
    [`series-${BUCKETS}`]: ({ reader }) =>
      reader.series && ((random) => reader.series!(id(random), randomRange(random), BUCKETS)),
    [`heatmap-${BUCKETS}`]: ({ reader }) =>
      reader.heatmap && ((random) => reader.heatmap!(id(random), randomRange(random), BUCKETS)),
    'top-100':
      ({ reader }) =>
      () =>
        reader.top(100),
    tail:
      ({ reader }) =>
      () =>
        reader.tail(100),
    count:
      ({ reader }) =>
      (random) =>
        reader.count(randomRange(random)),
    // thresholds near each other, so that no sample can be answered from the one before
    scan: ({ reader }) =>
      reader.longerThan && ((random) => reader.longerThan!(SLOW_NS + random.below(1000))),
    'exact-p99': ({ reader }) => reader.exactQuantile && (() => reader.exactQuantile!(0.99)),
    row: ({ reader, keys }) =>
      reader.row && ((random) => reader.row!(keys[random.below(keys.length)])),
    // opening may put off its work, so the first answer belongs to it; ClickHouse opens one database a process
    open: ({ store, folder }) =>
      store === clickhouseStore
        ? undefined
        : async (random) => {
            const reader = await store.open(folder, set)
            await reader.oneFunction(id(random), randomRange(random))
            await reader.close()
          },
  }
}

const COLD_QUESTIONS = [
  'one-function',
  'all-functions',
  `series-${BUCKETS}`,
  'top-100',
  'scan',
  'open',
]

/** The database is opened anew and its files are evicted before each sample, so nothing is in any memory but its index. */
async function measureCold(
  loaded: Loaded,
  set: DataSet,
  named: (question: string) => string,
): Promise<BenchRow[]> {
  const { who, store, folder } = loaded
  // SQLite maps its file, and what is mapped cannot be evicted; ClickHouse has caches of its own that live on
  if (store === sqliteStore || store === clickhouseStore || !canEvict(folder)) return []
  progress(`${who}: cold`)
  const questions = questionsOf(set)
  const rows: BenchRow[] = []
  for (const question of COLD_QUESTIONS) {
    const random = createRandom(SEED)
    const samplesMs: number[] = []
    for (let i = 0; i < COLD_SAMPLES; i++) {
      const reader = question === 'open' ? loaded.reader : await store.open(folder, set)
      const ask = questions[question]!({ ...loaded, reader })
      if (ask === undefined) break
      evictFiles(folder)
      const start = performance.now()
      await ask(random)
      samplesMs.push(performance.now() - start)
      if (question !== 'open') await reader.close()
      if (median(samplesMs) > 3000 && i >= 2) break
    }
    if (samplesMs.length > 0) rows.push(rowOf(who, named(`${question}-cold`), samplesMs))
  }
  return rows
}
