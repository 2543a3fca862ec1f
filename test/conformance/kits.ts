/**
 * The bare kit, and captured ones: every way of calling `capture` runs the whole table.
 */
import { capture, captureCallback, type CaptureDecorator } from 'kronicler'
import type { AnyFunction, Form, Kit } from './form.ts'

interface Members {
  value?: unknown
  get?: unknown
  set?: unknown
}

/** Decorates and wraps, and changes nothing. */
export const BARE: Kit = {
  name: 'bare',
  frames: () => 0,
  wrap: passOn as CaptureDecorator,
  wrapCallback: (fn) => fn,
}

export const CAPTURED: readonly Kit[] = [
  { name: 'capture', frames: plainFrames, wrap: capture, wrapCallback: captureCallback },
  {
    name: "capture('name')",
    frames: plainFrames,
    wrap: capture('conformance'),
    wrapCallback: (fn) => captureCallback('conformance callback', fn),
  },
  {
    name: 'capture({ ... })',
    frames: plainFrames,
    wrap: capture({ name: 'conformance with options', skip: [] }),
    wrapCallback: (fn) => captureCallback(fn, { name: 'conformance callback with options' }),
  },
]

/** The wrapper, what a call in callback style goes through besides, and the trap of a proxy. */
function plainFrames({ isCallbackStyle, name }: Form): number {
  return isCallbackStyle || name.startsWith('proxy') ? 2 : 1
}

/** The same kit, but every function is given to `prepare` before it is wrapped. */
export function withPreparation(kit: Kit, prepare: (fn: AnyFunction) => void): Kit {
  return {
    ...kit,
    wrap: ((...args: unknown[]): unknown => {
      const [target, context, descriptor] = args
      if (isFieldContext(context)) {
        const initialize = apply(kit.wrap, args) as (initial: unknown) => unknown
        return function (this: unknown, initial: unknown): unknown {
          prepare(initial as AnyFunction)
          return Reflect.apply(initialize, this, [initial])
        }
      }
      for (const fn of functionsOf(target, descriptor)) prepare(fn)
      return apply(kit.wrap, args)
    }) as CaptureDecorator,
    wrapCallback: (fn) => {
      prepare(fn)
      return kit.wrapCallback(fn)
    },
  }
}

function passOn(...args: unknown[]): unknown {
  const [target, context, descriptor] = args
  if (isFieldContext(context)) return (initial: unknown) => initial
  return descriptor ?? target
}

/** The functions that a wrapper or a decorator is called for. */
function functionsOf(target: unknown, descriptor: unknown): AnyFunction[] {
  if (typeof descriptor === 'object') return functionsIn(descriptor as Members)
  if (typeof target !== 'function') return functionsIn(target as Members)
  if (!/^class\b/.test(String(target))) return [target as AnyFunction]
  return [target, target.prototype as object].flatMap((holder) =>
    Reflect.ownKeys(holder)
      .filter((key) => key !== 'constructor' && key !== 'prototype')
      .flatMap((key) => functionsIn(Object.getOwnPropertyDescriptor(holder, key)!)),
  )
}

function functionsIn({ value, get, set }: Members): AnyFunction[] {
  return [value, get, set].filter((member): member is AnyFunction => typeof member === 'function')
}

function isFieldContext(context: unknown): boolean {
  return (
    typeof context === 'object' && context !== null && 'kind' in context && context.kind === 'field'
  )
}

function apply(wrap: CaptureDecorator, args: unknown[]): unknown {
  return Reflect.apply(wrap, undefined, args) as unknown
}
