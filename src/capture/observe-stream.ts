/**
 * @module capture/observe-stream
 * Sees what becomes of a stream without taking part in it: no listener is added, nothing is read, and backpressure is what it
 * was.
 *
 * A Node stream tells everything by `emit`, so an own, non-enumerable `emit` stands in front of it until the stream is over.
 * (A listener of `error` would keep an error that nobody handles from ending the program, one of `data` would start the
 * stream.) Of a web stream `stream.finished` says when it is over, without locking it; that is all that can be known.
 */
/* eslint-disable prefer-rest-params -- `arguments` passed on as it is need not be made */
import { finished } from 'node:stream'
import * as types from 'node:util/types'
import type { AnyFunction } from './wrap.ts'

/** None of it may throw. */
export interface StreamObserver {
  /** The stream has given a piece of data. Node streams only. */
  onData: (chunk: unknown) => void
  /** It is over, by an error if it has failed. Called once. */
  onOver: (over: StreamOver) => void
}

export interface StreamOver {
  failed: boolean
  error: unknown
  abandoned: boolean // closed before its end
}

/** A Node stream, as far as it is looked at; older ones and those of http have only some of it. */
interface NodeStream {
  emit: AnyFunction
  readable?: unknown
  readableEnded?: unknown
  writable?: unknown
  writableFinished?: unknown
  closed?: unknown
  errored?: unknown
  _readableState?: unknown
  _writableState?: unknown
}

const { apply, defineProperty, getOwnPropertyDescriptor, getPrototypeOf } = Reflect

/** By stream that is observed: several calls may give the same one. */
const observersOf = new WeakMap<object, Set<StreamObserver>>()

/** Whether it is a stream of a kind that can be observed. Never throws. */
export function isStream(value: unknown): value is object {
  if (typeof value !== 'object' || value === null || types.isProxy(value)) return false
  try {
    return isNodeStream(value) || isWebStream(value)
  } catch {
    return false
  }
}

/**
 * Never throws.
 *
 * @returns false if it cannot be observed after all: `onOver` will not be called
 */
export function observeStream(stream: object, observer: StreamObserver): boolean {
  try {
    if (isNodeStream(stream)) return observeNodeStream(stream, observer)
    finished(stream as never, (error?: Error | null) => {
      const failed = error !== null && error !== undefined
      observer.onOver({ failed, error, abandoned: false })
    })
    return true
  } catch {
    return false // it only looks like a stream, or lets nobody near it
  }
}

function isNodeStream(value: object): value is NodeStream {
  const { emit, on, pipe, write } = value as Record<string, unknown>
  return (
    typeof emit === 'function' &&
    typeof on === 'function' &&
    (typeof pipe === 'function' || typeof write === 'function')
  )
}

function isWebStream(value: object): boolean {
  const kind = Object.prototype.toString.call(value)
  return kind === '[object ReadableStream]' || kind === '[object WritableStream]'
}

function observeNodeStream(stream: NodeStream, observer: StreamObserver): boolean {
  const sides = openSides(stream)
  if (stream.closed === true || (!sides.readable && !sides.writable)) {
    const { errored } = stream
    const failed = errored !== null && errored !== undefined && !isAbandonment(errored)
    observer.onOver({
      failed,
      error: errored,
      abandoned: !failed && (sides.readable || sides.writable),
    })
    return true
  }
  const known = observersOf.get(stream)
  if (known === undefined) return standInFront(stream, sides, observer)
  known.add(observer)
  return true
}

/** Which sides of the stream have not come to their end. */
function openSides(stream: NodeStream): { readable: boolean; writable: boolean } {
  const { readable, readableEnded, writable, writableFinished } = stream
  const { _readableState: readableState, _writableState: writableState } = stream
  return {
    readable: (readable === true || isObject(readableState)) && readableEnded !== true,
    writable: (writable === true || isObject(writableState)) && writableFinished !== true,
  }
}

/** @returns false if the stream has an `emit` that cannot be replaced */
function standInFront(
  stream: NodeStream,
  sides: { readable: boolean; writable: boolean },
  observer: StreamObserver,
): boolean {
  const own = getOwnPropertyDescriptor(stream, 'emit')
  if (own !== undefined && typeof own.value !== 'function') return false
  const observers = new Set([observer])

  function notice(event: unknown, value: unknown): void {
    if (event === 'data') {
      for (const { onData } of observers) onData(value)
    } else if (event === 'end') {
      sides.readable = false
      if (!sides.writable) over({ failed: false, error: undefined, abandoned: false })
    } else if (event === 'finish') {
      sides.writable = false
      if (!sides.readable) over({ failed: false, error: undefined, abandoned: false })
    } else if (event === 'error') {
      const abandoned = isAbandonment(value)
      over({ failed: !abandoned, error: value, abandoned })
    } else if (event === 'close') over({ failed: false, error: undefined, abandoned: true })
  }

  function over(how: StreamOver): void {
    const all = [...observers]
    observers.clear()
    observersOf.delete(stream)
    // unless somebody else has put theirs in front of it
    if (getOwnPropertyDescriptor(stream, 'emit')?.value === emit) {
      if (own === undefined) delete (stream as Partial<NodeStream>).emit
      else defineProperty(stream, 'emit', own)
    }
    for (const { onOver } of all) onOver(how)
  }

  // eslint-disable-next-line @typescript-eslint/unbound-method -- takes any receiver
  const { emit } = {
    emit(this: unknown, event: unknown): unknown {
      if (observers.size > 0 && this === stream) {
        try {
          notice(event, arguments[1])
        } catch {
          // no stack left, say; the event goes on
        }
      }
      const beneath = own?.value
      return apply(beneath ?? (getPrototypeOf(stream) as NodeStream).emit, this, arguments as never)
    },
  }
  const enumerable = own?.enumerable ?? false
  const isDefined = defineProperty(stream, 'emit', {
    value: emit,
    writable: true,
    configurable: true,
    enumerable,
  })
  if (isDefined) observersOf.set(stream, observers)
  return isDefined
}

/** What `break` in a `for await` destroys a stream with. An abort by a signal has a cause, and is a failure. */
function isAbandonment(error: unknown): boolean {
  return (
    error instanceof Error &&
    (error as { code?: unknown }).code === 'ABORT_ERR' &&
    !Object.hasOwn(error, 'cause')
  )
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null
}
