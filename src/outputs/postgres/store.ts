/**
 * @module outputs/postgres/store
 * Saves batches to a PostgreSQL database. Writers take turns by an advisory lock of the transaction, so that what one reads and
 * merges is what it overwrites; it is gone with the connection, however that ends.
 */
import type { PostgresOutput } from '../../types.ts'
import {
  mergeMinutes,
  mergeTotals,
  type MinuteRow,
  type StoredSums,
  type StoredTotals,
  type TotalsRow,
} from '../merge-row.ts'
import {
  MINUTE_MS,
  type Batch,
  type FunctionDifference,
  type Minute,
  type OutputStore,
} from '../output.ts'
import { TotalsCache } from '../totals-cache.ts'
import { connectPostgres, type PostgresConnection } from './connection.ts'
import { prepareTables } from './schema.ts'

const WRITERS_KEPT_MS = 90 * 24 * 60 * MINUTE_MS

/** One for each schema. */
const TAKE_TURNS = `SELECT pg_advisory_xact_lock(hashtext('kronicler'), hashtext(current_schema()))`

interface LastOfWriter {
  saves: number | null // a number that every save to the totals raises, whoever's
  sequence: number | null // of the writer's last batch in the totals
  minutes_sequence: number | null // and in the minutes
}

type Named<Row> = Row & { function_name: string }

export class PostgresStore implements OutputStore {
  readonly #connection: PostgresConnection
  readonly #cache = new TotalsCache()
  #saves = NaN // as it was when the cache was right

  private constructor(connection: PostgresConnection) {
    this.#connection = connection
  }

  /** @throws the driver's error; KRONICLER_DRIVER, KRONICLER_OUTPUT */
  static async open(output: PostgresOutput): Promise<PostgresStore> {
    const store = new PostgresStore(await connectPostgres(output))
    try {
      await store.#inTurn(() => prepareTables(store.#connection))
      return store
    } catch (error) {
      await store.close().catch(() => undefined)
      throw error
    }
  }

  async save(batch: Batch): Promise<void> {
    try {
      await this.#inTurn(() => this.#addToTotals(batch))
    } catch (error) {
      this.#cache.clear() // it may have rows that are not in the database
      if (!(error instanceof ChangedByOthersError)) throw error
      await this.#inTurn(() => this.#addToTotals(batch))
    }
  }

