/**
 * @module writer/self-accounting
 * What Kronicler costs its host, as numbers: in shared memory for `health()`, and as a row of its own every ten seconds,
 * so that it can be looked up afterwards.
 */
import type { DirectoryWriter } from '../database/write/directory-writer.ts'
import { createRowColumns, detailsOf } from '../database/format/rows.ts'
import {
  clockReadCounter,
  headWord,
  lostCounter,
  OWN_CLOCK_READ_NS,
  OWN_COST_NS,
  OWN_ROWS,
  RECORD_SIZE_BYTES,
  refusedClosedCounter,
  refusedFailingCounter,
  DISCARDED_COUNTER,
  droppedDetails,
  droppedRows,
  FILTERED_COUNTER,
  SLOT_COUNT,
  SLOTLESS_DROPPED,
  storedCounter,
  tailWord,
  type SharedMemory,
} from '../queue/layout.ts'
import { viewTimes, type Times } from '../queue/time-source.ts'

/** Not a slot of the application's. */
const OWN_SLOT = SLOT_COUNT

export interface QueueAccount {
  stored: number // rows in the log
  queued: number // rows waiting to be stored
  lagMs: number // how long the oldest of them has been waiting
  filtered: number // rows left out on request
  attributesDropped: number
  dropped: number // calls that are not stored, for one of the five reasons below
  droppedBy: {
    queueFull: number // they came faster than they could be stored
    noQueue: number // of threads beyond the sixteen that may record at a time
    failure: number // nothing could be stored, the disk being full or the background thread dead
    closed: number // recording had ended
    unrecorded: number // no stack was left to record them, or nobody can be near their iterator: nor are they in the metrics
  }
  recordNs: number // cost of one call at present: both clock reads and the record; NaN: not measured yet
}

export class SelfAccounting {
  readonly #control: Int32Array
  readonly #counters: Float64Array
  readonly #times: Times[]
  readonly #mask: number
  readonly #now: () => number

  /** @param now the records' clock, ns */
  constructor(memory: SharedMemory, now: () => number) {
    this.#control = new Int32Array(memory.control)
    this.#counters = new Float64Array(memory.counters)
    this.#times = memory.rings.map((ring) => viewTimes(ring, memory.clockOrigin))
    this.#mask = memory.rings[0]!.byteLength / RECORD_SIZE_BYTES - 1
    this.#now = now
  }

  read(): QueueAccount {
    const counters = this.#counters
    const dropped = droppedRows(this.#control, counters)
    const noQueue = Atomics.load(this.#control, SLOTLESS_DROPPED) >>> 0
    const failure = this.#sum(refusedFailingCounter)
    const closed = this.#sum(refusedClosedCounter) + counters[DISCARDED_COUNTER]!
    const unrecorded = this.#sum(lostCounter)
    const queueFull = Math.max(0, dropped - noQueue - failure - closed - unrecorded)
    return {
      stored: this.#sum(storedCounter),
      ...this.#queue(),
      filtered: counters[FILTERED_COUNTER]!,
      attributesDropped: droppedDetails(counters),
      dropped,
      droppedBy: { queueFull, noQueue, failure, closed, unrecorded },
      recordNs: this.#recordNs(),
    }
  }

  /** Background thread: keeps what it has measured of itself. */
  setCost(cost: { recordNs: number; clockReadNs: number }): void {
    this.#counters[OWN_COST_NS] = cost.recordNs
    this.#counters[OWN_CLOCK_READ_NS] = cost.clockReadNs
  }

  /**
   * Lock owner: writes the row.
   *
   * @param functionId of HEALTH_FUNCTION, whose name is in the dictionary
   * @param startMs    beginning of the time that the row tells of
   * @param busyNs     time within it in which the background thread worked
   */
  writeRow(
    directory: DirectoryWriter,
    row: { functionId: number; startMs: number; busyNs: number },
  ): void {
    const { droppedBy, ...numbers } = this.read()
    const attributes = { ...numbers, ...droppedBy }
    const rows = createRowColumns(1)
    rows.count = 1
    rows.functionIds[0] = row.functionId
    rows.startsUs[0] = Math.round(row.startMs * 1000)
    rows.durationsNs[0] = Math.round(row.busyNs)
    detailsOf(rows).attributes.set(0, Buffer.from(JSON.stringify(attributes)))
    const sequence = this.#counters[OWN_ROWS]!
    directory.append(rows, { slot: OWN_SLOT, slotSequence: sequence })
    this.#counters[OWN_ROWS] = sequence + 1
  }

  #queue(): { queued: number; lagMs: number } {
    let queued = 0
    let oldestNs = Infinity
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      const tail = Atomics.load(this.#control, tailWord(slot))
      const rows = Math.max(0, (Atomics.load(this.#control, headWord(slot)) - tail) | 0)
      queued += rows
      if (rows === 0) continue
      const ended = (tail & this.#mask) * (RECORD_SIZE_BYTES / 8) + 1
      oldestNs = Math.min(oldestNs, Number(this.#times[slot]![ended]!))
    }
    return { queued, lagMs: queued === 0 ? 0 : Math.max(0, (this.#now() - oldestNs) / 1e6) }
  }

  /** What it cost at the start, by how much slower the clock is read now: the rest slows down alike. */
  #recordNs(): number {
    const atStart = this.#counters[OWN_COST_NS]!
    if (atStart === 0) return NaN
    const reads: number[] = []
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      const readNs = this.#counters[clockReadCounter(slot)]!
      if (readNs > 0) reads.push(readNs)
    }
    if (reads.length === 0) return atStart
    const meanNs = reads.reduce((sum, readNs) => sum + readNs, 0) / reads.length
    return atStart * Math.max(1, meanNs / this.#counters[OWN_CLOCK_READ_NS]!)
  }

  #sum(counter: (slot: number) => number): number {
    let sum = 0
    for (let slot = 0; slot < SLOT_COUNT; slot++) sum += this.#counters[counter(slot)]!
    return sum
  }
}
