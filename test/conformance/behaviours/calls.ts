/**
 * What a function sees when it is called, and what its caller gets.
 */
import type { Behaviour, Form, Seen } from '../form.ts'
import { callable, constructor, endOf, outcomeOf, plain, settled, whichOf } from '../observe.ts'

const NOTHING: Seen = { self: undefined, args: [], parameters: [], newTarget: undefined }

export const CALLS: readonly Behaviour[] = [
  {
    name: 'what it sees at the place where it belongs',
    async observe(make) {
      let inside = NOTHING
      const given = { argument: true }
      const subject = make((seen) => void (inside = seen))
      await settled(subject.use(given, 2, 3, 4))
      const which = whichOf({ given, receiver: subject.receiver, globalThis })
      return {
        self: which(inside.self),
        args: inside.args.map(which),
        parameters: inside.parameters.map(which),
        newTarget: plain(inside.newTarget),
      }
    },
  },
  {
    name: 'this of a call, whatever it is',
    async observe(make) {
      let self: unknown
      const subject = make((seen) => (self = seen.self))
      const receivers = [undefined, null, 0, 'text', true, 10n, Symbol.iterator, {}, [], () => 1]
      const seen = []
      for (const given of [...receivers, Object.freeze({}), Object.create(null) as object]) {
        await settled(Reflect.apply(subject.fn, given, []))
        const which = whichOf({ given, receiver: subject.receiver, globalThis })
        seen.push([typeof self, which(self)])
      }
      return seen
    },
  },
  {
    name: 'arguments, their number, defaults and the rest',
    async observe(make) {
      let inside = NOTHING
      const subject = make((seen) => void (inside = seen))
      const seen = []
      for (const args of [
        [],
        [undefined],
        [null, undefined],
        [1, 2],
        [1, 2, 3, 4, 5, 6, 7, 8, 9],
      ]) {
        await settled(Reflect.apply(subject.fn, subject.receiver, args as never))
        seen.push([inside.args.length, inside.args, inside.parameters])
      }
      return seen
    },
  },
  {
    name: 'twenty thousand arguments',
    async observe(make) {
      let sum = 0
      const subject = make(
        ({ args }) => void (sum = args.reduce<number>((a, b) => a + Number(b), 0)),
      )
      await settled(Reflect.apply(subject.fn, subject.receiver, Array(20_000).fill(1) as never))
      return sum
    },
  },
  {
    name: 'its result is the very same value',
    async observe(make) {
      const values = {
        object: {},
        array: [],
        fn: () => 1,
        proxy: new Proxy({}, {}),
        date: new Date(0),
      }
      const primitives = [undefined, null, NaN, -0, 0, '', 'text', Symbol.iterator, 1n, true, false]
      let result: unknown
      const subject = make(() => result)
      const seen = []
      for (result of [...Object.values(values), ...primitives]) {
        seen.push(await endOf(() => subject.use(), whichOf(values)))
      }
      return seen
    },
  },
  {
    name: 'call, apply, bind, Reflect.apply and spread',
    async observe(make) {
      let inside = NOTHING
      const { fn } = make((seen) => void (inside = seen))
      const receiver = { given: true }
      const called = callable(fn)
      const ways: Record<string, () => unknown> = {
        call: () => called.call(receiver, 1, 2),
        apply: () => called.apply(receiver, [1, 2]),
        bind: () => called.bind(receiver, 1)(2),
        reflect: () => Reflect.apply(called, receiver, [1, 2]),
        spread: () => called(...[1, 2]),
        optional: () => (called as typeof called | undefined)?.(1, 2),
        uncurried: () => Function.prototype.call.bind(called)(receiver, 1, 2),
      }
      const seen = []
      for (const [way, run] of Object.entries(ways)) {
        await settled(run())
        seen.push([way, whichOf({ receiver, globalThis })(inside.self), inside.args])
      }
      const bound = called.bind(receiver, 1)
      return [seen, bound.name, bound.length, 'prototype' in bound]
    },
  },
  {
    name: 'a call as a template tag',
    async observe(make) {
      let inside = NOTHING
      const tag = callable(make((seen) => void (inside = seen)).fn)
      await settled(tag`a\n${1}b`)
      const [strings, value] = inside.args as [TemplateStringsArray, number]
      return [[...strings], strings.raw, value]
    },
  },
  {
    name: 'as a callback of arrays, strings, JSON and promises',
    of: ({ kind }) => kind === 'sync',
    async observe(make) {
      const fn = callable(make(({ args }) => args.slice(0, 2).map(plain).join('/')).fn)
      return [
        [5, 6].map(fn),
        'xyz'.replace(/y/, fn as never),
        JSON.stringify({ a: 1 }, fn as never),
        Array.from({ length: 2 }, fn),
        await Promise.resolve('value').then(fn),
        [3, 1, 2].filter(fn),
      ]
    },
  },
  {
    name: 'new, with the function as constructor',
    of: ({ isConstructor }) => isConstructor,
    observe(make) {
      let inside = NOTHING
      const subject = make((seen) => {
        inside = seen
        Object.assign(seen.self as object, { own: seen.args })
      })
      const Subject = constructor(subject.fn)
      const instance = new Subject(1, 2)
      return [
        instance['own'],
        instance instanceof Subject,
        Object.keys(instance),
        instance.constructor.name,
        Object.getPrototypeOf(instance) === Subject.prototype,
        typeof inside.newTarget,
        (inside.newTarget as { name: string }).name,
      ]
    },
  },
  {
    name: 'new, with a constructor that returns something',
    of: ({ isConstructor }) => isConstructor,
    observe(make) {
      const other = { other: true }
      let result: unknown = other
      const Subject = constructor(make(() => result).fn)
      const given: unknown = new Subject()
      result = 5
      const ignored = new Subject()
      return [given === other, typeof ignored, ignored instanceof Subject]
    },
  },
  {
    name: 'new with another new.target',
    of: ({ isConstructor }) => isConstructor,
    observe(make) {
      let inside = NOTHING
      const { fn } = make((seen) => void (inside = seen))
      class Other {}
      const instance = Reflect.construct(fn, [1], Other) as object
      return [
        Object.getPrototypeOf(instance) === Other.prototype,
        whichOf({ Other, fn })(inside.newTarget),
        inside.args.includes(1),
      ]
    },
  },
  {
    name: 'a subclass, its super calls and what it inherits',
    of: (form) => form.isConstructor && form.name !== 'bound function',
    observe(make) {
      let inside = NOTHING
      const { fn } = make(
        (seen) => {
          inside = seen
          Object.assign(seen.self as object, { base: 1 })
        },
        (bare) => {
          if (Object.isExtensible(bare)) Object.assign(bare, { statically: () => 'inherited' })
          Object.assign(bare.prototype as object, { greet: () => 'base' })
        },
      )
      class Derived extends constructor(fn) {
        derived = 2
        greet(): string {
          return `${(Reflect.get(fn.prototype as object, 'greet') as () => string)()} and derived`
        }
      }
      const instance = new Derived(7)
      return [
        Object.entries(instance),
        instance.greet(),
        instance instanceof Derived,
        instance instanceof constructor(fn),
        Object.getPrototypeOf(Derived) === fn,
        outcomeOf(() => (Derived as unknown as { statically: () => string }).statically()),
        inside.newTarget === Derived,
        inside.args,
      ]
    },
  },
  {
    name: 'inheritance as before there were classes',
    of: (form) => form.isConstructor && form.name !== 'bound function',
    observe(make) {
      const { fn: Parent } = make(({ self, args }) => void Object.assign(self as object, { args }))
      function Child(this: unknown, ...args: unknown[]): void {
        callable(Parent).apply(this, args)
      }
      Child.prototype = Object.create(Parent.prototype as object)
      const child = new (constructor(Child))(1, 2)
      return [
        child['args'],
        child instanceof constructor(Parent),
        child instanceof constructor(Child),
      ]
    },
  },
  {
    name: 'methods that are added to its prototype later',
    of: (form) => form.isConstructor && form.name !== 'bound function',
    observe(make) {
      const { fn } = make(() => undefined)
      const before = new (constructor(fn))()
      Object.assign(fn.prototype as object, { added: () => 'added' })
      const after = new (constructor(fn))()
      return [before, after].map((instance) => (instance as { added?: () => string }).added?.())
    },
  },
  {
    name: 'a prototype object that is replaced later',
    of: (form) => form.isConstructor && form.name !== 'bound function' && canReplacePrototype(form),
    observe(make) {
      const { fn } = make(() => undefined)
      new (constructor(fn))()
      fn.prototype = { replaced: () => 'replaced' }
      const instance = new (constructor(fn))() as { replaced?: () => string }
      return [instance.replaced?.(), instance instanceof constructor(fn)]
    },
  },
  {
    name: 'new where it is no constructor',
    of: ({ isConstructor }) => !isConstructor,
    observe(make) {
      const { fn } = make(() => undefined)
      return [
        outcomeOf(() => new (constructor(fn))(), nameOfError),
        outcomeOf(() => Reflect.construct(fn, []) as unknown, nameOfError),
        outcomeOf(() => Reflect.construct(Object, [], fn) as unknown, nameOfError),
        outcomeOf(() => class extends constructor(fn) {}, nameOfError),
        outcomeOf(() => ({}) instanceof constructor(fn), nameOfError),
      ]
    },
  },
  {
    name: 'calls within calls',
    of: ({ kind }) => !kind.endsWith('generator'),
    async observe(make) {
      const order: unknown[] = []
      const subject = make(({ args }) => {
        const [depth] = args.length > 0 ? args : [0]
        order.push(['in', depth])
        if (depth === 1) Reflect.apply(subject.fn, subject.receiver, [2] as never)
        order.push(['out', depth])
        return depth
      })
      const result = await settled(Reflect.apply(subject.fn, subject.receiver, [1] as never))
      return [result, order.length > 4 ? order.slice(0, 6) : order]
    },
  },
  {
    name: 'recursion five hundred calls deep',
    of: ({ kind }) => !kind.endsWith('generator'), // they recurse in iteration.ts
    async observe(make) {
      let deepest = 0
      const subject = make(({ args }) => {
        const depth = Number(args[0] ?? 0)
        deepest = Math.max(deepest, depth)
        return depth < 500
          ? Reflect.apply(subject.fn, subject.receiver, [depth + 1] as never)
          : depth
      })
      return [await settled(Reflect.apply(subject.fn, subject.receiver, [0] as never)), deepest]
    },
  },
]

function canReplacePrototype({ name }: Form): boolean {
  return !name.startsWith('frozen')
}

function nameOfError(value: unknown): unknown {
  return value instanceof Error ? value.constructor.name : plain(value)
}
