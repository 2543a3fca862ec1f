/**
 * @module queue/lock
 * A lock in one word of shared memory: 0 is free, otherwise it holds the owner's thread id + 1.
 */
import { nowMs } from '../internal/time.ts'

/**
 * Takes the lock, sleeping while another thread has it.
 *
 * @param timeoutMs give up after this long; 0 only tries
 * @returns whether the lock is now held
 */
export function acquire(
  control: Int32Array,
  word: number,
  owner: number,
  timeoutMs: number,
): boolean {
  if (Atomics.compareExchange(control, word, 0, owner) === 0) return true
  const deadline = nowMs() + timeoutMs
  while (nowMs() < deadline) {
    const holder = Atomics.load(control, word)
    if (holder !== 0) Atomics.wait(control, word, holder, 5)
    if (Atomics.compareExchange(control, word, 0, owner) === 0) return true
  }
  return false
}

/** A holder that does not let go in so many looks, one every 5 ms, is dead. */
const PATIENCE_ROUNDS = 200
const ROUND_MS = 5

/**
 * Takes the lock, from a thread that has died with it if need be. Looks are counted, not time: a process that was stopped
 * for a while, or gets no processor, has live holders. For locks that are held for microseconds.
 */
export function take(control: Int32Array, word: number, owner: number): void {
  let rounds = 0
  let lastHolder = 0
  for (;;) {
    const holder = Atomics.compareExchange(control, word, 0, owner)
    if (holder === 0) return
    if (holder !== lastHolder) rounds = 0
    lastHolder = holder
    if (rounds >= PATIENCE_ROUNDS) {
      if (Atomics.compareExchange(control, word, holder, owner) === holder) return
    } else if (Atomics.wait(control, word, holder, ROUND_MS) === 'timed-out') rounds++
    else rounds = 0 // somebody has let go: it lives
  }
}

export function release(control: Int32Array, word: number): void {
  Atomics.store(control, word, 0)
  Atomics.notify(control, word, 1)
}

/** Frees a lock if its owner, known to be dead, has it, and ends the change it may have been in the middle of. */
export function releaseDead(
  control: Int32Array,
  word: number,
  sequenceWord: number,
  deadOwner: number,
): void {
  if (Atomics.load(control, word) !== deadOwner) return
  if ((Atomics.load(control, sequenceWord) & 1) === 1) endChange(control, sequenceWord)
  release(control, word)
}

/**
 * A sequence number is odd while its lock's owner changes what it guards; readers try again then. Neither function
 * counts blindly: after a death in the middle the next change sets it right.
 */
export function beginChange(control: Int32Array, sequenceWord: number): void {
  Atomics.store(control, sequenceWord, Atomics.load(control, sequenceWord) | 1)
}

export function endChange(control: Int32Array, sequenceWord: number): void {
  Atomics.store(control, sequenceWord, ((Atomics.load(control, sequenceWord) | 1) + 1) | 0)
}

/** Spins, never sleeps, and gives up soon: for locks held for some hundred nanoseconds. */
export function acquireBriefly(control: Int32Array, word: number, owner: number): boolean {
  for (let attempt = 0; attempt < 500; attempt++) {
    if (Atomics.compareExchange(control, word, 0, owner) === 0) return true
  }
  return false
}
