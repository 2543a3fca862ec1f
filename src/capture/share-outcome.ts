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

/** @returns calls `onSettled` once; gives the promise that the caller gets */
export type ShareOutcome = (promise: Promise<unknown>, onSettled: OutcomeListener) => unknown

interface SharedPromise {
  derived: Promise<unknown>
  listen: (onSettled: OutcomeListener) => void
}

export function createSharing(): ShareOutcome {
  /** By the promise that a function has returned. */
  const shared = new WeakMap<Promise<unknown>, SharedPromise>()

  return function shareOutcome(promise, onSettled) {
    const known = shared.get(promise) ?? share(promise)
    shared.set(promise, known)
    known.listen(onSettled)
    return known.derived
  }
}

function share(promise: Promise<unknown>): SharedPromise {
  const waiting: OutcomeListener[] = []
  let outcome: Outcome | undefined

  function settle(failed: boolean, value: unknown): void {
    outcome = { failed, value }
    for (const onSettled of waiting.splice(0)) onSettled(outcome)
  }

  const derived = promise.then(
    (value: unknown) => {
      settle(false, value)
      return value
    },
    (reason: unknown) => {
      settle(true, reason)
      throw reason
    },
  )
  copyOwnProperties(promise, derived)
  return {
    derived,
    listen(onSettled) {
      if (outcome === undefined) waiting.push(onSettled)
      else onSettled(outcome)
    },
  }
}
