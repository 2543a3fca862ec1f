/**
 * @module capture/wrap
 * The wrapper around a captured function. Nobody should be able to tell that it is there: `this`, arguments, result,
 * what it throws, name, length, own properties, prototype and `new` are the function's own.
 *
 * The wrapper calls the function by `Reflect.apply(fn, this, arguments)` in strict mode: no copy of the arguments, no
 * Proxy, no generated code. It catches and rethrows, to learn the error's class; the error and its stack are untouched.
 * Node prints the line that rethrows above the report of a crash, so the variable says what it is about.
 *
 * At the end of the stack the wrapper's own calls may be one too many, where the function's were not: nothing of that gets
 * out, and what could not be recorded is counted.
 *
 * Its two forms repeat the same lines on purpose: handed to a common helper, `arguments` becomes an object of 64 bytes on
 * every call; used where it stands, it is never made.
 */
/* eslint-disable prefer-rest-params -- see above */
import * as types from 'node:util/types'
import type { Producer } from '../queue/producer.ts'
import { disguise, isConstructor, targetOf } from './disguise.ts'
import { isSettling } from './settling.ts'
import { derive, shareOutcome } from './share-outcome.ts'

export type AnyFunction = (this: unknown, ...args: never[]) => unknown

export interface WrapHooks {
  /** Id of a thrown value's error type in the name log. Never throws. */
  errorType(thrown: unknown): number
  /** By function id; 1: calls are not recorded. */
  off: Uint8Array
}

/** Gives the id at the first call, whose `this` tells the class of a decorated method. Never throws. */
export type IdAtFirstCall = (self: unknown) => number

export interface Wrapping {
  wrap: <F extends AnyFunction>(fn: F, id: number | IdAtFirstCall) => F
  /** Calls a function once, recorded. */
  run: <T>(fn: () => T, functionId: number) => T
}

const { isAsyncFunction } = types
const { apply, construct } = Reflect
const UNKNOWN_ID = -1

export function createWrapping(producer: Producer, hooks: WrapHooks): Wrapping {
  const { begin, end, fail, park, endAsync, failAsync, stack } = producer
  const { off } = hooks

  /** Records the end of the call when the promise settles. Returns the promise that the caller gets. */
  function settle(promise: Promise<unknown>, functionId: number, level: number): unknown {
    const place = park(level)
    return derive(
      promise,
      (value) => {
        try {
          endAsync(functionId, place)
        } catch {
          stack.lost[0]!++ // the outcome is the caller's, whatever happens in here
        }
        return value
      },
      (reason) => {
        try {
          failAsync(functionId, place, hooks.errorType(reason))
        } catch {
          stack.lost[0]!++
        }
        throw reason
      },
    )
  }

  /** The same for a function that may return one promise to several callers. */
  function settleShared(promise: Promise<unknown>, functionId: number, level: number): unknown {
    const place = park(level)
    return shareOutcome(promise, (outcome) => {
      try {
        if (outcome.failed) failAsync(functionId, place, hooks.errorType(outcome.value))
        else endAsync(functionId, place)
      } catch {
        stack.lost[0]!++
      }
    })
  }

  function run<T>(fn: () => T, functionId: number): T {
    if (off[functionId] === 1) return fn()
    const level = begin(functionId)
    let result: T
    try {
      result = fn()
    } catch (thrownByCapturedFunction) {
      stack.top = level - 1
      try {
        fail(functionId, level, hooks.errorType(thrownByCapturedFunction))
      } catch {
        stack.lost[0]!++
      }
      throw thrownByCapturedFunction
    }
    try {
      if (isSettling(result)) return settleShared(result, functionId, level) as T
      end(functionId, level)
    } catch {
      stack.top = level - 1
      stack.lost[0]!++
    }
    return result
  }

  function wrap<F extends AnyFunction>(fn: F, id: number | IdAtFirstCall): F {
    let functionId = typeof id === 'number' ? id : UNKNOWN_ID
    const alwaysPromise = isAsyncFunction(fn)
    // an async function makes a new promise for every call
    const settleResult = alwaysPromise ? settle : settleShared

    function learnId(self: unknown): void {
      functionId = (id as IdAtFirstCall)(self)
    }

    /** For a function that can be a constructor. */
    function constructible(this: unknown): unknown {
      const newTarget = new.target as AnyFunction | undefined
      if (functionId === UNKNOWN_ID) learnId(this)
      if (off[functionId] === 1) {
        return newTarget === undefined
          ? apply(fn, this, arguments as never)
          : construct(fn, arguments as never, targetOf(newTarget, wrapper, fn))
      }
      const level = begin(functionId)
      let result: unknown
      try {
        result =
          newTarget === undefined
            ? apply(fn, this, arguments as never)
            : construct(fn, arguments as never, targetOf(newTarget, wrapper, fn))
      } catch (thrownByCapturedFunction) {
        stack.top = level - 1
        try {
          fail(functionId, level, hooks.errorType(thrownByCapturedFunction))
        } catch {
          stack.lost[0]!++
        }
        throw thrownByCapturedFunction
      }
      try {
        if (alwaysPromise || isSettling(result)) {
          return settleResult(result as Promise<unknown>, functionId, level)
        }
        end(functionId, level)
      } catch {
        stack.top = level - 1
        stack.lost[0]!++
      }
      return result
    }

    /** For one that cannot (arrow, method, async function): a method is no constructor either. */
    // eslint-disable-next-line @typescript-eslint/unbound-method -- takes any receiver
    const { plain } = {
      plain(this: unknown): unknown {
        if (functionId === UNKNOWN_ID) learnId(this)
        if (off[functionId] === 1) return apply(fn, this, arguments as never)
        const level = begin(functionId)
        let result: unknown
        try {
          result = apply(fn, this, arguments as never)
        } catch (thrownByCapturedFunction) {
          stack.top = level - 1
          try {
            fail(functionId, level, hooks.errorType(thrownByCapturedFunction))
          } catch {
            stack.lost[0]!++
          }
          throw thrownByCapturedFunction
        }
        try {
          if (alwaysPromise || isSettling(result)) {
            return settleResult(result as Promise<unknown>, functionId, level)
          }
          end(functionId, level)
        } catch {
          stack.top = level - 1
          stack.lost[0]!++
        }
        return result
      },
    }

    const wrapper: AnyFunction = isConstructor(fn) ? constructible : plain
    return disguise(wrapper, fn)
  }

  return { wrap, run }
}
