/* eslint-disable prefer-rest-params -- the arguments object is one of the things looked at */
/**
 * Every form that can be captured. The code of all of them hands what it sees at a call to a body.
 */
import { createRequire } from 'node:module'
import { createContext, runInContext } from 'node:vm'
import type { AnyFunction, Body, Form, Kit, Seen, Subject } from './form.ts'
import * as legacy from './forms.legacy.ts'
import { tick } from './observe.ts'

type Definition = (body: Body, kit: Kit) => Subject

const sloppy = createRequire(import.meta.url)('./sloppy-forms.cjs') as Record<
  'declaration' | 'expression' | 'asynchronous' | 'generator',
  (body: Body, kit: Kit) => AnyFunction
> & { method: (body: Body, kit: Kit) => { sloppyMethod: AnyFunction } }

const FUNCTIONS: Form[] = [
  form('function declaration', { isConstructor: true }, (body, { wrap }) => {
    function declaration(
      this: unknown,
      first?: unknown,
      second: unknown = 'default',
      ...rest: unknown[]
    ): unknown {
      return body(seen(this, arguments, [first, second, rest], new.target))
    }
    return free(wrap(declaration))
  }),
  form('function expression', { isConstructor: true }, (body, { wrap }) =>
    free(
      wrap(function (this: unknown, first?: unknown, second: unknown = 'default'): unknown {
        return body(seen(this, arguments, [first, second], new.target))
      }),
    ),
  ),
  form('arrow', { mode: 'fixed' }, (body, { wrap }) => {
    const arrow = (first?: unknown, ...rest: unknown[]): unknown =>
      body({
        self: undefined,
        args: [first, ...rest],
        parameters: [first, rest],
        newTarget: undefined,
      })
    return free(wrap(arrow))
  }),
  form('arrow in a method', { mode: 'fixed' }, (body, { wrap }) => {
    class Holder {
      makeArrow(): AnyFunction {
        const lexical = (...args: unknown[]): unknown =>
          body({ self: this, args, parameters: [], newTarget: undefined })
        return wrap(lexical)
      }
    }
    const receiver = new Holder()
    return { ...free(receiver.makeArrow()), receiver }
  }),
  form('async function', { kind: 'async' }, (body, { wrap }) => {
    async function asynchronous(
      this: unknown,
      first?: unknown,
      second: unknown = 'default',
    ): Promise<unknown> {
      return body(seen(this, arguments, [first, second], new.target))
    }
    return free(wrap(asynchronous))
  }),
  form('async function that awaits', { kind: 'async' }, (body, { wrap }) => {
    async function awaiting(this: unknown, first?: unknown): Promise<unknown> {
      await tick
      return body(seen(this, arguments, [first], new.target))
    }
    return free(wrap(awaiting))
  }),
  form('async arrow', { kind: 'async', mode: 'fixed' }, (body, { wrap }) => {
    const arrow = async (first?: unknown, ...rest: unknown[]): Promise<unknown> =>
      body({
        self: undefined,
        args: [first, ...rest],
        parameters: [first, rest],
        newTarget: undefined,
      })
    return free(wrap(arrow))
  }),
  form(
    'function made by new Function',
    { isConstructor: true, mode: 'sloppy' },
    (body, { wrap }) => {
      // eslint-disable-next-line @typescript-eslint/no-implied-eval -- one of the forms
      const make = new Function(
        'body',
        'return function made(a) { return body({ self: this, args: [...arguments], parameters: [a], newTarget: new.target }) }',
      ) as (body: Body) => AnyFunction
      return free(wrap(make(body)))
    },
  ),
  form('sloppy function', { isConstructor: true, mode: 'sloppy' }, (body, kit) =>
    free(sloppy.declaration(body, kit)),
  ),
  form('sloppy function expression', { isConstructor: true, mode: 'sloppy' }, (body, kit) =>
    free(sloppy.expression(body, kit)),
  ),
  form('sloppy async function', { kind: 'async', mode: 'sloppy' }, (body, kit) =>
    free(sloppy.asynchronous(body, kit)),
  ),
  form('sloppy method of an object', { mode: 'sloppy' }, (body, kit) => {
    const receiver = sloppy.method(body, kit)
    return {
      fn: receiver.sloppyMethod,
      receiver,
      use: (...args) => call(receiver, 'sloppyMethod', args),
    }
  }),
]

