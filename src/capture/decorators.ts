/**
 * @module capture/decorators
 * `capture` as a decorator: TC39's decorators, and TypeScript's `experimentalDecorators`. What tells them apart is the
 * second argument: a context object, or the member's key.
 */
import { kindOf } from '../internal/check-options.ts'
import { captureClass, isClass } from './capture-class.ts'
import { nameOfMember, nameOfOwner } from './naming.ts'
import type { CaptureOptions } from './options.ts'
import type { AnyFunction } from './wrap.ts'

/** How a member is wrapped. All of it returns the function itself while capture is disabled. */
export interface MemberWrapping {
  /** Under a name that is known. */
  wrapNamed: (fn: AnyFunction, name: string) => AnyFunction
  /** The same for a method of a captured class: one that is decorated itself is left as it is. */
  wrapMethod: (fn: AnyFunction, name: string) => AnyFunction
  /** Under a name that the first call completes: a standard decorator does not know its class. */
  wrapUnnamed: (
    fn: AnyFunction,
    nameAtFirstCall: (self: unknown, wrapper: AnyFunction) => string,
  ) => AnyFunction
}

/** A property descriptor, seen as plain data. */
interface MemberDescriptor {
  value?: AnyFunction | undefined
  get?: AnyFunction | undefined
  set?: AnyFunction | undefined
}

type StandardContext = Exclude<DecoratorContext, ClassDecoratorContext>

/** Whether `capture` was called as a decorator by the compiler, rather than with a function and options. */
export function isDecoratorCall(args: readonly unknown[]): boolean {
  const [, second] = args
  return isContext(second) || typeof second === 'string' || typeof second === 'symbol'
}

/**
 * @param args as the compiler passes them
 * @returns what a decorator returns: the replacement of what it decorates
 * @throws {TypeError} a member that cannot be captured
 */
export function decorate(
  args: readonly unknown[],
  options: CaptureOptions,
  wrapping: MemberWrapping,
): unknown {
  const [target, second, descriptor] = args
  if (!isContext(second)) {
    return decorateLegacy(
      target as object,
      second as string | symbol,
      descriptor,
      options,
      wrapping,
    )
  }
  if (second.kind === 'class') {
    return captureClass(target as AnyFunction, second.name ?? '', options, wrapping.wrapMethod)
  }
  return decorateStandard(target, second, options, wrapping)
}

function decorateStandard(
  target: unknown,
  context: StandardContext,
  options: CaptureOptions,
  wrapping: MemberWrapping,
): unknown {
  const wrap = (fn: AnyFunction, prefix = ''): AnyFunction =>
    options.name === undefined
      ? wrapping.wrapUnnamed(fn, (self, wrapper) => {
          const owner = nameOfOwner(self, context, wrapper)
          return prefix + nameOfMember(owner, context.name)
        })
      : wrapping.wrapNamed(fn, prefix + options.name)
  switch (context.kind) {
    case 'method':
      return wrap(target as AnyFunction)
    case 'getter':
      return wrap(target as AnyFunction, 'get ')
    case 'setter':
      return wrap(target as AnyFunction, 'set ')
    case 'accessor': {
      const { get, set } = target as { get: AnyFunction; set: AnyFunction }
      return { get: wrap(get, 'get '), set: wrap(set, 'set ') }
    }
    case 'field':
      return fieldInitializer(context, options, wrapping)
  }
}

/** Wraps what the field is set to, for every instance anew; the instance tells the class. */
function fieldInitializer(
  context: ClassFieldDecoratorContext,
  options: CaptureOptions,
  { wrapNamed }: MemberWrapping,
): (this: unknown, initial: unknown) => unknown {
  return function initialize(this: unknown, initial: unknown): unknown {
    if (typeof initial !== 'function' || isClass(initial)) return initial
    const owner: unknown = context.static ? this : (this as object).constructor
    const className = typeof owner === 'function' ? owner.name : ''
    const name = options.name ?? nameOfMember(className, context.name)
    return wrapNamed(initial as AnyFunction, name)
  }
}

function decorateLegacy(
  target: object,
  key: string | symbol,
  descriptor: unknown,
  options: CaptureOptions,
  { wrapNamed }: MemberWrapping,
): object {
  if (typeof descriptor !== 'object' || descriptor === null) {
    // with useDefineForClassFields, the default, an experimental decorator never sees a field's value
    const field = String(key)
    throw new TypeError(
      `capture: an experimental decorator cannot capture the field ${field}; write ${field} = capture(...) instead`,
    )
  }
  const className = typeof target === 'function' ? target.name : target.constructor.name
  const name = options.name ?? nameOfMember(className, key)
  const { value, get, set } = descriptor as MemberDescriptor
  if (typeof value === 'function') return { ...descriptor, value: wrapNamed(value, name) }
  if (get === undefined && set === undefined) {
    throw new TypeError(`capture: ${String(key)} is ${kindOf(value)}, not a method`)
  }
  return {
    ...descriptor,
    get: get && wrapNamed(get, `get ${name}`),
    set: set && wrapNamed(set, `set ${name}`),
  }
}

function isContext(value: unknown): value is DecoratorContext {
  return (
    typeof value === 'object' &&
    value !== null &&
    'kind' in value &&
    typeof value.kind === 'string' &&
    'addInitializer' in value &&
    typeof value.addInitializer === 'function'
  )
}
