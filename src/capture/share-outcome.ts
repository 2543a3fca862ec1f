/**
 * @module capture/share-outcome
 * How to learn the outcome of a promise that a function may give to several callers. They all get the same derived one,
 * or a rejection that the first has handled would be unhandled at the second.
 */
import { copyOwnProperties } from './disguise.ts'

export interface Outcome {
  failed: boolean
  value: unknown // what it was fulfilled or rejected with
}

/** Never throws. */
type OutcomeListener = (outcome: Outcome) => void

interface SharedPromise {
  derived: Promise<unknown>
  listen: (onSettled: OutcomeListener) => void
}

/** By the promise that a function has returned: several captured functions may return the same one, too. */
const shared = new WeakMap<Promise<unknown>, SharedPromise>()

/**
 * @param onSettled called once
 * @returns the promise that the caller gets
 */
export function shareOutcome(promise: Promise<unknown>, onSettled: OutcomeListener): unknown {
  const known = shared.get(promise)
  if (known === undefined) return share(promise, onSettled)
  known.listen(onSettled)
  return known.derived
}

function share(promise: Promise<unknown>, first: OutcomeListener): Promise<unknown> {
  const waiting = [first]
  let outcome: Outcome | undefined

  function settle(failed: boolean, value: unknown): void {
    outcome = { failed, value }
    for (const onSettled of waiting.splice(0)) onSettled(outcome)
  }

  function listen(onSettled: OutcomeListener): void {
    if (outcome === undefined) waiting.push(onSettled)
    else onSettled(outcome)
  }

  return derive(
    promise,
    (value) => {
      settle(false, value)
      return value
    },
    (reason) => {
      settle(true, reason)
      throw reason
    },
    (derived) => {
      shared.set(promise, { derived, listen })
    },
  )
}

/**
 * `promise.then`, with the promise's own properties. Once there is a derived promise nothing may fail: the caller would be
 * given the other one, and a rejection of this one, which nobody knows, ends the process. So what the end of the stack
 * leaves undone stays undone.
 */
export function derive(
  promise: Promise<unknown>,
  onFulfilled: (value: unknown) => unknown,
  onRejected: (reason: unknown) => never,
  onDerived?: (derived: Promise<unknown>) => void,
): Promise<unknown> {
  const derived = promise.then(onFulfilled, onRejected)
  try {
    copyOwnProperties(promise, derived)
    onDerived?.(derived)
  } catch {
    // no stack left for it
  }
  return derived
}
