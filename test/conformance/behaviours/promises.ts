/**
 * What a caller gets from a function that gives a promise.
 */
import { inspect, types } from 'node:util'
import type { Behaviour, Form, Kit } from '../form.ts'
import { endOf, ownProperties, plain, settled, tick, ticksOf, whichOf } from '../observe.ts'

const gives = ({ returns, kind }: Form): boolean => returns && (kind === 'sync' || kind === 'async')
const givesPlainly = (form: Form): boolean => gives(form) && form.kind === 'sync'
/** Switched off, a function gives the promise that it has made. */
const isFollowed = (_: Form, { records }: Kit): boolean => records

export const PROMISES: readonly Behaviour[] = [
  {
    name: 'the value of a promise that it returns',
    of: gives,
    async observe(make) {
      const value = {}
      const later = make(async () => {
        await new Promise(setImmediate)
        return value
      })
      const atOnce = make(() => Promise.resolve(value))
      const which = whichOf({ value })
      return [await endOf(() => later.use(), which), await endOf(() => atOnce.use(), which)]
    },
  },
  {
    name: 'the reason of a rejection, whatever it is',
    of: gives,
    async observe(make) {
      const error = new Error('no')
      let reason: unknown
      const subject = make(() => Promise.reject(reason))
      const seen = []
      for (reason of [error, undefined, null, 'text', 0]) {
        seen.push(await endOf(() => subject.use(), whichOf({ error })))
      }
      return seen
    },
  },
  {
    name: 'what kind of promise it is',
    of: gives,
    async observe(make) {
      const promise = make(() => Promise.resolve(1)).use() as Promise<number>
      const seen = [
        promise instanceof Promise,
        Object.getPrototypeOf(promise) === Promise.prototype,
        promise.constructor === Promise,
        ownProperties(promise),
        Object.prototype.toString.call(promise),
        inspect(promise).startsWith('Promise {'),
      ]
      await promise
      return [...seen, inspect(promise).replaceAll(/,?\s*\[Symbol\(\w+\)\]: [^,}]*/g, '')]
    },
  },
  {
    name: 'then, catch and finally of the promise',
    of: gives,
    async observe(make) {
      const subject = make(() => Promise.resolve(1))
      const failing = make(() => Promise.reject(new RangeError('no')))
      const promise = subject.use() as Promise<unknown>
      const rejected = failing.use() as Promise<unknown>
      return [
        await promise.then((value) => [value]),
        await rejected.catch(plain),
        await promise.finally(() => 5),
        await Promise.all([promise, subject.use()]),
        await Promise.allSettled([rejected, promise]).then((all) =>
          all.map(({ status }) => status),
        ),
        await Promise.race([promise]),
        await rejected.then(undefined, plain),
      ]
    },
  },
  {
    name: 'a promise of a subclass is the very same',
    of: givesPlainly,
    async observe(make) {
      class Counting extends Promise<number> {
        #count = 0
        count(): number {
          return ++this.#count
        }
      }
      const promise = new Counting((resolve) => resolve(1))
      const result = make(() => promise).use() as Counting
      return [result === promise, result.count(), await result]
    },
  },
  {
    name: 'a lazy thenable is the very same, and is not started',
    of: givesPlainly,
    observe(make) {
      let started = 0
      const start = (): void => {
        started += 1
      }
      const query = { then: start, where: () => query }
      class Lazy extends Promise<unknown> {
        override then(): never {
          started++
          throw new Error('started')
        }
      }
      const lazy = new Lazy(() => undefined)
      const ownThen = Object.assign(Promise.resolve(), { then: start })
      const callableThenable = Object.assign(() => 1, { then: start })
      const all = { query, lazy, ownThen, callableThenable }
      const which = whichOf(all)
      const results = Object.values(all).map((value) => which(make(() => value).use()))
      return [results, started]
    },
  },
  {
    name: 'a thenable that an async function returns is started once',
    of: ({ kind }) => kind === 'async',
    async observe(make) {
      let started = 0
      const thenable = {
        then(resolve: (value: number) => void) {
          started++
          resolve(started)
        },
      }
      return [await make(() => thenable).use(), started]
    },
  },
  {
    name: 'properties of its own that a promise has',
    of: givesPlainly,
    async observe(make) {
      const withProperties = (): Promise<number> =>
        Object.assign(Promise.resolve(1), {
          abort: () => 'aborted',
          [Symbol.for('id')]: 7,
          nested: {},
        })
      const request = make(withProperties).use() as Promise<number> & { abort: () => string }
      return [request.abort(), ownProperties(request), await request]
    },
  },
  {
    name: 'own properties of a promise that for-in does not show',
    of: givesPlainly,
    observe(make) {
      const symbolOnly = (): object => Object.assign(Promise.resolve(1), { [Symbol.for('id')]: 7 })
      const hidden = (): object => Object.defineProperty(Promise.resolve(1), 'hidden', { value: 1 })
      return [symbolOnly, hidden].map((give) => ownProperties(make(give).use() as object))
    },
    differences: [{ id: 'another-promise', of: isFollowed, adjust: () => [[], []] }],
  },
  {
    name: 'one promise for several callers is one promise for them',
    of: givesPlainly,
    async observe(make) {
      const cached = Promise.resolve({})
      const subject = make(() => cached)
      const [first, second] = [subject.use(), subject.use()]
      await first
      return [first === second, first === subject.use(), (await first) === (await second)]
    },
  },
  {
    name: 'the promise is the one that the function has made',
    of: givesPlainly,
    observe(make) {
      const promise = Promise.resolve(1)
      return make(() => promise).use() === promise
    },
    differences: [{ id: 'another-promise', of: isFollowed, adjust: () => false }],
  },
  {
    name: 'microtasks until the caller is told',
    of: gives,
    async observe(make) {
      const seen = []
      for (const body of [
        () => 1,
        () => Promise.resolve(1),
        async () => 1,
        async () => {
          await tick
          return 1
        },
        () => Promise.reject(new Error('no')),
      ]) {
        const result = make(body).use()
        seen.push(types.isPromise(result) ? await ticksOf(result) : 'sync')
      }
      return seen
    },
    differences: [
      {
        id: 'microtask',
        of: isFollowed,
        adjust: (bare: (number | string)[]) =>
          bare.map((ticks) => (typeof ticks === 'number' ? ticks + 1 : ticks)),
      },
    ],
  },
  {
    name: 'the order of several calls that wait for each other',
    of: gives,
    async observe(make) {
      const order: unknown[] = []
      const subject = make(async ({ args }) => {
        const [label] = args.length > 0 ? args : ['none']
        order.push(`${String(label)} starts`)
        await tick
        order.push(`${String(label)} goes on`)
        return label
      })
      async function worker(label: string): Promise<void> {
        for (let i = 0; i < 3; i++) {
          await settled(Reflect.apply(subject.fn, subject.receiver, [`${label}${i}`] as never))
          order.push(`${label}${i} done`)
        }
      }
      await Promise.all([worker('a'), worker('b')])
      return order
    },
  },
  {
    name: 'a sync throw is no rejection, and a rejection no sync throw',
    of: gives,
    async observe(make) {
      const failing = make(() => {
        throw new RangeError('now')
      })
      let threw = false
      let result: unknown
      try {
        result = failing.use()
      } catch {
        threw = true
      }
      return [threw, await endOf(() => result)]
    },
  },
]
