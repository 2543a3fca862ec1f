/**
 * @module types
 * The public shapes of questions and answers. Durations are nanoseconds, instants are milliseconds since the
 * Unix epoch with microseconds in the fraction, ranges are half-open: `from` is inside, `to` is not.
 */

/** A `Date`, milliseconds since the epoch, an ISO 8601 string, `'now'`, or a time ago such as `'-90s'`, `'-15m'`, `'-1h'`, `'-7d'`. */
export type TimeInput = Date | number | string

export interface TimeRange {
  from?: TimeInput | undefined // first instant inside the range, by start of the call (default: the first call)
  to?: TimeInput | undefined // first instant after the range (default: after the last call)
}

/** Exact name, or names, of functions. */
export type FunctionChoice = string | readonly string[]

/** How far a question has come that looks at rows one by one. */
export interface ScanProgress {
  rows: number // looked at
  totalRows: number // that may have to be looked at
}

/** Of questions that may take long. They give way to the event loop every ten milliseconds. */
export interface ScanOptions {
  signal?: AbortSignal | undefined // ends the question, which is then rejected with the signal's reason
  onProgress?: ((progress: ScanProgress) => void) | undefined // called every now and then
}

export interface FunctionsQuery extends TimeRange {
  quantiles?: readonly number[] | undefined // each in [0, 1] (default 0.5, 0.9, 0.95, 0.99, 0.999)
  confidence?: number | undefined // of the intervals, above 0 and below 1 (default 0.95)
}

export interface StatsQuery extends FunctionsQuery, ScanOptions {
  function?: FunctionChoice | undefined // default: all calls of all functions together
  exact?: boolean | undefined // quantiles from the rows instead of the histogram, unless some have expired (default false)
}

export interface QuantileQuery extends TimeRange, ScanOptions {
  function?: FunctionChoice | undefined // default: all functions
  quantile: number // in [0, 1]
  confidence?: number | undefined // above 0 and below 1 (default 0.95)
  exact?: boolean | undefined // from the rows instead of the histogram, unless some have expired (default false)
}

export interface SlowestQuery extends TimeRange {
  function?: FunctionChoice | undefined // default: all functions
  limit?: number | undefined // rows to return, 1 to 100,000 (default 10)
}

/** A length of time: milliseconds, or a text such as '500us', '10ms', '30s', '5m', '1h', '1d', '1w'. */
export type StepInput = number | string

export interface SeriesQuery extends FunctionsQuery, ScanOptions {
  function?: FunctionChoice | undefined // default: all functions
  step: StepInput // whole microseconds; the range may have at most 100,000 of them
  aligned?: boolean | undefined // whether buckets begin at multiples of the step since the epoch, in UTC (default), or at `from`
}

/** Calls that started in [startMs, endMs) and in the range asked for. */
export interface SeriesPoint {
  startMs: number
  endMs: number
  calls: number
  rows: number
  errors: number
  ratePerSecond: number // over the part of the bucket that lies in the range
  sumNs: number
  selfNs: number
  meanNs: number // NaN without calls, as everything below
  minNs: number
  maxNs: number
  quantiles: Quantile[]
}

export interface Series {
  fromMs: number // the range; the first and the last call where it was open; NaN if it is empty
  toMs: number
  stepMs: number
  points: SeriesPoint[] // ascending, without a gap: a bucket without calls is there, too
  quantileRelativeError: number // as in `Stats`
  coarseCalls: number // as in `Stats`
}

export interface HeatmapQuery extends TimeRange, ScanOptions {
  function?: FunctionChoice | undefined // default: all functions
  step?: StepInput | undefined // width of a column, aligned as in a series
  columns?: number | undefined // instead of `step`: that many columns of equal width, 1 to 10,000 (default 200)
  durationBuckets?: number | undefined // at most so many rows, 1 to 4096 (default 64)
}

/** Durations from `lowerNs` up to, but without, `upperNs`: whole nanoseconds, so that every duration is in one bucket. */
export interface DurationBounds {
  lowerNs: number
  upperNs: number
}

/** How often calls took how long, over time. */
export interface Heatmap {
  fromMs: number // as in a series
  toMs: number
  stepMs: number
  startsMs: number[] // of each column
  durations: DurationBounds[] // of each row, ascending, without a gap; a power of two of rows makes a factor of two
  counts: number[][] // counts[column][row]: exact numbers of calls
  calls: number // in all
  coarseCalls: number // as in `Stats`
}

export interface HistogramQuery extends TimeRange, ScanOptions {
  function?: FunctionChoice | undefined // default: all functions
  buckets?: number | undefined // at most so many, 1 to 4096 (default 64)
}

