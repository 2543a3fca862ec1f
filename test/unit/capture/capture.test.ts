import { describe, expect, test } from 'vitest'
import { fakeRecorder } from './fake-recorder.ts'

describe('names', () => {
  test('are the function’s own, the given one, or the place of an anonymous function', () => {
    const { capture, taken } = fakeRecorder()
    capture(function named() {
      return 1
    })()
    capture('given', () => 1)()
    capture(() => 1, { name: 'option' })()
    capture('first')(() => 1)()
    capture({ name: 'second' })(() => 1)()
    capture(() => 1)()
    expect(taken().map((call) => call.name)).toEqual([
      'named',
      'given',
      'option',
      'first',
      'second',
      expect.stringMatching(/^anonymous \(capture\.test\.ts:\d+\)$/),
    ])
  })

  test('wrapping twice gives the same wrapper, under another name another one', () => {
    const { capture } = fakeRecorder()
    const fn = (): number => 1
    const wrapped = capture('a', fn)
    expect(capture('a', fn)).toBe(wrapped)
    expect(capture('a', wrapped)).toBe(wrapped)
    expect(capture('b', fn)).not.toBe(wrapped)
  })
})

describe('a standard method decorator', () => {
  test('records under Class.method: inherited, overridden, static, private and symbol methods', () => {
    const { capture, taken } = fakeRecorder()
    const key = Symbol('key')
    class Base {
      @capture find(id: number): number {
        return id
      }
      @capture inherited(): string {
        return this.constructor.name
      }
      @capture static create(): Base {
        return new this()
      }
      @capture #secret(): number {
        return 42
      }
      reveal(): number {
        return this.#secret()
      }
      @capture [key](): number {
        return 1
      }
    }
    class Derived extends Base {
      @capture override find(id: number): number {
        return super.find(id) + 1
      }
    }
    expect(new Derived().find(1)).toBe(2)
    expect(new Derived().inherited()).toBe('Derived')
    expect(Derived.create()).toBeInstanceOf(Derived)
    expect(new Base().reveal()).toBe(42)
    new Base()[key]()
    expect(taken().map((call) => call.name)).toEqual([
      'Base.find',
      'Derived.find',
      'Base.inherited',
      'Base.create',
      'Base.#secret',
      'Base.Symbol(key)',
    ])
  })

  test('takes a name or options', () => {
    const { capture, taken } = fakeRecorder()
    class Orders {
      @capture('list orders') list(): number {
        return 1
      }
      @capture({ name: 'get order' }) get(): number {
        return 2
      }
      @capture() count(): number {
        return 3
      }
    }
    const orders = new Orders()
    orders.list()
    orders.get()
    orders.count()
    expect(taken().map((call) => call.name)).toEqual(['list orders', 'get order', 'Orders.count'])
  })

  test('works on a method taken off its class', () => {
    const { capture, taken } = fakeRecorder()
    class Tool {
      @capture run(): number {
        return 1
      }
    }

    const { run } = Tool.prototype
    expect(run()).toBe(1)
    expect(taken()).toMatchObject([{ name: 'run' }])
  })
})

describe('bad input is refused where it is given', () => {
  const { capture } = fakeRecorder() as unknown as { capture: (...args: unknown[]) => unknown }

  test.each([
    ['a class', [class Thing {}], /Thing is a class/],
    ['a generator', [function* items() {}], /items is a generator/],
    ['a number', [42], /options must be an object, not number/],
    ['null', [null], /options must be an object, not null|expected a function/],
    ['a name alone with no function', ['name', 42], /after the name, not number/],
    ['an unknown option', [() => 1, { nmae: 'x' }], /unknown option nmae/],
    ['a name that is no string', [() => 1, { name: 1 }], /name must be a string, not number/],
  ])('%s: TypeError', (_, args, message) => {
    expect(() => capture(...args)).toThrow(TypeError)
    expect(() => capture(...args)).toThrow(message)
  })

  test('an empty name: RangeError', () => {
    expect(() => capture('', () => 1)).toThrow(RangeError)
  })

  test('a field or an accessor: TypeError that tells the way out', () => {
    expect(() => {
      class Wrong {
        // @ts-expect-error -- a field has no method to decorate
        @capture field = 1
      }
      return Wrong
    }).toThrow(/a field cannot be decorated/)
  })
})
