/**
 * @module capture/capture
 * `capture`: one export that wraps a function or a class, and decorates classes and their members in either decorator
 * mode.
 */
import { kindOf } from '../internal/check-options.ts'
import { captureClass, isClass } from './capture-class.ts'
import { decorate, isDecoratorCall, type MemberWrapping } from './decorators.ts'
import { nameOfFunction } from './naming.ts'
import { checkCaptureOptions, checkName, type CaptureOptions } from './options.ts'
import type { OpenSpan } from './span.ts'
import type { WrapCallback } from './wrap-callback.ts'
import type { AnyFunction, Wrapping } from './wrap.ts'

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
  /** TC39: a field that holds a function. */
  <This, F extends Callable>(
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
  <F extends Callable | Class>(fn: F, options: CaptureOptions): F
  <F extends Callable | Class>(name: string, fn: F, options?: Omit<CaptureOptions, 'name'>): F
  (nameOrOptions?: string | CaptureOptions): CaptureDecorator
}

/** With what calls are recorded. None of it throws. */
export interface CaptureBackend extends Wrapping {
  wrapCallback: WrapCallback
  openSpan: OpenSpan
  record: (functionId: number, durationNs: number, thrown: { value: unknown } | undefined) => void
  idOf: (name: string) => number
}

/** @param activeBackend gives undefined while capture is disabled: functions are then left as they are */
export function createCapture(activeBackend: () => CaptureBackend | undefined): Capture {
  /** Wrappers by function and name, so that wrapping twice gives the same wrapper. */
  const wrappers = new WeakMap<AnyFunction, Map<string, AnyFunction>>()
  const nameOfWrapper = new WeakMap<AnyFunction, string>()

  function wrapNamed(fn: AnyFunction, name: string): AnyFunction {
    assertCapturable(fn)
    const known = wrappers.get(fn)?.get(name)
    if (known !== undefined) return known
    const backend = activeBackend()
    if (backend === undefined || nameOfWrapper.get(fn) === name) return fn
    const wrapper = backend.wrap(fn, backend.idOf(name))
    if (!wrappers.has(fn)) wrappers.set(fn, new Map())
    wrappers.get(fn)!.set(name, wrapper)
    nameOfWrapper.set(wrapper, name)
    return wrapper
  }

  const wrapUnnamed: MemberWrapping['wrapUnnamed'] = (fn, nameAtFirstCall) => {
    assertCapturable(fn)
    const backend = activeBackend()
    if (backend === undefined) return fn
    const wrapper: AnyFunction = backend.wrap(fn, (self) =>
      backend.idOf(nameAtFirstCall(self, wrapper)),
    )
    return wrapper
  }

  const wrapping: MemberWrapping = { wrapNamed, wrapUnnamed }

  /** @param boundary function that the user has called */
  function wrapAny(fn: unknown, options: CaptureOptions, boundary: AnyFunction): unknown {
    if (typeof fn !== 'function') {
      throw new TypeError(`capture: expected a function, not ${kindOf(fn)}`)
    }
    if (isClass(fn)) return captureClass(fn as AnyFunction, '', options, wrapNamed)
    return wrapNamed(fn as AnyFunction, options.name ?? nameOfFunction(fn as AnyFunction, boundary))
  }

  function decoratorWith(options: CaptureOptions): AnyFunction {
    function decoratorOrWrapper(...args: unknown[]): unknown {
      if (isDecoratorCall(args)) return decorate(args, options, wrapping)
      return wrapAny(args[0], options, decoratorOrWrapper)
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
    if (isDecoratorCall(args)) return decorate(args, {}, wrapping)
    if (typeof first === 'function') {
      return wrapAny(first, checkCaptureOptions(second === undefined ? {} : second), capture)
    }
    if (args.length <= 1)
      return decoratorWith(first === undefined ? {} : checkCaptureOptions(first))
    throw new TypeError(`capture: expected a function, not ${kindOf(first)}`)
  }

  return capture as Capture
}

function assertCapturable(fn: AnyFunction): void {
  const kind = Object.prototype.toString.call(fn)
  if (kind === '[object GeneratorFunction]' || kind === '[object AsyncGeneratorFunction]') {
    throw new TypeError(
      `capture: ${fn.name || 'the function'} is a generator, whose call ends before its work begins; capture the function that consumes it`,
    )
  }
}
