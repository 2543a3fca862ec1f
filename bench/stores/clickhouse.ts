/**
 * @module bench/stores/clickhouse
 * ClickHouse inside this process (chDB): one MergeTree table, ordered by function and start as its makers advise for
 * such questions, with the codecs that made it smallest. Rows go in as files of its own columnar format, a million at a
 * time; before the questions all parts are merged into one.
 *
 * A process can have one such database open, so `open` cannot be asked of it.
 */
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { RowColumns } from '../datasets.ts'
import { requireClickhouse } from '../peers/require-peer.ts'
import { QUANTILES, type Range, type Store, type StoreReader, type Summary } from './store.ts'

const PART_ROWS = 1 << 20
const SCHEMA = `create table if not exists calls (
  function_id UInt16 codec(ZSTD(1)),
  start_us Int64 codec(Delta, ZSTD(1)),
  duration_ns Int64 codec(T64, ZSTD(1)),
  error_type UInt16 codec(T64, ZSTD(1))
) engine = MergeTree order by (function_id, start_us)`

interface Session {
  query(sql: string, format?: string): string
  close(): void
}

export const clickhouseStore: Store = {
  who: 'clickhouse',

  async create(folder) {
    const session = connect(folder)
    session.query(SCHEMA)
    const file = join(folder, 'part.native')
    let waiting: Uint8Array[][] = []
    let rowCount = 0
    const insert = (): void => {
      if (rowCount === 0) return
      writeFileSync(file, nativeBlock(waiting, rowCount))
      session.query(`insert into calls from infile '${file}' format Native`)
      waiting = []
      rowCount = 0
    }
    return {
      append(rows) {
        waiting.push(columnsOf(rows))
        rowCount += rows.count
        if (rowCount >= PART_ROWS) insert()
      },
      commit: insert,
      async finish() {
        insert()
        rmSync(file, { force: true })
        session.close()
      },
    }
  },

  async prepare(folder) {
    const session = connect(folder)
    session.query('optimize table calls final')
    session.close()
  },

  async open(folder): Promise<StoreReader> {
    const session = connect(folder)
    return {
      ...questions(session),
      async close() {
        session.close()
      },
    }
  },
}

function connect(folder: string): Session {
  const { Session } = requireClickhouse() as { Session: new (path: string) => Session }
  return new Session(join(folder, 'clickhouse'))
}

/** Names and types of the columns, in the order in which `columnsOf` gives them. */
const COLUMNS: readonly [string, string][] = [
  ['function_id', 'UInt16'],
  ['start_us', 'Int64'],
  ['duration_ns', 'Int64'],
  ['error_type', 'UInt16'],
]

function columnsOf(rows: RowColumns): Uint8Array[] {
  return [
    Uint16Array.from(rows.functionIds),
    bigints(rows.startsUs),
    bigints(rows.durationsNs),
    Uint16Array.from(rows.errorTypes),
  ].map(({ buffer, byteLength }) => new Uint8Array(buffer, 0, byteLength))
}

/** One block of ClickHouse's format Native: names, types and whole columns. */
function nativeBlock(batches: readonly Uint8Array[][], rowCount: number): Uint8Array {
  const parts: Uint8Array[] = [varint(COLUMNS.length), varint(rowCount)]
  COLUMNS.forEach(([name, type], column) => {
    parts.push(text(name), text(type), ...batches.map((columns) => columns[column]!))
  })
  return Buffer.concat(parts)
}

function bigints(values: Float64Array): BigInt64Array {
  const result = new BigInt64Array(values.length)
  for (let i = 0; i < values.length; i++) result[i] = BigInt(values[i]!)
  return result
}

function text(value: string): Uint8Array {
  return Buffer.concat([varint(value.length), Buffer.from(value)])
}

function varint(value: number): Uint8Array {
  const bytes: number[] = []
  for (; value >= 128; value = Math.floor(value / 128)) bytes.push((value % 128) | 128)
  return Uint8Array.from([...bytes, value])
}