const METHODS: Form[] = [
  form('method of an object', {}, (body, { wrap }) => {
    const receiver = {
      objectMethod(first?: unknown, ...rest: unknown[]): unknown {
        return body(seen(this, arguments, [first, rest]))
      },
    }
    receiver.objectMethod = wrap(receiver.objectMethod)
    return member(receiver, receiver, 'objectMethod')
  }),
  form('symbol-named method of an object', {}, (body, { wrap }) => {
    const key = Symbol('key')
    const receiver = {
      [key](first?: unknown): unknown {
        return body(seen(this, arguments, [first]))
      },
    }
    receiver[key] = wrap(receiver[key])
    return member(receiver, receiver, key)
  }),
  form('getter of an object', {}, (body, { wrap }) => {
    const receiver = {
      get objectGetter(): unknown {
        return body(seen(this, arguments, []))
      },
    }
    const { get } = Object.getOwnPropertyDescriptor(receiver, 'objectGetter')!
    Object.defineProperty(receiver, 'objectGetter', { get: wrap(get!) })
    return getter(receiver, receiver, 'objectGetter')
  }),
  form('method', {}, (body, { wrap }) => {
    class Holder {
      @wrap
      classMethod(first?: unknown, second: unknown = 'default', ...rest: unknown[]): unknown {
        return body(seen(this, arguments, [first, second, rest]))
      }
    }
    return member(new Holder(), Holder.prototype, 'classMethod')
  }),
  form('method of a base class', {}, (body, { wrap }) => {
    class Base {
      @wrap
      inherited(first?: unknown): unknown {
        return body(seen(this, arguments, [first]))
      }
    }
    class Derived extends Base {}
    return member(new Derived(), Base.prototype, 'inherited')
  }),
  form('method called by super', {}, (body, { wrap }) => {
    class Base {
      @wrap
      overridden(first?: unknown): unknown {
        return body(seen(this, arguments, [first]))
      }
    }
    class Derived extends Base {
      override overridden(...args: unknown[]): unknown {
        return super.overridden(...(args as [unknown]))
      }
    }
    const { fn } = member(new Derived(), Base.prototype, 'overridden')
    return { ...member(new Derived(), Derived.prototype, 'overridden'), fn }
  }),
  form('async method', { kind: 'async' }, (body, { wrap }) => {
    class Holder {
      @wrap
      async asyncMethod(first?: unknown): Promise<unknown> {
        return body(seen(this, arguments, [first]))
      }
    }
    return member(new Holder(), Holder.prototype, 'asyncMethod')
  }),
  form('static method', {}, (body, { wrap }) => {
    class Holder {
      @wrap
      static staticMethod(first?: unknown): unknown {
        return body(seen(this, arguments, [first]))
      }
    }
    return member(Holder, Holder, 'staticMethod')
  }),
  form('private method', {}, (body, { wrap }) => {
    class Holder {
      @wrap
      #secret(first?: unknown): unknown {
        return body(seen(this, arguments, [first]))
      }
      reveal(): AnyFunction {
        return this.#secret
      }
      use(...args: unknown[]): unknown {
        return this.#secret(...(args as [unknown]))
      }
    }
    const receiver = new Holder()
    return { fn: receiver.reveal(), receiver, use: (...args) => receiver.use(...args) }
  }),
  form('static private method', {}, (body, { wrap }) => {
    class Holder {
      @wrap
      static #secret(first?: unknown): unknown {
        return body(seen(this, arguments, [first]))
      }
      static reveal(): AnyFunction {
        return this.#secret
      }
      static use(...args: unknown[]): unknown {
        return this.#secret(...(args as [unknown]))
      }
    }
    return { fn: Holder.reveal(), receiver: Holder, use: (...args) => Holder.use(...args) }
  }),
  form('symbol-named method', {}, (body, { wrap }) => {
    const key = Symbol('class key')
    class Holder {
      @wrap
      [key](first?: unknown): unknown {
        return body(seen(this, arguments, [first]))
      }
    }
    return member(new Holder(), Holder.prototype, key)
  }),
  form('getter', {}, (body, { wrap }) => {
    class Holder {
      @wrap
      get classGetter(): unknown {
        return body(seen(this, arguments, []))
      }
    }
    return getter(new Holder(), Holder.prototype, 'classGetter')
  }),
  form('static getter', {}, (body, { wrap }) => {
    class Holder {
      @wrap
      static get staticGetter(): unknown {
        return body(seen(this, arguments, []))
      }
    }
    return getter(Holder, Holder, 'staticGetter')
  }),
  form('setter', { returns: false }, (body, { wrap }) => {
    class Holder {
      @wrap
      set classSetter(value: unknown) {
        body(seen(this, arguments, [value]))
      }
    }
    return setter(new Holder(), Holder.prototype, 'classSetter')
  }),
  form('getter of an accessor', {}, (body, { wrap }) => {
    class Holder {
      @wrap
      @computedBy(body)
      accessor computed: unknown
    }
    return getter(new Holder(), Holder.prototype, 'computed')
  }),
  form('setter of an accessor', { returns: false }, (body, { wrap }) => {
    class Holder {
      @wrap
      @computedBy(body)
      accessor computed: unknown
    }
    return setter(new Holder(), Holder.prototype, 'computed')
  }),
  form('arrow in a field', { mode: 'fixed' }, (body, { wrap }) => {
    class Holder {
      @wrap
      arrowField = (...args: unknown[]): unknown =>
        body({ self: this, args, parameters: [], newTarget: undefined })
    }
    const receiver = new Holder()
    return { fn: receiver.arrowField, receiver, use: (...args) => receiver.arrowField(...args) }
  }),
  form('function in a static field', { isConstructor: true }, (body, { wrap }) => {
    class Holder {
      @wrap
      static functionField = function (this: unknown, first?: unknown): unknown {
        return body(seen(this, arguments, [first], new.target))
      }
    }
    return member(Holder, Holder, 'functionField')
  }),
  form('method of a captured class', {}, (body, { wrap }) => {
    @wrap
    class Holder {
      ofClass(first?: unknown): unknown {
        return body(seen(this, arguments, [first]))
      }
    }
    return member(new Holder(), Holder.prototype, 'ofClass')
  }),
  form('static method of a captured class', {}, (body, { wrap }) => {
    const Holder = wrap(
      class {
        static ofClass(first?: unknown): unknown {
          return body(seen(this, arguments, [first]))
        }
      },
    )
    return member(Holder, Holder, 'ofClass')
  }),
  form('method, experimental decorators', {}, legacy.method),
  form('async method, experimental decorators', { kind: 'async' }, legacy.asyncMethod),
  form('static method, experimental decorators', {}, legacy.staticMethod),
  form('getter, experimental decorators', {}, legacy.getter),
  form('setter, experimental decorators', { returns: false }, legacy.setter),
  form('method of a captured class, experimental decorators', {}, legacy.methodOfClass),
]

