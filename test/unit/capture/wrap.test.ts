import { promisify } from 'node:util'
import { describe, expect, test, vi } from 'vitest'
import { fakeRecorder } from './fake-recorder.ts'

describe('a wrapped function cannot be told from the function', () => {
  const { capture } = fakeRecorder()

  test('this, arguments and result pass through', () => {
    const receiver = { factor: 3 }
    const scale = capture(function scale(this: typeof receiver, ...values: number[]) {
      return values.map((value) => value * this.factor)
    })
    expect(scale.call(receiver, 1, 2, 3, 4, 5, 6)).toEqual([3, 6, 9, 12, 15, 18])
    expect(scale.apply(receiver, [])).toEqual([])
    const seen = capture(function seen(..._: unknown[]) {
      return arguments.length
    })
    expect([seen(), seen(undefined), seen(1, 2, 3)]).toEqual([0, 1, 3])
  })

  test('name, length, own properties, symbols and prototype are its own', () => {
    const mark = Symbol('mark')
    const original = Object.assign(
      function scale(_a: number, _b: number, _c = 1) {
        return 0
      },
      { version: 7, [mark]: true, [promisify.custom]: () => Promise.resolve('custom') },
    )
    const wrapped = capture(original)
    expect(wrapped).not.toBe(original)
    expect(wrapped.name).toBe(original.name)
    expect(wrapped.length).toBe(2)
    expect(wrapped.version).toBe(7)
    expect(wrapped[mark]).toBe(true)
    expect(Reflect.ownKeys(wrapped).filter((key) => key !== 'toString')).toEqual(
      Reflect.ownKeys(original),
    )
    for (const key of Reflect.ownKeys(original)) {
      expect(Object.getOwnPropertyDescriptor(wrapped, key)).toEqual(
        Object.getOwnPropertyDescriptor(original, key),
      )
    }
    return expect(promisify(wrapped as never)()).resolves.toBe('custom')
  })

  test('an arrow, a method and an async function stay without prototype, and are no constructors', () => {
    const forms = [
      () => 1,
      { method: () => 1 }.method,
      async () => Promise.resolve(1),
      {
        shorthand() {
          return 1
        },
      }.shorthand,
    ]
    for (const form of forms) {
      const wrapped = capture('form', form)
      expect(Object.hasOwn(wrapped, 'prototype')).toBe(false)
      expect(() => Reflect.construct(wrapped, [])).toThrow(TypeError)
    }
  })

  test('an async function keeps its kind', () => {
    const wrapped = capture(async function load() {
      return Promise.resolve(1)
    })
    expect(Object.prototype.toString.call(wrapped)).toBe('[object AsyncFunction]')
  })

  test('new makes an instance of the same constructor, subclasses too', () => {
    interface Point {
      x: number
    }
    const Point = capture(function Point(this: Point, x: number) {
      this.x = x
    }) as unknown as new (x: number) => Point
    const point = new Point(4)
    expect(point).toBeInstanceOf(Point)
    expect(point.x).toBe(4)
    class Point3 extends Point {}
    expect(new Point3(5)).toBeInstanceOf(Point3)
    expect(Object.getPrototypeOf(new Point3(5))).toBe(Point3.prototype)
  })

  test('a bound constructor and a method named class', () => {
    class Point {
      readonly x: number
      constructor(x: number) {
        this.x = x
      }
    }
    const Five = capture('five', Point.bind(null, 5) as unknown as () => Point)
    expect(Reflect.construct(Five, [])).toMatchObject({ x: 5 })
    const school = {
      class() {
        return 'class'
      },
    }
    expect(capture('school', school.class)()).toBe('class')
  })

  test('what it throws is the very same value', () => {
    for (const thrown of [new RangeError('x'), 'text', undefined, null, Object.freeze({})]) {
      const fail = capture('fail', () => {
        throw thrown
      })
      let caught: unknown = 'nothing'
      try {
        fail()
      } catch (error) {
        caught = error
      }
      expect(caught).toBe(thrown)
    }
  })

  test('the stack of an error still shows the function and its caller', () => {
    const inner = capture(function innermost() {
      throw new Error('x')
    })
    function outermost(): void {
      inner()
    }
    expect(() => {
      outermost()
    }).toThrow(expect.objectContaining({ stack: expect.stringMatching(/innermost[^]*outermost/) }))
  })

  test('a frozen function and one whose own call and apply are replaced work', () => {
    const frozen = capture(Object.freeze(() => 5))
    expect(frozen()).toBe(5)
    expect(Object.isFrozen(frozen)).toBe(true)
    const replaced = capture(
      Object.assign((a: number) => a + 1, {
        call: () => 'wrong',
        apply: () => 'wrong',
      }),
    )
    expect(replaced(1)).toBe(2)
  })

  test('deep recursion is recorded with its depth', () => {
    const { capture: captureDeep, taken } = fakeRecorder()
    const down = captureDeep('down', (n: number): number => (n === 0 ? 0 : 1 + down(n - 1)))
    expect(down(2000)).toBe(2000)
    expect(taken().map((call) => call.depth)).toEqual(
      Array.from({ length: 2001 }, (_, i) => 2000 - i),
    )
  })

  test('a stack overflow is the function’s own RangeError, and recording goes on', () => {
    const { capture: captureDeep, taken } = fakeRecorder()
    const forever = captureDeep('forever', (n: number): number => 1 + forever(n + 1))
    expect(() => forever(0)).toThrow(RangeError)
    taken()
    const after = captureDeep('after', () => 1)
    after()
    expect(taken()).toMatchObject([{ name: 'after', depth: 0, error: undefined }])
  })
})

