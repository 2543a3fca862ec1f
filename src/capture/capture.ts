/**
 * @module capture/capture
 * `capture`: one export that wraps a function or a class, and decorates classes and their members in either decorator
 * mode.
 */
import { kindOf } from '../internal/check-options.ts'
import { detailsIn } from './call-details.ts'
import { callSiteOf } from './call-site.ts'
import { captureClass, isClass } from './capture-class.ts'
import { decorate, isDecoratorCall, type MemberWrapping } from './decorators.ts'
import { nameOfFunction } from './naming.ts'
import { checkCaptureOptions, checkName, type CaptureOptions } from './options.ts'
import type { OpenSpan } from './span.ts'
import type { WrapCallback } from './wrap-callback.ts'
import type { WrapDetailed } from './wrap-detailed.ts'
import { isGeneratorFunction, type WrapGenerator } from './wrap-generator.ts'
import type { StreamWrapping } from './wrap-stream.ts'
import type { AnyFunction, IdAtFirstCall, Wrapping } from './wrap.ts'

type Callable = (this: never, ...args: never[]) => unknown
type Class = abstract new (...args: never[]) => unknown

/** What `capture`, `capture('name')` and `capture({ ... })` are: a decorator in both modes, and a wrapper. */
export interface CaptureDecorator {
  /** TC39: a method, getter or setter, static and private ones included. */
  <F extends Callable>(
    value: F,
    context:
      ClassMethodDecoratorContext | ClassGetterDecoratorContext | ClassSetterDecoratorContext,
  ): F
  /** TC39: an accessor. */
  <This, Value>(
    target: ClassAccessorDecoratorTarget<This, Value>,
    context: ClassAccessorDecoratorContext<This, Value>,
  ): ClassAccessorDecoratorResult<This, Value>
  /** TC39: a field that holds a function, or may. */
  <This, F extends Callable | null | undefined>(
    value: undefined,
    context: ClassFieldDecoratorContext<This, F>,
  ): (this: This, initial: F) => F
  /** TC39: a class, all of its methods. */
  <C extends Class>(value: C, context: ClassDecoratorContext): C
  /** `experimentalDecorators`: a method or accessor. */
  <T>(target: object, key: string | symbol, descriptor: TypedPropertyDescriptor<T>): void
  /** Wraps a function, or all methods of a class; the exact type comes back. */
  <F extends Callable | Class>(fn: F): F
}

export interface Capture extends CaptureDecorator {
  <F extends Callable | Class>(fn: F, options: CaptureOptions<NoInfer<F>>): F
  <F extends Callable | Class>(
    name: string,
    fn: F,
    options?: Omit<CaptureOptions<NoInfer<F>>, 'name'>,
  ): F
  (nameOrOptions: string | CaptureOptions): CaptureDecorator
  (): CaptureDecorator // apart: with an optional parameter it would be taken for a decorator of any field
}

/** With what calls are recorded. None of it throws. */
export interface CaptureBackend extends Wrapping, StreamWrapping {
  wrapDetailed: WrapDetailed
  wrapGenerator: WrapGenerator
  wrapCallback: WrapCallback
  openSpan: OpenSpan
  record: (functionId: number, durationNs: number, options: RecordedOutcome) => void
  idOf: (name: string) => number
  /** What is recorded of the function unless a rule says otherwise, and where it is defined. */
  describe: (functionId: number, options: CaptureOptions, place: string | undefined) => void
  /** A function is to be named by what a minifier has left of its name. */
  warnOfShortName: (name: string) => void
}

/** How a call ended that was timed by somebody else. */
export interface RecordedOutcome {
  thrown?: { value: unknown } | undefined // undefined: it did not fail
  attributes?: string | undefined // text of a JSON object
}

