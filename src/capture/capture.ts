/**
 * @module capture/capture
 * `capture`: one export that wraps a function, and decorates a method in either decorator mode.
 */
import type { AnyFunction, FirstCall, Wrap } from './wrap.ts'

export interface CaptureOptions {
  name?: string // under which the calls are recorded (default: the function's own, or Class.method)
}

/** What `capture`, `capture('name')` and `capture({ ... })` are: a method decorator in both modes, and a wrapper. */
export interface CaptureDecorator {
  /** TC39 method decorator, static and private methods included. */
  <F extends (this: never, ...args: never[]) => unknown>(
    method: F,
    context: ClassMethodDecoratorContext,
  ): F
  /** `experimentalDecorators` method decorator. */
  <T>(target: object, key: string | symbol, descriptor: TypedPropertyDescriptor<T>): void
  /** Wraps a function; its exact type comes back. */
  <F extends (this: never, ...args: never[]) => unknown>(fn: F): F
}

export interface Capture extends CaptureDecorator {
  <F extends (this: never, ...args: never[]) => unknown>(fn: F, options: CaptureOptions): F
  <F extends (this: never, ...args: never[]) => unknown>(name: string, fn: F): F
  (nameOrOptions?: string | CaptureOptions): CaptureDecorator
}

/** What capturing needs to know of names; see queue/name-log. None of it throws. */
export interface FunctionNames {
  idOf(name: string): number
  /** An id whose name is not final. */
  reserve(name: string): number
  rename(id: number, name: string): void
}

/**
 * @param wrap undefined when capture is disabled: then every form returns the function itself
 */
export function createCapture(names: FunctionNames, wrap: Wrap | undefined): Capture {
  /** Wrappers by function and name, so that wrapping twice gives the same wrapper. */
  const wrappers = new WeakMap<AnyFunction, Map<string, AnyFunction>>()
  const nameOfWrapper = new WeakMap<AnyFunction, string>()

  function wrapFunction(fn: AnyFunction, options: CaptureOptions): AnyFunction {
    assertCapturable(fn)
    const name = options.name ?? nameOf(fn)
    if (wrap === undefined || nameOfWrapper.get(fn) === name) return fn
    const known = wrappers.get(fn)?.get(name)
    if (known !== undefined) return known
    const wrapper = wrap(fn, names.idOf(name))
    if (!wrappers.has(fn)) wrappers.set(fn, new Map())
    wrappers.get(fn)!.set(name, wrapper)
    nameOfWrapper.set(wrapper, name)
    return wrapper
  }

  /** The class is not known while a standard decorator runs: the first call's `this` tells it. */
  function wrapStandardMethod(
    method: AnyFunction,
    context: ClassMethodDecoratorContext,
    options: CaptureOptions,
  ): AnyFunction {
    assertCapturable(method)
    if (wrap === undefined) return method
    if (options.name !== undefined) return wrap(method, names.idOf(options.name))
    const key = String(context.name)
    const id = names.reserve(key)
    const completeName: FirstCall = (self) => {
      const owner = ownerName(self, context, wrapper)
      if (owner !== '') names.rename(id, `${owner}.${key}`)
    }
    const wrapper = wrap(method, id, completeName)
    return wrapper
  }

  function wrapLegacyMethod(
    target: object,
    key: string | symbol,
    descriptor: PropertyDescriptor,
    options: CaptureOptions,
  ): PropertyDescriptor {
    const method: unknown = descriptor.value
    if (typeof method !== 'function') {
      throw new TypeError(`capture: ${String(key)} is not a method; only methods can be decorated`)
    }
    const owner = typeof target === 'function' ? target.name : target.constructor.name
    const name = options.name ?? (owner === '' ? String(key) : `${owner}.${String(key)}`)
    return { ...descriptor, value: wrapFunction(method as AnyFunction, { ...options, name }) }
  }

  function decorate(options: CaptureOptions, args: readonly unknown[]): unknown {
    const [target, second, third] = args
    if (isDecoratorContext(second)) {
      if (second.kind !== 'method' || typeof target !== 'function') {
        throw new TypeError(`capture: a ${second.kind} cannot be decorated, only a method can`)
      }
      return wrapStandardMethod(
        target as AnyFunction,
        second as ClassMethodDecoratorContext,
        options,
      )
    }
    if (typeof second === 'string' || typeof second === 'symbol') {
      if (!isObject(third)) {
        throw new TypeError(
          `capture: the field ${String(second)} cannot be decorated; write ${String(second)} = capture(...) instead`,
        )
      }
      return wrapLegacyMethod(target as object, second, third, options)
    }
    if (typeof target !== 'function') {
      throw new TypeError(`capture: expected a function, not ${describe(target)}`)
    }
    return wrapFunction(target as AnyFunction, options)
  }

  function capture(...args: unknown[]): unknown {
    const [first, second, third] = args
    if (typeof first === 'string' && args.length >= 2) {
      if (typeof second !== 'function') {
        throw new TypeError(`capture: expected a function after the name, not ${describe(second)}`)
      }
      return wrapFunction(second as AnyFunction, {
        ...validated(third ?? {}),
        name: checkedName(first),
      })
    }
    if (args.length <= 1 && typeof first !== 'function') {
      const options = typeof first === 'string' ? { name: first } : first === undefined ? {} : first
      const settled = validated(options)
      return (...decorated: unknown[]) => decorate(settled, decorated)
    }
    if (args.length === 2 && isObject(second) && !isDecoratorContext(second)) {
      return decorate(validated(second), [first])
    }
    return decorate({}, args)
  }

  return capture as Capture
}