const SPECIAL: Form[] = [
  form('bound function', { mode: 'fixed', isConstructor: true }, (body, { wrap }) => {
    const receiver = { bound: true }
    function target(this: unknown, first?: unknown, second?: unknown): unknown {
      return body(seen(this, arguments, [first, second], new.target))
    }
    return { ...free(wrap(target.bind(receiver, 'bound argument'))), receiver }
  }),
  form('bound method', { mode: 'fixed' }, (body, { wrap }) => {
    const receiver = {
      target(first?: unknown): unknown {
        return body(seen(this, arguments, [first]))
      },
    }
    return { ...free(wrap(receiver.target.bind(receiver))), receiver }
  }),
  form('bound async function', { mode: 'fixed', kind: 'async' }, (body, { wrap }) => {
    const receiver = { bound: true }
    async function target(this: unknown, first?: unknown): Promise<unknown> {
      return body(seen(this, arguments, [first], new.target))
    }
    return { ...free(wrap(target.bind(receiver))), receiver }
  }),
  form('proxy of a function', { isConstructor: true }, (body, { wrap }) => {
    function target(this: unknown, first?: unknown): unknown {
      return body(seen(this, arguments, [first], new.target))
    }
    return free(wrap(new Proxy(target, {})))
  }),
  form('proxy of an arrow, with traps', { mode: 'fixed' }, (body, { wrap }) => {
    const target = (...args: unknown[]): unknown =>
      body({ self: undefined, args, parameters: [], newTarget: undefined })
    const proxy = new Proxy(target, {
      get: (fn, key, self) => (key === 'dynamic' ? 42 : (Reflect.get(fn, key, self) as unknown)),
      has: (fn, key) => key === 'dynamic' || Reflect.has(fn, key),
    })
    return free(wrap(proxy))
  }),
  form('frozen function', { isConstructor: true }, (body, { wrap }) => {
    function frozen(this: unknown, first?: unknown): unknown {
      return body(seen(this, arguments, [first], new.target))
    }
    return free(wrap(Object.freeze(frozen)))
  }),
  form('sealed function', { mode: 'fixed' }, (body, { wrap }) => {
    const arrow = (...args: unknown[]): unknown =>
      body({ self: undefined, args, parameters: [], newTarget: undefined })
    return free(wrap(Object.seal(Object.assign(arrow, { own: 1 }))))
  }),
  form('function with methods of its own', { mode: 'fixed' }, (body, { wrap }) => {
    const request = (...args: unknown[]): unknown =>
      body({ self: undefined, args, parameters: [], newTarget: undefined })
    const verbs = { get: (path: string) => `get ${path}`, defaults: { timeoutMs: 1 } }
    return free(wrap(Object.assign(request, verbs)))
  }),
  form(
    'callback style',
    { isCallbackStyle: true, isConstructor: true },
    (body, { wrapCallback }) => {
      function withCallback(this: unknown, first?: unknown, callback?: unknown): unknown {
        return body(seen(this, arguments, [first, callback], new.target))
      }
      return free(wrapCallback(withCallback))
    },
  ),
  form('callback-style method', { isCallbackStyle: true }, (body, { wrapCallback }) => {
    const receiver = {
      objectMethod(first?: unknown, callback?: unknown): unknown {
        return body(seen(this, arguments, [first, callback]))
      },
    }
    receiver.objectMethod = wrapCallback(receiver.objectMethod)
    return member(receiver, receiver, 'objectMethod')
  }),
]

