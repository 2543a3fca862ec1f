/**
 * @module capture/disguise
 * Makes a wrapper, or a derived promise, look like what it stands for.
 */
import type { AnyFunction } from './wrap.ts'

const { construct, ownKeys, getOwnPropertyDescriptor, defineProperty } = Reflect

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
