/**
 * @module bench/query-conditions
 * Calls with an error, an attribute, a duration: set C with what requests of a web service have attached, in Kronicler, which
 * stores it as JSON of any kind, and in DuckDB with a typed column for each attribute.
 */
import {
  BIGINT,
  DOUBLE,
  DuckDBDataChunk,
  DuckDBInstance,
  SMALLINT,
  VARCHAR,
} from '@duckdb/node-api'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { compactDatabase, DatabaseWriter, openDatabase, type CallFilter } from 'kronicler/database'
import { requests, type RequestAttributes } from './attribute-storage.ts'
import { dataSet, type DataSet, type RowColumns } from './datasets.ts'
import { createRandom, type Random } from './harness/random.ts'
import { progress, shortCount } from './harness/report.ts'
import type { BenchRow } from './harness/result.ts'
import type { SuiteOptions } from './harness/suite.ts'
import { takeTurns } from './harness/turns.ts'

const CHUNK_ROWS = 2048 // the most that a data chunk takes
const LIMIT = 100
const SCHEMA = `create table calls (function_id smallint not null, start_us bigint not null, duration_ns bigint not null,
  error_type smallint not null, route varchar not null, status smallint not null, "user" varchar not null,
  trace varchar not null, amount double not null)`
const TYPES = [SMALLINT, BIGINT, BIGINT, SMALLINT, VARCHAR, SMALLINT, VARCHAR, VARCHAR, DOUBLE]

interface Condition {
  where: CallFilter
  sql: string
}

interface Conditions {
  who: string
  count(condition: Condition): Promise<number>
  /** Starts of the first calls, in µs. */
  first(condition: Condition): Promise<number[]>
  close(): Promise<void> | void
}

type Batch = [rows: RowColumns, attributes: RequestAttributes[]]

/** Draws a question: the condition, and whether the calls themselves are wanted. */
const QUESTIONS: Record<string, { condition: (random: Random) => Condition; isList?: boolean }> = {
  'count-error': { condition: () => ({ where: { error: true }, sql: 'error_type <> 0' }) },
  'count-common': { condition: withStatus },
  'count-rare': { condition: ofUser },
  'count-common-slow': {
    condition(random) {
      const { where, sql } = withStatus(random)
      const min = Math.floor(10 ** (4 + 2 * random.uniform()))
      return { where: { ...where, duration: { min } }, sql: `${sql} and duration_ns >= ${min}` }
    },
  },
  'calls-common-100': { condition: withStatus, isList: true },
}

function withStatus(random: Random): Condition {
  const status = random.below(2) === 0 ? 404 : 500
  return { where: { attributes: { status } }, sql: `status = ${status}` }
}

function ofUser(random: Random): Condition {
  const user = `user-${random.below(50_000)}`
  return { where: { attributes: { user } }, sql: `"user" = '${user}'` }
}

export async function conditionRows(
  folder: string,
  count: number,
  { seconds, skip }: SuiteOptions & { seconds: number },
): Promise<BenchRow[]> {
  const set = dataSet('C')
  const open = { kronicler: inKronicler, duckdb: inDuckdb }
  const contenders: Conditions[] = []
  for (const [who, load] of Object.entries(open)) {
    if (skip.includes(who)) continue
    progress(`loading ${shortCount(count)} rows with attributes into ${who}`)
    contenders.push(await load(join(folder, who), set, batchesOf(set, count)))
  }
  const rows: BenchRow[] = []
  for (const [what, { condition, isList = false }] of Object.entries(QUESTIONS)) {
    const ask = (contender: Conditions, random: Random): Promise<unknown> =>
      isList ? contender.first(condition(random)) : contender.count(condition(random))
    await compare(contenders, what, ask)
    const name = `${what}-of-C-${shortCount(count)}`
    progress(name)
    const asked = contenders.map((contender) => ({
      who: contender.who,
      ask: (random: Random) => ask(contender, random),
    }))
    rows.push(...(await takeTurns(name, asked, seconds * 1000)))
  }
  for (const contender of contenders) await contender.close()
  return rows
}

async function compare(
  contenders: readonly Conditions[],
  what: string,
  ask: (contender: Conditions, random: Random) => Promise<unknown>,
): Promise<void> {
  const answers: string[] = []
  for (const contender of contenders) {
    answers.push(JSON.stringify(await ask(contender, createRandom(5))))
  }
  if (new Set(answers).size > 1) throw new Error(`answers to ${what}: ${answers.join(' and ')}`)
}

function* batchesOf(set: DataSet, count: number): Generator<Batch> {
  const attributes = requests(count)
  for (const rows of set.batches(count)) {
    yield [rows, Array.from({ length: rows.count }, () => attributes.next().value!)]
  }
}

async function inKronicler(
  folder: string,
  set: DataSet,
  batches: Iterable<Batch>,
): Promise<Conditions> {
  const writer = DatabaseWriter.open(folder)
  for (const name of set.functionNames) writer.functionId(name)
  for (const name of set.errorNames) writer.errorTypeId(name)
  for (const [rows, attributes] of batches) {
    const texts = attributes.map((own, row) => [row, Buffer.from(JSON.stringify(own))] as const)
    const contexts = new Uint32Array(rows.count)
    const childrenNs = new Float64Array(rows.count)
    const weights = new Uint32Array(rows.count).fill(1)
    const details = { contexts, childrenNs, weights, attributes: new Map(texts) }
    writer.append({ ...rows, details })
    await writer.sealed()
  }
  await writer.close()
  await compactDatabase(folder)
  const database = await openDatabase(folder)
  return {
    who: 'kronicler',
    count: ({ where }) => database.count({ where }),
    async first({ where }) {
      const starts: number[] = []
      for await (const { startMs } of database.calls({ where, limit: LIMIT })) {
        starts.push(Math.round(startMs * 1000))
      }
      return starts
    },
    close: () => database.close(),
  }
}

async function inDuckdb(
  folder: string,
  _set: DataSet,
  batches: Iterable<Batch>,
): Promise<Conditions> {
  mkdirSync(folder)
  const instance = await DuckDBInstance.create(join(folder, 'calls.duckdb'))
  const connection = await instance.connect()
  await connection.run(SCHEMA)
  const appender = await connection.createAppender('calls')
  for (const [{ count, durationsNs, errorTypes, functionIds, startsUs }, attributes] of batches) {
    for (let from = 0; from < count; from += CHUNK_ROWS) {
      const own = attributes.slice(from, from + CHUNK_ROWS)
      const chunk = DuckDBDataChunk.create(TYPES, own.length)
      chunk.setRows(
        own.map(({ amount, route, status, trace, user }, i) => {
          const row = from + i
          const times = [BigInt(startsUs[row]!), BigInt(durationsNs[row]!)]
          const texts = [route, status, user, trace, amount]
          return [functionIds[row]!, ...times, errorTypes[row]!, ...texts]
        }),
      )
      appender.appendDataChunk(chunk)
    }
  }
  appender.closeSync()
  await connection.run('checkpoint')
  const ask = async (sql: string) => (await connection.runAndReadAll(sql)).getRows()
  return {
    who: 'duckdb',
    count: async ({ sql }) => Number((await ask(`select count(*) from calls where ${sql}`))[0]![0]),
    async first({ sql }) {
      const rows = await ask(`select * from calls where ${sql} order by start_us limit ${LIMIT}`)
      return rows.map(([, startUs]) => Number(startUs))
    },
    close() {
      connection.closeSync()
      instance.closeSync()
    },
  }
}
