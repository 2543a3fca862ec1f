/**
 * @module outputs/sqlite/store
 * Saves batches to an SQLite database. A transaction takes the write lock at its start, so that what it reads and merges is what
 * it overwrites; whoever holds the lock is waited for, by this thread, which has nothing else to do.
 */
import type { SqliteOutput } from '../../types.ts'
import {
  mergeMinutes,
  mergeTotals,
  type MinuteRow,
  type StoredSums,
  type StoredTotals,
} from '../merge-row.ts'
import { MINUTE_MS, type Batch, type Minute, type OutputStore } from '../output.ts'
import { nowMs } from '../../internal/time.ts'
import type { DriverGuard } from '../driver-guard.ts'
import { TotalsCache } from '../totals-cache.ts'
import {
  openSqlite,
  type SqliteConnection,
  type SqliteStatement,
  type SqliteValue,
} from './connection.ts'
import { prepareTables } from './schema.ts'

/** Whoever holds the lock is waited for in the driver that long, again and again: a thread in a driver must not be ended. */
const BUSY_TIMEOUT_MS = 100
/** Then the attempt has failed, and the next one comes later. */
const PATIENCE_MS = 2000
const WRITERS_KEPT_MS = 90 * 24 * 60 * MINUTE_MS

/**
 * A batch changes every page of the totals. Pages that do not fit SQLite's cache, 2 MB by default, are read and written several
 * times; and a log that is copied to the database at every thousandth page would be so at every batch.
 */
const TUNING = `
PRAGMA cache_size = -16000;
PRAGMA wal_autocheckpoint = 4000`

export class SqliteStore implements OutputStore {
  readonly #guard: DriverGuard
  readonly #connection: SqliteConnection
  readonly #statements: Statements
  readonly #cache = new TotalsCache()
  #dataVersion = NaN // as it was when the cache was right

  private constructor({ path, driver }: SqliteOutput, guard: DriverGuard) {
    this.#guard = guard
    this.#connection = openSqlite(path, driver)
    try {
      this.#connection.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS};${TUNING}`)
      this.#chooseJournal()
      this.#exclusively(() => prepareTables(this.#connection))
      this.#statements = prepareStatements(this.#connection)
    } catch (error) {
      this.#connection.close()
      throw error
    }
  }

  /** @throws the driver's error; KRONICLER_DRIVER, KRONICLER_OUTPUT */
  static open(output: SqliteOutput, guard: DriverGuard): SqliteStore {
    return guard.run(() => new SqliteStore(output, guard))
  }

