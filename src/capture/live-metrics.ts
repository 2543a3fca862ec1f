/**
 * @module capture/live-metrics
 * A function's metrics at this very moment: what has been folded, what was refused by a full ring, and what is still
 * queued. A program therefore always sees its own calls. Constant cost per function, bounded by the rings.
 */
import { MetricsAccumulator } from '../metrics/accumulator.ts'
import { MetricsSlab } from '../metrics/slab.ts'
import {
  FAILED_BIT,
  FOLD_SEQUENCE,
  foldedWord,
  FUNCTION_ID_MASK,
  headWord,
  LOCK,
  RECORD_SIZE_BYTES,
  REFUSED_LOCK,
  REFUSED_SEQUENCE,
  SLOT_COUNT,
  tailWord,
  type SharedMemory,
} from '../queue/layout.ts'
import { acquireBriefly, beginChange, endChange, release } from '../queue/lock.ts'
import { viewTimes, type Times } from '../queue/time-source.ts'
import { nowMs, sleep } from '../internal/time.ts'
import type { Metrics } from '../types.ts'

const WORDS_PER_RECORD = RECORD_SIZE_BYTES / 4
const TIMES_PER_RECORD = RECORD_SIZE_BYTES / 8
/** A fold takes some microseconds, and longer if its thread gets no processor: from then on it is left one. */
const SPIN_MS = 1
/** A thread that has not gone on by then is dead. What it has done is read as it stands, right but for the call it was at. */
const PATIENCE_MS = 250
/** Refused calls that a thread keeps until it can count them: others may count theirs, or one has died in doing so. */
const MOST_WAITING = 65_536
const ATTEMPTS = 1000

export class LiveMetrics {
  readonly #control: Int32Array
  readonly #rings: Uint32Array[]
  readonly #times: Times[]
  readonly #mask: number
  readonly #folded: MetricsSlab
  readonly #refused: MetricsSlab
  readonly #accumulator = new MetricsAccumulator()
  readonly #owner: number
  /** Refused calls that came while another thread was counting its own. */
  #waiting: { functionId: number; durationNs: number; failed: boolean }[] = []
  #scheduled = false
  /** One that was waited for in vain: the thread is dead, or gets no processor. */
  #stoppedChange: string | undefined

  constructor(memory: SharedMemory, maxFunctions: number, threadId: number) {
    this.#control = new Int32Array(memory.control)
    this.#rings = memory.rings.map((ring) => new Uint32Array(ring))
    this.#times = memory.rings.map((ring) => viewTimes(ring, memory.clockOrigin))
    this.#mask = memory.rings[0]!.byteLength / RECORD_SIZE_BYTES - 1
    this.#folded = new MetricsSlab(memory.folded, maxFunctions)
    this.#refused = new MetricsSlab(memory.refused, maxFunctions)
    this.#owner = threadId + 1
  }

  /** Counts a call that is not stored. Never waits: while other threads do the same it counts the call a little later. */
  addRefused(functionId: number, durationNs: number, failed: boolean): void {
    if (this.#waiting.length === 0 && acquireBriefly(this.#control, REFUSED_LOCK, this.#owner)) {
      this.#change(() => {
        this.#refused.fold(functionId, durationNs, failed)
      })
      return
    }
    // a call beyond the limit is in the dropped counter all the same
    if (this.#waiting.length < MOST_WAITING) this.#waiting.push({ functionId, durationNs, failed })
    if (!this.#addWaiting() && !this.#scheduled) this.#schedule(ATTEMPTS)
  }

  /** @returns whether none is waiting any more */
  #addWaiting(): boolean {
    if (this.#waiting.length === 0) return true
    if (!acquireBriefly(this.#control, REFUSED_LOCK, this.#owner)) return false
    this.#change(() => {
      for (const call of this.#waiting) {
        this.#refused.fold(call.functionId, call.durationNs, call.failed)
      }
    })
    this.#waiting = []
    return true
  }

  /** The lock is held. */
  #change(work: () => void): void {
    beginChange(this.#control, REFUSED_SEQUENCE)
    work()
    endChange(this.#control, REFUSED_SEQUENCE)
    release(this.#control, REFUSED_LOCK)
  }

  /** Keeps the thread alive for it, a second at most. */
  #schedule(attempts: number): void {
    this.#scheduled = attempts > 0
    if (!this.#scheduled) return
    void sleep(1).then(() => {
      if (this.#addWaiting()) this.#scheduled = false
      else this.#schedule(attempts - 1)
    })
  }

  /** Metrics of the function with this id; undefined if there are no calls. */
  read(id: number): Metrics | undefined {
    const startMs = nowMs()
    this.#addWaiting()
    while (!this.#tryRead(id)) {
      const change = this.#changeUnderWay()
      const waitedMs = nowMs() - startMs
      if (change === this.#stoppedChange) break
      if (waitedMs >= PATIENCE_MS) this.#stoppedChange = change
      else if (waitedMs >= SPIN_MS) this.#nap()
    }
    return this.#accumulator.calls === 0 ? undefined : this.#accumulator.toMetrics()
  }

  /** Leaves the processor to who holds the lock, until it lets go, a millisecond at most. */
  #nap(): void {
    Atomics.wait(this.#control, LOCK, Atomics.load(this.#control, LOCK), 1)
  }

  /** Names the changes that are being made, or were made last. */
  #changeUnderWay(): string {
    return `${Atomics.load(this.#control, FOLD_SEQUENCE)} ${Atomics.load(this.#control, REFUSED_SEQUENCE)}`
  }

  /** @returns false if a fold came in between, so that the numbers may not belong together */
  #tryRead(id: number): boolean {
    const foldSequence = Atomics.load(this.#control, FOLD_SEQUENCE)
    const refusedSequence = Atomics.load(this.#control, REFUSED_SEQUENCE)
    this.#accumulator.clear()
    this.#folded.read(id, this.#accumulator)
    this.#refused.read(id, this.#accumulator)
    for (let slot = 0; slot < SLOT_COUNT; slot++) this.#readRing(slot, id)
    return (
      (foldSequence & 1) === 0 &&
      (refusedSequence & 1) === 0 &&
      Atomics.load(this.#control, FOLD_SEQUENCE) === foldSequence &&
      Atomics.load(this.#control, REFUSED_SEQUENCE) === refusedSequence
    )
  }

  /**
   * What is between tail and head is not folded yet, but for what a fold that was stopped in the middle has done. The ring's
   * own thread may overwrite it only after the tail has moved on, which is a fold, which the sequence shows.
   */
  #readRing(slot: number, id: number): void {
    const ring = this.#rings[slot]!
    const times = this.#times[slot]!
    const tail = Atomics.load(this.#control, tailWord(slot))
    const folded = Atomics.load(this.#control, foldedWord(slot))
    const head = Atomics.load(this.#control, headWord(slot)) // last: the others never pass it
    for (let i = ((folded - tail) | 0) > 0 ? folded : tail; i !== head; i = (i + 1) | 0) {
      const word = (i & this.#mask) * WORDS_PER_RECORD
      const functionWord = ring[word + 4]!
      if ((functionWord & FUNCTION_ID_MASK) !== id) continue
      const time = (i & this.#mask) * TIMES_PER_RECORD
      const durationNs = Math.round(Number(times[time + 1]! - times[time]!))
      this.#accumulator.add(Math.max(0, durationNs), functionWord >= FAILED_BIT)
    }
  }
}