export interface HistogramBucket extends DurationBounds {
  calls: number
}

export interface Histogram {
  calls: number
  minNs: number // NaN without calls
  maxNs: number
  buckets: HistogramBucket[] // ascending, without a gap, from that of the shortest to that of the longest call; exact counts
  coarseCalls: number // as in `Stats`
}

/** What a call must be like; all of it. */
export interface CallFilter {
  duration?: { min?: number | undefined; max?: number | undefined } | undefined // nanoseconds, [min, max)
  error?: boolean | string | undefined // whether it failed, or the class name of the error
  attributes?: Readonly<Record<string, JsonValue>> | undefined // these keys with exactly these values; others may be there
}

export interface CountQuery extends TimeRange, ScanOptions {
  function?: FunctionChoice | undefined // default: all functions
  where?: CallFilter | undefined
}

/** By start or by duration, ascending; with a minus descending. */
export type CallOrder = 'start' | '-start' | 'duration' | '-duration'

export interface CallsQuery extends CountQuery {
  order?: CallOrder | undefined // default 'start'
  limit?: number | undefined // rows to return, 1 or more (default: all)
  after?: string | undefined // id of a row of the same order: only what comes after it
}

/** Where a number lies that is known from samples only. */
export interface Interval {
  lowerNs: number // 0: it may lie as low as it can
  upperNs: number // Infinity: no upper bound can be told
}

/**
 * Duration below which the given share of the calls lies, and between which durations that of the function lies with the
 * given confidence, the calls being taken as samples of what it does: the 0.99 quantile of 100 calls has no upper bound.
 */
export interface Quantile extends Interval {
  quantile: number // in [0, 1]
  durationNs: number // NaN when there are no calls, as are the bounds
}

/**
 * What a set of calls looks like. Numbers that do not exist for the set (the mean of nothing) are NaN.
 *
 * Where a function is sampled, a stored row stands for several calls: its weight. All numbers are of calls, as if each
 * row had been stored as often as it weighs, but for `rows`.
 */
export interface Stats {
  calls: number
  rows: number // stored rows behind them; as many as the calls unless some were sampled
  errors: number
  ratePerSecond: number // calls per second of the range asked for, or from first to last call where it is open
  sumNs: number
  selfNs: number // of that, what was not spent in other captured calls that they made
  meanNs: number
  selfMeanNs: number
  standardDeviationNs: number // of the sample (n - 1); NaN below two calls
  /**
   * Of the mean; NaN below two rows. Rows of weights w tell as much as (sum w)^2 / (sum w^2) calls would that were all
   * stored, so it is `standardDeviationNs` divided by the root of that number: without sampling, of `calls`.
   */
  standardErrorNs: number
  meanInterval: Interval // where the function's mean lies, with the confidence; NaN below two rows
  confidence: number // of the intervals of mean and quantiles
  minNs: number
  maxNs: number
  firstStartMs: number // start of the first and of the last call in the range
  lastStartMs: number
  quantiles: Quantile[] // as asked for; within `quantileRelativeError` of the exact value
  quantileRelativeError: number // at most; the histogram's bound, 0.0055
  /**
   * Of the calls, those that are only known by the hour, because their rows have expired: if an hour lies only partly
   * in the range, its calls are counted as a whole.
   */
  coarseCalls: number
  slow: SlowCalls
}

export interface FunctionStats extends Stats {
  function: string
  definedAt: string | undefined // file and line, such as `src/orders.ts:12`, where that is known
}

/** The calls that took more than ten times the median: the ones nobody can reproduce. */
export interface SlowCalls {
  thresholdNs: number // ten times the median
  calls: number // above the threshold, as the histogram tells it: exact but for the threshold's own bucket
  share: number // of all calls, in [0, 1]
  timeShare: number // of all time spent, in [0, 1]
  meanNs: number // mean of the slow calls; NaN without any
}

/** What JSON can say. */
export type JsonValue =
  null | boolean | number | string | JsonValue[] | { [key: string]: JsonValue }

/** One stored call. */
export interface CallRow {
  id: string | undefined // for `fetch`, as long as the row is stored; undefined in rows of `follow`
  function: string
  startMs: number // since the epoch, microseconds in the fraction
  durationNs: number // exact
  selfNs: number // of that, what was not spent in other captured calls that it made, as far as that is known
  error: string | undefined // class name of what was thrown or rejected
  parent: string | undefined // captured function that called it; undefined: none, or not known
  depth: number // captured calls around it, 0 to 2047 (that or more)
  async: boolean // whether it went on off the stack: until a promise settled, a generator or a stream was over
  weight: number // calls that the row stands for: more than 1 where calls are sampled
  attributes: Record<string, JsonValue> | undefined // what the program attached to the call
}

