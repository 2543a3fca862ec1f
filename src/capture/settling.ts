/**
 * @module capture/settling
 * Which results are waited for.
 */
import * as types from 'node:util/types'

const { isPromise, isProxy } = types
const { getPrototypeOf, prototype: objectPrototype } = Object
const arrayPrototype = Array.prototype
const promisePrototype = Promise.prototype

/** By prototype of a result: the Promise of another realm (node:vm, jest) that it belongs to. */
const foreignPromises = new WeakMap<object, object | typeof NONE>()
const NONE = 'none'
/** Of the last result that was no promise: a function's results mostly have one prototype. */
let lastOther: object = objectPrototype

/**
 * Whether the result is a promise whose end can be observed without changing anything. Left alone are other thenables and
 * promises with a `then` of their own, which may be lazy (they start when it is called); promises of a subclass, whose
 * private state a derived one would not have; and proxies. Nothing of a result is read before it is known to be a
 * promise: a getter, or a trap, may do anything.
 */
export function isSettling(result: unknown): result is Promise<unknown> {
  if (typeof result !== 'object' || result === null) return false
  try {
    const prototype = getPrototypeOf(result) as object | null
    if (prototype === promisePrototype) {
      return (
        isPromise(result) &&
        result.constructor === Promise &&
        // read at each use: a tracing library may have replaced it
        result.then === promisePrototype.then
      )
    }
    if (prototype === lastOther || prototype === objectPrototype || prototype === arrayPrototype) {
      return false
    }
    return prototype !== null && isForeignPromise(result, prototype)
  } catch {
    return false // a proxy with hostile traps, or a revoked one
  }
}

/** The same for a promise of another realm. The promise derived from it is one of that realm, too. */
function isForeignPromise(result: object, prototype: object): boolean {
  let constructor = foreignPromises.get(prototype)
  if (constructor === undefined) {
    constructor = promiseOf(prototype) ?? NONE
    foreignPromises.set(prototype, constructor)
  }
  if (constructor === NONE) {
    lastOther = prototype
    return false
  }
  return (
    isPromise(result) &&
    result.constructor === constructor &&
    result.then === (prototype as typeof promisePrototype).then
  )
}

/** The Promise whose prototype this is, if it is that of an engine: a subclass, or a class of a library, is none. */
function promiseOf(prototype: object): object | undefined {
  if (isProxy(prototype)) return undefined
  const constructor: unknown = Object.getOwnPropertyDescriptor(prototype, 'constructor')?.value
  if (typeof constructor !== 'function' || constructor.prototype !== prototype) return undefined
  return isEnginesPromise(Function.prototype.toString.call(constructor)) ? constructor : undefined
}

/** Nobody but an engine can give a function this text. Without a regular expression: see stack-room. */
function isEnginesPromise(source: string): boolean {
  return source.startsWith('function Promise() {') && source.includes('[native code]')
}