  // a rejection, not an exception: the interface is asynchronous
  // eslint-disable-next-line @typescript-eslint/require-await
  async save(batch: Batch): Promise<void> {
    try {
      this.#guardedly(() => {
        const last = this.#lastOf(batch.writer)
        if (last !== undefined && last.sequence >= batch.sequence) return
        this.#forgetIfChanged()
        this.#statements.mark.run(batch.writer, batch.sequence, timeText(Date.now()))
        this.#saveTotals(batch)
      })
    } catch (error) {
      this.#cache.clear() // it may have rows that are not in the database
      throw error
    }
  }

  // eslint-disable-next-line @typescript-eslint/require-await
  async saveMinute(minute: Minute): Promise<void> {
    this.#guardedly(() => {
      const { writer, sequence } = minute
      const last = this.#lastOf(writer)
      if (last !== undefined && last.minutes_sequence >= sequence) return
      this.#statements.markMinute.run(writer, sequence, timeText(Date.now()))
      this.#saveRows(minute)
    })
  }

  // eslint-disable-next-line @typescript-eslint/require-await
  async expire(beforeMs: number): Promise<void> {
    this.#guardedly(() => {
      const minutes = this.#connection.prepare('DELETE FROM metrics_by_minute WHERE minute < ?')
      minutes.run(minuteText(beforeMs))
      const writersBefore = Math.min(beforeMs, Date.now() - WRITERS_KEPT_MS)
      const writers = this.#connection.prepare('DELETE FROM metrics_writers WHERE updated_at < ?')
      writers.run(timeText(writersBefore))
    })
  }

  // eslint-disable-next-line @typescript-eslint/require-await
  async close(): Promise<void> {
    this.#guard.run(() => this.#connection.close())
  }

  #lastOf(writer: string): LastOfWriter | undefined {
    return (this.#statements.last.all(writer) as LastOfWriter[])[0]
  }

  /** Within a transaction: nobody changes anything any more. The number is another one after every commit of somebody else's. */
  #forgetIfChanged(): void {
    const [row] = this.#statements.dataVersion.all() as { data_version: number }[]
    if (row!.data_version !== this.#dataVersion) this.#cache.clear()
    this.#dataVersion = row!.data_version
  }

  #saveTotals({ functions, fromMs, toMs }: Batch): void {
    const { update, upsert } = this.#statements
    const first = timeText(fromMs)
    const last = timeText(toMs)
    const savedAt = timeText(Date.now())
    for (const difference of functions) {
      this.#guard.check()
      const { name } = difference
      const known = this.#cache.get(name)
      const row = mergeTotals(known ?? this.#totalsOf(name), difference)
      const statement = known === undefined ? upsert : update
      statement.run(
        name,
        row.calls,
        row.errors,
        row.min,
        row.max,
        row.standard_deviation,
        row.p50,
        row.p90,
        row.p95,
        row.p99,
        row.time_ns,
        row.squared_deviations,
        row.histogram,
        first,
        last,
        savedAt,
        ...(known === undefined ? [row.base_calls, row.base_time] : []),
      )
      this.#cache.set(name, row)
    }
  }

  #totalsOf(name: string): StoredTotals | undefined {
    const [row] = this.#statements.totals.all(name) as StoredTotals[]
    return row && withBytes(row)
  }

  #saveRows({ minuteMs, process, rows }: Minute): void {
    const { insertMinute, updateMinute, minute } = this.#statements
    const at = minuteText(minuteMs)
    for (const [name, row] of rows) {
      this.#guard.check()
      if (insertMinute.run(name, at, process, ...minuteValues(row)).changes > 0) continue
      const [stored] = minute.all(name, at, process) as StoredSums[] // an earlier part of the minute
      updateMinute.run(name, at, process, ...minuteValues(mergeMinutes(withBytes(stored!), row)))
    }
  }

  /** Of a new database only: how an existing one is journaled is its owner's business. */
  #chooseJournal(): void {
    const [row] = this.#connection.prepare('SELECT count(*) AS items FROM sqlite_master').all() as {
      items: number
    }[]
    if (row?.items !== 0) return
    this.#whenFree(() => this.#connection.prepare('PRAGMA journal_mode = WAL').all())
  }

  #guardedly(work: () => void): void {
    this.#guard.run(() => {
      this.#exclusively(work)
    })
  }

  #exclusively(work: () => void): void {
    this.#whenFree(() => this.#connection.exec('BEGIN IMMEDIATE'))
    try {
      work()
      this.#whenFree(() => this.#connection.exec('COMMIT'))
    } catch (error) {
      try {
        this.#connection.exec('ROLLBACK')
      } catch {
        // it has been rolled back already: the disk is full
      }
      throw error
    }
  }

  /** Tries again while others have the lock. */
  #whenFree(work: () => unknown): void {
    const untilMs = nowMs() + PATIENCE_MS
    for (;;) {
      try {
        work()
        return
      } catch (error) {
        if (!isBusy(error) || nowMs() >= untilMs) throw error
        this.#guard.check()
      }
    }
  }
}

interface LastOfWriter {
  sequence: number // of the last batch in the totals
  minutes_sequence: number // and in the minutes
}

interface Statements {
  last: SqliteStatement
  mark: SqliteStatement
  markMinute: SqliteStatement
  dataVersion: SqliteStatement
  totals: SqliteStatement
  update: SqliteStatement
  upsert: SqliteStatement
  minute: SqliteStatement
  insertMinute: SqliteStatement
  updateMinute: SqliteStatement
}

/** Of a row of `metrics`, in the order of the parameters. */
const TOTALS = [
  ...['function_name', 'calls', 'errors', 'min', 'max', 'standard_deviation', 'p50', 'p90', 'p95'],
  ...['p99', 'time_ns', 'squared_deviations', 'histogram', 'first_seen', 'last_seen', 'updated_at'],
]
const MINUTE_KEY = ['function_name', 'minute', 'process']
const MINUTE_SUMS = ['calls', 'errors', 'min', 'max', 'time_ns', 'squared_deviations', 'histogram']

