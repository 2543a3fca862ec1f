/**
 * @module bench/query
 * How long do questions take? Set A in each database, everything in the page cache, every sample another question,
 * the same ones for all. The answers are compared before anything is measured. Conditions on calls are asked of set C: see
 * query-conditions.ts.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { dataSet, type DataSet } from './datasets.ts'
import type { Random } from './harness/random.ts'
import { progress, shortCount } from './harness/report.ts'
import { withRatios, type BenchRow } from './harness/result.ts'
import { inFolder, type Suite, type SuiteOptions } from './harness/suite.ts'
import { takeTurns } from './harness/turns.ts'
import { conditionRows } from './query-conditions.ts'
import { compareAnswers } from './stores/compare-answers.ts'
import { duckdbStore } from './stores/duckdb.ts'
import { kroniclerStore } from './stores/kronicler.ts'
import { randomRange } from './stores/random-range.ts'
import { sqliteStore } from './stores/sqlite.ts'
import type { Store, StoreReader } from './stores/store.ts'

const STORES = [kroniclerStore, duckdbStore, sqliteStore]
const DEFAULT_ROWS = [1e6, 10e6]
const DEFAULT_SECONDS = 3
const SQLITE_MAX_ROWS = 20e6 // loading more takes longer than everything else

interface Contender {
  who: string
  store: Store
  reader: StoreReader
  folder: string
}

/** Asks one random question. */
type Ask = (contender: Contender, random: Random) => Promise<unknown>

export const querySuite: Suite = {
  peers: ['@duckdb/node-api', 'libsql'],
  async run(options) {
    const rows: BenchRow[] = []
    const counts = options.rows ?? DEFAULT_ROWS
    for (const count of counts) {
      rows.push(
        ...(await inFolder(options.folder, (folder) => measureSize(folder, count, options))),
      )
    }
    const seconds = options.seconds ?? DEFAULT_SECONDS
    const count = Math.min(...counts)
    rows.push(
      ...(await inFolder(options.folder, (folder) =>
        conditionRows(folder, count, { ...options, seconds }),
      )),
    )
    return { rows: withRatios(rows, 'duckdb') }
  },
}

async function measureSize(
  folder: string,
  count: number,
  { skip, seconds = DEFAULT_SECONDS }: SuiteOptions,
): Promise<BenchRow[]> {
  const set = dataSet('A')
  const contenders: Contender[] = []
  for (const store of STORES) {
    if (skip.includes(store.who)) continue
    if (store === sqliteStore && count > SQLITE_MAX_ROWS) continue
    contenders.push(await load(store, join(folder, store.who), set, count))
  }
  await compareAnswers(contenders, set)
  const rows: BenchRow[] = []
  for (const [what, ask] of Object.entries(questions(set))) {
    const name = `${what}-${shortCount(count)}`
    progress(name)
    const asked = contenders.map((contender) => ({
      who: contender.who,
      ask: (random: Random) => ask(contender, random),
    }))
    rows.push(...(await takeTurns(name, asked, seconds * 1000)))
  }
  for (const { reader } of contenders) await reader.close()
  return rows
}

async function load(store: Store, folder: string, set: DataSet, count: number): Promise<Contender> {
  progress(`loading ${shortCount(count)} rows into ${store.who}`)
  mkdirSync(folder)
  const writer = await store.create(folder, set)
  for (const batch of set.batches(count)) await writer.append(batch)
  await writer.finish()
  await store.prepare?.(folder)
  return { who: store.who, store, folder, reader: await store.open(folder, set) }
}

function questions(set: DataSet): Record<string, Ask> {
  const functionId = (random: Random): number => random.below(set.models.length)
  return {
    'one-function': ({ reader }, random) =>
      reader.oneFunction(functionId(random), randomRange(random)),
    'one-function-all-time': ({ reader }, random) => reader.oneFunction(functionId(random)),
    'all-functions': ({ reader }, random) => reader.allFunctions(randomRange(random)),
    'all-functions-all-time': ({ reader }) => reader.allFunctions(),
    'top-100': ({ reader }) => reader.top(100),
    'tail-100': ({ reader }) => reader.tail(100),
    count: ({ reader }, random) => reader.count(randomRange(random)),
    // opening may put off its work, so the first answer belongs to it
    open: async ({ store, folder }, random) => {
      const reader = await store.open(folder, set)
      await reader.oneFunction(functionId(random), randomRange(random))
      await reader.close()
    },
  }
}
