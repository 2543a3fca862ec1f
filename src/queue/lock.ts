/**
 * @module queue/lock
 * A lock in one word of shared memory: 0 is free, otherwise it holds the owner's thread id + 1.
 */

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
  const deadline = Date.now() + timeoutMs
  while (Date.now() < deadline) {
    const holder = Atomics.load(control, word)
    if (holder !== 0) Atomics.wait(control, word, holder, 5)
    if (Atomics.compareExchange(control, word, 0, owner) === 0) return true
  }
  return false
}

export function release(control: Int32Array, word: number): void {
  Atomics.store(control, word, 0)
  Atomics.notify(control, word, 1)
}

/** Frees a lock whose owner is known to be dead. */
export function releaseDead(control: Int32Array, word: number, deadOwner: number): void {
  if (Atomics.compareExchange(control, word, deadOwner, 0) === deadOwner) {
    Atomics.notify(control, word, 1)
  }
}

/** Spins, never sleeps, and gives up soon: for locks held for some hundred nanoseconds. */
export function acquireBriefly(control: Int32Array, word: number, owner: number): boolean {
  for (let attempt = 0; attempt < 10_000; attempt++) {
    if (Atomics.compareExchange(control, word, 0, owner) === 0) return true
  }
  return false
}
