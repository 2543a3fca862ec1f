/**
 * @module outputs/cutter
 * Cuts batches: what all functions have been called since the last one, from the metrics in shared memory. The thread for outputs
 * does it every few seconds, the thread that exits once more at the end; a lock keeps them apart.
 *
 * Words of an output's control memory, i32:
 *
 *   LOCK      whoever cuts: its thread id + 1
 *   SEQUENCE  number of the last batch (lock owner)
 *
 * and at byte 8, f64, when it was cut, milliseconds since the epoch (lock owner).
 */
import type { SlabDifference } from '../metrics/slab-mirror.ts'
import { SlabMirror } from '../metrics/slab-mirror.ts'
import { mergeSums } from '../metrics/merge-sums.ts'
import { nowMs } from '../internal/time.ts'
import { FOLD_SEQUENCE, REFUSED_SEQUENCE, type SharedMemory } from '../queue/layout.ts'
import { acquire, release } from '../queue/lock.ts'
import { NAME_FUNCTION, type NameLog } from '../queue/name-log.ts'
import type { Batch, FunctionDifference } from './output.ts'

/** What the threads share of one output. */
export interface OutputMemory {
  control: SharedArrayBuffer
  folded: SharedArrayBuffer // mirror of the drained calls' slab (lock owner)
  refused: SharedArrayBuffer // likewise, of refused calls
}

export function createOutputMemory(memory: SharedMemory, startMs: number): OutputMemory {
  const control = new SharedArrayBuffer(CONTROL_BYTES)
  new Float64Array(control)[LAST_CUT_MS] = startMs
  return {
    control,
    folded: new SharedArrayBuffer(memory.folded.byteLength),
    refused: new SharedArrayBuffer(memory.refused.byteLength),
  }
}

export const CONTROL_BYTES = 64
const LOCK = 0
const SEQUENCE = 1
const LAST_CUT_MS = 1

/** Bounds the memory of a batch, and the length of a transaction. */
const MOST_FUNCTIONS = 10_000
/** A fold takes some microseconds to half a millisecond; for so long one is waited for. */
const PATIENCE_MS = 50
const NAP_MS = 0.2

export interface CutOptions {
  timeoutMs: number // to wait for another thread that cuts
  isLast: boolean // the process ends: what a dead thread may have left half done is taken as it is
}

export class Cutter {
  readonly #words: Int32Array
  readonly #lastCut: Float64Array
  readonly #control: Int32Array
  readonly #folded: SlabMirror
  readonly #refused: SlabMirror
  readonly #names: NameLog
  readonly #owner: number

  /** @param functions ids in use are below this */
  constructor(
    memory: SharedMemory,
    output: OutputMemory,
    names: NameLog,
    functions: number,
    threadId: number,
  ) {
    this.#words = new Int32Array(output.control)
    this.#lastCut = new Float64Array(output.control)
    this.#control = new Int32Array(memory.control)
    this.#folded = new SlabMirror(memory.folded, output.folded, functions)
    this.#refused = new SlabMirror(memory.refused, output.refused, functions)
    this.#names = names
    this.#owner = threadId + 1
  }

  /**
   * Hands over everything that came since the last cut, in batches of ten thousand functions.
   *
   * @param take is given each batch as soon as it is cut, while the lock is held; what it throws ends the cut, and the batch is its
   *             own to keep
   * @returns false if another thread kept the lock
   */
  cut(
    { writer, process }: Pick<Batch, 'writer' | 'process'>,
    { timeoutMs, isLast }: CutOptions,
    take: (batch: Batch) => void,
  ): boolean {
    return this.exclusively(timeoutMs, () => {
      const toMs = Date.now()
      const fromMs = Math.min(toMs, this.#lastCut[LAST_CUT_MS]!) // the clock may have been set back
      const ids = this.#changedIds()
      try {
        while (ids.length > 0) {
          const functions = this.#differences(ids.splice(0, MOST_FUNCTIONS), isLast)
          if (functions.length === 0) continue
          const sequence = Atomics.add(this.#words, SEQUENCE, 1) + 1
          take({ writer, process, sequence, fromMs, toMs, functions })
        }
      } finally {
        this.#lastCut[LAST_CUT_MS] = toMs
      }
    })
  }

  /** Runs `work` while no other thread cuts. @returns false if another thread kept the lock */
  exclusively(timeoutMs: number, work: () => void): boolean {
    if (!acquire(this.#words, LOCK, this.#owner, timeoutMs)) return false
    try {
      work()
    } finally {
      release(this.#words, LOCK)
    }
    return true
  }

  /** Frees the lock if a thread that is known to be dead has it. */
  releaseDead(deadOwner: number): void {
    Atomics.compareExchange(this.#words, LOCK, deadOwner, 0)
  }

  #changedIds(): number[] {
    const ids: number[] = []
    for (const name of this.#names.names(NAME_FUNCTION)) {
      const id = this.#names.find(NAME_FUNCTION, name)!
      if (this.#folded.hasChanged(id) || this.#refused.hasChanged(id)) ids.push(id)
    }
    return ids
  }

  #differences(ids: readonly number[], isLast: boolean): FunctionDifference[] {
    const differences: FunctionDifference[] = []
    for (const id of ids) {
      const folded = this.#take(this.#folded, id, FOLD_SEQUENCE, isLast)
      const refused = this.#take(this.#refused, id, REFUSED_SEQUENCE, isLast)
      const difference = merged(folded, refused)
      if (difference === undefined) continue
      // no database takes a zero in a text
      const name = this.#names.nameOf(NAME_FUNCTION, id)!.replaceAll('\0', '\uFFFD')
      differences.push({ name, ...difference })
    }
    return differences
  }

  /** The difference, which the mirror then has; undefined: none, or the function is left to the next cut. */
  #take(
    mirror: SlabMirror,
    id: number,
    sequenceWord: number,
    isLast: boolean,
  ): SlabDifference | undefined {
    if (!mirror.hasChanged(id)) return undefined
    const deadline = nowMs() + PATIENCE_MS
    for (;;) {
      const sequence = Atomics.load(this.#control, sequenceWord)
      mirror.copy(id)
      const isWhole = (sequence & 1) === 0 && Atomics.load(this.#control, sequenceWord) === sequence
      if (isWhole || (isLast && nowMs() > deadline)) break
      if (nowMs() > deadline) return undefined
      Atomics.wait(this.#words, LOCK, this.#owner, NAP_MS) // nobody notifies: it is a sleep
    }
    const difference = mirror.difference(id)
    mirror.settle(id)
    return difference
  }
}

/** Both parts of what a function was called. The extremes are those of both. */
function merged(
  a: SlabDifference | undefined,
  b: SlabDifference | undefined,
): SlabDifference | undefined {
  if (a === undefined || b === undefined) return a ?? b
  const sums = mergeSums(a, b)
  return {
    ...sums,
    buckets: Array.from(sums.buckets),
    counts: Array.from(sums.counts),
    minNs: Math.min(a.minNs, b.minNs),
    maxNs: Math.max(a.maxNs, b.maxNs),
    hasNewMin: a.minNs <= b.minNs ? a.hasNewMin : b.hasNewMin,
    hasNewMax: a.maxNs >= b.maxNs ? a.hasNewMax : b.hasNewMax,
  }
}
