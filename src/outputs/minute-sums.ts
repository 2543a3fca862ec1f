/**
 * @module outputs/minute-sums
 * A writer's calls of a minute, as rows of `metrics_by_minute` will have them: put together from its batches in memory, so that the
 * table is written once a minute. Until then the batches stay in the spool, so nothing depends on this memory.
 */
import { addToMinute, type MinuteRow } from './merge-row.ts'
import { MINUTE_MS, minuteOf, type Batch, type Minute } from './output.ts'

export class MinuteSums implements Minute {
  readonly writer: string
  readonly process: string
  readonly minuteMs: number
  readonly rows = new Map<string, MinuteRow>()
  #sequence = 0
  #isOver = false

  constructor(batch: Batch) {
    this.writer = batch.writer
    this.process = batch.process
    this.minuteMs = minuteOf(batch)
    this.add(batch)
  }

  /** Number of the last batch that is in it. */
  get sequence(): number {
    return this.#sequence
  }

  /** Whether no more batches of this minute are to be expected. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** Batches are added in order, each once. */
  add(batch: Batch): void {
    for (const difference of batch.functions) {
      const { name } = difference
      this.rows.set(name, addToMinute(this.rows.get(name), difference))
    }
    this.#sequence = batch.sequence
    this.#isOver = batch.toMs >= this.minuteMs + MINUTE_MS
  }
}
