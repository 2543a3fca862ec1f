/**
 * @module capture/wrap
 * The wrapper around a captured function. Nobody should be able to tell that it is there: `this`, arguments, result,
 * what it throws, name, length, own properties, prototype and `new` are the function's own.
 *
 * The wrapper calls the function by `Reflect.apply(fn, this, arguments)` in strict mode: no copy of the arguments, no
 * Proxy, no generated code. It catches and rethrows, to learn the error's class; the error and its stack are untouched.
 *
 * Its two forms repeat the same lines on purpose: handed to a common helper, `arguments` becomes an object of 64 bytes on
 * every call; used where it stands, it is never made.
 */
/* eslint-disable prefer-rest-params -- see above */
import { types } from 'node:util'
import type { Producer } from '../queue/producer.ts'

export type AnyFunction = (this: unknown, ...args: never[]) => unknown

export interface WrapHooks {
  /** Id of a thrown value's error type in the name log. Never throws. */
  errorType(thrown: unknown): number
}

/** Gives the id at the first call, whose `this` tells the class of a decorated method. Never throws. */
export type IdAtFirstCall = (self: unknown) => number

export interface Wrapping {
  wrap: <F extends AnyFunction>(fn: F, id: number | IdAtFirstCall) => F
  /** Calls a function once, recorded. */
  run: <T>(fn: () => T, functionId: number) => T
}

const { isAsyncFunction, isPromise } = types
const { apply, construct, ownKeys, getOwnPropertyDescriptor, defineProperty } = Reflect
const promisePrototype = Promise.prototype
const UNKNOWN_ID = -1
const NO_ERROR = 0

/** What callers get for a promise, and how to learn that it has settled. */
interface SharedPromise {
  derived: Promise<unknown>
  onSettled: (functionId: number, place: number) => void
}

export function createWrapping(producer: Producer, hooks: WrapHooks): Wrapping {
  const { begin, end, fail, park, endAsync, failAsync } = producer

  /** Records the end of the call when the promise settles. Returns the promise that the caller gets. */
  function settle(promise: Promise<unknown>, functionId: number, depth: number): unknown {
    const place = park(depth)
    const derived = promise.then(
      (value: unknown) => {
        endAsync(functionId, place)
        return value
      },
      (reason: unknown) => {
        failAsync(functionId, place, hooks.errorType(reason))
        throw reason
      },
    )
    copyOwnProperties(promise, derived)
    return derived
  }

  /** By the promise that a function has returned. */
  const shared = new WeakMap<Promise<unknown>, SharedPromise>()

  /**
   * The same for a function that may return one promise to several callers: they all get the same derived one, or a
   * rejection that the first has handled would be unhandled at the second.
   */
  function settleShared(promise: Promise<unknown>, functionId: number, depth: number): unknown {
    const place = park(depth)
    const known = shared.get(promise)
    if (known !== undefined) {
      known.onSettled(functionId, place)
      return known.derived
    }
    const waiting = [[functionId, place] as const]
    let outcome: { errorType: number } | undefined

    function endCall(id: number, at: number): void {
      if (outcome!.errorType === NO_ERROR) endAsync(id, at)
      else failAsync(id, at, outcome!.errorType)
    }

    function endAll(errorType: number): void {
      outcome = { errorType }
      for (const [id, at] of waiting.splice(0)) endCall(id, at)
    }

    const derived = promise.then(
      (value: unknown) => {
        endAll(NO_ERROR)
        return value
      },
      (reason: unknown) => {
        endAll(hooks.errorType(reason))
        throw reason
      },
    )
    copyOwnProperties(promise, derived)
    shared.set(promise, {
      derived,
      onSettled: (id, at) => {
        if (outcome === undefined) waiting.push([id, at])
        else endCall(id, at)
      },
    })
    return derived
  }

  function run<T>(fn: () => T, functionId: number): T {
    const depth = begin()
    let result: T
    try {
      result = fn()
    } catch (error) {
      fail(functionId, depth, hooks.errorType(error))
      throw error
    }
    if (isSettling(result)) return settleShared(result, functionId, depth) as T
    end(functionId, depth)
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
      const depth = begin()
      let result: unknown
      try {
        result =
          newTarget === undefined
            ? apply(fn, this, arguments as never)
            : construct(fn, arguments as never, newTarget === wrapper ? fn : newTarget)
      } catch (error) {
        fail(functionId, depth, hooks.errorType(error))
        throw error
      }
      if (alwaysPromise || isSettling(result)) {
        return settleResult(result as Promise<unknown>, functionId, depth)
      }
      end(functionId, depth)
      return result
    }

    /** For one that cannot (arrow, method, async function): a method is no constructor either. */
    // eslint-disable-next-line @typescript-eslint/unbound-method -- takes any receiver
    const { plain } = {
      plain(this: unknown): unknown {
        if (functionId === UNKNOWN_ID) learnId(this)
        const depth = begin()
        let result: unknown
        try {
          result = apply(fn, this, arguments as never)
        } catch (error) {
          fail(functionId, depth, hooks.errorType(error))
          throw error
        }
        if (alwaysPromise || isSettling(result)) {
          return settleResult(result as Promise<unknown>, functionId, depth)
        }
        end(functionId, depth)
        return result
      },
    }

    const wrapper: AnyFunction = isConstructor(fn) ? constructible : plain
    disguise(wrapper, fn)
    return wrapper as F
  }

  return { wrap, run }
}

/**
 * Whether the result is a promise whose end can be observed without changing anything. Left alone are other thenables and
 * promises with a `then` of their own, which may be lazy (they start when it is called); promises of a subclass, whose
 * private state a derived one would not have; and proxies.
 */
function isSettling(result: unknown): result is Promise<unknown> {
  if (typeof result !== 'object' || result === null) return false
  try {
    return (
      result instanceof Promise &&
      isPromise(result) &&
      result.constructor === Promise &&
      // read at each use: a tracing library may have replaced it
      result.then === promisePrototype.then
    )
  } catch {
    return false // a proxy with hostile traps, or a revoked one
  }
}

/** Whether it can be called with `new`, found out without calling it. */
function isConstructor(fn: AnyFunction): boolean {
  try {
    construct(Object, [], fn)
    return true
  } catch {
    return false
  }
}

/** Some libraries hang methods on a promise; the derived one must have them too. Only enumerable ones are looked for. */
function copyOwnProperties(from: object, to: object): void {
  // hardly any promise has one, and finding that out this way is free; listing the keys costs as much as a clock read
  for (const _ in from) {
    for (const key of ownKeys(from)) {
      if (!Object.hasOwn(to, key)) defineProperty(to, key, getOwnPropertyDescriptor(from, key)!)
    }
    return
  }
}

/** Gives the wrapper everything by which one could tell it from the function, `toString()`'s text excepted. */
export function disguise(wrapper: object, fn: AnyFunction): void {
  for (const key of ownKeys(fn)) {
    if (key === 'arguments' || key === 'caller') continue // own properties of sloppy functions only, always null
    defineProperty(wrapper, key, getOwnPropertyDescriptor(fn, key)!)
  }
  const prototype: unknown = Object.getPrototypeOf(fn)
  if (prototype !== Function.prototype) Object.setPrototypeOf(wrapper, prototype as object | null)
  if (Object.isFrozen(fn)) Object.freeze(wrapper)
  else if (Object.isSealed(fn)) Object.seal(wrapper)
  else if (!Object.isExtensible(fn)) Object.preventExtensions(wrapper)
}