/** One function's metrics since this process began, as kept in memory. */
export interface Metrics {
  calls: number
  errors: number
  meanNs: number
  standardDeviationNs: number // NaN below two calls
  standardErrorNs: number // NaN below two calls
  minNs: number
  maxNs: number
  p50Ns: number // quantiles are within 0.55 % of the exact value
  p90Ns: number
  p95Ns: number
  p99Ns: number
  p999Ns: number
}

/** How Kronicler itself is doing in this process. */
export interface Health {
  writer: 'idle' | 'running' | 'failed' | 'closing' | 'closed' // the background thread; idle: not started, or starting
  directory: string | undefined // this process's own, once a row is stored
  storedBytes: number // size of its files
  stored: number // rows in the log
  queued: number // rows waiting to be stored
  lagMs: number // how long the oldest of them has been waiting
  filtered: number // rows not stored on request: below slowerThan, or not in the sample; they are in the metrics
  attributesDropped: number // rows stored without their attributes, which came faster than they could be stored
  dropped: number // calls not stored, for one of these reasons; but for the last they are in the metrics all the same
  droppedBy: {
    queueFull: number // they came faster than they could be stored
    noQueue: number // of threads beyond the sixteen that may record at a time
    failure: number // nothing could be stored, the disk being full or the background thread dead
    closed: number // recording had ended
    unrecorded: number // no stack was left to record them, or their iterator lets nobody near it
  }
  recordNs: number // cost of recording a call: both clock reads and the record, measured at start and scaled by what reading the clock costs now; NaN until then
  overflowed: string[] // functions beyond maxFunctions, recorded together as "(other)"; the first hundred
  lastError: Error | undefined // the last failure inside Kronicler
  outputs: OutputHealth[] // in the order in which they were configured
}

/** How saving to one output is going. */
export interface OutputHealth {
  name: string
  state: 'idle' | 'ok' | 'failing' | 'closed' // idle: nothing has been saved yet
  saved: number // batches saved by this process
  savedMs: number // when the last of them was, since the epoch; NaN before
  failures: number // attempts that failed
  lastError: string | undefined // of the last of them, without secrets
  waiting: number // batches that have not been saved yet
  spooledBytes: number // that they take on the disk
  lagMs: number // since the beginning of the first of them; 0 if none waits
}

/** A database that summaries are saved to: what `sqlite()` and `postgres()` return. It can be sent to a thread. */
export type OutputDescriptor = SqliteOutput | PostgresOutput

export interface SqlOutputOptions {
  intervalMs?: number // between two batches, 100 to 3,600,000 (default 10,000)
  keepMinutesMs?: number // for how long a minute's figures are kept, at least 3,600,000 (default 30 days)
  spoolBytes?: number // of batches that wait on the disk; beyond it calls are put together in memory, at least 1,000,000 (default 256 MiB)
}

export interface SqliteOptions extends SqlOutputOptions {
  driver?: SqliteDriverName | undefined // default: the first that is there
}

export type SqliteDriverName = 'node:sqlite' | 'better-sqlite3' | 'libsql'

export type PostgresDriverName = 'pg' | 'postgres'

export interface PostgresOptions extends SqlOutputOptions {
  driver?: PostgresDriverName // the package that is used (default: the first of these that is installed)
  ssl?: boolean | Record<string, unknown> | undefined // TLS, as the driver `pg` takes it; no functions (default: what the connection string says)
  timeoutMs?: number // for connecting and for one statement, 100 to 600,000 (default 30,000)
}

export interface SqliteOutput extends Required<SqlOutputOptions> {
  kind: 'sqlite'
  name: string
  path: string
  driver: SqliteDriverName | undefined
}

export interface PostgresOutput extends Required<SqlOutputOptions> {
  kind: 'postgres'
  name: string
  url: string // secret: never told
  driver: PostgresDriverName | undefined
  ssl: boolean | Record<string, unknown> | undefined
  timeoutMs: number
}

/** Metrics of all functions of this process, by name. */
export type MetricsByName = ReadonlyMap<string, Metrics>

/** Saves what there is. It must give up when the signal is aborted. */
export type SaveMetrics = (metrics: MetricsByName, context: { signal: AbortSignal }) => unknown

/** An output of the user's own, called in the thread that has configured it. */
export interface CustomOutput {
  name?: string // for `health()`
  intervalMs?: number // between the end of one call and the next, 100 to 3,600,000 (default 10,000)
  timeoutMs?: number // after which the signal is aborted, 100 to 3,600,000 (default 30,000)
  save: SaveMetrics
}

export type Output = OutputDescriptor | CustomOutput | SaveMetrics
