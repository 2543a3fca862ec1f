/**
 * @module outputs/sqlite/schema
 * Makes the tables, or brings what is there up to date. All of it in one transaction of the caller's.
 */
import { KroniclerError } from '../../errors.ts'
import {
  bucketRows,
  MINUTE_COLUMNS,
  TABLES_VERSION,
  TOTALS_COLUMNS,
  unusable,
  type ColumnType,
} from '../tables.ts'
import type { SqliteConnection } from './connection.ts'

const TYPES: Record<ColumnType, string> = {
  text: 'TEXT',
  integer: 'INTEGER',
  real: 'REAL',
  time: 'TEXT', // 'YYYY-MM-DD HH:MM:SS' in UTC, as datetime() has it; with milliseconds but for minutes
  bytes: 'BLOB',
}

/** Value of hexadecimal text, which is all that SQLite can make of bytes; `digits` at most. */
function hexValue(text: string, digits: number): string {
  const padded = `substr('${'0'.repeat(digits)}' || ${text}, -${digits})`
  return Array.from({ length: digits }, (_, i) => {
    const digit = `instr('123456789ABCDEF', substr(${padded}, ${i + 1}, 1))`
    return i === digits - 1 ? digit : `(${digit} << ${4 * (digits - 1 - i)})`
  }).join(' | ')
}

/** The histograms of `metrics_by_minute`, a row for each bucket. `metrics_buckets` also counts off the entries. */
const HISTOGRAM_VIEW = `
CREATE VIEW metrics_histogram AS
SELECT e.function_name, e.minute, e.process, b.bucket, b.midpoint, ${hexValue('hex(substr(e.entry, 3))', 12)} AS calls
FROM (
  SELECT m.function_name, m.minute, m.process, substr(m.histogram, 2 + n.bucket * m.size, m.size) AS entry
  FROM (
    SELECT function_name, minute, process, histogram, 2 + hex(substr(histogram, 1, 1)) AS size FROM metrics_by_minute
  ) m
  JOIN metrics_buckets n ON n.bucket < (length(m.histogram) - 1) / m.size
) e
JOIN metrics_buckets b ON b.bucket = (${hexValue('hex(substr(e.entry, 1, 2))', 4)})`

/** @throws {KroniclerError} KRONICLER_OUTPUT: the tables are of a newer version, or another program's */
export function prepareTables(connection: SqliteConnection): void {
  const version = versionOf(connection)
  if (version === TABLES_VERSION) return
  if (version > TABLES_VERSION) {
    const message = `the tables are of version ${version}, made by a newer Kronicler; this one knows ${TABLES_VERSION}`
    throw new KroniclerError('KRONICLER_OUTPUT', message)
  }
  prepareTotals(connection)
  connection.exec(`
CREATE TABLE metrics_by_minute (
  ${definitions(MINUTE_COLUMNS)},
  PRIMARY KEY (function_name, minute, process)
) WITHOUT ROWID;
CREATE INDEX metrics_by_minute_minute ON metrics_by_minute (minute);
CREATE TABLE metrics_writers (
  writer TEXT PRIMARY KEY, sequence INTEGER NOT NULL, updated_at TEXT NOT NULL, minutes_sequence INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE metrics_buckets (bucket INTEGER PRIMARY KEY, upper REAL NOT NULL, midpoint REAL NOT NULL);
CREATE TABLE metrics_version (version INTEGER NOT NULL);
INSERT INTO metrics_version VALUES (${TABLES_VERSION});
${HISTOGRAM_VIEW};`)
  const insert = connection.prepare('INSERT INTO metrics_buckets VALUES (?, ?, ?)')
  for (const row of bucketRows()) insert.run(...row)
}

/** 0 without tables of ours. */
function versionOf(connection: SqliteConnection): number {
  if (columnsOf(connection, 'metrics_version').length === 0) return 0
  const [row] = connection.prepare('SELECT version FROM metrics_version').all() as {
    version: number
  }[]
  return row?.version ?? 0
}

/** A table of the simple form keeps its rows: their calls and times are the base on which ours are counted. */
function prepareTotals(connection: SqliteConnection): void {
  const existing = columnsOf(connection, 'metrics')
  if (existing.length === 0) {
    const columns = definitions(TOTALS_COLUMNS).replace('TEXT', 'TEXT PRIMARY KEY')
    connection.exec(`CREATE TABLE metrics (\n  ${columns}\n)`)
    return
  }
  const reason = unusable(existing)
  if (reason !== undefined) throw new KroniclerError('KRONICLER_OUTPUT', reason)
  for (const [name, type] of TOTALS_COLUMNS) {
    if (existing.includes(name)) continue
    connection.exec(`ALTER TABLE metrics ADD COLUMN ${quoted(name)} ${TYPES[type]}`)
  }
  connection.exec(`
UPDATE metrics SET base_calls = coalesce(calls, 0), base_time = coalesce(calls, 0) * coalesce(average_time, 0),
  calls = coalesce(calls, 0), errors = coalesce(errors, 0), time_ns = 0, squared_deviations = 0;
UPDATE metrics SET total_time = base_time;
CREATE UNIQUE INDEX IF NOT EXISTS metrics_function_name ON metrics (function_name);`)
}

function columnsOf(connection: SqliteConnection, table: string): string[] {
  const rows = connection.prepare(`SELECT name FROM pragma_table_info('${table}')`).all()
  return (rows as { name: string }[]).map(({ name }) => name)
}

function definitions(columns: readonly (readonly [string, ColumnType])[]): string {
  return columns.map(([name, type]) => `${quoted(name)} ${TYPES[type]}`).join(',\n  ')
}

function quoted(name: string): string {
  return `"${name}"`
}