  async saveMinute(minute: Minute): Promise<void> {
    await this.#inTurn(async () => {
      const { writer, sequence } = minute
      const last = await this.#lastOf(writer)
      if (last.minutes_sequence !== null && last.minutes_sequence >= sequence) return
      await this.#connection.query(
        `INSERT INTO metrics_writers (writer, sequence, updated_at, minutes_sequence) VALUES ($1, $2, now(), $2)
         ON CONFLICT (writer) DO UPDATE SET minutes_sequence = excluded.minutes_sequence, updated_at = excluded.updated_at`,
        [writer, sequence],
      )
      await this.#saveMinuteRows(minute)
    })
  }

  async expire(beforeMs: number): Promise<void> {
    await this.#inTurn(async () => {
      await this.#connection.query('DELETE FROM metrics_by_minute WHERE minute < $1', [
        timeText(beforeMs),
      ])
      await this.#connection.query('DELETE FROM metrics_writers WHERE updated_at < $1', [
        timeText(Math.min(beforeMs, Date.now() - WRITERS_KEPT_MS)),
      ])
    })
  }

  async close(): Promise<void> {
    await this.#connection.end()
  }

  async #lastOf(writer: string): Promise<LastOfWriter> {
    const { rows } = await this.#connection.query(
      `SELECT sum(sequence)::float8 AS saves, max(sequence) FILTER (WHERE writer = $1)::float8 AS sequence,
       max(minutes_sequence) FILTER (WHERE writer = $1)::float8 AS minutes_sequence FROM metrics_writers`,
      [writer],
    )
    return rows[0] as LastOfWriter
  }

  async #addToTotals(batch: Batch): Promise<void> {
    const { writer, sequence } = batch
    const last = await this.#lastOf(writer)
    if (last.sequence !== null && last.sequence >= sequence) return
    if (last.saves !== this.#saves) this.#cache.clear()
    this.#saves = (last.saves ?? 0) - (last.sequence ?? 0) + sequence
    await this.#connection.query(
      `INSERT INTO metrics_writers (writer, sequence, updated_at, minutes_sequence) VALUES ($1, $2, now(), 0)
       ON CONFLICT (writer) DO UPDATE SET sequence = excluded.sequence, updated_at = excluded.updated_at`,
      [writer, sequence],
    )
    await this.#saveTotals(batch)
  }

  async #saveTotals(batch: Batch): Promise<void> {
    const { functions } = batch
    const times = [batch.fromMs, batch.toMs, Date.now()].map(timeText)
    const isKnown = ({ name }: FunctionDifference): boolean => this.#cache.get(name) !== undefined
    const known = functions.filter(isKnown)
    const others = functions.filter((difference) => !isKnown(difference))
    if (known.length > 0) {
      const before = new Map(known.map(({ name }) => [name, this.#cache.get(name)!]))
      const rows = this.#merge(known, before)
      const { rowCount } = await this.#connection.query(UPDATE_TOTALS, [
        ...times,
        ...arraysOf(TOTALS, rows),
        ...arraysOf(KNOWN, [...before.values()]),
      ])
      if (rowCount !== known.length) throw new ChangedByOthersError()
    }
    if (others.length > 0) {
      const rows = this.#merge(others, await this.#totalsOf(others))
      await this.#connection.query(UPSERT_TOTALS, [
        ...times,
        ...arraysOf(TOTALS, rows),
        ...arraysOf(BASE, rows),
      ])
    }
  }

  #merge(
    functions: readonly FunctionDifference[],
    before: ReadonlyMap<string, StoredTotals>,
  ): Named<TotalsRow>[] {
    return functions.map((difference) => {
      const { name } = difference
      const row = mergeTotals(before.get(name), difference)
      this.#cache.set(name, row)
      return { function_name: name, ...row }
    })
  }

  async #totalsOf(functions: readonly FunctionDifference[]): Promise<Map<string, StoredTotals>> {
    const { rows } = await this.#connection.query(
      `SELECT function_name, calls::float8, errors::float8, "min", "max", time_ns, squared_deviations, histogram,
       base_calls::float8, base_time FROM metrics WHERE function_name = ANY ($1::text[])`,
      [
        arrayText(
          'text',
          functions.map(({ name }) => name),
        ),
      ],
    )
    return byName(rows as Named<StoredTotals>[])
  }

  /** As a rule no row of the minute is there yet. */
  async #saveMinuteRows({ minuteMs, process, rows }: Minute): Promise<void> {
    const minute = timeText(minuteMs)
    const all = [...rows].map(([name, row]) => ({ function_name: name, ...row }))
    const inserted = await this.#connection.query(INSERT_MINUTES, [
      minute,
      process,
      ...arraysOf(MINUTES, all),
    ])
    if (inserted.rowCount === all.length) return
    const isNew = new Set((inserted.rows as Named<object>[]).map((row) => row.function_name))
    const others = all.filter(({ function_name }) => !isNew.has(function_name))
    const stored = await this.#minutesOf(minute, process, others)
    const merged = others.map((row) => ({
      function_name: row.function_name,
      ...mergeMinutes(stored.get(row.function_name)!, row),
    }))
    await this.#connection.query(UPDATE_MINUTES, [minute, process, ...arraysOf(MINUTES, merged)])
  }

  async #minutesOf(
    minute: string,
    process: string,
    of: readonly Named<MinuteRow>[],
  ): Promise<Map<string, StoredSums>> {
    const { rows } = await this.#connection.query(
      `SELECT function_name, calls::float8, errors::float8, "min", "max", time_ns, squared_deviations, histogram
       FROM metrics_by_minute WHERE minute = $1 AND process = $2 AND function_name = ANY ($3::text[])`,
      [
        minute,
        process,
        arrayText(
          'text',
          of.map(({ function_name }) => function_name),
        ),
      ],
    )
    return byName(rows as Named<StoredSums>[])
  }

  async #inTurn(work: () => Promise<void>): Promise<void> {
    await this.#connection.query('BEGIN')
    try {
      await this.#connection.query(TAKE_TURNS)
      await work()
      await this.#connection.query('COMMIT')
    } catch (error) {
      await this.#connection.query('ROLLBACK').catch(() => undefined) // or the connection is broken
      throw error
    }
  }
}

/** The rows are not those that were written last: somebody has changed the table by hand. */
class ChangedByOthersError extends Error {}

/** Parameters that are an array for each column; bytes are two of them and one with all bytes: see `arraysOf`. */
type Columns = readonly (readonly [name: string, type: 'text' | 'bigint' | 'float8' | 'bytes'])[]

const TOTALS: Columns = [
  ['function_name', 'text'],
  ['calls', 'bigint'],
  ['errors', 'bigint'],
  ['min', 'float8'],
  ['max', 'float8'],
  ['standard_deviation', 'float8'],
  ['p50', 'float8'],
  ['p90', 'float8'],
  ['p95', 'float8'],
  ['p99', 'float8'],
  ['time_ns', 'float8'],
  ['squared_deviations', 'float8'],
  ['histogram', 'bytes'],
]
/** Of the row as it is believed to be. */
const KNOWN: Columns = [
  ['calls', 'bigint'],
  ['time_ns', 'float8'],
]
const BASE: Columns = [
  ['base_calls', 'bigint'],
  ['base_time', 'float8'],
]
const MINUTES: Columns = [
  ['function_name', 'text'],
  ['calls', 'bigint'],
  ['errors', 'bigint'],
  ['min', 'float8'],
  ['max', 'float8'],
  ['time_ns', 'float8'],
  ['squared_deviations', 'float8'],
  ['histogram', 'bytes'],
]

