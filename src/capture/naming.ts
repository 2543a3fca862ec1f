/**
 * @module capture/naming
 * Under which name the calls of a function are recorded, if none is given.
 */
import { callSiteOf } from './call-site.ts'
import type { AnyFunction } from './wrap.ts'

/**
 * The function's name, or the place at which it is captured.
 *
 * @param boundary function that the user has called: the place is where
 */
export function nameOfFunction(fn: AnyFunction, boundary: AnyFunction): string {
  const name: unknown = fn.name
  if (typeof name === 'string' && name !== '') return name
  const place = callSiteOf(boundary) ?? 'unknown place'
  return `anonymous (${place.slice(place.lastIndexOf('/') + 1)})`
}

/** `Orders.find`; the key alone where the class has no name. */
export function nameOfMember(className: string, key: string | symbol): string {
  return className === '' ? String(key) : `${className}.${String(key)}`
}

/**
 * Name of the class that defines a decorated member. The receiver may be an instance of a subclass, so the prototype
 * that holds this very wrapper is looked for, then one that has the key at all (another decorator may stand outside of
 * this one). Never throws; '' if it cannot be told.
 *
 * @param self    receiver of a call
 * @param wrapper what stands in the class as method, getter or setter
 */
export function nameOfOwner(
  self: unknown,
  context: { name: string | symbol; static: boolean; private: boolean },
  wrapper: AnyFunction,
): string {
  try {
    const chain = prototypeChain(context.static ? self : Object.getPrototypeOf(self))
    const holder =
      chain.find((link) => holds(link, context.name, wrapper)) ??
      chain.find((link) => context.private || Object.hasOwn(link, context.name))
    const owner: unknown = context.static ? holder : holder?.constructor
    return typeof owner === 'function' ? owner.name : ''
  } catch {
    return '' // a receiver with hostile traps
  }
}

function holds(link: object, key: string | symbol, wrapper: AnyFunction): boolean {
  const descriptor: { value?: unknown; get?: unknown; set?: unknown } | undefined =
    Object.getOwnPropertyDescriptor(link, key)
  return (
    descriptor !== undefined && [descriptor.value, descriptor.get, descriptor.set].includes(wrapper)
  )
}

function prototypeChain(start: unknown): object[] {
  const chain: object[] = []
  let link = start
  while ((typeof link === 'object' && link !== null) || typeof link === 'function') {
    chain.push(link)
    link = Object.getPrototypeOf(link) as unknown
  }
  return chain
}
