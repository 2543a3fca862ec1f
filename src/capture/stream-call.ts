/**
 * @module capture/stream-call
 * A call that lasts until a stream is over: the one that a captured function has returned, or one that is captured as it
 * is.
 *
 * Recorded with it, of a readable Node stream: `stream.items`, pieces of data it has given; `stream.bytes`, if they are
 * bytes or text; `stream.first_item_ns`, until the first of them. Of any: `stream.abandoned` if it was closed before its
 * end, or dropped.
 */
import type { Producer } from '../queue/producer.ts'
import type { StepClock } from '../queue/step-clock.ts'
import type { Ancestry } from './async-parents.ts'
import { createDropWatch, type Droppable } from './dropped.ts'
import { observeStream, type StreamOver } from './observe-stream.ts'

/** Leads to nothing of the user's, as the garbage collector's watch holds it and must not hold the stream. */
export class StreamCall implements Droppable {
  readonly functionId: number
  readonly ancestry: Ancestry | undefined
  readonly timer: number // of the step clock; its one step is the call
  readonly level: number // on the stack, before it is parked
  place = 0 // in flight
  hasEnded = false
  items = 0
  bytes = 0
  hasOther = false // pieces that have no size
  firstItemNs = 0

  constructor(functionId: number, ancestry: Ancestry | undefined, timer: number, level: number) {
    this.functionId = functionId
    this.ancestry = ancestry
    this.timer = timer
    this.level = level
  }
}

/** What the call itself does not know about its end. */
export interface StreamEnd {
  errorType: number // 0: it has not failed
  abandoned: boolean
  attributes: string | undefined // of the user's: text of a JSON object
}

export interface StreamCalls {
  /** A call begins, and is on the stack until the caller takes it off. */
  begin: (functionId: number, ancestry: Ancestry | undefined) => StreamCall
  /** It goes on, off the stack. */
  park: (call: StreamCall) => void
  /**
   * Ends it when the stream is over.
   *
   * @param endOf what the end is, at the moment in which it comes. Never throws
   */
  follow: (call: StreamCall, stream: object, endOf: (over: StreamOver) => StreamEnd) => void
  /** Ends it now. */
  end: (call: StreamCall, end: StreamEnd, asynchronous: boolean) => void
}

export function createStreamCalls(producer: Producer, clock: StepClock): StreamCalls {
  const { hold, annotate, finish, stack } = producer
  const watchForDrop = createDropWatch((call: StreamCall) => {
    record(call, { errorType: 0, abandoned: true, attributes: undefined }, true)
  })

  function begin(functionId: number, ancestry: Ancestry | undefined): StreamCall {
    const timer = clock.open()
    const level = producer.begin(functionId)
    try {
      clock.begin(timer)
      return new StreamCall(functionId, ancestry, timer, level)
    } catch (error) {
      stack.top = level - 1
      throw error
    }
  }

  function park(call: StreamCall): void {
    call.place = hold(call.level)
    call.ancestry?.adopt(call.place)
  }

  function follow(call: StreamCall, stream: object, endOf: (over: StreamOver) => StreamEnd): void {
    const isObserved = observeStream(stream, {
      onData: (chunk) => {
        count(call, chunk)
      },
      onOver: (over) => {
        clock.end(call.timer)
        record(call, endOf(over), true)
      },
    })
    if (!isObserved) end(call, endOf({ failed: false, error: undefined, abandoned: false }), true)
    else if (!call.hasEnded) watchForDrop(stream, call)
  }

  function count(call: StreamCall, chunk: unknown): void {
    clock.end(call.timer) // for now: if the stream is dropped, this was its end
    if (call.items++ === 0) call.firstItemNs = clock.elapsedNs(call.timer)
    if (typeof chunk === 'string') call.bytes += Buffer.byteLength(chunk)
    else if (chunk instanceof Uint8Array) call.bytes += chunk.byteLength
    else call.hasOther = true
  }

  function end(call: StreamCall, how: StreamEnd, asynchronous: boolean): void {
    clock.end(call.timer)
    record(call, how, asynchronous)
  }

  /** Up to the last reading of the clock. */
  function record(call: StreamCall, how: StreamEnd, asynchronous: boolean): void {
    call.hasEnded = true
    const { errorType, abandoned, attributes } = how
    const { ancestry, functionId, place, timer } = call
    const endNs = clock.endTime(timer)
    clock.close(timer)
    const childrenNs = ancestry?.leave(endNs, asynchronous) ?? NaN
    const text = describe(call, abandoned, attributes)
    if (text !== undefined || !Number.isNaN(childrenNs)) annotate(childrenNs, text)
    finish(functionId, place, endNs, asynchronous, errorType)
  }

  return { begin, park, follow, end }
}

/** @returns text of a JSON object, or undefined */
function describe(
  { items, bytes, hasOther, firstItemNs }: StreamCall,
  abandoned: boolean,
  attributes: string | undefined,
): string | undefined {
  const members: string[] = []
  if (items > 0) {
    members.push(`"stream.items":${items}`, `"stream.first_item_ns":${Math.round(firstItemNs)}`)
    if (!hasOther) members.push(`"stream.bytes":${bytes}`)
  }
  if (abandoned) members.push('"stream.abandoned":true')
  if (members.length === 0) return attributes
  const own = members.join(',')
  return attributes === undefined ? `{${own}}` : `${attributes.slice(0, -1)},${own}}`
}
