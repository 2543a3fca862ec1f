/**
 * @module queue/call-tree
 * Time that each call spent in the captured calls it made, found out while rows are drained: the producer only notes
 * the depth, and of the call around it the function and the start.
 *
 * Records come in the order in which calls end, so a call's children are there before it. The time of the children at
 * one depth is added up under the start of their parent; when the parent's own record comes, what stands under its start
 * is its children's time. The sums live in shared memory, because the parent may be drained by another thread than its
 * children, one slot after the other:
 *
 *   keys  u32 x LEVELS  low half of the parent's start
 *   sums  f64 x LEVELS  ns
 *
 * They change only with the tail: a batch works on a copy, and a batch that could not be written leaves no trace.
 */
import { MAX_DEPTH, SLOT_COUNT } from './layout.ts'

const LEVELS = MAX_DEPTH + 1
const SLOT_BYTES = LEVELS * 12

export const CALL_TREE_BYTES = SLOT_COUNT * SLOT_BYTES

export class CallTree {
  readonly #memory: SharedArrayBuffer
  readonly #keys = new Uint32Array(LEVELS)
  readonly #sums = new Float64Array(LEVELS)
  #deepest = 0 // level changed by this batch

  constructor(memory: SharedArrayBuffer) {
    this.#memory = memory
  }

  /** Before the first record of a batch. */
  begin(slot: number): void {
    this.#keys.set(this.#sharedKeys(slot))
    this.#sums.set(this.#sharedSums(slot))
    this.#deepest = -1
  }

  /**
   * Takes in a synchronous call.
   *
   * @param depth       captured calls around it
   * @param startLow    low half of its start
   * @param parentStart low half of the start of the call around it
   * @returns time spent in its children, at most its own
   */
  add(depth: number, startLow: number, durationNs: number, parentStart: number): number {
    if (depth >= MAX_DEPTH) return 0 // levels are no longer told apart
    const children = depth + 1
    const childrenNs = this.#keys[children] === startLow ? this.#sums[children]! : 0
    if (childrenNs !== 0) this.#set(children, 0, 0)
    if (depth > 0) {
      const siblingsNs = this.#keys[depth] === parentStart ? this.#sums[depth]! : 0
      this.#set(depth, parentStart, siblingsNs + durationNs)
    }
    return Math.min(childrenNs, durationNs)
  }

  /** After the batch has been stored. */
  commit(slot: number): void {
    const levels = this.#deepest + 1
    this.#sharedKeys(slot).set(this.#keys.subarray(0, levels))
    this.#sharedSums(slot).set(this.#sums.subarray(0, levels))
  }

  #set(level: number, key: number, sumNs: number): void {
    this.#keys[level] = key
    this.#sums[level] = sumNs
    if (level > this.#deepest) this.#deepest = level
  }

  #sharedKeys(slot: number): Uint32Array {
    return new Uint32Array(this.#memory, slot * SLOT_BYTES + LEVELS * 8, LEVELS)
  }

  #sharedSums(slot: number): Float64Array {
    return new Float64Array(this.#memory, slot * SLOT_BYTES, LEVELS)
  }
}