const GENERATORS: Form[] = [
  form('generator function', { kind: 'generator' }, (body, { wrap }) => {
    function* items(this: unknown, first?: unknown, second: unknown = 'default'): Generator {
      const result = body(seen(this, arguments, [first, second], new.target))
      const sent: unknown = yield result
      return sent ?? result
    }
    return free(wrap(items))
  }),
  form('sloppy generator function', { kind: 'generator', mode: 'sloppy' }, (body, kit) =>
    free(sloppy.generator(body, kit)),
  ),
  form('generator method', { kind: 'generator' }, (body, { wrap }) => {
    class Holder {
      @wrap
      *generatorMethod(first?: unknown): Generator {
        const result = body(seen(this, arguments, [first]))
        const sent: unknown = yield result
        return sent ?? result
      }
    }
    return member(new Holder(), Holder.prototype, 'generatorMethod')
  }),
  form('generator named Symbol.iterator', { kind: 'generator' }, (body, { wrap }) => {
    class Holder {
      @wrap
      *[Symbol.iterator](first?: unknown): Generator {
        const result = body(seen(this, arguments, [first]))
        const sent: unknown = yield result
        return sent ?? result
      }
    }
    return member(new Holder(), Holder.prototype, Symbol.iterator)
  }),
  form('async generator function', { kind: 'async generator' }, (body, { wrap }) => {
    async function* items(this: unknown, first?: unknown): AsyncGenerator {
      const result = body(seen(this, arguments, [first], new.target))
      const sent: unknown = yield result
      return sent ?? result
    }
    return free(wrap(items))
  }),
  form('static async generator method', { kind: 'async generator' }, (body, { wrap }) => {
    class Holder {
      @wrap
      static async *generatorMethod(first?: unknown): AsyncGenerator {
        const result = body(seen(this, arguments, [first]))
        const sent: unknown = yield result
        return sent ?? result
      }
    }
    return member(Holder, Holder, 'generatorMethod')
  }),
  form('generator of another realm', { kind: 'generator', mode: 'sloppy' }, (body, { wrap }) =>
    free(
      wrap(
        foreign(
          body,
          `(function* foreignItems(a) {
            const result = body({ self: this, args: [...arguments], parameters: [a], newTarget: new.target })
            const sent = yield result
            return sent ?? result
          })`,
        ),
      ),
    ),
  ),
  form('generator method, experimental decorators', { kind: 'generator' }, legacy.generatorMethod),
]

