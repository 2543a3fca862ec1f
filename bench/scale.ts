/**
 * @module bench/scale
 * How do answers slow down as rows and functions grow? Each set is loaded into all databases, one after the other;
 * then they are asked in turns, every sample another question: from the page cache, and with their files evicted from it.
 *
 * Rows of set A are named like `one-function-100M`, those of others after their number of functions, like
 * `one-function-of-20k-100M`; what all functions of set B with 20,000 took is `all-20k-functions-100M`.
 */
import { dataSet, type DataSet } from './datasets.ts'
import { createRandom } from './harness/random.ts'
import { progress, shortCount } from './harness/report.ts'
import { withRatios, type BenchRow, type Measurements } from './harness/result.ts'
import { inFolder, type Suite, type SuiteOptions } from './harness/suite.ts'
import { rowOf, takeTurns, type Contender } from './harness/turns.ts'
import { installClickhouse } from './peers/install.ts'
import { assertDiskSpace, diskBytesNeeded, inGb } from './scale/disk-space.ts'
import { canEvict, evictFiles } from './scale/evict.ts'
import { loadAll } from './scale/load.ts'
import { COLD_QUESTIONS, questionsOf, type Loaded } from './scale/questions.ts'
import { readerMemoryBytes } from './scale/reader-memory.ts'
import { writerMemoryBytes } from './scale/writer-memory.ts'
import { clickhouseStore } from './stores/clickhouse.ts'
import { compareAnswers } from './stores/compare-answers.ts'
import { duckdbStore } from './stores/duckdb.ts'
import { kroniclerStore } from './stores/kronicler.ts'
import { sqliteStore } from './stores/sqlite.ts'
import type { Store } from './stores/store.ts'

const DEFAULT_ROWS = [10e6]
const DEFAULT_SECONDS = 1
const KEYS = 200
const COLD_SAMPLES = 15
const COLD_MS = 5_000 // for a question, but a few samples all the same
const MIN_COLD_SAMPLES = 3
const MEMORY_ROWS = 20e6 // that a process writes to see how much memory it takes
const SEED = 6

/** The largest databases that loading and asking a peer takes reasonable time for. */
const PEERS: [Store, { maxRows: number; sets: RegExp }][] = [
  [duckdbStore, { maxRows: 100e6, sets: /./ }],
  [clickhouseStore, { maxRows: 100e6, sets: /./ }],
  [sqliteStore, { maxRows: 10e6, sets: /^A$/ }],
]

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
          measureSet(folder, name, count, stores, options),
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
  if (rows <= 10e6) return ['A', 'B3k', 'B20k', 'C']
  return rows <= 100e6 ? ['A', 'B20k'] : ['A']
}

function storesFor(set: string, rows: number, skip: readonly string[]): Store[] {
  const peers = PEERS.filter(([, { maxRows, sets }]) => rows <= maxRows && sets.test(set))
  return [kroniclerStore, ...peers.map(([store]) => store)].filter(({ who }) => !skip.includes(who))
}

async function measureSet(
  folder: string,
  setName: string,
  count: number,
  stores: readonly Store[],
  { seconds = DEFAULT_SECONDS }: SuiteOptions,
): Promise<Measurements> {
  const set = dataSet(setName)
  const named = (question: string): string => `${nameOf(question, set)}-${shortCount(count)}`
  const notMeasured: Record<string, string> = {}
  const neededBytes = diskBytesNeeded(
    stores.map(({ who }) => who),
    count,
  )
  progress(`${set.name}: up to ${inGb(neededBytes)} in ${folder}, which goes at the end`)
  assertDiskSpace(folder, neededBytes)
  const { folders, rows } = await loadAll(folder, stores, set, count, named)
  const databases = await openAll(folders, set)
  await compareAnswers(databases, set)
  for (const [question, prepare] of Object.entries(questionsOf(set))) {
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
  for (const loaded of databases) {
    const cold = await measureCold(loaded, set, named)
    if (typeof cold === 'string') notMeasured[`${loaded.who}/cold`] = cold
    else rows.push(...cold)
  }
  for (const { reader } of databases) await reader.close()
  const path = folders.get(kroniclerStore)
  if (path !== undefined) {
    progress(`${kroniclerStore.who}: memory`)
    const memory = {
      'reader-memory': readerMemoryBytes(path, set.functionNames),
      ...(await inFolder(folder, (scratch) =>
        writerMemoryBytes(scratch, setName, Math.min(count, MEMORY_ROWS)),
      )),
    }
    for (const [what, bytes] of Object.entries(memory)) {
      const name = `${kroniclerStore.who}/${named(what)}`
      rows.push({ name, value: bytes / 2 ** 20, unit: 'MiB', n: 1 })
    }
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

async function openAll(folders: Map<Store, string>, set: DataSet): Promise<Loaded[]> {
  const databases: Loaded[] = []
  for (const [store, folder] of folders) {
    const reader = await store.open(folder, set)
    const keys = (await reader.rowKeys?.(KEYS, createRandom(SEED))) ?? []
    databases.push({ who: store.who, store, folder, reader, keys })
  }
  return databases
}

/**
 * The database is opened anew and its files are evicted before each sample, so nothing is in any memory but its index.
 *
 * @returns why not, if it is not possible
 */
async function measureCold(
  loaded: Loaded,
  set: DataSet,
  named: (question: string) => string,
): Promise<BenchRow[] | string> {
  const { who, store, folder } = loaded
  if (store === sqliteStore) return 'it maps its file, and what is mapped cannot be evicted'
  if (store === clickhouseStore) return 'its own caches live as long as the process'
  if (!canEvict(folder)) return 'there is no `dd` that evicts files'
  const questions = questionsOf(set)
  const rows: BenchRow[] = []
  for (const question of COLD_QUESTIONS) {
    const random = createRandom(SEED)
    const samplesMs: number[] = []
    const begun = performance.now()
    while (
      samplesMs.length < MIN_COLD_SAMPLES ||
      (samplesMs.length < COLD_SAMPLES && performance.now() - begun < COLD_MS)
    ) {
      const reader = question === 'open' ? loaded.reader : await store.open(folder, set)
      const ask = questions[question]!({ ...loaded, reader })!
      evictFiles(folder)
      const start = performance.now()
      await ask(random)
      samplesMs.push(performance.now() - start)
      if (question !== 'open') await reader.close()
    }
    const row = rowOf(who, named(`${question}-cold`), samplesMs)
    progress(`${row.name} ${row.value.toPrecision(3)} ms`)
    rows.push(row)
  }
  return rows
}
