/**
 * @module capture/wrap-generator
 * The wrapper of a generator function, sync or async. The caller gets the very iterator that the function returns; its
 * `next`, `return` and `throw` are observed (capture/observe-iterator).
 */
/* eslint-disable prefer-rest-params -- `arguments` passed on as it is need not be made */
import * as types from 'node:util/types'
import type { Producer } from '../queue/producer.ts'
import type { StepClock } from '../queue/step-clock.ts'
import type { Ancestry, AsyncParents } from './async-parents.ts'
import { attributesOf, errorTypeOf, type CallDetails, type DetailHooks } from './call-details.ts'
import { disguise, targetOf } from './disguise.ts'
import { createGeneratorCalls, ENDED, FRESH, GeneratorCall, SUSPENDED } from './generator-call.ts'
import {
  createObserveIterator,
  type IteratorMethods,
  type IteratorRequest,
  type MethodsInFront,
  type ObservedOf,
} from './observe-iterator.ts'
import { isSettling } from './settling.ts'
import type { Outcome } from './share-outcome.ts'
import type { AnyFunction, IdAtFirstCall } from './wrap.ts'

export interface GeneratorHooks extends DetailHooks {
  parents: AsyncParents
}

export type WrapGenerator = <F extends AnyFunction>(
  fn: F,
  id: number | IdAtFirstCall,
  details: CallDetails | undefined,
) => F

/** The call of one iterator, and what its end has to be told. */
interface Observed {
  call: GeneratorCall
  details: CallDetails | undefined
  args: unknown[] // for the user's attributes; else empty
}

/** In the source of a function: `yield*`, with a comment between at worst. */
const MAY_DELEGATE = /\byield\s*[*/]/
/** Taken for the last result of an iterator whose promises are none of the engine's. */
const END_OF_OBSERVATION = { done: true, value: undefined }
const { apply, getOwnPropertyDescriptor } = Reflect
const { isGeneratorFunction: isNativeGeneratorFunction, isProxy } = types
const UNKNOWN_ID = -1
const NO_ARGUMENTS: unknown[] = []

/** Whether `capture` wraps it here. */
export function isGeneratorFunction(fn: object): boolean {
  const kind = Object.prototype.toString.call(fn)
  return kind === '[object GeneratorFunction]' || kind === '[object AsyncGeneratorFunction]'
}