const OTHER_REALM: Form[] = [
  form('function of another realm', { isConstructor: true, mode: 'sloppy' }, (body, { wrap }) =>
    free(
      wrap(
        foreign(
          body,
          `(function foreign(a) {
          return body({ self: this, args: [...arguments], parameters: [a], newTarget: new.target })
        })`,
        ),
      ),
    ),
  ),
  form('arrow of another realm', { mode: 'fixed' }, (body, { wrap }) =>
    free(
      wrap(
        foreign(
          body,
          '(...args) => body({ self: undefined, args, parameters: [], newTarget: undefined })',
        ),
      ),
    ),
  ),
  form('async function of another realm', { kind: 'async', mode: 'sloppy' }, (body, { wrap }) =>
    free(
      wrap(
        foreign(
          body,
          `(async function foreignAsync(a) {
          return body({ self: this, args: [...arguments], parameters: [a], newTarget: new.target })
        })`,
        ),
      ),
    ),
  ),
]

export const FORMS: readonly Form[] = [
  ...FUNCTIONS,
  ...METHODS,
  ...SPECIAL,
  ...GENERATORS,
  ...OTHER_REALM,
]

function form(name: string, traits: Partial<Form>, make: Definition): Form {
  return {
    name,
    make,
    mode: 'strict',
    kind: 'sync',
    isConstructor: false,
    returns: true,
    isCallbackStyle: false,
    isOpaque: /^(bound|proxy)/.test(name),
    ...traits,
  }
}

function seen(self: unknown, args: IArguments, parameters: unknown[], newTarget?: unknown): Seen {
  return { self, args: [...(args as Iterable<unknown>)], parameters, newTarget }
}

/** A function that belongs nowhere. */
function free(fn: unknown): Subject {
  const subject = fn as (...args: unknown[]) => unknown
  return { fn: subject, receiver: undefined, use: (...args) => subject(...args) }
}

function member(receiver: object, holder: object, key: string | symbol): Subject {
  const { value } = Object.getOwnPropertyDescriptor(holder, key)!
  return { fn: value as AnyFunction, receiver, use: (...args) => call(receiver, key, args) }
}

function getter(receiver: object, holder: object, key: string): Subject {
  const { get } = Object.getOwnPropertyDescriptor(holder, key)!
  return { fn: get as AnyFunction, receiver, use: () => Reflect.get(receiver, key) as unknown }
}

function setter(receiver: object, holder: object, key: string): Subject {
  const { set } = Object.getOwnPropertyDescriptor(holder, key)!
  return {
    fn: set as AnyFunction,
    receiver,
    use: (value) => void Reflect.set(receiver, key, value),
  }
}

function call(receiver: object, key: string | symbol, args: unknown[]): unknown {
  return (receiver as Record<string | symbol, (...args: unknown[]) => unknown>)[key]!(...args)
}

/** A decorator of accessors that lets a body compute the value: TypeScript's own get and set hold nothing to look at. */
function computedBy(body: Body) {
  return (_: unknown): ClassAccessorDecoratorResult<unknown, unknown> => ({
    get(this: unknown): unknown {
      return body(seen(this, arguments, []))
    },
    set(this: unknown, value: unknown): void {
      body(seen(this, arguments, [value]))
    },
  })
}

function foreign(body: Body, code: string): AnyFunction {
  return runInContext(code, createContext({ body })) as AnyFunction
}
