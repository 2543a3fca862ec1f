/**
 * @module bench/capture/contenders/contender
 * What somebody who measures calls is to the suite, and the three that measure nothing.
 *
 * Everybody is used as its makers advise: one histogram for a function, made beforehand. The sync and the async form of a
 * wrapper are written out for each, so that none shares code, and what V8 knows about it, with another. A peer's package is
 * loaded by its own function: some slow down the whole process.
 */
import type { Subject, SyncSubject } from '../subjects.ts'

/** Tracers with a span for each call keep those of a request together: a round is a request of so many calls. */
export const SPANS_IN_REQUEST = 1000

export interface Contender {
  who: string
  /** Undefined: the bare function is called. */
  wrap?: (subject: Subject, name: string, isAsync: boolean) => Subject
  clocked?: boolean // the loop reads the clock around the bare call
  maxCalls?: number // in one round (default as many as take a few ms)
  /** The calls of a round happen within `run`, as those of a request would; measured, too. */
  around?: (run: () => unknown) => unknown
  /** Waits, unmeasured, until nothing of the next round will be refused. */
  pace?: (calls: number) => Promise<void>
  /** Rows refused so far, of rows offered. */
  refused?: () => { dropped: number; offered: number }
  close?: () => Promise<void>
}

export const bare: Contender = { who: 'bare' }

/** Two clock reads around the call: what measuring costs at least, if the result is thrown away. */
export const limit: Contender = { who: 'limit', clocked: true }

/** A wrapper that records nothing. */
export const noop: Contender = {
  who: 'noop',
  wrap(subject) {
    const sync = subject as SyncSubject
    return function wrapped(this: unknown, i: number, x: number) {
      return sync.call(this, i, x)
    }
  },
}
