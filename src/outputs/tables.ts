/**
 * @module outputs/tables
 * The tables of an SQL output, whatever the database: names, columns and version. docs/outputs.md describes them.
 */
import { BUCKET_COUNT, BUCKET_UPPER_NS, bucketMidpointNs } from '../metrics/histogram.ts'

/** Of the tables. A database of a higher version is left alone. */
export const TABLES_VERSION = 1

/** Types by what a column holds; the databases' own names for them. */
export type ColumnType = 'text' | 'integer' | 'real' | 'time' | 'bytes'

/** Of `metrics`, in this order. The first four are those of the simple form that a table may have had before. */
export const TOTALS_COLUMNS: readonly (readonly [name: string, type: ColumnType])[] = [
  ['function_name', 'text'],
  ['calls', 'integer'],
  ['average_time', 'real'],
  ['errors', 'integer'],
  ['min', 'real'],
  ['max', 'real'],
  ['standard_deviation', 'real'],
  ['p50', 'real'],
  ['p90', 'real'],
  ['p95', 'real'],
  ['p99', 'real'],
  ['total_time', 'real'],
  ['first_seen', 'time'],
  ['last_seen', 'time'],
  ['updated_at', 'time'],
  ['base_calls', 'integer'],
  ['base_time', 'real'],
  ['time_ns', 'real'],
  ['squared_deviations', 'real'],
  ['histogram', 'bytes'],
]

export const SIMPLE_COLUMNS = TOTALS_COLUMNS.slice(0, 4).map(([name]) => name)

export const MINUTE_COLUMNS: readonly (readonly [name: string, type: ColumnType])[] = [
  ['function_name', 'text'],
  ['minute', 'time'],
  ['process', 'text'],
  ['calls', 'integer'],
  ['errors', 'integer'],
  ['total_time', 'real'],
  ['min', 'real'],
  ['max', 'real'],
  ['time_ns', 'real'],
  ['squared_deviations', 'real'],
  ['histogram', 'bytes'],
]

/** Rows of `metrics_buckets`: bucket, largest duration and the one that stands for it, in seconds. */
export function* bucketRows(): Iterable<[bucket: number, upper: number, midpoint: number]> {
  for (let bucket = 0; bucket < BUCKET_COUNT; bucket++) {
    yield [bucket, BUCKET_UPPER_NS[bucket]! / 1e9, bucketMidpointNs(bucket) / 1e9]
  }
}

/** What is wrong with a table called `metrics` that is neither ours nor of the simple form; undefined: nothing. */
export function unusable(columns: readonly string[]): string | undefined {
  const missing = SIMPLE_COLUMNS.filter((name) => !columns.includes(name))
  if (missing.length === 0) return undefined
  return `the table metrics is another one's: it has no column ${missing.join(', ')}`
}
