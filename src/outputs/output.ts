/**
 * @module outputs/output
 * What an output is to the thread that saves to it, and what it is given: batches of differences, numbered by whoever made them.
 */
import type { SlabDifference } from '../metrics/slab-mirror.ts'
import type { MinuteRow } from './merge-row.ts'

/** One function's calls of one batch. */
export interface FunctionDifference extends SlabDifference {
  name: string
}

/**
 * What came in between two moments. A writer's batches are numbered from 1; each is saved whole or not at all, and the same
 * number never twice, however often it is tried.
 */
export interface Batch {
  writer: string // unique: a process's saving to one output
  process: string // for people: host, process id and start
  sequence: number
  fromMs: number // since the epoch: the batch before was made then, and this one at `toMs`
  toMs: number
  functions: FunctionDifference[]
}

/** A writer's calls of a minute, or of a part of one: sums of consecutive batches, as the table has them. */
export interface Minute {
  readonly writer: string
  readonly process: string
  readonly minuteMs: number // since the epoch
  readonly sequence: number // of the last batch that is in it
  readonly rows: ReadonlyMap<string, MinuteRow> // by function
}

export interface OutputStore {
  /**
   * Adds the batch to the totals, unless it or a later one of the same writer has been added: then nothing changes. If it rejects,
   * the batch may have been added all the same (the answer was lost), and is to be tried again.
   */
  save(batch: Batch): Promise<void>
  /**
   * Likewise for the calls of a minute. What is tried again must have the same batches as the first time, and what comes next those
   * behind them.
   */
  saveMinute(minute: Minute): Promise<void>
  /** Removes the figures of minutes before this one. */
  expire(beforeMs: number): Promise<void>
  close(): Promise<void>
}

export const MINUTE_MS = 60_000

/** The minute in which the batch's calls are counted: that in which it began. */
export function minuteOf({ fromMs }: Batch): number {
  return Math.floor(fromMs / MINUTE_MS) * MINUTE_MS
}
