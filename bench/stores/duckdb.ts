/**
 * @module bench/stores/duckdb
 * One table in a file. Rows are appended in data chunks, column by column: the fastest way that its Node client has.
 */
import {
  BIGINT,
  DuckDBDataChunk,
  DuckDBInstance,
  SMALLINT,
  type DuckDBConnection,
  type DuckDBValue,
} from '@duckdb/node-api'
import { join } from 'node:path'
import type { RowColumns } from '../datasets.ts'
import { QUANTILES, type Range, type Store, type StoreReader, type Summary } from './store.ts'

const CHUNK_ROWS = 2048 // the most that a data chunk takes
const SCHEMA = `create table calls (
  function_id smallint not null,
  start_us bigint not null,
  duration_ns bigint not null,
  error_type smallint not null
)`

export const duckdbFile = (folder: string): string => join(folder, 'calls.duckdb')

/** Runs statements on a finished database, in a connection of its own. */
export async function runInDuckdb(folder: string, ...statements: string[]): Promise<void> {
  const instance = await DuckDBInstance.create(duckdbFile(folder))
  const connection = await instance.connect()
  for (const statement of statements) await connection.run(statement)
  connection.closeSync()
  instance.closeSync()
}

export const duckdbStore: Store = {
  who: 'duckdb',

  async create(folder) {
    const instance = await DuckDBInstance.create(duckdbFile(folder))
    const connection = await instance.connect()
    await connection.run(SCHEMA)
    const appender = await connection.createAppender('calls')
    return {
      append(rows) {
        for (let from = 0; from < rows.count; from += CHUNK_ROWS) {
          appender.appendDataChunk(dataChunk(rows, from, Math.min(from + CHUNK_ROWS, rows.count)))
        }
      },
      commit: () => {
        appender.flushSync()
      },
      async finish() {
        appender.closeSync()
        await connection.run('checkpoint')
        connection.closeSync()
        instance.closeSync()
      },
    }
  },

  async open(folder): Promise<StoreReader> {
    const instance = await DuckDBInstance.create(duckdbFile(folder), { access_mode: 'READ_ONLY' })
    const connection = await instance.connect()
    return {
      ...(await questions(connection)),
      async close() {
        connection.closeSync()
        instance.closeSync()
      },
    }
  },
}

function dataChunk(rows: RowColumns, from: number, to: number): DuckDBDataChunk {
  const chunk = DuckDBDataChunk.create([SMALLINT, BIGINT, BIGINT, SMALLINT], to - from)
  const column = (values: ArrayLike<number | bigint>): DuckDBValue[] => values as DuckDBValue[]
  chunk.setColumnValues(0, column(rows.functionIds.subarray(from, to)))
  chunk.setColumnValues(1, column(bigints(rows.startsUs, from, to)))
  chunk.setColumnValues(2, column(bigints(rows.durationsNs, from, to)))
  chunk.setColumnValues(3, column(rows.errorTypes.subarray(from, to)))
  return chunk
}

function bigints(values: Float64Array, from: number, to: number): BigInt64Array {
  const result = new BigInt64Array(to - from)
  for (let i = from; i < to; i++) result[i - from] = BigInt(values[i]!)
  return result
}

const NUMBERS = `count(*), count(*) filter (error_type <> 0), sum(duration_ns)::double,
  min(duration_ns)::double, max(duration_ns)::double, avg(duration_ns), stddev_samp(duration_ns),
  quantile_cont(duration_ns, [${QUANTILES.join(', ')}])`
const IN_RANGE = 'start_us >= $1::bigint and start_us < $2::bigint'