const UPDATE_TOTALS = `UPDATE metrics AS m SET ${setTotals('t')}
  FROM (${valuesOf([...TOTALS, ['known_calls', 'bigint'], ['known_time_ns', 'float8']], 3)}) AS t
  WHERE m.function_name = t.function_name AND m.calls = t.known_calls AND m.time_ns = t.known_time_ns`

const UPSERT_TOTALS = `INSERT INTO metrics AS m (${namesOf([...TOTALS, ...BASE])}, total_time, average_time, first_seen, last_seen, updated_at)
  SELECT ${namesOf([...TOTALS, ...BASE])}, base_time + time_ns / 1e9, (base_time + time_ns / 1e9) / calls,
    $1::timestamptz, $2::timestamptz, $3::timestamptz FROM (${valuesOf([...TOTALS, ...BASE], 3)}) AS t
  ON CONFLICT (function_name) DO UPDATE SET ${setTotals('excluded')}`

const INSERT_ALL_MINUTES = `INSERT INTO metrics_by_minute (minute, process, ${namesOf(MINUTES)}, total_time)
  SELECT $1::timestamptz, $2::text, ${namesOf(MINUTES)}, time_ns / 1e9 FROM (${valuesOf(MINUTES, 2)}) AS t`
const INSERT_MINUTES = `${INSERT_ALL_MINUTES} ON CONFLICT DO NOTHING RETURNING function_name`
const UPDATE_MINUTES = `${INSERT_ALL_MINUTES} ON CONFLICT (function_name, minute, process) DO UPDATE SET
  total_time = excluded.total_time, ${MINUTES.slice(1)
    .map(([name]) => `"${name}" = excluded."${name}"`)
    .join(', ')}`

/** Columns that somebody else has added keep their values. */
function setTotals(row: 't' | 'excluded'): string {
  const time = `m.base_time + ${row}.time_ns / 1e9`
  return [
    ...TOTALS.slice(1).map(([name]) => `"${name}" = ${row}."${name}"`),
    `total_time = ${time}`,
    `average_time = (${time}) / ${row}.calls`,
    'first_seen = least(m.first_seen, $1::timestamptz)',
    'last_seen = $2::timestamptz',
    'updated_at = $3::timestamptz',
  ].join(', ')
}

function namesOf(columns: Columns): string {
  return columns.map(([name]) => `"${name}"`).join(', ')
}

/** The rows that `arraysOf` has made parameters of, behind so many others. */
function valuesOf(columns: Columns, behind: number): string {
  let parameter = behind
  const arrays: string[] = []
  const names: string[] = []
  const values = columns.map(([name, type]) => {
    if (type !== 'bytes') {
      arrays.push(`$${++parameter}::${type}[]`)
      names.push(`"${name}"`)
      return `a."${name}"`
    }
    arrays.push(`$${++parameter}::int[]`, `$${++parameter}::int[]`)
    names.push('start', 'size')
    return `substring($${++parameter}::bytea FROM a.start FOR a.size) AS "${name}"`
  })
  return `SELECT ${values.join(', ')} FROM unnest(${arrays.join(', ')}) AS a (${names.join(', ')})`
}

/** Arrays as the texts that the server reads: the driver takes several times as long to make them. */
function arraysOf(columns: Columns, rows: readonly object[]): (string | Buffer)[] {
  return columns.flatMap(([name, type]) => {
    const values = rows.map((row) => (row as Record<string, unknown>)[name])
    return type === 'bytes' ? bytesOf(values as Uint8Array[]) : [arrayText(type, values)]
  })
}

/** Where each begins, its length, and all of them together. */
function bytesOf(all: readonly Uint8Array[]): [starts: string, sizes: string, bytes: Buffer] {
  let next = 1 // SQL counts from one
  const starts = all.map(({ length }) => {
    next += length
    return next - length
  })
  const sizes = all.map(({ length }) => length)
  return [arrayText('bigint', starts), arrayText('bigint', sizes), Buffer.concat(all)]
}

function arrayText(type: Columns[number][1], values: readonly unknown[]): string {
  const texts = (values as (string | number | null)[]).map((value) => {
    if (value === null) return 'NULL'
    return type === 'text' ? `"${(value as string).replace(/["\\]/g, '\\$&')}"` : value
  })
  return `{${texts.join(',')}}`
}

function byName<Row>(rows: readonly Named<Row>[]): Map<string, Row> {
  return new Map(rows.map((row) => [row.function_name, row]))
}

/** With its time zone: a driver's own text of a date may lack it. */
function timeText(ms: number): string {
  return new Date(ms).toISOString()
}
