/**
 * @module capture/span
 * A piece of work that is no function: from `span(name)` until it is disposed of.
 */
import type { Producer } from '../queue/producer.ts'
import type { AttributeEncoder } from './attributes.ts'
import type { WrapHooks } from './wrap.ts'

/** Ends at `end()`, or at the end of the block with `using`; only the first end counts. */
export interface Span extends Disposable {
  end: () => void
  /** Ends it as failed, with the class name of what was thrown. */
  fail: (thrown: unknown) => void
  /** Stores them with the span, beside those set before; secrets are blotted out. Without effect after the end. */
  setAttributes: (attributes: object) => void
}

export type OpenSpan = (functionId: number, encode: AttributeEncoder) => Span

export function createOpenSpan(producer: Producer, hooks: WrapHooks): OpenSpan {
  const { annotate, begin, park, endAsync, failAsync } = producer

  return function openSpan(functionId, encode) {
    if (hooks.off[functionId] === 1) return SPAN_OF_NOTHING
    // it may outlive the function that opens it, so it has no place on the stack
    const place = park(begin(functionId))
    let ended = false
    let text: string | undefined
    let attributes: object | undefined

    function end(): void {
      if (ended) return
      ended = true
      if (text !== undefined) annotate(NaN, text)
      endAsync(functionId, place)
    }

    function fail(thrown: unknown): void {
      if (ended) return
      ended = true
      const errorType = hooks.errorType(thrown)
      if (text !== undefined) annotate(NaN, text)
      failAsync(functionId, place, errorType)
    }

    /** Turned into text at once: what the caller does with the object later is his own affair. */
    function setAttributes(given: object): void {
      if (ended) return
      attributes = merge(attributes, given)
      text = encode(attributes)
    }

    return { end, fail, setAttributes, [Symbol.dispose]: end }
  }
}

function merge(known: object | undefined, given: object): object {
  try {
    return known === undefined ? given : { ...known, ...given }
  } catch {
    return known! // a hostile getter
  }
}

/** What `span` gives while capture is disabled. */
export const SPAN_OF_NOTHING: Span = {
  end: () => undefined,
  fail: () => undefined,
  setAttributes: () => undefined,
  [Symbol.dispose]: () => undefined,
}