async function questions(connection: DuckDBConnection): Promise<Omit<StoreReader, 'close'>> {
  const prepare = async (sql: string) => {
    const statement = await connection.prepare(sql)
    return async (...values: bigint[]): Promise<DuckDBValue[][]> => {
      values.forEach((value, i) => {
        statement.bindBigInt(i + 1, value)
      })
      return (await statement.runAndReadAll()).getRows()
    }
  }
  const oneFunction = await prepare(
    `select ${NUMBERS} from calls where ${IN_RANGE} and function_id = $3::bigint`,
  )
  const oneFunctionAllTime = await prepare(
    `select ${NUMBERS} from calls where function_id = $1::bigint`,
  )
  const allFunctions = await prepare(
    `select function_id, ${NUMBERS} from calls where ${IN_RANGE} group by all`,
  )
  const allFunctionsAllTime = await prepare(
    `select function_id, ${NUMBERS} from calls group by all`,
  )
  const top = await prepare('select * from calls order by duration_ns desc limit $1')
  const tail = await prepare('select * from calls order by start_us desc limit $1')
  const count = await prepare(`select count(*) from calls where ${IN_RANGE}`)
  const series = await prepare(
    `select (start_us - $1::bigint) // $4::bigint, count(*), avg(duration_ns), quantile_cont(duration_ns, [0.5, 0.99])
     from calls where ${IN_RANGE} and function_id = $3::bigint group by 1`,
  )
  const heatmap = await prepare(
    `select (start_us - $1::bigint) // $4::bigint, floor(8 * log2(duration_ns + 1)), count(*)
     from calls where ${IN_RANGE} and function_id = $3::bigint group by 1, 2`,
  )
  const mean = await prepare('select avg(duration_ns) from calls where function_id = $1::bigint')
  const longerThan = await prepare('select count(*) from calls where duration_ns > $1::bigint')
  const rowAt = await prepare('select * from calls where rowid = $1::bigint')
  const rowCount = Number(
    (await connection.runAndReadAll('select count(*) from calls')).getRows()[0]![0],
  )
  return {
    async oneFunction(functionId, range) {
      const rows =
        range === undefined
          ? await oneFunctionAllTime(BigInt(functionId))
          : await oneFunction(...bounds(range), BigInt(functionId))
      return summary(rows[0]!)
    },
    async allFunctions(range) {
      const rows =
        range === undefined ? await allFunctionsAllTime() : await allFunctions(...bounds(range))
      return rows.map(([id, ...numbers]) => ({ functionId: Number(id), ...summary(numbers) }))
    },
    top: async (limit) => (await top(BigInt(limit))).map((row) => Number(row[2])),
    tail: async (limit) => (await tail(BigInt(limit))).map((row) => Number(row[1])).reverse(),
    count: async (range) => Number((await count(...bounds(range)))[0]![0]),
    async series(functionId, range, buckets) {
      const rows = await series(...bounds(range), BigInt(functionId), stepOf(range, buckets))
      const calls = new Array<number>(buckets).fill(0)
      for (const [bucket, count] of rows) calls[Number(bucket)] = Number(count)
      return calls
    },
    async heatmap(functionId, range, buckets) {
      const cells = await heatmap(...bounds(range), BigInt(functionId), stepOf(range, buckets))
      return cells.reduce((sum, [, , calls]) => sum + Number(calls), 0)
    },
    mean: async (functionId) => Number((await mean(BigInt(functionId)))[0]![0]),
    longerThan: async (durationNs) => Number((await longerThan(BigInt(durationNs)))[0]![0]),
    async exactQuantile(share) {
      const sql = `select quantile_cont(duration_ns, ${share}) from calls`
      return Number((await connection.runAndReadAll(sql)).getRows()[0]![0])
    },
    rowKeys: async (count, random) =>
      Array.from({ length: count }, () => BigInt(random.below(rowCount))),
    row: async (key) => Number((await rowAt(key as bigint))[0]![2]),
  }
}

function stepOf({ fromUs, toUs }: Range, buckets: number): bigint {
  return BigInt(Math.ceil((toUs - fromUs) / buckets))
}

function bounds({ fromUs, toUs }: Range): [bigint, bigint] {
  return [BigInt(fromUs), BigInt(toUs)]
}

function summary([calls, errors, sumNs, minNs, maxNs]: DuckDBValue[]): Summary {
  return {
    calls: Number(calls),
    errors: Number(errors),
    sumNs: Number(sumNs),
    minNs: Number(minNs),
    maxNs: Number(maxNs),
  }
}