export function createWrapGenerator(
  producer: Producer,
  clock: StepClock,
  hooks: GeneratorHooks,
): WrapGenerator {
  const { off, parents } = hooks
  const { stack } = producer
  const calls = createGeneratorCalls(producer, clock, parents)
  const { enter, leave, enterRequest, settleRequest } = calls
  const observeIterator = createObserveIterator<Observed>()

  function end({ call, details, args }: Observed, outcome: Outcome, abandoned: boolean): void {
    call.phase = ENDED // before the user's functions run
    if (details === undefined) {
      const errorType = outcome.failed ? hooks.errorType(outcome.value) : 0
      calls.end(call, { errorType, abandoned, attributes: undefined })
      return
    }
    const errorType = errorTypeOf(details, outcome, hooks)
    calls.end(call, { errorType, abandoned, attributes: attributesOf(details, args, outcome) })
  }

  /** @param done of the last step, which has thrown nothing */
  function take(
    observed: Observed,
    iterator: object,
    by: IteratorRequest,
    done: boolean,
    result: unknown,
  ): void {
    if (!done) calls.yielded(observed.call, iterator)
    else end(observed, { failed: false, value: valueOf(result) }, by === 'return')
  }

  function fail(observed: Observed, by: IteratorRequest, error: unknown): void {
    end(observed, { failed: true, value: error }, by === 'return')
  }

  function syncMethods(
    isDone: IsDone,
    beneath: IteratorMethods,
    observedOf: ObservedOf<Observed>,
  ): IteratorMethods {
    /** `return` and `throw`; `next` does the same, but that is written out for speed. */
    function leaveEarly(iterator: unknown, by: IteratorRequest, value: unknown): unknown {
      const observed = observedOf(iterator)
      if (observed?.call.phase === FRESH) observed.call.phase = ENDED // and no line of it has run
      if (observed?.call.phase !== SUSPENDED) return apply(beneath[by], iterator, [value] as never)
      const { call } = observed
      const level = enter(call)
      let result: unknown
      try {
        result = runStep(call.ancestry, beneath[by], iterator, value)
      } catch (thrownByCapturedFunction) {
        stack.top = level - 1
        try {
          leave(call)
          fail(observed, by, thrownByCapturedFunction)
        } catch {
          call.phase = ENDED
          stack.lost[0]!++
        }
        throw thrownByCapturedFunction
      }
      stack.top = level - 1
      try {
        leave(call)
        take(observed, iterator as object, by, isDone(result), result)
      } catch {
        call.phase = ENDED
        stack.lost[0]!++
      }
      return result
    }

    return {
      next(this: unknown, value?: unknown): unknown {
        const observed = observedOf(this)
        // in a step of its own it may not be asked for another: the iterator itself says so
        if (observed === undefined || observed.call.phase > SUSPENDED) {
          return apply(beneath.next, this, arguments as never)
        }
        const { call } = observed
        const level = enter(call)
        let result: unknown
        try {
          result =
            call.ancestry === undefined
              ? apply(beneath.next, this, arguments as never)
              : runStep(call.ancestry, beneath.next, this, value)
        } catch (thrownByCapturedFunction) {
          stack.top = level - 1
          try {
            leave(call)
            fail(observed, 'next', thrownByCapturedFunction)
          } catch {
            call.phase = ENDED
            stack.lost[0]!++ // no stack left for what comes after the step
          }
          throw thrownByCapturedFunction
        }
        stack.top = level - 1
        try {
          leave(call)
          take(observed, this as object, 'next', isDone(result), result)
        } catch {
          call.phase = ENDED
          stack.lost[0]!++
        }
        return result
      },
      return(this: unknown, value?: unknown): unknown {
        return leaveEarly(this, 'return', value)
      },
      throw(this: unknown, error?: unknown): unknown {
        return leaveEarly(this, 'throw', error)
      },
    }
  }

  function asyncMethods(
    isDone: IsDone,
    beneath: IteratorMethods,
    observedOf: ObservedOf<Observed>,
  ): IteratorMethods {
    function request(iterator: unknown, by: IteratorRequest, value: unknown): unknown {
      const observed = observedOf(iterator)
      if (observed?.call.phase === FRESH && by !== 'next') observed.call.phase = ENDED
      if (observed === undefined || observed.call.phase === ENDED) {
        return apply(beneath[by], iterator, [value] as never)
      }
      const { call } = observed
      const level = enterRequest(call)
      let promise: unknown
      try {
        promise = runStep(call.ancestry, beneath[by], iterator, value)
      } catch (thrownByCapturedFunction) {
        stack.top = level - 1
        try {
          settleRequest(call)
          fail(observed, by, thrownByCapturedFunction)
        } catch {
          call.phase = ENDED
          stack.lost[0]!++
        }
        throw thrownByCapturedFunction
      }
      stack.top = level - 1
      try {
        return settle(promise, observed, iterator as object, by, isDone)
      } catch {
        call.phase = ENDED
        stack.lost[0]!++
        return promise
      }
    }

    return {
      next(this: unknown, value?: unknown): unknown {
        return request(this, 'next', value)
      },
      return(this: unknown, value?: unknown): unknown {
        return request(this, 'return', value)
      },
      throw(this: unknown, error?: unknown): unknown {
        return request(this, 'throw', error)
      },
    }
  }

  /** @returns the promise that the caller gets: a derived one, so that an unhandled rejection stays one, and one only */
  function settle(
    promise: unknown,
    observed: Observed,
    iterator: object,
    by: IteratorRequest,
    isDone: IsDone,
  ): unknown {
    const { call } = observed
    if (!isSettling(promise)) {
      settleRequest(call)
      take(observed, iterator, by, true, END_OF_OBSERVATION)
      return promise
    }
    return promise.then(
      (result) => {
        // requests that were queued behind the end are answered after it
        if (call.phase !== ENDED) {
          try {
            settleRequest(call)
            take(observed, iterator, by, isDone(result), result)
          } catch {
            call.phase = ENDED
            stack.lost[0]!++ // the outcome is the caller's, whatever happens in here
          }
        }
        return result
      },
      (error: unknown) => {
        if (call.phase !== ENDED) {
          try {
            settleRequest(call)
            fail(observed, by, error)
          } catch {
            call.phase = ENDED
            stack.lost[0]!++
          }
        }
        throw error
      },
    )
  }

  /** What stands in front of the methods of the function's iterators. */
  function methodsFor(fn: AnyFunction): MethodsInFront<Observed> {
    const methods = isAsyncGenerator(fn) ? asyncMethods : syncMethods
    const isDone = doneTestFor(fn)
    return (beneath, observedOf) => methods(isDone, beneath, observedOf)
  }

  return function wrapGenerator<F extends AnyFunction>(
    fn: F,
    id: number | IdAtFirstCall,
    details: CallDetails | undefined,
  ): F {
    let functionId = typeof id === 'number' ? id : UNKNOWN_ID
    const inFront = methodsFor(fn)

    // a method, because that is no constructor either
    // eslint-disable-next-line @typescript-eslint/unbound-method -- takes any receiver
    const { wrapper } = {
      wrapper(this: unknown): unknown {
        if (functionId === UNKNOWN_ID) functionId = (id as IdAtFirstCall)(this)
        if (off[functionId] === 1) return apply(fn, this, arguments as never)
        const args = details?.attributes === undefined ? NO_ARGUMENTS : Array.from(arguments)
        const call = new GeneratorCall(functionId, details?.parent === true)
        const observed: Observed = { call, details, args }
        // given to the wrapper or to the function, a new prototype object is to be that of both
        if (wrapper.prototype !== fn.prototype) targetOf(wrapper, wrapper, fn)
        let iterator: unknown
        try {
          iterator = apply(fn, this, arguments as never)
        } catch (thrownByCapturedFunction) {
          // the default of a parameter, say, has thrown
          try {
            failAtOnce(observed, thrownByCapturedFunction)
          } catch {
            stack.lost[0]!++
          }
          throw thrownByCapturedFunction
        }
        if (typeof iterator !== 'object' || iterator === null || isProxy(iterator)) {
          stack.lost[0]!++
          return iterator
        }
        try {
          observeIterator(iterator, observed, inFront)
        } catch {
          call.phase = ENDED // an iterator that lets nobody near it, or no stack left
          stack.lost[0]!++
        }
        return iterator
      },
    }
    return disguise(wrapper, fn)
  }

  function failAtOnce({ call, details, args }: Observed, error: unknown): void {
    const outcome: Outcome = { failed: true, value: error }
    if (details === undefined) {
      producer.record(call.functionId, 0, hooks.errorType(error))
      return
    }
    const errorType = errorTypeOf(details, outcome, hooks)
    const attributes = attributesOf(details, args, outcome)
    if (attributes !== undefined) producer.annotate(NaN, attributes)
    producer.record(call.functionId, 0, errorType)
  }
}

