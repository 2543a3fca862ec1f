/**
 * @module query/database
 * The questions that a database of calls answers. Every answer takes in all rows that were written before the
 * question was asked, also while other processes write. Rows of functions with the same name are one function,
 * whichever process wrote them.
 */
import type { PoolStats } from '../database/read/buffer-pool.ts'
import type {
  CallRow,
  CallsQuery,
  CountQuery,
  FunctionsQuery,
  FunctionStats,
  Heatmap,
  HeatmapQuery,
  Histogram,
  HistogramQuery,
  Quantile,
  QuantileQuery,
  Series,
  SeriesQuery,
  SlowestQuery,
  Stats,
  StatsQuery,
  TimeRange,
} from '../types.ts'

export interface FollowOptions {
  signal?: AbortSignal | undefined // ends the iteration, quietly
  pollMs?: number | undefined // how often to look for new rows (default 100)
}

export interface Database {
  /**
   * One entry for every function that was called in the range, by total time, most first (then by name).
   * Kronicler's own health, the function `(kronicler)`, is in no answer unless asked for by that name.
   *
   * @throws {RangeError | TypeError} an option is not what it must be
   * @throws {CorruptionError} a damaged file was met and no `onFault` was given
   */
  functions(query?: FunctionsQuery): Promise<FunctionStats[]>

  /** Numbers of one function, or of all calls together. A function that is not there has had no calls. */
  stats(query?: StatsQuery): Promise<Stats>

  /**
   * Duration below which a share of the calls lies, by the histogram, or by the rows with `exact`: then the exact quantile of
   * the sorted durations, blended from both neighbouring ones as by linear interpolation.
   */
  quantile(query: QuantileQuery): Promise<Quantile>

  /** Mean duration of a function's calls, in nanoseconds; NaN without calls. */
  average(name: string, range?: TimeRange): Promise<number>

  /** Whether a function of this name was ever stored. */
  contains(name: string): Promise<boolean>

  /**
   * The same numbers over time: one point for every step of the range.
   *
   * @throws {RangeError} the range has more than 100,000 steps
   */
  series(query: SeriesQuery): Promise<Series>

  /** How many calls took how long, over time: columns of time, rows of durations, each as wide as its number. */
  heatmap(query?: HeatmapQuery): Promise<Heatmap>

  /** How many calls took how long. */
  histogram(query?: HistogramQuery): Promise<Histogram>

  /** The calls that took longest, longest first; of equally long ones the earlier first. */
  slowest(query?: SlowestQuery): Promise<CallRow[]>

  /**
   * All calls that are as asked for, in the order asked for, as of the moment when the iteration begins. Needs a few
   * megabytes, however many there are. What the rows stand in is kept until the iteration is over: end it.
   */
  calls(query?: CallsQuery): AsyncIterable<CallRow>

  /**
   * The calls that started last, the latest at the end.
   *
   * @param count from 1 to 100,000 (default 10)
   */
  tail(count?: number): Promise<CallRow[]>

  /**
   * The call with the id, which is the same as long as the row is stored, also when it is sealed and merged; undefined when it
   * is gone.
   *
   * @throws {RangeError} it is not the id of a row
   */
  fetch(id: string): Promise<CallRow | undefined>

  /**
   * Every call that is stored from now on, as it arrives: each writer's in the order in which it stored them.
   * "Now" is when `follow` is called. Ends when `signal` aborts or the database is closed.
   */
  follow(options?: FollowOptions): AsyncIterable<CallRow>

  /** How many calls started in the range and are as asked for; a row of a sampled function counts as often as it weighs. */
  count(query?: CountQuery): Promise<number>

  /** How many calls were made but not stored, because a writer's queue was full, since its process began. */
  dropped(): Promise<number>

  /**
   * How many calls were made but not stored on request, since each writer's process began: faster than the program wants
   * to see, or not in the sample.
   */
  filtered(): Promise<number>

  /** Names of all functions that were ever stored, sorted by code unit. */
  functionNames(): Promise<string[]>

  /** How the pages kept in memory serve the questions, since the database was opened. */
  poolStats(): PoolStats

  /** Closes all files. Later questions are rejected with KRONICLER_CLOSED. Closing twice is allowed. */
  close(): Promise<void>
}
