/**
 * What the rest of the platform makes of a function.
 */
import { AsyncLocalStorage, AsyncResource, executionAsyncId } from 'node:async_hooks'
import { EventEmitter, once } from 'node:events'
import { callbackify, promisify } from 'node:util'
import { vi } from 'vitest'
import type { AnyFunction, Behaviour, Form } from '../form.ts'
import { callable, endOf, plain, settled, tick, whichOf } from '../observe.ts'

/** Not at its first step. */
const runsAtOnce = ({ kind }: Form): boolean => !kind.endsWith('generator')

export const INTEROPERATION: readonly Behaviour[] = [
  {
    name: 'as listener of an EventEmitter',
    of: runsAtOnce,
    async observe(make) {
      const calls: unknown[] = []
      const emitter = new EventEmitter()
      const which = whichOf({ emitter, undefined })
      const subject = make(({ self, args }) => void calls.push([which(self), args]))
      const listener = callable(subject.fn)
      emitter.on('on', listener)
      emitter.once('once', listener)
      emitter.prependListener('on', listener)
      const listed = emitter.listeners('on').map((each) => each === listener)
      emitter.emit('on', 1)
      emitter.emit('once', 2)
      emitter.emit('once', 3)
      emitter.removeListener('on', listener)
      emitter.emit('on', 4)
      emitter.off('on', listener)
      await new Promise(setImmediate)
      const isReceiver = whichOf({ receiver: subject.receiver })
      return [
        calls.map((call) => isReceiver(call)),
        calls.length,
        listed,
        emitter.emit('on', 5),
        emitter.listenerCount('once'),
      ]
    },
  },
  {
    name: 'as async listener whose rejection is captured',
    of: ({ kind }) => kind === 'async',
    async observe(make) {
      const emitter = new EventEmitter({ captureRejections: true })
      emitter.on('work', callable(make(() => Promise.reject(new RangeError('no'))).fn))
      const failure = once(emitter, 'error')
      emitter.emit('work')
      return (await failure).map(plain)
    },
  },
  {
    name: 'as listener of an EventTarget',
    of: runsAtOnce,
    async observe(make) {
      let calls = 0
      const { fn } = make(() => (calls += 1))
      const target = new EventTarget()
      target.addEventListener('x', callable(fn))
      target.addEventListener('x', callable(fn)) // the same listener counts once
      target.dispatchEvent(new Event('x'))
      target.removeEventListener('x', callable(fn))
      target.dispatchEvent(new Event('x'))
      await new Promise(setImmediate)
      return calls
    },
  },
  {
    name: 'timers, process.nextTick and queueMicrotask',
    of: runsAtOnce,
    async observe(make) {
      const calls: unknown[] = []
      const subject = make(({ args }) => {
        calls.push(args)
      })
      const fn = callable(subject.fn)
      setTimeout(fn, 1, 'timeout', 1)
      clearTimeout(setTimeout(fn, 1, 'cleared'))
      setImmediate(fn, 'immediate')
      process.nextTick(fn, 'tick', 2)
      queueMicrotask(fn)
      const expected = 4
      for (let i = 0; calls.length < expected && i < 200; i++) {
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
      return calls.map((args) => JSON.stringify(args)).sort()
    },
  },
  {
    name: 'util.promisify',
    of: ({ isCallbackStyle }) => isCallbackStyle,
    async observe(make) {
      const good = make(answer(null, 42)).fn
      const bad = make(answer(new RangeError('no'))).fn
      const run = (fn: AnyFunction) => () => promisify<number, unknown>(fn as never)(1)
      return [await endOf(run(good)), await endOf(run(bad))]
    },
  },
  {
    name: 'util.callbackify',
    of: ({ kind, returns }) => kind === 'async' && returns,
    async observe(make) {
      const run = (fn: AnyFunction): Promise<unknown> =>
        new Promise((resolve) => {
          callbackify(fn as () => Promise<unknown>)((error, value) =>
            resolve([plain(error), value]),
          )
        })
      const fail = make(() => Promise.reject(new RangeError('no')))
      return [await run(make(() => 5).fn), await run(fail.fn)]
    },
  },
  {
    name: 'the callback: when, how often, with what and with which this',
    of: ({ isCallbackStyle }) => isCallbackStyle,
    async observe(make) {
      const calls: unknown[] = []
      const receiver = { own: true }
      const body = ({ args }: { args: unknown[] }): string => {
        const callback = callable(args.at(-1) as AnyFunction)
        callback.call(receiver, null, 'at once', args.length)
        setImmediate(() => callback(new Error('later')))
        return 'returned'
      }
      const subject = make(body)
      function callback(this: unknown, ...results: unknown[]): string {
        calls.push([this === receiver, results.map(plain)])
        return 'from the callback'
      }
      const returned = subject.use('argument', callback)
      const atOnce = calls.length
      await new Promise((resolve) => setTimeout(resolve, 5))
      return [returned, atOnce, calls]
    },
  },
  {
    name: 'a callback that throws, and a call without one',
    of: ({ isCallbackStyle }) => isCallbackStyle,
    async observe(make) {
      const subject = make(({ args }) => callable(args.at(-1) as AnyFunction)(null, 1))
      const plainly = make(({ args }) => args.length)
      return [
        await endOf(() =>
          subject.use(1, () => {
            throw new RangeError('of the callback')
          }),
        ),
        await endOf(() => subject.use(1, () => 'result')),
        await endOf(() => plainly.use(1, 2, 3)),
        await endOf(() => subject.use(1)),
      ]
    },
  },
  {
    name: 'the callback as the function sees it',
    of: ({ isCallbackStyle }) => isCallbackStyle,
    observe(make) {
      const done = Object.assign((_error: unknown, _value: unknown) => undefined, { own: 7 })
      const seen: unknown[] = []
      make(({ args }) => {
        const callback = args.at(-1) as typeof done
        seen.push(callback.name, callback.length, callback.own, typeof callback.prototype)
      }).use(1, done)
      return seen
    },
  },
  {
    name: 'AsyncLocalStorage within it, after it and around it',
    of: runsAtOnce,
    async observe(make) {
      const storage = new AsyncLocalStorage<string>()
      const seen: unknown[] = []
      const subject = make(async () => {
        seen.push(['sync', storage.getStore()])
        await tick
        seen.push(['microtask', storage.getStore()])
        await new Promise(setImmediate)
        seen.push(['macrotask', storage.getStore()])
        return storage.getStore()
      })
      const results = await Promise.all(
        ['a', 'b'].map((store) =>
          storage.run(store, async () => {
            const result = await settled(subject.use())
            seen.push(['after', storage.getStore()])
            return result
          }),
        ),
      )
      for (let i = 0; seen.length < 8 && i < 200; i++) await new Promise(setImmediate)
      return [results, seen.map((each) => JSON.stringify(each)).sort(), storage.getStore()]
    },
  },
  {
    name: 'AsyncLocalStorage in what follows its promise',
    of: (form) => form.returns && runsAtOnce(form),
    async observe(make) {
      const storage = new AsyncLocalStorage<string>()
      const subject = make(() => Promise.resolve(storage.getStore()))
      const promise = storage.run('inner', () => subject.use() as Promise<unknown>)
      return storage.run('outer', () => promise.then((value) => [value, storage.getStore()]))
    },
  },
  {
    name: 'AsyncResource.bind and the execution id',
    async observe(make) {
      const ids: number[] = []
      const subject = make(() => ids.push(executionAsyncId()))
      await settled(subject.use())
      const bound = AsyncResource.bind(callable(subject.fn))
      await settled(bound())
      return [ids.length, bound.name, bound.length, ids.every((id) => id > 0)]
    },
  },
  {
    name: 'a mock function’s own methods',
    of: ({ name, kind }) =>
      kind === 'sync' && !name.startsWith('frozen') && !name.startsWith('sealed'),
    observe(make) {
      const mock = vi.fn((value: unknown) => value)
      const { fn } = make(
        () => 'body',
        (bare) => {
          const own = Object.getOwnPropertyDescriptors(mock) as Record<string, PropertyDescriptor>
          for (const [key, descriptor] of Object.entries(own)) {
            if (!['length', 'name', 'prototype'].includes(key))
              Object.defineProperty(bare, key, descriptor)
          }
        },
      )
      mock(1)
      const captured = fn as unknown as typeof mock & { _isMockFunction: boolean }
      return [captured._isMockFunction, captured.mock.calls, typeof captured.mockReturnValue]
    },
  },
]

function answer(...results: unknown[]): (seen: { args: unknown[] }) => void {
  return ({ args }) => {
    setImmediate(() => callable(args.at(-1) as AnyFunction)(...results))
  }
}
