/**
 * @module capture/capture-class
 * Captures all methods of a class, static ones too, in place: the class stays the very same object.
 */
import { nameOfMember } from './naming.ts'
import type { CaptureOptions } from './options.ts'
import type { AnyFunction } from './wrap.ts'

/** A method may be named `class`. */
const CLASS_SOURCE = /^class\b(?!\s*\()/

export function isClass(fn: unknown): boolean {
  return typeof fn === 'function' && CLASS_SOURCE.test(Function.prototype.toString.call(fn))
}

/**
 * Wraps the class's own methods: not inherited ones, accessors, private ones, or what `skip` names. The constructor is
 * left alone: a class cannot be called but by `new`, and what a subclass does there must not change.
 *
 * @param wrapMethod wraps one method
 * @returns the class itself
 */
export function captureClass(
  target: AnyFunction,
  name: string,
  options: CaptureOptions,
  wrapMethod: (fn: AnyFunction, name: string) => AnyFunction,
): AnyFunction {
  const className = options.name ?? (name || target.name)
  const skip = new Set<string | symbol>(options.skip)
  for (const holder of [target.prototype as object, target]) {
    for (const key of Reflect.ownKeys(holder)) {
      if (key === 'constructor' || key === 'prototype' || skip.has(key)) continue
      const descriptor = Object.getOwnPropertyDescriptor(holder, key)!
      const method: unknown = descriptor.value
      if (typeof method !== 'function' || isClass(method) || !descriptor.configurable) continue
      const value = wrapMethod(method as AnyFunction, nameOfMember(className, key))
      Object.defineProperty(holder, key, { ...descriptor, value })
    }
  }
  return target
}
