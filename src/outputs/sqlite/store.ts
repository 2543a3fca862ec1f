/**
 * @module outputs/sqlite/store
 * Saves batches to an SQLite database. A transaction takes the write lock at its start, so that what it reads and merges is what
 * it overwrites; whoever holds the lock is waited for, by this thread, which has nothing else to do.
 */
import type { SqliteOutput } from '../../types.ts'
import { mergeMinute, mergeTotals, type StoredSums, type StoredTotals } from '../merge-row.ts'
import { MINUTE_MS, minuteOf, type Batch, type OutputStore } from '../output.ts'
import { MINUTE_COLUMNS, TOTALS_COLUMNS, type ColumnType } from '../tables.ts'
import { openSqlite, type SqliteConnection, type SqliteStatement } from './connection.ts'
import { prepareTables, quoted } from './schema.ts'

/** In one go; then the attempt has failed, and the next one comes later. */
const BUSY_TIMEOUT_MS = 2000
const WRITERS_KEPT_MS = 90 * 24 * 60 * MINUTE_MS

interface Statements {
  sequence: SqliteStatement
  mark: SqliteStatement
  totals: SqliteStatement
  saveTotals: SqliteStatement
  minutes: SqliteStatement
  saveMinutes: SqliteStatement
}

export class SqliteStore implements OutputStore {
  readonly #connection: SqliteConnection
  readonly #statements: Statements

  /** @throws the driver's error; KRONICLER_DRIVER, KRONICLER_OUTPUT */
  constructor({ path, driver }: SqliteOutput) {
    this.#connection = openSqlite(path, driver)
    try {
      this.#connection.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`)
      this.#chooseJournal()
      this.#exclusively(() => prepareTables(this.#connection))
      this.#statements = prepareStatements(this.#connection)
    } catch (error) {
      this.#connection.close()
      throw error
    }
  }

  // a rejection, not an exception: the interface is asynchronous
  // eslint-disable-next-line @typescript-eslint/require-await
  async save(batch: Batch): Promise<void> {
    this.#exclusively(() => {
      const { sequence, mark } = this.#statements
      const [last] = sequence.all(batch.writer) as { sequence: number }[]
      if (last !== undefined && last.sequence >= batch.sequence) return
      const savedAt = timeText(Date.now())
      mark.run(batch.writer, batch.sequence, savedAt)
      this.#saveTotals(batch, savedAt)
      this.#saveMinutes(batch)
    })
  }

  // eslint-disable-next-line @typescript-eslint/require-await
  async expire(beforeMs: number): Promise<void> {
    this.#exclusively(() => {
      const minutes = this.#connection.prepare('DELETE FROM metrics_by_minute WHERE minute < ?')
      minutes.run(minuteText(beforeMs))
      const writersBefore = Math.min(beforeMs, Date.now() - WRITERS_KEPT_MS)
      const writers = this.#connection.prepare('DELETE FROM metrics_writers WHERE updated_at < ?')
      writers.run(timeText(writersBefore))
    })
  }

  // eslint-disable-next-line @typescript-eslint/require-await
  async close(): Promise<void> {
    this.#connection.close()
  }

  #saveTotals(batch: Batch, savedAt: string): void {
    const { totals, saveTotals } = this.#statements
    const names = JSON.stringify(batch.functions.map(({ name }) => name))
    const stored = new Map<string, StoredTotals>()
    for (const [name, baseCalls, baseTime, firstSeen, ...sums] of readRows<TotalsTuple>(
      totals,
      names,
    )) {
      stored.set(name, {
        ...storedSums(sums),
        base_calls: baseCalls,
        base_time: Number(baseTime),
        first_seen: timeOf(firstSeen),
      })
    }
    const rows = batch.functions.map((difference) => {
      const row = mergeTotals(stored.get(difference.name), difference, batch)
      return {
        ...row,
        function_name: difference.name,
        first_seen: timeText(row.first_seen!),
        last_seen: timeText(row.last_seen),
        updated_at: savedAt,
      }
    })
    writeRows(saveTotals, TOTALS_COLUMNS, rows)
  }

  #saveMinutes(batch: Batch): void {
    const { minutes, saveMinutes } = this.#statements
    const minute = minuteText(minuteOf(batch))
    const names = JSON.stringify(batch.functions.map(({ name }) => name))
    const stored = new Map<string, StoredSums>()
    for (const [name, ...sums] of readRows<MinuteTuple>(minutes, minute, batch.process, names)) {
      stored.set(name, storedSums(sums))
    }
    const rows = batch.functions.map((difference) => ({
      ...mergeMinute(stored.get(difference.name), difference),
      function_name: difference.name,
      minute,
      process: batch.process,
    }))
    writeRows(saveMinutes, MINUTE_COLUMNS, rows)
  }

  /** Of a new database only: how an existing one is journaled is its owner's business. */
  #chooseJournal(): void {
    const [row] = this.#connection.prepare('SELECT count(*) AS items FROM sqlite_master').all() as {
      items: number
    }[]
    if (row?.items === 0) this.#connection.prepare('PRAGMA journal_mode = WAL').all()
  }

  #exclusively(work: () => void): void {
    this.#connection.exec('BEGIN IMMEDIATE')
    try {
      work()
      this.#connection.exec('COMMIT')
    } catch (error) {
      try {
        this.#connection.exec('ROLLBACK')
      } catch {
        // it has been rolled back already: the disk is full
      }
      throw error
    }
  }
}