const NUMBERS = `count(), countIf(error_type <> 0), toFloat64(sum(duration_ns)), min(duration_ns), max(duration_ns),
  avg(duration_ns), stddevSamp(duration_ns), quantilesExactInclusive(${QUANTILES.join(', ')})(duration_ns)`

function questions(session: Session): Omit<StoreReader, 'close'> {
  const ask = (sql: string): number[][] => {
    const lines = session.query(sql, 'JSONCompactEachRow').split('\n')
    return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as number[])
  }
  const one = (sql: string): number => Number(ask(sql)[0]![0])
  return {
    oneFunction: async (functionId, range) =>
      summary(
        ask(`select ${NUMBERS} from calls where function_id = ${functionId}${and(range)}`)[0]!,
      ),
    async allFunctions(range) {
      const rows = ask(`select function_id, ${NUMBERS} from calls where 1${and(range)} group by 1`)
      return rows.map(([id, ...numbers]) => ({ functionId: id!, ...summary(numbers) }))
    },
    top: async (limit) =>
      ask(`select duration_ns from calls order by duration_ns desc limit ${limit}`).map(first),
    tail: async (limit) =>
      ask(`select start_us from calls order by start_us desc limit ${limit}`).map(first).reverse(),
    count: async (range) => one(`select count() from calls where 1${and(range)}`),
    async series(functionId, range, buckets) {
      const rows =
        ask(`select intDiv(start_us - ${range.fromUs}, ${stepOf(range, buckets)}) as part, count(),
        avg(duration_ns), quantilesExactInclusive(0.5, 0.99)(duration_ns)
        from calls where function_id = ${functionId}${and(range)} group by part`)
      const calls = new Array<number>(buckets).fill(0)
      for (const [part, count] of rows) calls[Number(part)] = Number(count)
      return calls
    },
    async heatmap(functionId, range, buckets) {
      const cells =
        ask(`select intDiv(start_us - ${range.fromUs}, ${stepOf(range, buckets)}) as part,
        floor(8 * log2(duration_ns + 1)) as level, count()
        from calls where function_id = ${functionId}${and(range)} group by part, level`)
      return cells.reduce((sum, [, , calls]) => sum + Number(calls), 0)
    },
    mean: async (functionId) =>
      one(`select avg(duration_ns) from calls where function_id = ${functionId}`),
    longerThan: async (durationNs) =>
      one(`select count() from calls where duration_ns > ${durationNs}`),
    exactQuantile: async (share) =>
      one(`select quantileExactInclusive(${share})(duration_ns) from calls`),
    async rowKeys(count, random) {
      const functions = ask(
        'select function_id, min(start_us), max(start_us) from calls group by 1',
      )
      return Array.from({ length: count }, () => {
        const [id, first, last] = functions[random.below(functions.length)]!.map(Number)
        const fromUs = Math.floor(first! + (last! - first!) * random.uniform())
        return [
          id,
          one(
            `select min(start_us) from calls where function_id = ${id} and start_us >= ${fromUs}`,
          ),
        ]
      })
    },
    async row(key) {
      const [id, startUs] = key as [number, number]
      return Number(
        ask(
          `select * from calls where function_id = ${id} and start_us = ${startUs} limit 1`,
        )[0]![2],
      )
    },
  }
}

function and(range: Range | undefined): string {
  return range === undefined ? '' : ` and start_us >= ${range.fromUs} and start_us < ${range.toUs}`
}

function stepOf({ fromUs, toUs }: Range, buckets: number): number {
  return Math.ceil((toUs - fromUs) / buckets)
}

function first([value]: number[]): number {
  return Number(value)
}

/** 64-bit numbers come as text. */
function summary([calls, errors, sumNs, minNs, maxNs]: number[]): Summary {
  return {
    calls: Number(calls),
    errors: Number(errors),
    sumNs: Number(sumNs),
    minNs: Number(minNs),
    maxNs: Number(maxNs),
  }
}
