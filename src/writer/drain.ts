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
 */
import type { DirectoryWriter } from '../database/directory-writer.ts'
import { createRowColumns, MAX_DURATION_NS } from '../database/format/rows.ts'
import { MetricsSlab } from '../metrics/slab.ts'
import {
  CLOCK_EPOCH_US,
  CLOCK_MONOTONIC_NS,
  FAILED_BIT,
  FOLD_SEQUENCE,
  FUNCTION_ID_MASK,
  headWord,
  RECORD_SIZE_BYTES,
  SLOT_COUNT,
  storedCounter,
  tailWord,
  type SharedMemory,
} from '../queue/layout.ts'
import { beginChange, endChange } from '../queue/lock.ts'
import type { NameLog } from '../queue/name-log.ts'

/** Rows a frame holds at most, and so how long the lock is held in one go: about half a millisecond. */
const MAX_BATCH_ROWS = 16_384
const WORDS_PER_RECORD = RECORD_SIZE_BYTES / 4

export class Drain {
  readonly #control: Int32Array
  readonly #counters: Float64Array
  readonly #clock: Float64Array
  readonly #rings: Uint32Array[]
  readonly #mask: number
  readonly #names: NameLog
  readonly #folded: MetricsSlab
  readonly #directory: () => DirectoryWriter
  readonly #rows = createRowColumns(MAX_BATCH_ROWS)

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
    this.#mask = memory.rings[0]!.byteLength / RECORD_SIZE_BYTES - 1
    this.#names = names
    this.#folded = new MetricsSlab(memory.folded, functionIds)
    this.#directory = directory
  }

  /**
   * Stores at most one batch of every slot. The caller holds the LOCK.
   *
   * @returns rows stored; 0 when the rings are empty
   * @throws {KroniclerError} KRONICLER_IO: the log could not be written; nothing has moved
   */
  drainOnce(): number {
    let stored = 0
    for (let slot = 0; slot < SLOT_COUNT; slot++) stored += this.#drainSlot(slot)
    return stored
  }

  /** Empties the rings without storing anything. The caller holds the LOCK. @returns rows discarded */
  discard(): number {
    let discarded = 0
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      const head = Atomics.load(this.#control, headWord(slot))
      discarded += (head - Atomics.load(this.#control, tailWord(slot))) | 0
      Atomics.store(this.#control, tailWord(slot), head)
    }
    return discarded
  }

  #drainSlot(slot: number): number {
    const head = Atomics.load(this.#control, headWord(slot))
    const tail = Atomics.load(this.#control, tailWord(slot))
    const count = Math.min((head - tail) | 0, MAX_BATCH_ROWS)
    if (count === 0) return 0
    const directory = this.#directory()
    this.#storeNames(directory)
    this.#readRecords(slot, tail, count)
    const stored = storedCounter(slot)
    directory.append(this.#rows, { slot, slotSequence: this.#counters[stored]! })
    beginChange(this.#control, FOLD_SEQUENCE)
    this.#fold()
    this.#counters[stored] = this.#counters[stored]! + count
    Atomics.store(this.#control, tailWord(slot), (tail + count) | 0)
    endChange(this.#control, FOLD_SEQUENCE)
    Atomics.notify(this.#control, tailWord(slot))
    return count
  }

  /** The names of all rows below the heads just read are in the log: a name is added before its first call. */
  #storeNames(directory: DirectoryWriter): void {
    const { entries, end } = this.#names.unpersisted()
    if (entries.length === 0) return
    directory.appendNames(entries)
    this.#names.markPersisted(end)
  }

  #readRecords(slot: number, tail: number, count: number): void {
    const ring = this.#rings[slot]!
    const { functionIds, startsUs, durationsNs, errorTypes } = this.#rows
    const tiedNs = this.#clock[CLOCK_MONOTONIC_NS]!
    const tiedUs = this.#clock[CLOCK_EPOCH_US]!
    this.#rows.count = count
    for (let row = 0; row < count; row++) {
      const word = ((tail + row) & this.#mask) * WORDS_PER_RECORD
      const startLow = ring[word]!
      const startHigh = ring[word + 1]!
      // the difference of the halves is exact, whatever the absolute time is
      const durationNs = (ring[word + 3]! - startHigh) * 4294967296 + (ring[word + 2]! - startLow)
      const functionWord = ring[word + 4]!
      functionIds[row] = functionWord & FUNCTION_ID_MASK
      startsUs[row] = tiedUs + Math.floor((startHigh * 4294967296 + startLow - tiedNs) / 1000)
      durationsNs[row] = durationNs < 0 ? 0 : Math.min(durationNs, MAX_DURATION_NS)
      errorTypes[row] = functionWord >= FAILED_BIT ? ring[word + 6]! : 0
    }
  }

  #fold(): void {
    const { count, functionIds, durationsNs, errorTypes } = this.#rows
    for (let row = 0; row < count; row++) {
      this.#folded.fold(functionIds[row]!, durationsNs[row]!, errorTypes[row] !== 0)
    }
  }
}
