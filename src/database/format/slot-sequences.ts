/**
 * @module database/format/slot-sequences
 * How far every slot of a writer has been read, to recognise rows that were written twice: a thread that dies after
 * writing a batch and before saying so has its batch written again by whoever takes over.
 */
import type { WalFrame } from './wal-frame.ts'

export class SlotSequences {
  readonly #ends: Map<number, number>

  /** @param before what to go on from; stays as it is */
  constructor(before?: SlotSequences) {
    this.#ends = new Map(before === undefined ? [] : before.#ends)
  }

  /** @returns how many of the frame's first rows were already read; all of them if the frame is a duplicate */
  take(frame: WalFrame): number {
    const { slot, slotSequence, rowCount } = frame
    const seen = this.#ends.get(slot) ?? 0
    const repeated = Math.min(rowCount, Math.max(0, seen - slotSequence))
    if (repeated < rowCount) this.#ends.set(slot, slotSequence + rowCount)
    return repeated
  }
}
