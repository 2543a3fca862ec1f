/**
 * @module bench/scale/questions
 * What every database is asked.
 */
import type { DataSet } from '../datasets.ts'
import type { Random } from '../harness/random.ts'
import { clickhouseStore } from '../stores/clickhouse.ts'
import { randomRange } from '../stores/random-range.ts'
import type { Store, StoreReader } from '../stores/store.ts'

const BUCKETS = 200
const SLOW_NS = 3_000_000

/** Those whose cost depends on the number of functions: the others are asked of set A alone. */
const QUESTIONS_OF_ALL_SETS = new Set([
  'one-function',
  'all-functions',
  'all-functions-all-time',
  `series-${BUCKETS}`,
  'top-100',
  'scan',
  'open',
])

/** Those that are also asked with all files out of the page cache. */
export const COLD_QUESTIONS = [
  'one-function',
  'all-functions',
  `series-${BUCKETS}`,
  'top-100',
  'scan',
  'open',
]

/** A database with rows in it, open. */
export interface Loaded {
  who: string
  store: Store
  folder: string
  reader: StoreReader
  keys: readonly unknown[]
}

/** Asks one random question; undefined if the database has no answer to such questions. */
export type Question = (loaded: Loaded) => ((random: Random) => Promise<unknown>) | undefined

/** By name. */
export function questionsOf(set: DataSet): Record<string, Question> {
  const all = allQuestions(set)
  if (set.name === 'A') return all
  return Object.fromEntries(Object.entries(all).filter(([name]) => QUESTIONS_OF_ALL_SETS.has(name)))
}

function allQuestions(set: DataSet): Record<string, Question> {
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