function prepareStatements(connection: SqliteConnection): Statements {
  const minutes = [...MINUTE_KEY, ...MINUTE_SUMS]
  const insertMinute = `INSERT INTO metrics_by_minute (${minutes.join(', ')}, total_time)
    VALUES (${places(minutes)}, ${placeOf('time_ns', minutes)} / 1e9)`
  const sqls: Record<keyof Statements, string> = {
    last: 'SELECT sequence, minutes_sequence FROM metrics_writers WHERE writer = ?',
    mark: `INSERT INTO metrics_writers (writer, sequence, updated_at, minutes_sequence) VALUES (?1, ?2, ?3, 0)
      ON CONFLICT (writer) DO UPDATE SET sequence = ?2, updated_at = ?3`,
    markMinute: `INSERT INTO metrics_writers (writer, sequence, updated_at, minutes_sequence) VALUES (?1, ?2, ?3, ?2)
      ON CONFLICT (writer) DO UPDATE SET minutes_sequence = ?2, updated_at = ?3`,
    dataVersion: 'PRAGMA data_version',
    totals: `SELECT calls, errors, min, max, time_ns, squared_deviations, histogram, base_calls, base_time
      FROM metrics WHERE function_name = ?`,
    update: `UPDATE metrics SET ${assignments('base_time')} WHERE function_name = ?1`,
    upsert: `INSERT INTO metrics (${TOTALS.join(', ')}, base_calls, base_time, total_time, average_time)
      VALUES (${places(TOTALS)}, ?17, ?18, ?18 + ?11 / 1e9, (?18 + ?11 / 1e9) / ?2)
      ON CONFLICT (function_name) DO UPDATE SET ${assignments('metrics.base_time')}`,
    minute: `SELECT ${MINUTE_SUMS.join(', ')} FROM metrics_by_minute WHERE function_name = ? AND minute = ? AND process = ?`,
    insertMinute: `${insertMinute} ON CONFLICT DO NOTHING`,
    updateMinute: `${insertMinute} ON CONFLICT (${MINUTE_KEY.join(', ')}) DO UPDATE SET total_time = excluded.total_time,
      ${MINUTE_SUMS.map((name) => `${name} = excluded.${name}`).join(', ')}`,
  }
  const prepared = Object.entries(sqls).map(([name, sql]) => [name, connection.prepare(sql)])
  return Object.fromEntries(prepared) as Statements
}

/** Columns that somebody else has added keep their values. */
function assignments(baseTime: string): string {
  const plain = TOTALS.filter((name) => name !== 'function_name' && name !== 'first_seen')
  const time = `${baseTime} + ${placeOf('time_ns', TOTALS)} / 1e9`
  const first = placeOf('first_seen', TOTALS)
  return [
    ...plain.map((name) => `${name} = ${placeOf(name, TOTALS)}`),
    `first_seen = min(coalesce(metrics.first_seen, ${first}), ${first})`,
    `total_time = ${time}`,
    `average_time = (${time}) / ${placeOf('calls', TOTALS)}`,
  ].join(', ')
}

function placeOf(name: string, names: readonly string[]): string {
  return `?${names.indexOf(name) + 1}`
}

function places(names: readonly string[]): string {
  return names.map((name) => placeOf(name, names)).join(', ')
}

function minuteValues(row: MinuteRow): SqliteValue[] {
  const { calls, errors, min, max, time_ns, squared_deviations, histogram } = row
  return [calls, errors, min, max, time_ns, squared_deviations, histogram]
}

/** SQLITE_BUSY, which every driver tells in another way, but for SQLite's own text. */
function isBusy(error: unknown): boolean {
  return error instanceof Error && error.message.includes('database is locked')
}

/** Some drivers have bytes as a bare ArrayBuffer. */
function withBytes<Row extends StoredSums>(row: Row): Row {
  const bytes: unknown = row.histogram
  return bytes instanceof ArrayBuffer ? { ...row, histogram: Buffer.from(bytes) } : row
}

/** In UTC, as datetime('now', 'subsec') has it. */
function timeText(ms: number): string {
  return new Date(ms).toISOString().slice(0, -1).replace('T', ' ')
}

function minuteText(ms: number): string {
  return timeText(ms).slice(0, 19)
}
