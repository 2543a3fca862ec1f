/**
 * @module outputs/postgres/store
 * Saves batches to a PostgreSQL database. Writers take turns by an advisory lock of the transaction, so that what one reads and
 * merges is what it overwrites; it is gone with the connection, however that ends.
 */
import type { PostgresOutput } from '../../types.ts'
import { mergeMinute, mergeTotals, type StoredSums, type StoredTotals } from '../merge-row.ts'
import { MINUTE_MS, minuteOf, type Batch, type OutputStore } from '../output.ts'
import { MINUTE_COLUMNS, TOTALS_COLUMNS, type ColumnType } from '../tables.ts'
import { connectPostgres, type PostgresConnection } from './connection.ts'
import { arrayType, prepareTables } from './schema.ts'

const WRITERS_KEPT_MS = 90 * 24 * 60 * MINUTE_MS

/** One for each schema. */
const TAKE_TURNS = `SELECT pg_advisory_xact_lock(hashtext('kronicler'), hashtext(current_schema()))`

const SAVE_TOTALS = upsert('metrics', TOTALS_COLUMNS, ['function_name'])
const SAVE_MINUTES = upsert('metrics_by_minute', MINUTE_COLUMNS, [
  'function_name',
  'minute',
  'process',
])

/** As the driver returns them: 64-bit integers as text, times as dates. */
type Raw<Row> = { [K in keyof Row]: K extends 'calls' | 'errors' | 'base_calls' ? string : Row[K] }
type RawTotals = Raw<Omit<StoredTotals, 'first_seen'>> & {
  function_name: string
  first_seen: Date | null
}
type RawMinute = Raw<StoredSums> & { function_name: string }

export class PostgresStore implements OutputStore {
  readonly #connection: PostgresConnection

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
    await this.#inTurn(async () => {
      const { rows } = await this.#connection.query(
        'SELECT sequence FROM metrics_writers WHERE writer = $1',
        [batch.writer],
      )
      const [last] = rows as { sequence: string }[]
      if (last !== undefined && Number(last.sequence) >= batch.sequence) return
      await this.#connection.query(
        `INSERT INTO metrics_writers VALUES ($1, $2, now())
         ON CONFLICT (writer) DO UPDATE SET sequence = excluded.sequence, updated_at = excluded.updated_at`,
        [batch.writer, batch.sequence],
      )
      await this.#saveTotals(batch)
      await this.#saveMinutes(batch)
    })
  }

  async expire(beforeMs: number): Promise<void> {
    await this.#inTurn(async () => {
      await this.#connection.query('DELETE FROM metrics_by_minute WHERE minute < $1', [
        new Date(beforeMs),
      ])
      await this.#connection.query('DELETE FROM metrics_writers WHERE updated_at < $1', [
        new Date(Math.min(beforeMs, Date.now() - WRITERS_KEPT_MS)),
      ])
    })
  }

  async close(): Promise<void> {
    await this.#connection.end()
  }

  async #saveTotals(batch: Batch): Promise<void> {
    const { rows } = await this.#connection.query(
      `SELECT function_name, calls, errors, "min", "max", time_ns, squared_deviations, histogram, base_calls, base_time, first_seen
       FROM metrics WHERE function_name = ANY ($1)`,
      [batch.functions.map(({ name }) => name)],
    )
    const stored = new Map(
      (rows as RawTotals[]).map((row) => [row.function_name, withNumbers(row)]),
    )
    const savedAt = new Date()
    await this.#connection.query(
      SAVE_TOTALS,
      parametersOf(
        TOTALS_COLUMNS,
        batch.functions.map((difference) => {
          const row = mergeTotals(stored.get(difference.name), difference, batch)
          return {
            ...row,
            function_name: difference.name,
            first_seen: new Date(row.first_seen!),
            last_seen: new Date(row.last_seen),
            updated_at: savedAt,
          }
        }),
      ),
    )
  }

  async #saveMinutes(batch: Batch): Promise<void> {
    const minute = new Date(minuteOf(batch))
    const { rows } = await this.#connection.query(
      `SELECT function_name, calls, errors, "min", "max", time_ns, squared_deviations, histogram FROM metrics_by_minute
       WHERE minute = $1 AND process = $2 AND function_name = ANY ($3)`,
      [minute, batch.process, batch.functions.map(({ name }) => name)],
    )
    const stored = new Map(
      (rows as RawMinute[]).map((row) => [
        row.function_name,
        { ...row, calls: Number(row.calls), errors: Number(row.errors) },
      ]),
    )
    await this.#connection.query(
      SAVE_MINUTES,
      parametersOf(
        MINUTE_COLUMNS,
        batch.functions.map((difference) => ({
          ...mergeMinute(stored.get(difference.name), difference),
          function_name: difference.name,
          minute,
          process: batch.process,
        })),
      ),
    )
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

type Columns = readonly (readonly [name: string, type: ColumnType])[]

/**
 * A parameter is an array for each column, and the last one all bytes, of which a row has its place and length. Columns that
 * somebody else has added keep their values.
 */
function upsert(table: string, columns: Columns, key: readonly string[]): string {
  const names = columns.map(([name]) => `"${name}"`)
  const arrays = columns.map(([, type], i) => `$${i + 1}::${arrayType(type)}`)
  const size = columns.length + 1
  const values = columns.map(([name, type]) =>
    type === 'bytes' ? `substring($${size + 1}::bytea FROM t."${name}" FOR t.size)` : `t."${name}"`,
  )
  const set = columns
    .filter(([name]) => !key.includes(name))
    .map(([name]) => `"${name}" = excluded."${name}"`)
  return `INSERT INTO ${table} (${names.join(', ')}) SELECT ${values.join(', ')}
    FROM unnest(${arrays.join(', ')}, $${size}::int[]) AS t (${names.join(', ')}, size)
    ON CONFLICT (${key.join(', ')}) DO UPDATE SET ${set.join(', ')}`
}

/** Arrays as the texts that the server reads: to make them is most of the work, and the driver takes several times as long. */
function parametersOf(columns: Columns, rows: readonly object[]): (string | Buffer)[] {
  const parts: Uint8Array[] = []
  let end = 1 // SQL counts from one
  const places = columns.map(([name, type]) => {
    const values = rows.map((row) => (row as Record<string, unknown>)[name])
    if (type !== 'bytes') return arrayText(type, values)
    const starts = (values as Uint8Array[]).map((bytes) => {
      parts.push(bytes)
      end += bytes.length
      return end - bytes.length
    })
    return arrayText('integer', starts)
  })
  const sizes = parts.map((part) => part.length)
  return [...places, arrayText('integer', sizes), Buffer.concat(parts)]
}

function arrayText(type: ColumnType, values: readonly unknown[]): string {
  const texts = (values as (string | number | Date | null)[]).map((value) => {
    if (value === null) return 'NULL'
    if (value instanceof Date) return `"${value.toISOString()}"`
    return type === 'text' ? `"${(value as string).replace(/["\\]/g, '\\$&')}"` : String(value)
  })
  return `{${texts.join(',')}}`
}

function withNumbers(row: RawTotals): StoredTotals {
  return {
    ...row,
    calls: Number(row.calls),
    errors: Number(row.errors),
    base_calls: Number(row.base_calls),
    first_seen: row.first_seen?.getTime() ?? null,
  }
}
