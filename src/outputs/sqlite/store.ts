/**
 * @module outputs/sqlite/store
 * Saves batches to an SQLite database. A transaction takes the write lock at its start, so that what it reads and merges is what
 * it overwrites; whoever holds the lock is waited for, by this thread, which has nothing else to do.
 */
import type { SqliteOutput } from '../../types.ts'
import { mergeMinute, mergeTotals, type StoredSums, type StoredTotals } from '../merge-row.ts'
import { MINUTE_MS, minuteOf, type Batch, type OutputStore } from '../output.ts'
import { MINUTE_COLUMNS, TOTALS_COLUMNS } from '../tables.ts'
import {
  openSqlite,
  type SqliteConnection,
  type SqliteStatement,
  type SqliteValue,
} from './connection.ts'
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
  saveMinute: SqliteStatement
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
    const stored = byName<StoredTotals & { first_seen_text: string | null }>(totals.all(names))
    for (const difference of batch.functions) {
      const known = stored.get(difference.name)
      const row = mergeTotals(
        known && { ...known, first_seen: timeOf(known.first_seen_text) },
        difference,
        batch,
      )
      saveTotals.run(
        ...valuesOf(TOTALS_COLUMNS, {
          ...row,
          function_name: difference.name,
          first_seen: timeText(row.first_seen!),
          last_seen: timeText(row.last_seen),
          updated_at: savedAt,
        }),
      )
    }
  }

  #saveMinutes(batch: Batch): void {
    const { minutes, saveMinute } = this.#statements
    const minute = minuteText(minuteOf(batch))
    const names = JSON.stringify(batch.functions.map(({ name }) => name))
    const stored = byName<StoredSums>(minutes.all(minute, batch.process, names))
    for (const difference of batch.functions) {
      const row = mergeMinute(stored.get(difference.name), difference)
      const key = { function_name: difference.name, minute, process: batch.process }
      saveMinute.run(...valuesOf(MINUTE_COLUMNS, { ...row, ...key }))
    }
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

function prepareStatements(connection: SqliteConnection): Statements {
  const totals = TOTALS_COLUMNS.map(([name]) => quoted(name))
  const minutes = MINUTE_COLUMNS.map(([name]) => quoted(name))
  return {
    sequence: connection.prepare('SELECT sequence FROM metrics_writers WHERE writer = ?'),
    mark: connection.prepare('INSERT OR REPLACE INTO metrics_writers VALUES (?, ?, ?)'),
    totals: connection.prepare(`
      SELECT function_name, calls, errors, min, max, time_ns, squared_deviations, histogram, base_calls, base_time,
        first_seen AS first_seen_text
      FROM metrics WHERE function_name IN (SELECT value FROM json_each(?))`),
    saveTotals: connection.prepare(upsert('metrics', totals, ['"function_name"'])),
    minutes: connection.prepare(`
      SELECT function_name, calls, errors, min, max, time_ns, squared_deviations, histogram FROM metrics_by_minute
      WHERE minute = ? AND process = ? AND function_name IN (SELECT value FROM json_each(?))`),
    saveMinute: connection.prepare(
      upsert('metrics_by_minute', minutes, ['"function_name"', '"minute"', '"process"']),
    ),
  }
}

/** Columns that somebody else has added keep their values. */
function upsert(table: string, columns: string[], key: string[]): string {
  const set = columns
    .filter((name) => !key.includes(name))
    .map((name) => `${name} = excluded.${name}`)
  return `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})
    ON CONFLICT (${key.join(', ')}) DO UPDATE SET ${set.join(', ')}`
}

function byName<Row>(rows: unknown[]): Map<string, Row> {
  return new Map(
    (rows as (Row & { function_name: string })[]).map((row) => [row.function_name, row]),
  )
}

function valuesOf(columns: readonly (readonly [string, unknown])[], row: object): SqliteValue[] {
  return columns.map(([name]) => (row as Record<string, SqliteValue>)[name]!)
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
