/**
 * @module outputs/postgres/schema
 * Makes the tables, or brings what is there up to date. All of it in one transaction of the caller's, under its lock.
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
import type { PostgresConnection } from './connection.ts'

const TYPES: Record<ColumnType, string> = {
  text: 'TEXT',
  integer: 'BIGINT',
  real: 'DOUBLE PRECISION',
  time: 'TIMESTAMPTZ',
  bytes: 'BYTEA',
}

/** Per cent. All rows change all the time: half a page is left for their next versions, which then need no new entry in the index. */
const TOTALS_FILL = 50

/** The histograms of `metrics_by_minute`, a row for each bucket. */
const HISTOGRAM_VIEW = `
CREATE VIEW metrics_histogram AS
SELECT e.function_name, e.minute, e.process, b.bucket, b.midpoint, e.calls
FROM (
  SELECT m.function_name, m.minute, m.process,
    get_byte(m.histogram, i) * 256 + get_byte(m.histogram, i + 1) AS bucket,
    ('x' || lpad(encode(substring(m.histogram FROM i + 3 FOR get_byte(m.histogram, 0)), 'hex'), 16, '0'))::bit(64)::bigint AS calls
  FROM metrics_by_minute m,
    generate_series(1, length(m.histogram) - 2, CASE length(m.histogram) WHEN 0 THEN 1 ELSE 2 + get_byte(m.histogram, 0) END) AS i
) e
JOIN metrics_buckets b ON b.bucket = e.bucket`

/**
 * Seconds at a quantile of a function's calls in a period, from the merged histograms: between the two ranks next to
 * quantile * (calls - 1), as every quantile of Kronicler is.
 */
const QUANTILE_FUNCTION = `
CREATE FUNCTION metrics_quantile(
  wanted_function TEXT, quantile DOUBLE PRECISION, from_time TIMESTAMPTZ DEFAULT '-infinity', to_time TIMESTAMPTZ DEFAULT 'infinity'
) RETURNS DOUBLE PRECISION LANGUAGE sql STABLE AS $$
  WITH extremes AS (
    SELECT min("min") AS low, max("max") AS high FROM metrics_by_minute
    WHERE function_name = wanted_function AND minute >= from_time AND minute < to_time
  ), merged AS (
    SELECT bucket, midpoint, sum(calls) AS calls FROM metrics_histogram
    WHERE function_name = wanted_function AND minute >= from_time AND minute < to_time
    GROUP BY bucket, midpoint
  ), counted AS (
    SELECT midpoint, sum(calls) OVER (ORDER BY bucket) AS upto, sum(calls) OVER () AS total FROM merged
  ), ranks AS (
    SELECT max(total) AS total, quantile * (max(total)::float8 - 1) AS rank FROM counted
  ), ends AS (
    SELECT r.rank, n, CASE WHEN n <= 0 THEN x.low WHEN n >= r.total - 1 THEN x.high ELSE
      least(x.high, greatest(x.low, (SELECT c.midpoint FROM counted c WHERE c.upto > n ORDER BY c.upto LIMIT 1))) END AS value
    FROM ranks r, extremes x, LATERAL (VALUES (floor(r.rank)), (floor(r.rank) + 1)) AS place(n)
  )
  SELECT min(value) FILTER (WHERE n = floor(rank))
    + (max(rank) - floor(max(rank))) * (max(value) FILTER (WHERE n > floor(rank)) - min(value) FILTER (WHERE n = floor(rank)))
  FROM ends
$$`

/** @throws {KroniclerError} KRONICLER_OUTPUT: the tables are of a newer version, or another program's */
export async function prepareTables(connection: PostgresConnection): Promise<void> {
  const version = await versionOf(connection)
  if (version === TABLES_VERSION) return
  if (version > TABLES_VERSION) {
    const message = `the tables are of version ${version}, made by a newer Kronicler; this one knows ${TABLES_VERSION}`
    throw new KroniclerError('KRONICLER_OUTPUT', message)
  }
  await prepareTotals(connection)
  await connection.query(`
CREATE TABLE metrics_by_minute (
  ${definitions(MINUTE_COLUMNS)},
  PRIMARY KEY (function_name, minute, process)
);
CREATE INDEX metrics_by_minute_minute ON metrics_by_minute (minute);
CREATE TABLE metrics_writers (
  writer TEXT PRIMARY KEY, sequence BIGINT NOT NULL, updated_at TIMESTAMPTZ NOT NULL, minutes_sequence BIGINT NOT NULL
);
CREATE TABLE metrics_buckets (bucket INTEGER PRIMARY KEY, upper DOUBLE PRECISION NOT NULL, midpoint DOUBLE PRECISION NOT NULL);
CREATE TABLE metrics_version (version INTEGER NOT NULL);
INSERT INTO metrics_version VALUES (${TABLES_VERSION});
${HISTOGRAM_VIEW};
${QUANTILE_FUNCTION};`)
  const rows = [...bucketRows()]
  await connection.query(
    'INSERT INTO metrics_buckets SELECT * FROM unnest($1::int[], $2::float8[], $3::float8[])',
    [0, 1, 2].map((column) => `{${rows.map((row) => row[column]).join(',')}}`),
  )
}

/** 0 without tables of ours. */
async function versionOf(connection: PostgresConnection): Promise<number> {
  if ((await columnsOf(connection, 'metrics_version')).length === 0) return 0
  const { rows } = await connection.query('SELECT version FROM metrics_version')
  return (rows as { version: number }[])[0]?.version ?? 0
}

/** A table of the simple form keeps its rows: their calls and times are the base on which ours are counted. */
async function prepareTotals(connection: PostgresConnection): Promise<void> {
  const existing = await columnsOf(connection, 'metrics')
  if (existing.length === 0) {
    const columns = definitions(TOTALS_COLUMNS).replace('TEXT', 'TEXT PRIMARY KEY')
    await connection.query(
      `CREATE TABLE metrics (\n  ${columns}\n) WITH (fillfactor = ${TOTALS_FILL})`,
    )
    return
  }
  const reason = unusable(existing)
  if (reason !== undefined) throw new KroniclerError('KRONICLER_OUTPUT', reason)
  const missing = TOTALS_COLUMNS.filter(([name]) => !existing.includes(name))
  await connection.query(`
ALTER TABLE metrics ALTER COLUMN calls TYPE BIGINT, ALTER COLUMN errors TYPE BIGINT,
  ALTER COLUMN average_time TYPE DOUBLE PRECISION
  ${missing.map(([name, type]) => `, ADD COLUMN "${name}" ${TYPES[type]}`).join('')};
UPDATE metrics SET base_calls = coalesce(calls, 0), base_time = coalesce(calls, 0) * coalesce(average_time, 0),
  total_time = coalesce(calls, 0) * coalesce(average_time, 0), calls = coalesce(calls, 0), errors = coalesce(errors, 0),
  time_ns = 0, squared_deviations = 0;
CREATE UNIQUE INDEX IF NOT EXISTS metrics_function_name ON metrics (function_name);`)
}

/** Of the table that the name means here: the schema is the first of the connection's path that has one. */
async function columnsOf(connection: PostgresConnection, table: string): Promise<string[]> {
  const { rows } = await connection.query(
    `SELECT attname AS name FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped ORDER BY attnum`,
    [table],
  )
  return (rows as { name: string }[]).map(({ name }) => name)
}

function definitions(columns: readonly (readonly [string, ColumnType])[]): string {
  return columns.map(([name, type]) => `"${name}" ${TYPES[type]}`).join(',\n  ')
}