function validated(options: unknown): CaptureOptions {
  if (!isObject(options)) {
    throw new TypeError(`capture: options must be an object, not ${describe(options)}`)
  }
  for (const key of Object.keys(options)) {
    if (key !== 'name') throw new TypeError(`capture: unknown option ${key}`)
  }
  const { name } = options as { name?: unknown }
  return name === undefined ? {} : { name: checkedName(name) }
}

function checkedName(name: unknown): string {
  if (typeof name !== 'string')
    throw new TypeError(`capture: name must be a string, not ${describe(name)}`)
  if (name === '') throw new RangeError('capture: name must not be empty')
  return name
}

function assertCapturable(fn: AnyFunction): void {
  if (/^class\b/.test(Function.prototype.toString.call(fn))) {
    throw new TypeError(`capture: ${fn.name || 'a class'} is a class; capture its methods instead`)
  }
  const kind = Object.prototype.toString.call(fn)
  if (kind === '[object GeneratorFunction]' || kind === '[object AsyncGeneratorFunction]') {
    throw new TypeError(
      `capture: ${fn.name || 'the function'} is a generator, whose call ends before its work begins; capture the function that consumes it`,
    )
  }
}

/** The function's name, or where it was captured. */
function nameOf(fn: AnyFunction): string {
  const name: unknown = fn.name
  if (typeof name === 'string' && name !== '') return name
  return `anonymous (${definitionSite()})`
}

/** `file.ts:12` of the first stack frame outside this package's own call of `capture`. */
function definitionSite(): string {
  const frames = (new Error().stack ?? '').split('\n').slice(1)
  const own = siteOf(frames[0] ?? '')?.file
  for (const frame of frames) {
    const site = siteOf(frame)
    if (site !== undefined && site.file !== own) {
      return `${site.file.slice(site.file.search(/[^/\\]*$/))}:${site.line}`
    }
  }
  return 'unknown place'
}

function siteOf(frame: string): { file: string; line: string } | undefined {
  const match = /\(?([^\s()]+):(\d+):\d+\)?$/.exec(frame)
  return match === null ? undefined : { file: match[1]!, line: match[2]! }
}

/**
 * Name of the class that defines the method. The receiver may be an instance of a subclass, so the prototype that holds
 * this very wrapper is looked for, then one that has the key at all (another decorator may stand outside of this one).
 */
function ownerName(
  self: unknown,
  context: ClassMethodDecoratorContext,
  wrapper: AnyFunction,
): string {
  try {
    const chain = prototypeChain(context.static ? self : Object.getPrototypeOf(self))
    const holder =
      chain.find(
        (link) => Object.getOwnPropertyDescriptor(link, context.name)?.value === wrapper,
      ) ?? chain.find((link) => context.private || Object.hasOwn(link, context.name))
    const owner: unknown = context.static ? holder : holder?.constructor
    return typeof owner === 'function' ? owner.name : ''
  } catch {
    return '' // a receiver with hostile traps: the method's name alone will do
  }
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

function isDecoratorContext(value: unknown): value is DecoratorContext {
  return (
    isObject(value) &&
    typeof value['kind'] === 'string' &&
    typeof value['addInitializer'] === 'function'
  )
}

function isObject(value: unknown): value is Record<PropertyKey, unknown> {
  return typeof value === 'object' && value !== null
}

function describe(value: unknown): string {
  return value === null ? 'null' : typeof value
}