/** @param activeBackend gives undefined while capture is disabled: functions are then left as they are */
export function createCapture(activeBackend: () => CaptureBackend | undefined): Capture {
  /** Wrappers by function and name, so that wrapping twice gives the same wrapper. */
  const wrappers = new WeakMap<AnyFunction, Map<string, AnyFunction>>()
  const nameOfWrapper = new WeakMap<AnyFunction, string>()
  /** Wrappers of decorated members, which learn their names at the first call. */
  const decorated = new WeakSet<AnyFunction>()

  /** @param boundary function that the user, or the compiler, has called */
  function wrappingFor(options: CaptureOptions, boundary: AnyFunction): MemberWrapping {
    let place: { known: string | undefined } | undefined
    const placeOnce = (): string | undefined => (place ??= { known: callSiteOf(boundary) }).known
    const details = detailsIn(options)

    function create(fn: AnyFunction, backend: CaptureBackend, id: number | IdAtFirstCall) {
      if (isGeneratorFunction(fn)) return backend.wrapGenerator(fn, id, details)
      if (options.stream === true) return backend.wrapStream(fn, id, details)
      return details === undefined ? backend.wrap(fn, id) : backend.wrapDetailed(fn, id, details)
    }

    function idOf(backend: CaptureBackend, name: string, definedAt: string | undefined): number {
      if (options.name === undefined && isShort(name)) backend.warnOfShortName(name)
      const id = backend.idOf(name)
      backend.describe(id, options, definedAt)
      return id
    }

    function wrapNamed(fn: AnyFunction, name: string): AnyFunction {
      const known = wrappers.get(fn)?.get(name)
      if (known !== undefined) return known
      const backend = activeBackend()
      if (backend === undefined || nameOfWrapper.get(fn) === name) return fn
      const wrapper = create(fn, backend, idOf(backend, name, placeOnce()))
      if (!wrappers.has(fn)) wrappers.set(fn, new Map())
      wrappers.get(fn)!.set(name, wrapper)
      nameOfWrapper.set(wrapper, name)
      return wrapper
    }

    return {
      wrapNamed,
      wrapMethod: (fn, name) => (decorated.has(fn) ? fn : wrapNamed(fn, name)),
      wrapUnnamed(fn, nameAtFirstCall) {
        const backend = activeBackend()
        if (backend === undefined || decorated.has(fn)) return fn
        const definedAt = placeOnce() // at the first call the stack is another
        const wrapper: AnyFunction = create(fn, backend, (self) =>
          idOf(backend, nameAtFirstCall(self, wrapper), definedAt),
        )
        decorated.add(wrapper)
        return wrapper
      },
    }
  }

  function wrapAny(fn: unknown, options: CaptureOptions, boundary: AnyFunction): unknown {
    if (typeof fn !== 'function') {
      throw new TypeError(`capture: expected a function, not ${kindOf(fn)}`)
    }
    const { wrapNamed, wrapMethod } = wrappingFor(options, boundary)
    if (isClass(fn)) return captureClass(fn as AnyFunction, '', options, wrapMethod)
    return wrapNamed(fn as AnyFunction, options.name ?? nameOfFunction(fn as AnyFunction, boundary))
  }

  function decoratorWith(options: CaptureOptions): AnyFunction {
    function decoratorOrWrapper(...args: unknown[]): unknown {
      const boundary: AnyFunction = decoratorOrWrapper
      if (isDecoratorCall(args)) return decorate(args, options, wrappingFor(options, boundary))
      return wrapAny(args[0], options, boundary)
    }
    return decoratorOrWrapper
  }

  function capture(...args: unknown[]): unknown {
    const [first, second, third] = args
    if (typeof first === 'string') {
      checkName(first)
      if (args.length === 1) return decoratorWith({ name: first })
      const options = { ...checkCaptureOptions(third === undefined ? {} : third), name: first }
      return wrapAny(second, options, capture)
    }
    if (isDecoratorCall(args)) return decorate(args, {}, wrappingFor({}, capture))
    if (typeof first === 'function') {
      return wrapAny(first, checkCaptureOptions(second === undefined ? {} : second), capture)
    }
    if (args.length <= 1)
      return decoratorWith(first === undefined ? {} : checkCaptureOptions(first))
    throw new TypeError(`capture: expected a function, not ${kindOf(first)}`)
  }

  return capture as Capture
}

/** `a`, or `t.a`: what a minifier leaves of `calculate`. Without a regular expression: see stack-room. */
function isShort(name: string): boolean {
  const dot = name.lastIndexOf('.')
  return name.length - dot === 2 && dot <= 2
}
