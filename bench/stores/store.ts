/**
 * @module bench/stores/store
 * A database that holds calls, as ingest, storage, query and scale use it.
 */
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { DataSet, RowColumns } from '../datasets.ts'
import type { Random } from '../harness/random.ts'

export interface Store {
  who: string
  /** Makes an empty database in `folder`, ready for the functions of the set. */
  create(folder: string, set: DataSet): Promise<StoreWriter>
  /** Prepares a finished database for questions, as its makers advise: indexes. Not measured. */
  prepare?(folder: string): Promise<void>
  open(folder: string, set: DataSet): Promise<StoreReader>
}

export interface StoreWriter {
  append(rows: RowColumns): Promise<void> | void
  /** The same, one row at a time, as a program hands over what it has just measured. */
  insertEach?(rows: RowColumns): Promise<void> | void
  /** Called once a second: what was appended must survive, as far as the store offers that while writing. */
  commit(): void
  /** Makes everything durable, and closes. */
  finish(): Promise<void>
}

/** Times are µs since the epoch, half-open; without a range it is all time. */
export interface Range {
  fromUs: number
  toUs: number
}

export interface Summary {
  calls: number
  errors: number
  sumNs: number
  minNs: number
  maxNs: number
}

/** The questions. Whatever is answered is read completely, into JavaScript values. */
export interface StoreReader {
  /** Count, errors, sum, extremes and the quantiles 0.5, 0.9, 0.95, 0.99 and 0.999 of one function. */
  oneFunction(functionId: number, range?: Range): Promise<Summary>
  /** The same for every function that was called. */
  allFunctions(range?: Range): Promise<(Summary & { functionId: number })[]>
  /** Durations of the slowest calls of all, descending. */
  top(limit: number): Promise<number[]>
  /** Starts of the latest calls in µs, ascending. */
  tail(limit: number): Promise<number[]>
  count(range: Range): Promise<number>
  // Questions that not every database is asked; one without an answer is told as not measured.
  /** Calls of one function in each of `buckets` equal parts of a range, with mean, p50 and p99. */
  series?(functionId: number, range: Range, buckets: number): Promise<number[]>
  /** Calls of one function by part of the range and by logarithm of the duration. @returns all of them together */
  heatmap?(functionId: number, range: Range, buckets: number): Promise<number>
  /** Mean duration of one function's calls, and nothing else. */
  mean?(functionId: number): Promise<number>
  /** Calls that took longer. */
  longerThan?(durationNs: number): Promise<number>
  /** Of the durations of all calls, not of a histogram. */
  exactQuantile?(share: number): Promise<number>
  /** Keys of random rows. */
  rowKeys?(count: number, random: Random): Promise<readonly unknown[]>
  /** One row, by its key. @returns its duration */
  row?(key: unknown): Promise<number>
  close(): Promise<void>
}

export const QUANTILES = [0.5, 0.9, 0.95, 0.99, 0.999]

/** Bytes of all files below a folder. */
export function sizeOnDisk(folder: string): number {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0)
}
