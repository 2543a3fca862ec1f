/**
 * @module capture/span
 * A piece of work that is no function: from `span(name)` until it is disposed of.
 */
import type { Producer } from '../queue/producer.ts'
import type { WrapHooks } from './wrap.ts'

/** Ends at `end()`, or at the end of the block with `using`; only the first end counts. */
export interface Span extends Disposable {
  end: () => void
  /** Ends it as failed, with the class name of what was thrown. */
  fail: (thrown: unknown) => void
}

export type OpenSpan = (functionId: number) => Span

export function createOpenSpan(producer: Producer, hooks: WrapHooks): OpenSpan {
  const { begin, park, endAsync, failAsync } = producer

  return function openSpan(functionId) {
    if (hooks.off[functionId] === 1) return SPAN_OF_NOTHING
    // it may outlive the function that opens it, so it has no place on the stack
    const place = park(begin(functionId))
    let ended = false

    function end(): void {
      if (ended) return
      ended = true
      endAsync(functionId, place)
    }

    function fail(thrown: unknown): void {
      if (ended) return
      ended = true
      failAsync(functionId, place, hooks.errorType(thrown))
    }

    return { end, fail, [Symbol.dispose]: end }
  }
}

/** What `span` gives while capture is disabled. */
export const SPAN_OF_NOTHING: Span = {
  end: () => undefined,
  fail: () => undefined,
  [Symbol.dispose]: () => undefined,
}