/**
 * Rows go in and out as one text each way: to hand over value by value takes some drivers microseconds for each. JSON as SQLite
 * writes it has 15 digits, hence the texts.
 */
const SUMS = `calls, errors, min, max, printf('%!.17g', time_ns), printf('%!.17g', squared_deviations), hex(histogram)`
const NAMED = 'function_name IN (SELECT value FROM json_each(?))'

type SumsTuple = [
  calls: number,
  errors: number,
  min: number | null,
  max: number | null,
  timeNs: string,
  squaredDeviations: string,
  histogram: string,
]
type MinuteTuple = [name: string, ...SumsTuple]
type TotalsTuple = [
  name: string,
  baseCalls: number,
  baseTime: string,
  firstSeen: string | null,
  ...SumsTuple,
]

function prepareStatements(connection: SqliteConnection): Statements {
  const minuteKey = ['function_name', 'minute', 'process']
  return {
    sequence: connection.prepare('SELECT sequence FROM metrics_writers WHERE writer = ?'),
    mark: connection.prepare('INSERT OR REPLACE INTO metrics_writers VALUES (?, ?, ?)'),
    totals: connection.prepare(
      `SELECT json_group_array(json_array(function_name, base_calls, printf('%!.17g', base_time), first_seen, ${SUMS})) AS found
       FROM metrics WHERE ${NAMED}`,
    ),
    saveTotals: connection.prepare(upsert('metrics', TOTALS_COLUMNS, ['function_name'])),
    minutes: connection.prepare(
      `SELECT json_group_array(json_array(function_name, ${SUMS})) AS found
       FROM metrics_by_minute WHERE minute = ? AND process = ? AND ${NAMED}`,
    ),
    saveMinutes: connection.prepare(upsert('metrics_by_minute', MINUTE_COLUMNS, minuteKey)),
  }
}

type Columns = readonly (readonly [name: string, type: ColumnType])[]

/**
 * The first parameter is a JSON array of rows, the second all their bytes, of which a row names its part. Columns that somebody
 * else has added keep their values.
 */
function upsert(table: string, columns: Columns, key: readonly string[]): string {
  const names = columns.map(([name]) => quoted(name))
  const values = columns.map(([, type], i) =>
    type === 'bytes' ? `substr(?2, value ->> ${i}, value ->> ${columns.length})` : `value ->> ${i}`,
  )
  const set = columns
    .filter(([name]) => !key.includes(name))
    .map(([name]) => `${quoted(name)} = excluded.${quoted(name)}`)
  return `INSERT INTO ${table} (${names.join(', ')}) SELECT ${values.join(', ')} FROM json_each(?1) WHERE true
    ON CONFLICT (${key.join(', ')}) DO UPDATE SET ${set.join(', ')}`
}

/** Each row has one column of bytes: its place, and at the end of the row its length. */
function writeRows(statement: SqliteStatement, columns: Columns, rows: readonly object[]): void {
  const parts: Uint8Array[] = []
  let end = 1 // SQL counts from one
  const texts = rows.map((row) => {
    let size = 0
    const values = columns.map(([name, type]) => {
      const value = (row as Record<string, unknown>)[name]
      if (type !== 'bytes') return value
      const bytes = value as Uint8Array
      parts.push(bytes)
      size = bytes.length
      return end
    })
    end += size
    return [...values, size]
  })
  statement.run(JSON.stringify(texts), Buffer.concat(parts))
}

function readRows<Row>(statement: SqliteStatement, ...values: string[]): Row[] {
  const [row] = statement.all(...values) as { found: string }[]
  return JSON.parse(row!.found) as Row[]
}

function storedSums([
  calls,
  errors,
  min,
  max,
  timeNs,
  deviations,
  histogram,
]: SumsTuple): StoredSums {
  return {
    calls,
    errors,
    min,
    max,
    time_ns: Number(timeNs),
    squared_deviations: Number(deviations),
    histogram: Buffer.from(histogram, 'hex'),
  }
}

/** In UTC, as datetime('now', 'subsec') has it. */
function timeText(ms: number): string {
  return new Date(ms).toISOString().slice(0, -1).replace('T', ' ')
}

function minuteText(ms: number): string {
  return timeText(ms).slice(0, 19)
}

function timeOf(text: string | null): number | null {
  return text === null ? null : Date.parse(`${text.replace(' ', 'T')}Z`)
}
