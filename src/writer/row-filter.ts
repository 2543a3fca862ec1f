/**
 * @module writer/row-filter
 * Which rows are stored. All of them, unless the user has asked for less of some function: nothing below a duration, or
 * a sample of one row in n, which then stands for n calls. Failed calls are always stored, and so are slow ones, each
 * for itself: they are what people look for.
 *
 * What is stored of a batch depends on nothing but the batch and the controls, so that a batch that is written a second
 * time after a death holds the same rows.
 */
import {
  clearDetails,
  createRowColumns,
  createRowDetails,
  reserveRows,
  type RowColumns,
} from '../database/format/rows.ts'
import { MetricsAccumulator } from '../metrics/accumulator.ts'
import { BUCKET_UPPER_NS, bucketOf } from '../metrics/histogram.ts'
import type { MetricsSlab } from '../metrics/slab.ts'
import type { Controls } from '../queue/controls.ts'
import { nowMs } from '../internal/time.ts'

/** A sampled function's slow calls are those beyond this quantile of all its calls so far. */
const SLOW_QUANTILE = 0.99
/** Below so many calls nobody knows what is slow: all are stored. */
const FEWEST_CALLS = 100
const LEARN_INTERVAL_MS = 1000

export class RowFilter {
  readonly #controls: Controls
  readonly #folded: MetricsSlab
  readonly #accumulator = new MetricsAccumulator()
  #kept: RowColumns | undefined
  #version = 0
  #active: number[] = [] // functions of which not every row is stored
  #isActive = new Uint8Array(0)
  #learnedMs = -Infinity

  constructor(controls: Controls, folded: MetricsSlab) {
    this.#controls = controls
    this.#folded = folded
  }

  /**
   * @param first number of the first row in its ring
   * @returns the rows to be stored: the same object if that is all of them
   */
  keep(rows: RowColumns, slot: number, first: number): RowColumns {
    this.#refresh()
    if (this.#active.length === 0) return rows
    const kept = (this.#kept ??= createRowColumns(rows.functionIds.length))
    const details = (kept.details ??= createRowDetails(rows.functionIds.length))
    clearDetails(details, 0, kept.count)
    kept.count = 0
    reserveRows(kept, rows.count)
    for (let row = 0; row < rows.count; row++) {
      const weight = this.#weightOf(rows, row, slot, (first + row) | 0)
      if (weight > 0) copyRow(rows, row, kept, weight)
    }
    return kept
  }

  /** Lock owner, from time to time: learns from the metrics what is slow. */
  learn(): void {
    if (this.#active.length === 0 || nowMs() - this.#learnedMs < LEARN_INTERVAL_MS) return
    this.#learnedMs = nowMs()
    for (const id of this.#active) {
      if (this.#controls.oneIn(id) === 1) continue
      this.#accumulator.clear()
      this.#folded.read(id, this.#accumulator)
      if (this.#accumulator.calls < FEWEST_CALLS) continue
      const slowNs = Math.round(this.#accumulator.quantile(SLOW_QUANTILE))
      // beyond the bucket: in it may be nearly all calls of a function that always takes as long
      this.#controls.setKeepFromNs(id, BUCKET_UPPER_NS[bucketOf(slowNs)]! + 1)
    }
  }

  /** @returns calls that the row is to stand for; 0: it is not stored */
  #weightOf(rows: RowColumns, row: number, slot: number, number: number): number {
    const id = rows.functionIds[row]!
    if (this.#isActive[id] !== 1 || rows.errorTypes[row] !== 0) return 1
    const durationNs = rows.durationsNs[row]!
    if (durationNs < this.#controls.slowerThanNs(id)) return 0
    const oneIn = this.#controls.oneIn(id)
    if (oneIn === 1 || durationNs >= this.#controls.keepFromNs(id)) return 1
    return scramble(number, slot) % oneIn === 0 ? oneIn : 0
  }

  #refresh(): void {
    const { version } = this.#controls
    if (version === this.#version) return
    this.#version = version
    this.#active = [...this.#controls.filtered()]
    this.#isActive = new Uint8Array(this.#controls.off.length)
    for (const id of this.#active) this.#isActive[id] = 1
  }
}

function copyRow(from: RowColumns, row: number, to: RowColumns, weight: number): void {
  const at = to.count++
  to.functionIds[at] = from.functionIds[row]!
  to.startsUs[at] = from.startsUs[row]!
  to.durationsNs[at] = from.durationsNs[row]!
  to.errorTypes[at] = from.errorTypes[row]!
  const details = to.details!
  details.weights[at] = weight
  if (from.details === undefined) return
  details.contexts[at] = from.details.contexts[row]!
  details.childrenNs[at] = from.details.childrenNs[row]!
  const attributes = from.details.attributes.get(row)
  if (attributes !== undefined) details.attributes.set(at, attributes)
}

/** A u32 that looks random: functions that are called in turns must not have one of them sampled always. */
function scramble(number: number, slot: number): number {
  let hash = Math.imul(number ^ Math.imul(slot + 1, 0x9e37_79b1), 0x85eb_ca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35)
  hash = Math.imul(hash ^ (hash >>> 16), 0x27d4_eb2f)
  return (hash ^ (hash >>> 15)) >>> 0
}
