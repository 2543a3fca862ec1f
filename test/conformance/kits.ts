/**
 * The bare kit, and captured ones: every way of calling `capture` runs the whole table.
 */
import {
  capture,
  captureCallback,
  control,
  type CaptureDecorator,
  type CaptureOptions,
} from 'kronicler'
import { AsyncLocalStorage } from 'node:async_hooks'
import type { AnyFunction, Form, Kit } from './form.ts'
import { isOwnFrame } from './observe.ts'

const SWITCHED_OFF = 'conformance, switched off'

interface Members {
  value?: unknown
  get?: unknown
  set?: unknown
}

/** Decorates and wraps, and changes nothing. */
export const BARE: Kit = {
  name: 'bare',
  frames: () => 0,
  records: false,
  wrap: passOn as CaptureDecorator,
  wrapCallback: (fn) => fn,
}

/** What most functions are captured with. */
export const PLAIN: readonly Kit[] = [
  {
    name: 'capture',
    frames: plainFrames,
    records: true,
    wrap: capture,
    wrapCallback: captureCallback,
  },
  {
    name: "capture('name')",
    frames: plainFrames,
    records: true,
    wrap: capture('conformance'),
    wrapCallback: (fn) => captureCallback('conformance callback', fn),
  },
  {
    name: 'switched off by control()',
    frames: (form) => (form.kind.endsWith('generator') ? 0 : plainFrames(form)),
    records: false,
    wrap: capture(SWITCHED_OFF),
    wrapCallback: (fn) => captureCallback(SWITCHED_OFF, fn),
  },
]

const DETAILS = {
  attributes: (args: unknown[], result: unknown, error: unknown) => ({
    count: args.length,
    kind: typeof result,
    failed: error !== undefined,
  }),
  isError: (_: unknown, error: unknown) => error !== undefined,
  slowerThan: '5ms',
  sample: 0.5,
} satisfies CaptureOptions

/** With all options: they ask for a wrapper of another kind. */
export const DETAILED: readonly Kit[] = [
  {
    name: 'capture({ attributes, isError, slowerThan, sample })',
    frames: (form) => plainFrames(form) + (form.kind.endsWith('generator') ? 0 : 2),
    records: true,
    wrap: capture(DETAILS),
    wrapCallback: (fn) => captureCallback(fn, DETAILS),
  },
  {
    name: 'capture({ parent: true })',
    frames: (form) => plainFrames(form) + parentFrames(form),
    records: true,
    wrap: capture({ name: 'conformance with parents', parent: true }),
    wrapCallback: (fn) => captureCallback(fn, { ...DETAILS, parent: true }),
  },
  {
    name: 'capture({ stream: true })',
    frames: (form) => plainFrames(form) + (form.kind.endsWith('generator') ? 0 : 2),
    records: true,
    wrap: capture({ name: 'conformance with streams', stream: true }),
    wrapCallback: (fn) => captureCallback(fn, DETAILS),
  },
]

export function switchOff(): void {
  control(`*${SWITCHED_OFF}*`, { enabled: false }) // a getter's name begins with `get`, a member's ends with its key
}

/** The wrapper, or the method of a generator; what a call in callback style goes through besides; the trap of a proxy. */
function plainFrames({ isCallbackStyle, kind, name }: Form): number {
  if (kind === 'async generator') return 4
  return isCallbackStyle || name.startsWith('proxy') ? 2 : 1
}

/** Closures, and what an AsyncLocalStorage of this version of Node puts on the stack. */
function parentFrames({ kind }: Form): number {
  const closures = kind === 'async generator' ? 1 : 3
  return closures + new AsyncLocalStorage().run(0, framesOfStorage)
}

function framesOfStorage(): number {
  return new Error().stack!.split('\n').filter((line) => isOwnFrame(line)).length
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