describe('promises', () => {
  test('a call lasts until its promise settles, and gives the value', async () => {
    const { capture, taken } = fakeRecorder()
    const load = capture('load', async (milliseconds: number) => {
      await new Promise((resolve) => setTimeout(resolve, milliseconds))
      return 'value'
    })
    const [first, second] = [load(30), load(10)]
    expect(taken()).toEqual([])
    expect(await Promise.all([first, second])).toEqual(['value', 'value'])
    const calls = taken()
    expect(calls).toMatchObject([{ asynchronous: true }, { asynchronous: true }])
    expect(calls[0]!.durationNs).toBeGreaterThan(8e6)
    expect(calls[1]!.durationNs).toBeGreaterThan(calls[0]!.durationNs)
  })

  test('a rejection counts like a throw, and is handled or not as without capture', async () => {
    const { capture, taken } = fakeRecorder()
    const unhandled = vi.fn()
    process.on('unhandledRejection', unhandled)
    try {
      const fail = capture('fail', async () => Promise.reject(new TypeError('no')))
      await expect(fail()).rejects.toThrow(TypeError)
      await new Promise((resolve) => setTimeout(resolve, 5))
      expect(unhandled).not.toHaveBeenCalled()
      void fail()
      await new Promise((resolve) => setTimeout(resolve, 5))
      expect(unhandled).toHaveBeenCalledTimes(1)
      expect(taken().map((call) => call.error)).toEqual(['TypeError', 'TypeError'])
    } finally {
      process.off('unhandledRejection', unhandled)
    }
  })

  test('a sync throw of an async-looking function stays a throw', () => {
    const { capture, taken } = fakeRecorder()
    const fail = capture('fail', (): Promise<void> => {
      throw new RangeError('now')
    })
    expect(() => fail()).toThrow(RangeError)
    expect(taken()).toMatchObject([{ error: 'RangeError', asynchronous: false }])
  })

  test('a promise of a subclass, which may have state of its own, is handed on untouched', () => {
    const { capture, taken } = fakeRecorder()
    class Counting extends Promise<number> {
      #count = 0
      count(): number {
        return ++this.#count
      }
    }
    const promise = new Counting((resolve) => {
      resolve(1)
    })
    promise.count()
    const counting = capture('counting', () => promise)
    expect(counting()).toBe(promise)
    expect(counting().count()).toBe(2)
    expect(taken()).toMatchObject([{ asynchronous: false }, { asynchronous: false }])
  })

  test('a proxy as result is handed on untouched, even a revoked one', () => {
    const { capture, taken } = fakeRecorder()
    const { proxy, revoke } = Proxy.revocable({}, {})
    const promise = new Proxy(Promise.resolve(1), {})
    const giveProxy = capture('proxy', () => proxy)
    revoke()
    expect(giveProxy() === proxy).toBe(true)
    expect(capture('promise', () => promise)()).toBe(promise)
    expect(taken().map((call) => call.name)).toEqual(['proxy', 'promise'])
  })

  test('callers of a function that returns one promise to all get one promise, handled once', async () => {
    const { capture, taken } = fakeRecorder()
    const unhandled = vi.fn()
    process.on('unhandledRejection', unhandled)
    try {
      let cached: Promise<never> | undefined
      const load = capture('load', () => (cached ??= Promise.reject(new RangeError('offline'))))
      const first = load()
      first.catch(() => undefined)
      expect(load()).toBe(first)
      await new Promise((resolve) => setTimeout(resolve, 5))
      expect(load()).toBe(first)
      await new Promise((resolve) => setTimeout(resolve, 5))
      expect(unhandled).not.toHaveBeenCalled()
      expect(taken().map((call) => call.error)).toEqual(Array(3).fill('RangeError'))
    } finally {
      process.off('unhandledRejection', unhandled)
    }
  })

  test('a promise’s own properties stay', async () => {
    const { capture } = fakeRecorder()
    const request = capture('request', () =>
      Object.assign(Promise.resolve(1), { abort: () => 'aborted' }),
    )
    expect(request().abort()).toBe('aborted')
    expect(await request()).toBe(1)
  })

  test('a lazy thenable is handed on untouched and never started', () => {
    const { capture, taken } = fakeRecorder()
    let started = 0
    const query = {
      then(resolve: (value: number) => void) {
        started++
        resolve(1)
      },
    }
    class Lazy extends Promise<number> {
      override then(): never {
        started++
        throw new Error('started')
      }
    }
    const lazy = new Lazy(() => undefined)
    expect(capture('query', () => query)()).toBe(query)
    expect(capture('lazy', () => lazy)()).toBe(lazy)
    expect(started).toBe(0)
    expect(taken()).toMatchObject([{ asynchronous: false }, { asynchronous: false }])
  })

  test('thousands in flight at once each keep their own start', async () => {
    const { capture, taken } = fakeRecorder()
    const wait = capture('wait', (ms: number) => new Promise((resolve) => setTimeout(resolve, ms)))
    await Promise.all(Array.from({ length: 3000 }, (_, i) => wait(i % 2 === 0 ? 5 : 60)))
    const long = taken().filter((call) => call.durationNs > 40e6)
    expect(long.length).toBeGreaterThanOrEqual(1500)
  })
})

describe('calls', () => {
  test('nested calls come out innermost first, with their depth', () => {
    const { capture, taken } = fakeRecorder()
    const inner = capture('inner', () => 1)
    const outer = capture('outer', () => inner() + inner())
    outer()
    outer()
    const shape = taken().map(({ name, depth }) => [name, depth])
    const once = [
      ['inner', 1],
      ['inner', 1],
      ['outer', 0],
    ]
    expect(shape).toEqual([...once, ...once])
  })

  test('a failed call does not leave its depth behind', () => {
    const { capture, taken } = fakeRecorder()
    const fail = capture('fail', () => {
      throw new Error('x')
    })
    const outer = capture('outer', () => {
      expect(() => fail()).toThrow()
    })
    outer()
    capture('next', () => 1)()
    expect(taken().map(({ name, depth }) => [name, depth])).toEqual([
      ['fail', 1],
      ['outer', 0],
      ['next', 0],
    ])
  })
})
