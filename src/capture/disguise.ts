/**
 * @module capture/disguise
 * Makes a wrapper, or a derived promise, look like what it stands for. What can be told all the same is listed in
 * docs/transparency.md, and held by test/conformance.
 */
import * as types from 'node:util/types'
import type { AnyFunction } from './wrap.ts'

const { apply, construct, defineProperty, deleteProperty, getOwnPropertyDescriptor, ownKeys } =
  Reflect
const { isProxy } = types
/* eslint-disable @typescript-eslint/unbound-method -- applied to a receiver */
const sourceText = Function.prototype.toString
const isInstance = Function.prototype[Symbol.hasInstance]
/* eslint-enable @typescript-eslint/unbound-method */

/** What a bound function's source text is: no other function has it together with such a name. */
const BOUND_SOURCE = /^function \(\) \{\s*\[native code\]\s*\}$/

/** By wrapper: the innermost function that it stands for, whose text is shown. */
const originals = new WeakMap<object, AnyFunction>()
/** By wrapper that can be called with `new`: the prototype that it and its function had when they were last compared. */
const prototypes = new WeakMap<object, unknown>()

/**
 * Gives the wrapper everything by which one could tell it from the function.
 *
 * A bound function, or a proxy, is hidden behind one of its kind: it has no `prototype`, but `instanceof` works; it
 * answers to what its traps make up.
 *
 * @param wrapper a new function that calls `fn`, with `new` too if `fn` can be; an arrow's or a method's has no `prototype`
 * @returns what is to be used in place of the function
 */
export function disguise<F extends AnyFunction>(wrapper: AnyFunction, fn: F): F {
  if (isProxy(fn)) return hideBehindProxy(wrapper, fn)
  if (isBound(fn)) return hideBehindBound(wrapper, fn)
  copyShape(wrapper, fn)
  showTextOf(wrapper, fn)
  copyMetadata(wrapper, fn)
  copyIntegrity(wrapper, fn)
  if (Object.hasOwn(wrapper, 'prototype')) prototypes.set(wrapper, wrapper.prototype)
  return wrapper as F
}

/** The cheaper half, for a function that lives as long as one call: own properties, prototype chain, frozen or not. */
export function imitate(wrapper: object, fn: AnyFunction): void {
  copyShape(wrapper, fn)
  copyIntegrity(wrapper, fn)
}

/** What `new.target` is to be inside of the function, given what it is inside of the wrapper. */
export function targetOf(
  newTarget: AnyFunction,
  wrapper: AnyFunction,
  fn: AnyFunction,
): AnyFunction {
  if (newTarget !== wrapper) return newTarget
  const known = prototypes.get(wrapper)
  if (known !== undefined) sharePrototype(known, wrapper, fn)
  return fn
}

/** Some libraries hang methods on a promise; the derived one must have them too. Only enumerable ones are looked for. */
export function copyOwnProperties(from: object, to: object): void {
  // hardly any promise has one, and finding that out this way is free; listing the keys costs as much as a clock read
  for (const _ in from) {
    for (const key of ownKeys(from)) {
      if (!Object.hasOwn(to, key)) defineProperty(to, key, getOwnPropertyDescriptor(from, key)!)
    }
    return
  }
}

/** Whether it can be called with `new`, found out without calling it. */
export function isConstructor(fn: object): boolean {
  try {
    construct(Object, [], fn as never)
    return true
  } catch {
    return false
  }
}

function copyShape(wrapper: object, fn: AnyFunction): void {
  for (const key of ownKeys(wrapper)) {
    if (!Object.hasOwn(fn, key)) deleteProperty(wrapper, key) // its owner has deleted the function's name
  }
  for (const key of ownKeys(fn)) {
    const descriptor = getOwnPropertyDescriptor(fn, key)!
    // a sloppy function's own: null but for the moment in which it runs
    if (key === 'arguments' || key === 'caller') {
      if (descriptor.configurable !== true && descriptor.writable !== true) descriptor.value = null
    }
    defineProperty(wrapper, key, descriptor)
  }
  const prototype: unknown = Object.getPrototypeOf(fn)
  if (prototype !== Function.prototype) Object.setPrototypeOf(wrapper, prototype as object | null)
}

