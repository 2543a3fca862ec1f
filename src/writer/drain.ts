/**
 * @module writer/drain
 * Moves rows from the rings into the log and into the metrics. Whoever holds the LOCK may do it: the background thread
 * as a rule, the application's thread when there is none (at the very start, while the process ends, after a failure).
 *
 * Order, which is what nothing lost and nothing counted twice rests on:
 *   names → rows (one frame, one write) → metrics → TAIL
 * If a write fails nothing has moved: the rows stay in the ring, and when the ring is full new ones are refused and
 * counted. A death between the write and TAIL has the next one write the same rows again; the frame carries the slot's
 * sequence, by which readers drop the second copy.
 *
 * Here, off the application's thread, it is also decided which rows are stored: what the user does not want to see, or
 * wants a sample of, ends in the metrics.
 */
import type { DirectoryWriter } from '../database/write/directory-writer.ts'
import {
  createRowColumns,
  createRowDetails,
  MAX_DURATION_NS,
  type RowColumns,
} from '../database/format/rows.ts'
import { MetricsSlab } from '../metrics/slab.ts'
import { CallTree } from '../queue/call-tree.ts'
import { Controls } from '../queue/controls.ts'
import { DetailRing } from '../queue/detail-ring.ts'
import {
  ASYNC_BIT,
  CLOCK_EPOCH_US,
  CLOCK_MONOTONIC_NS,
  DEPTH_SHIFT,
  DETAILED_BIT,
  FAILED_BIT,
  FILTERED_COUNTER,
  FOLD_SEQUENCE,
  foldedWord,
  FUNCTION_ID_MASK,
  headWord,
  MAX_DEPTH,
  RECORD_SIZE_BYTES,
  SLOT_COUNT,
  storedCounter,
  tailWord,
  type SharedMemory,
} from '../queue/layout.ts'
import { beginChange, endChange } from '../queue/lock.ts'
import type { NameLog } from '../queue/name-log.ts'
import { RowFilter } from './row-filter.ts'

/** Rows a frame holds at most, and so how long the lock is held in one go: about half a millisecond. */
const MAX_BATCH_ROWS = 16_384
const WORDS_PER_RECORD = RECORD_SIZE_BYTES / 4
const TIMES_PER_RECORD = RECORD_SIZE_BYTES / 8
const WORD = 2 ** 32
/** Of a row's context, see database/format/call-context: the same bits as in the record, and this one. */
const ASYNC_CONTEXT = 0x8000_0000
const DEPTH_MASK = MAX_DEPTH << DEPTH_SHIFT

export class Drain {
  readonly #control: Int32Array
  readonly #counters: Float64Array
  readonly #clock: Float64Array
  readonly #rings: Uint32Array[]
  readonly #floatRings: Float64Array[] | undefined // with the float clock
  readonly #mask: number
  readonly #names: NameLog
  readonly #folded: MetricsSlab
  readonly #directory: () => DirectoryWriter
  readonly #details: DetailRing[]
  readonly #tree: CallTree
  readonly #filter: RowFilter
  readonly #rows = createRowColumns(MAX_BATCH_ROWS)
  readonly #rowDetails = createRowDetails(MAX_BATCH_ROWS)

  /**
   * @param functionIds ids in use are below this
   * @param directory   gives the open directory, making it if need be; called before the first row only
   */
  constructor(
    memory: SharedMemory,
    names: NameLog,
    functionIds: number,
    directory: () => DirectoryWriter,
  ) {
    this.#control = new Int32Array(memory.control)
    this.#counters = new Float64Array(memory.counters)
    this.#clock = new Float64Array(memory.clock)
    this.#rings = memory.rings.map((ring) => new Uint32Array(ring))
    this.#floatRings =
      memory.clockOrigin === undefined
        ? undefined
        : memory.rings.map((ring) => new Float64Array(ring))
    this.#mask = memory.rings[0]!.byteLength / RECORD_SIZE_BYTES - 1
    this.#names = names
    this.#folded = new MetricsSlab(memory.folded, functionIds)
    this.#directory = directory
    this.#details = memory.details.map((_, slot) => new DetailRing(memory, slot))
    this.#tree = new CallTree(memory.callTree)
    this.#filter = new RowFilter(new Controls(memory.controls, functionIds), this.#folded)
  }

