/**
 * @module kronicler/database
 * The database by itself: ask about recorded calls, or store measurements of your own.
 */
export { compactDatabase } from './database/maintain/compact.ts'
export type {
  CompactDatabaseOptions,
  CompactedFolder,
  CompactProgress,
  CompactResult,
} from './database/maintain/compact.ts'
export { DatabaseWriter } from './database/write/database-writer.ts'
export type { PoolStats } from './database/read/buffer-pool.ts'
export type { CallInput } from './database/write/call-input.ts'
export type { DatabaseWriterOptions } from './database/write/database-writer.ts'
export type { RowColumns, RowDetails } from './database/format/rows.ts'
export { CorruptionError, KroniclerError } from './errors.ts'
export type { ErrorCode } from './errors.ts'
export type { FileFault } from './database/verify/file-faults.ts'
export type { FilesProgress } from './database/pacer.ts'
export { repairDatabase } from './database/verify/repair.ts'
export type { RefusedFolder, RepairOptions, RepairReport } from './database/verify/repair.ts'
export type { LostFunction, RepairedFile } from './database/verify/repair-folder.ts'
export { verifyDatabase } from './database/verify/verify.ts'
export type { VerifyOptions, VerifyReport } from './database/verify/verify.ts'
export { openDatabase } from './query/open-database.ts'
export type { OpenOptions } from './query/open-database.ts'
export type { Database, FollowOptions } from './query/database.ts'
export type {
  CallFilter,
  CallOrder,
  CallRow,
  CallsQuery,
  CountQuery,
  DurationBounds,
  FunctionChoice,
  FunctionsQuery,
  FunctionStats,
  Heatmap,
  HeatmapQuery,
  Histogram,
  HistogramBucket,
  HistogramQuery,
  Interval,
  JsonValue,
  Quantile,
  QuantileQuery,
  ScanOptions,
  ScanProgress,
  Series,
  SeriesPoint,
  SeriesQuery,
  SlowCalls,
  SlowestQuery,
  Stats,
  StatsQuery,
  StepInput,
  TimeInput,
  TimeRange,
} from './types.ts'