type IsDone = (result: unknown) => boolean

function doneTestFor(fn: AnyFunction): IsDone {
  // an async generator makes a new result even of what it delegates to
  const mayDelegate =
    !isAsyncGenerator(fn) && MAY_DELEGATE.test(Function.prototype.toString.call(fn))
  return isNativeGeneratorFunction(fn) && !mayDelegate ? isDoneResult : isDoneForeign
}

function isAsyncGenerator(fn: AnyFunction): boolean {
  return Object.prototype.toString.call(fn) === '[object AsyncGeneratorFunction]'
}

/** Of a result that the engine has made: a plain object with these two properties. */
function isDoneResult(result: unknown): boolean {
  return (result as IteratorResult<unknown> | undefined)?.done === true
}

/**
 * Of a result that may be another iterator's, handed on by `yield*`. It is then not the last one, and its `done` may be a
 * getter, which was called once and must not be called again.
 */
function isDoneForeign(result: unknown): boolean {
  if (typeof result !== 'object' || result === null || isProxy(result)) return false
  return getOwnPropertyDescriptor(result, 'done')?.value === true
}

/** @param result a last one, which the engine has made */
function valueOf(result: unknown): unknown {
  return getOwnPropertyDescriptor(result as object, 'value')?.value
}

function runStep(
  ancestry: Ancestry | undefined,
  method: AnyFunction,
  iterator: unknown,
  value: unknown,
): unknown {
  const step = (): unknown => apply(method, iterator, [value] as never)
  return ancestry === undefined ? step() : ancestry.run(step)
}