function copyIntegrity(wrapper: object, fn: object): void {
  if (Object.isFrozen(fn)) Object.freeze(wrapper)
  else if (Object.isSealed(fn)) Object.seal(wrapper)
  else if (!Object.isExtensible(fn)) Object.preventExtensions(wrapper)
}

/**
 * Libraries read parameter names, or send a function elsewhere, by its text. They can have it through a property only,
 * and not through `Function.prototype.toString.call(wrapper)`: that one is everybody's.
 */
function showTextOf(wrapper: object, fn: AnyFunction): void {
  originals.set(wrapper, originals.get(fn) ?? fn)
  if (Object.hasOwn(fn, 'toString')) return
  const inherited: unknown = Reflect.get(fn, 'toString')
  if (inherited !== sourceText && !isNative(inherited)) return // text of its owner's making
  defineProperty(wrapper, 'toString', {
    value: textOfOriginal,
    writable: true,
    enumerable: false,
    configurable: true,
  })
}

// eslint-disable-next-line @typescript-eslint/unbound-method -- a method, so that it is no constructor, as the original
const { toString: textOfOriginal } = {
  toString(this: unknown): string {
    return apply(sourceText, originals.get(this as object) ?? this, [])
  },
}

/** Decorators of NestJS and others keep what they know of a function in reflect-metadata, by its identity. */
function copyMetadata(wrapper: object, fn: AnyFunction): void {
  const { getOwnMetadataKeys, getOwnMetadata, defineMetadata } = Reflect as Partial<ReflectMetadata>
  if (typeof getOwnMetadataKeys !== 'function') return
  if (typeof getOwnMetadata !== 'function' || typeof defineMetadata !== 'function') return
  for (const key of getOwnMetadataKeys(fn)) defineMetadata(key, getOwnMetadata(key, fn), wrapper)
}

/** What the package reflect-metadata adds to Reflect. */
interface ReflectMetadata {
  getOwnMetadataKeys: (target: object) => unknown[]
  getOwnMetadata: (key: unknown, target: object) => unknown
  defineMetadata: (key: unknown, value: unknown, target: object) => void
}

function hideBehindProxy<F extends AnyFunction>(wrapper: AnyFunction, fn: F): F {
  const proxy: F = new Proxy(fn, {
    apply: (_, self, args) => apply(wrapper, self, args as never),
    construct: (_, args, newTarget) =>
      construct(wrapper, args as never, newTarget === proxy ? wrapper : newTarget) as object,
  })
  copyMetadata(proxy, fn)
  return proxy
}

function hideBehindBound<F extends AnyFunction>(wrapper: AnyFunction, fn: F): F {
  defineProperty(wrapper, Symbol.hasInstance, {
    value: (instance: unknown) => apply(isInstance, fn, [instance]) as unknown,
  })
  const bound = wrapper.bind(undefined) // the function has a receiver of its own
  copyShape(bound, fn)
  copyMetadata(bound, fn)
  copyIntegrity(bound, fn)
  return bound as F
}

function isBound(fn: AnyFunction): boolean {
  const name: unknown = getOwnPropertyDescriptor(fn, 'name')?.value
  const named = typeof name === 'string' && name.startsWith('bound ')
  return named && !Object.hasOwn(fn, 'prototype') && BOUND_SOURCE.test(apply(sourceText, fn, []))
}

function isNative(fn: unknown): boolean {
  return typeof fn === 'function' && /\{\s*\[native code\]\s*\}$/.test(apply(sourceText, fn, []))
}

/** Before there were classes, one inherited by giving a function another `prototype`. It may be given to either. */
function sharePrototype(known: unknown, wrapper: AnyFunction, fn: AnyFunction): void {
  if (wrapper.prototype === known && fn.prototype === known) return
  const replaced: unknown = wrapper.prototype === known ? fn.prototype : wrapper.prototype
  Reflect.set(wrapper, 'prototype', replaced)
  Reflect.set(fn, 'prototype', replaced)
  prototypes.set(wrapper, replaced)
}
