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

  test('makes one name of a class that is made many times', () => {
    const { capture, taken } = fakeRecorder()
    for (let i = 0; i < 2000; i++) {
      class Mixin {
        @capture work(): number {
          return i
        }
      }
      new Mixin().work()
    }
    expect(new Set(taken().map((call) => call.name))).toEqual(new Set(['Mixin.work']))
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

describe('standard decorators of other members', () => {
  test('getters, setters and accessors, static and private ones too', () => {
    const { capture, taken } = fakeRecorder()
    class Counter {
      #count = 0
      @capture get count(): number {
        return this.#count
      }
      @capture set count(value: number) {
        this.#count = value
      }
      @capture accessor step = 2
      @capture static get made(): number {
        return 1
      }
      @capture get #double(): number {
        return 2 * this.#count
      }
      double(): number {
        return this.#double
      }
    }
    const counter = new Counter()
    counter.count = 4
    counter.step = 3
    expect([counter.count, counter.step, Counter.made, counter.double()]).toEqual([4, 3, 1, 8])
    expect(taken().map((call) => call.name)).toEqual([
      'set Counter.count',
      'set Counter.step',
      'get Counter.count',
      'get Counter.step',
      'get Counter.made',
      'get Counter.#double',
    ])
  })

  test('a field that holds a function keeps the instance as this', () => {
    const { capture, taken } = fakeRecorder()
    class Button {
      label = 'ok'
      @capture onClick = (): string => this.label
      @capture('static handler') static handler = (): string => 'static'
      @capture onHover: (() => string) | undefined = undefined
    }
    const button = new Button()
    expect(button.onClick()).toBe('ok')
    expect(Button.handler()).toBe('static')
    expect(button.onHover).toBeUndefined()
    expect(new Button().onClick()).toBe('ok')
    expect(taken().map((call) => call.name)).toEqual([
      'Button.onClick',
      'static handler',
      'Button.onClick',
    ])
  })
})

describe('a class', () => {
  test('as a decorator: all of its own methods, static ones too, but what is skipped', () => {
    const { capture, taken } = fakeRecorder()
    @capture({ skip: ['quiet'] })
    class Orders {
      #calls = 0
      get size(): number {
        return this.#calls
      }
      find(): number {
        return ++this.#calls
      }
      quiet(): number {
        return 1
      }
      static create(): Orders {
        return new this()
      }
      [Symbol.toPrimitive](): number {
        return this.#calls
      }
    }
    const orders = Orders.create()
    orders.find()
    orders.quiet()
    expect(Number(orders)).toBe(1)
    expect(orders.size).toBe(1)
    expect(orders).toBeInstanceOf(Orders)
    expect(taken().map((call) => call.name)).toEqual([
      'Orders.create',
      'Orders.find',
      'Orders.Symbol(Symbol.toPrimitive)',
    ])
    expect(Object.keys(Orders.prototype)).toEqual([])
  })

  test('as a wrapper: the very same class, under a name of its own', () => {
    const { capture, taken } = fakeRecorder()
    class Base {
      inherited(): number {
        return 1
      }
    }
    class Shop extends Base {
      static readonly Part = class Part {}
      open(): number {
        return 2
      }
    }
    expect(capture('Store', Shop)).toBe(Shop)
    expect(new Shop().open() + new Shop().inherited()).toBe(3)
    expect(new Shop.Part()).toBeInstanceOf(Shop.Part)
    expect(taken().map((call) => call.name)).toEqual(['Store.open'])
  })
})

test('a bound function keeps its receiver', () => {
  const { capture, taken } = fakeRecorder()
  const bound = capture(
    function whoami(this: { name: string }) {
      return this.name
    }.bind({ name: 'bound' }),
  )
  expect(bound()).toBe('bound')
  expect(taken()).toMatchObject([{ name: 'bound whoami' }])
})

describe('bad input is refused where it is given', () => {
  const { capture } = fakeRecorder() as unknown as { capture: (...args: unknown[]) => unknown }

  test.each([
    ['a number', [42], /options must be an object, not number/],
    ['null', [null], /options must be an object, not null/],
    ['null with options', [null, {}], /expected a function, not null/],
    ['options that are no object', [() => 1, 42], /options must be an object, not number/],
    ['skip that is no list', [class {}, { skip: 'a' }], /skip must be an array/],
    ['a name alone with no function', ['name', 42], /expected a function, not number/],
    ['an unknown option', [() => 1, { nmae: 'x' }], /unknown option nmae/],
    ['a name that is no string', [() => 1, { name: 1 }], /name must be a string, not number/],
  ])('%s: TypeError', (_, args, message) => {
    expect(() => capture(...args)).toThrow(TypeError)
    expect(() => capture(...args)).toThrow(message)
  })

  test('an empty name: RangeError', () => {
    expect(() => capture('', () => 1)).toThrow(RangeError)
  })
})
