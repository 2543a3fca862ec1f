/**
 * What a consumer sees of a generator.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { Behaviour, Form } from '../form.ts'
import { endOf, outcomeOf, ownProperties, plain, settled, ticksOf, whichOf } from '../observe.ts'

type AnyGenerator = Generator | AsyncGenerator

const isGenerator = ({ kind }: Form): boolean => kind.endsWith('generator')
const isSync = ({ kind }: Form): boolean => kind === 'generator'
const isAsync = ({ kind }: Form): boolean => kind === 'async generator'

export const ITERATION: readonly Behaviour[] = [
  {
    name: 'the iterator: its prototype, properties and tags',
    of: isGenerator,
    observe(make) {
      const { fn, use } = make(() => 1)
      const iterator = use() as AnyGenerator
      return [
        Object.getPrototypeOf(iterator) === fn.prototype,
        iterator instanceof (fn as never),
        ownProperties(iterator),
        Object.prototype.toString.call(iterator),
        Symbol.iterator in iterator,
        Object.isFrozen(iterator),
        Object.isExtensible(iterator),
        forIn(iterator),
        ['next', 'return', 'throw'].map((key) => {
          const method = Reflect.get(iterator, key) as Generator['next']
          return [method.name, method.length, Object.hasOwn(method, 'prototype')]
        }),
      ]
    },
  },
  {
    name: 'properties of the object that its iterators inherit from, once there is one',
    of: isGenerator,
    observe(make) {
      const { fn, use } = make(() => 1)
      use()
      return Reflect.ownKeys(fn.prototype as object).map(String)
    },
    differences: [
      {
        id: 'generator-methods',
        of: (_, { records }) => records,
        adjust: () => ['next', 'return', 'throw'],
      },
    ],
  },
  {
    name: 'nothing runs before the first step',
    of: isGenerator,
    async observe(make) {
      let ran = 0
      const { use } = make(() => (ran += 1))
      const iterator = use() as AnyGenerator
      const before = ran
      await iterator.next()
      return [before, ran]
    },
  },
  {
    name: 'values yielded, sent and returned, and what comes after the end',
    of: isGenerator,
    async observe(make) {
      const value = { own: true }
      const which = whichOf({ value })
      const iterator = make(() => value).use() as AnyGenerator
      const steps = []
      for (const sent of ['ignored', value, 'too late', undefined]) {
        const step = await iterator.next(sent)
        steps.push([which(step.value), step.done, Object.keys(step)])
      }
      return steps
    },
  },
  {
    name: 'return: before the first step, in the middle, after the end',
    of: isGenerator,
    async observe(make) {
      const seen = []
      for (const steps of [0, 1, 2]) {
        const iterator = make(() => 'yielded').use() as AnyGenerator
        for (let i = 0; i < steps; i++) await iterator.next()
        seen.push(await iterator.return('returned'), await iterator.next())
      }
      return seen
    },
  },
  {
    name: 'throw: before the first step, in the middle, after the end',
    of: isGenerator,
    async observe(make) {
      const error = new RangeError('thrown in')
      const which = whichOf({ error })
      const seen = []
      for (const steps of [0, 1, 2]) {
        const iterator = make(() => 'yielded').use() as AnyGenerator
        for (let i = 0; i < steps; i++) await iterator.next()
        seen.push(await endOf(() => iterator.throw(error), which), await iterator.next())
      }
      return seen
    },
  },
  {
    name: 'an error in its body ends it, and is the very same',
    of: isGenerator,
    async observe(make) {
      const error = new RangeError('no')
      const iterator = make(() => {
        throw error
      }).use() as AnyGenerator
      return [await endOf(() => iterator.next(), whichOf({ error })), await iterator.next()]
    },
  },
  {
    name: 'for-of, break, spread, destructuring, yield* and Array.from',
    of: isSync,
    observe(make) {
      const subject = make(() => 'value')
      const items = (): Iterable<unknown> => subject.use() as Generator
      const looped = []
      for (const item of items()) looped.push(item)
      for (const item of items()) {
        looped.push(item)
        break
      }
      const [first] = items()
      function* delegate(): Generator {
        const returned: unknown = yield* items() as Generator
        yield ['returned', returned]
      }
      return [
        looped,
        [...items()],
        first,
        Array.from(items()),
        [...delegate()],
        new Set(items()).size,
      ]
    },
  },
  {
    name: 'asking it from within its own step',
    of: isSync,
    observe(make) {
      let inner: unknown
      const iterator: Generator = make(() => {
        inner = outcomeOf(() => iterator.next())
        return 'value'
      }).use() as Generator
      return [[...iterator], inner]
    },
  },
  {
    name: 'generators within generators, three hundred deep',
    of: isSync,
    observe(make) {
      const subject = make(({ args }) => {
        const depth = Number(args[0] ?? 0)
        if (depth === 300) return depth
        return [
          ...(Reflect.apply(subject.fn, subject.receiver, [depth + 1] as never) as Generator),
        ][0]
      })
      return [...(subject.use() as Generator)]
    },
  },
  {
    name: 'its methods on another receiver',
    of: isGenerator,
    async observe(make) {
      const subject = make(() => 'value')
      const [one, two] = [subject.use() as AnyGenerator, subject.use() as AnyGenerator]
      const { next } = one
      return [
        await Reflect.apply(next, two, []),
        await endOf(() => Reflect.apply(next, {}, []) as unknown, kindOfError),
        await endOf(() => Reflect.apply(next, undefined, []) as unknown, kindOfError),
        await settled(one),
      ]
    },
  },
  {
    name: 'for await, break and yield*',
    of: isAsync,
    async observe(make) {
      const subject = make(async () => 'value')
      const items = (): AsyncGenerator => subject.use() as AsyncGenerator
      const looped = []
      for await (const item of items()) looped.push(item)
      for await (const item of items()) {
        looped.push(item)
        break
      }
      async function* delegate(): AsyncGenerator {
        const returned: unknown = yield* items()
        yield ['returned', returned]
      }
      for await (const item of delegate()) looped.push(item)
      return looped
    },
  },
  {
    name: 'requests that wait for each other',
    of: isAsync,
    async observe(make) {
      const order: unknown[] = []
      const iterator = make(async () => {
        await new Promise(setImmediate)
        return 'value'
      }).use() as AsyncGenerator
      const requests = [
        iterator.next(),
        iterator.next('sent'),
        iterator.next(),
        iterator.return('r'),
      ]
      await Promise.all(
        requests.map(async (request, i) => {
          order.push([i, await request])
        }),
      )
      return order
    },
  },
  {
    name: 'the promise of a step: its kind, and when it tells',
    of: isAsync,
    async observe(make) {
      const iterator = make(() => 'value').use() as AsyncGenerator
      const step = iterator.next()
      return [
        step instanceof Promise,
        step.constructor === Promise,
        ownProperties(step),
        await ticksOf(step),
      ]
    },
    differences: [
      {
        id: 'microtask',
        of: (_, { records }) => records,
        adjust: ([isPromise, isPlain, properties, ticks]: [unknown, unknown, unknown, number]) => [
          isPromise,
          isPlain,
          properties,
          ticks + 1,
        ],
      },
    ],
  },
  {
    name: 'AsyncLocalStorage in its steps',
    of: isGenerator,
    async observe(make) {
      const storage = new AsyncLocalStorage<string>()
      const seen: unknown[] = []
      const { use } = make(() => void seen.push(storage.getStore()))
      const iterator = storage.run('creation', () => use() as AnyGenerator)
      await storage.run('first step', () => iterator.next())
      await storage.run('second step', () => iterator.next())
      return [seen, storage.getStore()]
    },
  },
]

function forIn(value: object): string[] {
  const keys = []
  for (const key in value) keys.push(key)
  return keys
}

function kindOfError(error: unknown): unknown {
  return error instanceof Error ? error.name : plain(error)
}