  /**
   * Stores at most one batch of every slot. The caller holds the LOCK.
   *
   * @returns rows drained; 0 when the rings are empty
   * @throws {KroniclerError} KRONICLER_IO: the log could not be written; nothing has moved
   */
  drainOnce(): number {
    let drained = 0
    for (let slot = 0; slot < SLOT_COUNT; slot++) drained += this.#drainSlot(slot)
    if (drained > 0) this.#filter.learn()
    return drained
  }

  /** Empties the rings into the metrics, without storing anything. The caller holds the LOCK. @returns rows discarded */
  discard(): number {
    let discarded = 0
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      for (;;) {
        const count = this.#discardBatch(slot)
        if (count === 0) break
        discarded += count
      }
    }
    return discarded
  }

  #discardBatch(slot: number): number {
    const { tail, count } = this.#batchOf(slot)
    if (count === 0) return 0
    const detailsEnd = this.#readRecords(slot, tail, count)
    this.#finish(slot, tail, detailsEnd, { stored: 0, filtered: 0 })
    return count
  }

  #batchOf(slot: number): { tail: number; count: number } {
    const head = Atomics.load(this.#control, headWord(slot))
    const tail = Atomics.load(this.#control, tailWord(slot))
    return { tail, count: Math.min((head - tail) | 0, MAX_BATCH_ROWS) }
  }

  #drainSlot(slot: number): number {
    const { tail, count } = this.#batchOf(slot)
    if (count === 0) return 0
    const directory = this.#directory()
    this.storeNames()
    const detailsEnd = this.#readRecords(slot, tail, count)
    const kept = this.#filter.keep(this.#rows, slot, tail)
    const slotSequence = this.#counters[storedCounter(slot)]!
    if (kept.count > 0) directory.append(kept, { slot, slotSequence })
    this.#finish(slot, tail, detailsEnd, { stored: kept.count, filtered: count - kept.count })
    return count
  }

  /** The rows just read go into the metrics, are counted, and leave the ring. */
  #finish(
    slot: number,
    tail: number,
    detailsEnd: number,
    { stored, filtered }: { stored: number; filtered: number },
  ): void {
    const counters = this.#counters
    const counter = storedCounter(slot)
    const tailIndex = tailWord(slot)
    const newTail = (tail + this.#rows.count) | 0
    beginChange(this.#control, FOLD_SEQUENCE)
    this.#fold(slot, tail)
    this.#tree.commit(slot)
    // calls no function from here to TAIL: a thread that is terminated has done all of it or nothing
    counters[counter] = counters[counter]! + stored
    counters[FILTERED_COUNTER] = counters[FILTERED_COUNTER]! + filtered
    Atomics.store(this.#control, tailIndex, newTail)
    endChange(this.#control, FOLD_SEQUENCE)
    this.#details[slot]!.release(detailsEnd)
    Atomics.notify(this.#control, tailIndex)
  }

  /**
   * Lock owner: what has been named so far. The names of all rows below the heads just read are in the log: a name is
   * added before its first call.
   */
  storeNames(): void {
    const { entries, end } = this.#names.unpersisted()
    if (entries.length === 0) return
    this.#directory().appendNames(entries)
    this.#names.markPersisted(end)
  }

  /** Decodes the records to #rows. @returns position behind the details that they have used up */
  #readRecords(slot: number, tail: number, count: number): number {
    if (this.#floatRings === undefined) this.#readIntegerTimes(slot, tail, count)
    else this.#readFloatTimes(slot, tail, count)
    const ring = this.#rings[slot]!
    const { functionIds, durationsNs, errorTypes } = this.#rows
    const { attributes, childrenNs, contexts } = this.#rowDetails
    const details = this.#details[slot]!
    const tree = this.#tree
    let detailsEnd = details.tail
    let withDetails = 0
    if (attributes.size > 0) attributes.clear()
    this.#rows.count = count
    tree.begin(slot)
    for (let row = 0; row < count; row++) {
      const word = ((tail + row) & this.#mask) * WORDS_PER_RECORD
      const functionWord = ring[word + 4]!
      const parentWord = ring[word + 5]!
      functionIds[row] = functionWord & FUNCTION_ID_MASK
      errorTypes[row] = functionWord >= FAILED_BIT ? ring[word + 6]! : 0
      const depthBits = functionWord & DEPTH_MASK
      let ownChildrenNs = 0
      let context = (parentWord & FUNCTION_ID_MASK) | depthBits
      if ((parentWord & ASYNC_BIT) !== 0) context |= ASYNC_CONTEXT
      else {
        const depth = depthBits >>> DEPTH_SHIFT
        ownChildrenNs = tree.add(depth, ring[word]!, durationsNs[row]!, ring[word + 7]!)
      }
      if ((parentWord & DETAILED_BIT) !== 0) {
        const entry = details.find(detailsEnd, (tail + row) | 0)
        if (entry !== undefined) {
          detailsEnd = entry.next
          if (entry.attributes !== undefined) attributes.set(row, entry.attributes)
          if (!Number.isNaN(entry.childrenNs)) {
            ownChildrenNs = Math.min(entry.childrenNs, durationsNs[row]!)
          }
        }
      }
      contexts[row] = context
      childrenNs[row] = ownChildrenNs
      withDetails |= context | (ownChildrenNs > 0 ? 1 : 0)
    }
    this.#rows.details = withDetails !== 0 || attributes.size > 0 ? this.#rowDetails : undefined
    return detailsEnd
  }

  #readIntegerTimes(slot: number, tail: number, count: number): void {
    const ring = this.#rings[slot]!
    const { startsUs, durationsNs } = this.#rows
    const tiedNs = this.#clock[CLOCK_MONOTONIC_NS]!
    const tiedUs = this.#clock[CLOCK_EPOCH_US]!
    for (let row = 0; row < count; row++) {
      const word = ((tail + row) & this.#mask) * WORDS_PER_RECORD
      const startLow = ring[word]!
      const startHigh = ring[word + 1]!
      // the difference of the halves is exact, whatever the absolute time is
      const durationNs = (ring[word + 3]! - startHigh) * WORD + (ring[word + 2]! - startLow)
      startsUs[row] = tiedUs + Math.floor((startHigh * WORD + startLow - tiedNs) / 1000)
      durationsNs[row] = durationNs < 0 ? 0 : Math.min(durationNs, MAX_DURATION_NS)
    }
  }

  #readFloatTimes(slot: number, tail: number, count: number): void {
    const ring = this.#floatRings![slot]!
    const { startsUs, durationsNs } = this.#rows
    const tiedNs = this.#clock[CLOCK_MONOTONIC_NS]!
    const tiedUs = this.#clock[CLOCK_EPOCH_US]!
    for (let row = 0; row < count; row++) {
      const at = ((tail + row) & this.#mask) * TIMES_PER_RECORD
      const durationNs = Math.round(ring[at + 1]! - ring[at]!)
      startsUs[row] = tiedUs + Math.floor((ring[at]! - tiedNs) / 1000)
      durationsNs[row] = durationNs < 0 ? 0 : Math.min(durationNs, MAX_DURATION_NS)
    }
  }

  /** All rows, also those that are not stored. */
  #fold(slot: number, tail: number): void {
    const { count, functionIds, durationsNs, errorTypes }: RowColumns = this.#rows
    const word = foldedWord(slot)
    // a thread that died in here has left some done
    for (let row = Math.max(0, (this.#control[word]! - tail) | 0); row < count; row++) {
      this.#folded.fold(functionIds[row]!, durationsNs[row]!, errorTypes[row] !== 0)
      this.#control[word] = (tail + row + 1) | 0
    }
  }
}
