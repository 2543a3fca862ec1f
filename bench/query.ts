/**
 * @module bench/query
 * How long do questions take? Set A in each database, everything in the page cache, every sample another question,
 * the same ones for all. The answers are compared before anything is measured.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DAY_START_US, DAY_US, dataSet, type DataSet } from './datasets.ts'
import { createRandom, type Random } from './harness/random.ts'
import { progress, shortCount } from './harness/report.ts'
import { withRatios, type BenchRow } from './harness/result.ts'
import { percentiles } from './harness/statistics.ts'
import { inFolder, type Suite, type SuiteOptions } from './harness/suite.ts'
import { duckdbStore } from './stores/duckdb.ts'
import { kroniclerStore } from './stores/kronicler.ts'
import { sqliteStore } from './stores/sqlite.ts'
import type { Range, Store, StoreReader, Summary } from './stores/store.ts'

const STORES = [kroniclerStore, duckdbStore, sqliteStore]
const DEFAULT_ROWS = [1e6, 10e6]
const DEFAULT_SECONDS = 3
const SQLITE_MAX_ROWS = 20e6 // loading more takes longer than everything else
const MAX_SAMPLES = 1000
const MIN_SAMPLES = 3
const WARM_UP_SAMPLES = 20
const SEED = 4

interface Contender {
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
    for (const count of options.rows ?? DEFAULT_ROWS) {
      rows.push(
        ...(await inFolder(options.folder, (folder) => measureSize(folder, count, options))),
      )
    }
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
    rows.push(...(await measureQuestion(name, contenders, ask, seconds * 1000)))
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
  return { store, folder, reader: await store.open(folder, set) }
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

/** Any part of the day, short and long ones alike. */
function randomRange(random: Random): Range {
  const lengthUs = DAY_US * 10 ** (-3 * random.uniform())
  const fromUs = DAY_START_US + Math.floor((DAY_US - lengthUs) * random.uniform())
  return { fromUs, toUs: fromUs + Math.ceil(lengthUs) }
}

/** Contenders take turns; one whose time is up drops out. All get the same sequence of
 * questions, but for those left out of a slow one's warm-up. */
async function measureQuestion(
  name: string,
  contenders: readonly Contender[],
  ask: Ask,
  budgetMs: number,
): Promise<BenchRow[]> {
  const runs = contenders.map((contender) => ({
    contender,
    random: createRandom(SEED),
    samplesMs: [] as number[],
    leftMs: budgetMs,
  }))
  for (const { contender, random } of runs) {
    const start = performance.now()
    for (let i = 0; i < WARM_UP_SAMPLES && performance.now() - start < budgetMs / 4; i++) {
      await ask(contender, random)
    }
  }
  let active = runs
  while (active.length > 0) {
    for (const run of active) {
      const start = performance.now()
      await ask(run.contender, run.random)
      const elapsedMs = performance.now() - start
      run.samplesMs.push(elapsedMs)
      run.leftMs -= elapsedMs
    }
    active = runs.filter(
      ({ samplesMs, leftMs }) =>
        samplesMs.length < MIN_SAMPLES || (leftMs > 0 && samplesMs.length < MAX_SAMPLES),
    )
  }
  return runs.map(({ contender, samplesMs }) => {
    const shares = percentiles(samplesMs)
    const best = Math.min(...samplesMs)
    const who = contender.store.who
    return {
      name: `${who}/${name}`,
      value: shares.p50,
      unit: 'ms',
      n: samplesMs.length,
      ...shares,
      best,
    }
  })
}

/** @throws {Error} two databases answer differently: then there is nothing to compare */
async function compareAnswers(contenders: readonly Contender[], set: DataSet): Promise<void> {
  progress('comparing the answers')
  const expected: string[] = []
  for (const { store, reader } of contenders) {
    const random = createRandom(SEED + 1)
    const answers: unknown[] = []
    for (let i = 0; i < 3; i++) {
      const range = randomRange(random)
      answers.push(await reader.count(range))
      answers.push(comparable(await reader.oneFunction(random.below(set.models.length), range)))
    }
    const functions = await reader.allFunctions(randomRange(random))
    functions.sort((a, b) => a.functionId - b.functionId)
    answers.push(functions.map((row) => [row.functionId, comparable(row)]))
    answers.push(await reader.top(100), await reader.tail(100))
    answers.forEach((answer, i) => {
      const text = JSON.stringify(answer)
      expected[i] ??= text
      if (text === expected[i]) return
      throw new Error(`${store.who} answers question ${i} with ${text}, not ${expected[i]}`)
    })
  }
}

/** What must be equal to the last digit. The extremes of no calls are null in one database and NaN in another. */
function comparable({ calls, errors, sumNs, minNs, maxNs }: Summary): number[] {
  return calls === 0 ? [calls] : [calls, errors, sumNs, minNs, maxNs]
}
