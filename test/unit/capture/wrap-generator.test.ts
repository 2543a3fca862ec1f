import { AsyncLocalStorage } from 'node:async_hooks'
import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { NAME_FUNCTION } from '../../../src/queue/name-log.ts'
import { fakeRecorder, type RecordedCall } from './fake-recorder.ts'

/** Attributes without the times, which are different every time, but must be there. */
function withoutTimes({ attributes }: RecordedCall): Record<string, unknown> {
  const { 'generator.active_ns': active, 'generator.first_item_ns': first, ...rest } = attributes!
  expect(active).toBeGreaterThan(0)
  if (rest['generator.items'] === 0) expect(first).toBeUndefined()
  else expect(first).toBeGreaterThan(0)
  return rest
}

const fail = (error: unknown): never => {
  throw error
}

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

describe('a captured generator cannot be told from the generator', () => {
  const { capture } = fakeRecorder()

  test('the function', () => {
    const items = function* (_a: number, _b = 1): Generator<number> {}
    const { prototype } = items
    const captured = capture(items)
    expect(captured).not.toBe(items)
    expect(captured.name).toBe(items.name)
    expect(captured.length).toBe(1)
    expect(captured.prototype).toBe(prototype)
    expect(Object.prototype.toString.call(captured)).toBe('[object GeneratorFunction]')
    expect(Object.getPrototypeOf(captured)).toBe(Object.getPrototypeOf(items))
    expect(() => Reflect.construct(captured, [])).toThrow(TypeError)
    const asyncItems = capture('asyncItems', async function* () {})
    expect(Object.prototype.toString.call(asyncItems)).toBe('[object AsyncGeneratorFunction]')
  })

  test('the iterator', () => {
    const items = function* (): Generator<number> {
      yield 1
    }
    const captured = capture(items)
    const iterator = captured()
    expect(Reflect.ownKeys(iterator)).toEqual([])
    expect(Object.getPrototypeOf(iterator)).toBe(captured.prototype)
    expect(iterator).toBeInstanceOf(captured)
    expect(iterator).toBeInstanceOf(items)
    expect(iterator[Symbol.iterator]()).toBe(iterator)
    expect(Object.prototype.toString.call(iterator)).toBe('[object Generator]')
    expect(Object.keys(captured.prototype as object)).toEqual([])
    for (const method of ['next', 'return', 'throw'] as const) {
      const bare = (function* () {})()
      expect(iterator[method].name).toBe(bare[method].name)
      expect(iterator[method].length).toBe(bare[method].length)
      expect(() => Reflect.construct(iterator[method], [])).toThrow(TypeError)
    }
    expect(iterator.next()).toEqual({ value: 1, done: false })
    expect(iterator.next()).toEqual({ value: undefined, done: true })
    expect(iterator.next()).toEqual({ value: undefined, done: true })
  })

  test('this, arguments, values sent and returned', () => {
    const shop = {
      discount: 2,
      prices: capture(function* prices(
        this: { discount: number },
        ...list: number[]
      ): Generator<number, string, number> {
        let sent = 0
        for (const price of list) sent = yield price - this.discount + sent
        return `sent ${sent}`
      }),
    }
    const iterator = shop.prices(10, 20)
    expect(iterator.next()).toEqual({ value: 8, done: false })
    expect(iterator.next(100)).toEqual({ value: 118, done: false })
    expect(iterator.next(5)).toEqual({ value: 'sent 5', done: true })
  })

  test('spread, destructuring, yield* and methods on the prototype', () => {
    const count = capture('count', function* (n: number): Generator<number, string> {
      for (let i = 0; i < n; i++) yield i
      return 'end'
    })
    const twice = capture('twice', function* (n: number): Generator<number, string> {
      yield* count(n)
      return yield* count(n)
    })
    expect([...count(3)]).toEqual([0, 1, 2])
    const [first] = count(3)
    expect(first).toBe(0)
    expect(Array.from(twice(2))).toEqual([0, 1, 0, 1])
    const helped = function* (): Generator<number> {
      yield 1
    }
    helped.prototype.double = function (this: Iterable<number>) {
      return [...this].map((value) => value * 2)
    }
    expect(capture('helped', helped)()).toSatisfy(
      (iterator: { double: () => number[] }) => iterator.double()[0] === 2,
    )
  })

  test.runIf('Iterator' in globalThis)('iterator helpers', () => {
    const { capture: captureHelped, taken } = fakeRecorder()
    const count = captureHelped('count', function* (): Generator<number> {
      for (let i = 0; ; i++) yield i
    })
    const helped = count() as unknown as { take: (n: number) => { toArray: () => number[] } }
    expect(helped.take(3).toArray()).toEqual([0, 1, 2])
    expect(taken().map(withoutTimes)).toEqual([
      { 'generator.items': 3, 'generator.abandoned': true },
    ])
  })

  test('a bare iterator of the same function is not observed', () => {
    const { capture: captureOne, taken } = fakeRecorder()
    const items = function* (): Generator<number> {
      yield 1
    }
    captureOne(items)
    expect([...items()]).toEqual([1])
    expect(taken()).toEqual([])
    expect(() => items.prototype.next.call({})).toThrow(TypeError)
  })

  test('asking within its own step is the iterator’s own error, and no end', () => {
    const { capture: captureOne, taken } = fakeRecorder()
    const errors: unknown[] = []
    const selfish = captureOne('selfish', function* (): Generator<number> {
      try {
        iterator.next()
      } catch (error) {
        errors.push(error)
      }
      yield 1
    })
    const iterator = selfish()
    expect([...iterator]).toEqual([1])
    expect(errors).toEqual([expect.any(TypeError)])
    expect(taken()).toMatchObject([{ name: 'selfish', error: undefined }])
  })

  test('the results of delegation are handed on unread', () => {
    let reads = 0
    const strange = {
      [Symbol.iterator]: () => strange,
      next: () => ({
        get done() {
          return ++reads > 6
        },
        get value() {
          return reads
        },
      }),
    }
    const delegate = function* (): Generator<number> {
      yield* strange as Iterable<number>
    }
    const bare = [...delegate()]
    reads = 0
    expect([...capture(delegate)()]).toEqual(bare)
  })

  test('an end seen through yield* of a done result', () => {
    const { capture: captureOne, taken } = fakeRecorder()
    const inner = { next: () => ({ done: true, value: 7 }), [Symbol.iterator]: () => inner }
    const outer = captureOne('outer', function* (): Generator<number, number> {
      return yield* inner as Iterable<number> as Generator<number, number>
    })
    expect(outer().next()).toEqual({ done: true, value: 7 })
    expect(taken()).toMatchObject([{ name: 'outer', attributes: { 'generator.items': 0 } }])
  })

  test('a shared, frozen or replaced prototype', () => {
    const { capture: captureThem, taken } = fakeRecorder()
    const frozen = function* (): Generator<number> {
      yield 1
    }
    Object.freeze(frozen.prototype)
    const none = function* (): Generator<number> {
      yield 1
    }
    none.prototype = undefined as never // its iterators inherit from that of all generators
    class Collection {
      next(): string {
        return 'own'
      }
    }
    const lent = function* (): Generator<number> {
      yield 1
    }
    lent.prototype = Collection.prototype as never
    for (const fn of [frozen, none]) {
      const iterator = captureThem(fn)()
      expect([...iterator]).toEqual([1])
      expect(Object.keys(iterator)).toEqual([])
    }
    expect(taken().map(({ name }) => name)).toEqual(['frozen', 'none'])
    expect(
      Reflect.ownKeys(Object.getPrototypeOf(function* () {}.prototype) as object),
    ).not.toContain('x')
    const strange = captureThem(lent)() as unknown as Collection
    expect(strange.next()).toBe('own')
    expect(Reflect.ownKeys(Collection.prototype)).toEqual(['constructor', 'next'])
    const captured = captureThem('late', function* late(): Generator<number> {})
    const replacement = { late: true }
    captured.prototype = Object.setPrototypeOf(replacement, captured.prototype as object) as never
    expect(captured()).toHaveProperty('late', true)
  })

  test('a generator of another realm, and one compiled to a state machine', () => {
    const { capture: captureThem, taken } = fakeRecorder()
    const foreign = runInNewContext('(function* foreign() { yield 1 })') as () => Generator<number>
    expect([...captureThem(foreign)()]).toEqual([1])
    const compiled = Object.assign(
      () => {
        let i = 0
        const iterator = {
          next: () => ({ value: i, done: i++ >= 2 }),
          [Symbol.iterator]: () => iterator,
        }
        return iterator
      },
      { [Symbol.toStringTag]: 'GeneratorFunction' },
    )
    const iterator = captureThem('compiled', compiled)()
    expect([...iterator]).toEqual([0, 1])
    expect(iterator).not.toHaveProperty('return')
    expect(taken().map((call) => [call.name, withoutTimes(call)])).toEqual([
      ['foreign', { 'generator.items': 1 }],
      ['compiled', { 'generator.items': 2 }],
    ])
  })

  test('captured under two names it is two calls, recorded by both', () => {
    const { capture: captureTwice, taken } = fakeRecorder()
    const inner = captureTwice('inner', function* (): Generator<number> {
      yield 1
    })
    const outer = captureTwice('outer', inner)
    expect([...outer()]).toEqual([1])
    expect(taken().map(({ name, parent }) => [name, parent])).toEqual([
      ['inner', 'outer'],
      ['outer', undefined],
    ])
  })
})

describe('what is recorded of a generator', () => {
  test('one call, from the first next() to the end', async () => {
    const { capture, taken } = fakeRecorder()
    const items = capture('items', function* (): Generator<number> {
      yield 1
      yield 2
    })
    const iterator = items()
    iterator.next()
    await wait(20)
    iterator.next()
    expect(taken()).toEqual([])
    iterator.next()
    const [call] = taken()
    expect(call).toMatchObject({ name: 'items', depth: 0, asynchronous: true, error: undefined })
    expect(call!.durationNs).toBeGreaterThan(19e6)
    expect(call!.attributes!['generator.active_ns']).toBeLessThan(10e6)
    // what lies between the steps is not its own time
    expect(call!.durationNs - call!.childrenNs!).toBeLessThan(10e6)
    expect(withoutTimes(call!)).toEqual({ 'generator.items': 2 })
    iterator.next()
    expect(taken()).toEqual([])
  })

  test('nothing of one that is never asked for anything', () => {
    const { capture, taken } = fakeRecorder()
    const items = capture('items', function* (): Generator<number> {
      yield 1
    })
    items()
    items().return(1)
    expect(() => items().throw(new Error('x'))).toThrow('x')
    const returned = items()
    returned.return(1)
    expect(returned.next()).toEqual({ value: undefined, done: true })
    expect(taken()).toEqual([])
  })

  test('a break leaves it abandoned, and its finally block belongs to it', () => {
    const { capture, taken } = fakeRecorder()
    const log: string[] = []
    const items = capture('items', function* (): Generator<number> {
      try {
        yield 1
        yield 2
      } finally {
        log.push('closed')
      }
    })
    for (const item of items()) {
      expect(item).toBe(1)
      break
    }
    expect(log).toEqual(['closed'])
    const [call] = taken()
    expect(withoutTimes(call!)).toEqual({ 'generator.items': 1, 'generator.abandoned': true })
    expect(call!.error).toBeUndefined()
  })

  test('a finally block that yields goes on, one that throws is a failure', () => {
    const { capture, taken } = fakeRecorder()
    const stubborn = capture('stubborn', function* (): Generator<number> {
      try {
        yield 1
      } finally {
        yield 2
      }
    })
    const iterator = stubborn()
    iterator.next()
    expect(iterator.return(0)).toEqual({ value: 2, done: false })
    expect(taken()).toEqual([])
    expect(iterator.next()).toEqual({ value: 0, done: true })
    expect(withoutTimes(taken()[0]!)).toEqual({ 'generator.items': 2 })
    const broken = capture('broken', function* (): Generator<number> {
      try {
        yield 1
      } finally {
        fail(new RangeError('x'))
      }
    })
    expect(() => {
      for (const _ of broken()) break
    }).toThrow(RangeError)
    const [call] = taken()
    expect(call!.error).toBe('RangeError')
    expect(withoutTimes(call!)).toEqual({ 'generator.items': 1, 'generator.abandoned': true })
  })

  test('errors: from within, thrown in, caught', () => {
    const { capture, taken } = fakeRecorder()
    const items = capture('items', function* (): Generator<number, void> {
      try {
        yield 1
      } catch (error) {
        if (error instanceof TypeError) throw new SyntaxError('other', { cause: error })
        if (error === 'go on') yield 2
        else throw error
      }
      throw new RangeError('end')
    })
    const start = (): Generator<number, void> => {
      const iterator = items()
      iterator.next()
      return iterator
    }
    expect(() => [...items()]).toThrow(RangeError)
    expect(() => start().throw(new TypeError('x'))).toThrow(SyntaxError)
    const thrown = { own: 'object' }
    let caught: unknown
    try {
      start().throw(thrown)
    } catch (error) {
      caught = error
    }
    expect(caught).toBe(thrown)
    const iterator = start()
    expect(iterator.throw('go on')).toEqual({ value: 2, done: false })
    expect(() => iterator.next()).toThrow(RangeError)
    expect(taken().map((call) => [call.error, withoutTimes(call)['generator.items']])).toEqual([
      ['RangeError', 1],
      ['SyntaxError', 1],
      ['Object', 1],
      ['RangeError', 2],
    ])
  })

  test('an error before the first step, from a parameter’s default', () => {
    const { capture, taken } = fakeRecorder()
    const items = capture(
      'items',
      function* (_n: number = fail(new RangeError('x'))): Generator<number> {},
    )
    expect(() => items()).toThrow(RangeError)
    expect(taken()).toMatchObject([{ name: 'items', durationNs: 0, error: 'RangeError' }])
  })

  test('captured functions called in its body are its children, the consumer’s are not', () => {
    const { capture, taken } = fakeRecorder()
    const leaf = capture('leaf', () => 1)
    const items = capture('items', function* (): Generator<number> {
      yield leaf()
      yield leaf()
    })
    const between = capture('between', () => leaf())
    const main = capture('main', () => {
      for (const _ of items()) between()
    })
    main()
    leaf()
    expect(taken().map(({ name, depth, parent }) => [name, depth, parent])).toEqual([
      ['leaf', 2, 'items'],
      ['leaf', 2, 'between'],
      ['between', 1, 'main'],
      ['leaf', 2, 'items'],
      ['leaf', 2, 'between'],
      ['between', 1, 'main'],
      ['items', 1, 'main'],
      ['main', 0, undefined],
      ['leaf', 0, undefined],
    ])
  })

  test('several under way at once', () => {
    const { capture, taken } = fakeRecorder()
    const count = capture('count', function* (n: number): Generator<number> {
      for (let i = 0; i < n; i++) yield i
    })
    const iterators = Array.from({ length: 200 }, (_, i) => count(i))
    for (let step = 0; step <= 200; step++) for (const iterator of iterators) iterator.next()
    expect(taken().map((call) => call.attributes!['generator.items'])).toEqual(
      Array.from({ length: 200 }, (_, i) => i),
    )
  })

  test('attributes, isError and switching off', () => {
    const { capture, taken, controls, names } = fakeRecorder()
    const items = capture(
      'items',
      function* (n: number): Generator<number, number> {
        for (let i = 0; i < n; i++) yield i
        return n
      },
      {
        attributes: ([n], result, error) => ({
          n,
          result,
          failed: error !== undefined,
          password: 1,
        }),
        isError: (result) => result === 0,
      },
    )
    expect([...items(2), ...items(0)]).toEqual([0, 1])
    expect(taken().map((call) => [call.error, withoutTimes(call)])).toEqual([
      [undefined, { n: 2, result: 2, failed: false, password: '[redacted]', 'generator.items': 2 }],
      [
        '(result)',
        { n: 0, result: 0, failed: false, password: '[redacted]', 'generator.items': 0 },
      ],
    ])
    const started = items(2)
    started.next()
    controls.set(names.find(NAME_FUNCTION, 'items')!, { enabled: false, slowerThanNs: 0, oneIn: 1 })
    expect([...items(3)]).toEqual([0, 1, 2])
    expect(Reflect.ownKeys(items(3))).toEqual([])
    const off = taken()
    expect(off).toEqual([])
    expect([...started]).toEqual([1])
    expect(taken()).toHaveLength(1) // begun before, ended after
  })

  test('a stack overflow within a step is the generator’s own, and recording goes on', () => {
    const { capture, taken } = fakeRecorder()
    const down = capture('down', function* (n: number): Generator<number> {
      yield* down(n + 1)
    })
    expect(() => down(0).next()).toThrow(RangeError)
    taken()
    const fine = capture('fine', function* (): Generator<number> {
      yield 1
    })
    expect([...fine()]).toEqual([1])
    expect(taken()).toMatchObject([{ name: 'fine', depth: 0 }])
  })

  test('in a class, by decoration', () => {
    const { capture, taken } = fakeRecorder()
    class Tree {
      @capture
      *nodes(): Generator<number> {
        yield 1
      }

      @capture
      static async *all(): AsyncGenerator<number> {
        yield 2
      }

      @capture
      *[Symbol.iterator](): Generator<number> {
        yield* this.nodes()
      }
    }
    expect([...new Tree()]).toEqual([1])
    expect(taken().map(({ name }) => name)).toEqual(['Tree.nodes', 'Tree.Symbol(Symbol.iterator)'])
  })

  test.runIf(globalThis.gc !== undefined)('one that is dropped is abandoned', async () => {
    const { capture, taken } = fakeRecorder()
    const items = capture('items', function* (): Generator<number> {
      yield 1
      yield 2
    })
    let held: Generator<number> | undefined
    ;(() => {
      items().next()
      held = items()
      held.next()
    })()
    let calls: RecordedCall[] = []
    for (let i = 0; i < 100 && calls.length === 0; i++) {
      await wait(5)
      globalThis.gc!()
      calls = taken()
    }
    expect(calls).toHaveLength(1)
    expect(calls[0]!.durationNs).toBeLessThan(5e6) // to the end of its last step
    expect(withoutTimes(calls[0]!)).toEqual({ 'generator.items': 1, 'generator.abandoned': true })
    expect([...held]).toEqual([2])
    expect(taken().map(withoutTimes)).toEqual([{ 'generator.items': 2 }])
  })
})

describe('an async generator', () => {
  test('cannot be told from a bare one', async () => {
    const { capture } = fakeRecorder()
    const items = capture('items', async function* (): AsyncGenerator<number, string, number> {
      const sent = yield 1
      yield sent
      return 'end'
    })
    const iterator = items()
    expect(Reflect.ownKeys(iterator)).toEqual([])
    expect(Object.getPrototypeOf(iterator)).toBe(items.prototype)
    expect(iterator[Symbol.asyncIterator]()).toBe(iterator)
    expect(iterator.next.length).toBe(1)
    const first = iterator.next()
    expect(first).toBeInstanceOf(Promise)
    expect(await first).toEqual({ value: 1, done: false })
    expect(await iterator.next(9)).toEqual({ value: 9, done: false })
    expect(await iterator.next()).toEqual({ value: 'end', done: true })
    await expect(items.prototype.next.call({})).rejects.toThrow(TypeError)
  })

  test('is one call, with the time in which it was waited for', async () => {
    const { capture, taken } = fakeRecorder()
    const items = capture('items', async function* (): AsyncGenerator<number> {
      await wait(10)
      yield 1
      await wait(10)
      yield 2
    })
    for await (const item of items()) {
      if (item === 1) await wait(40)
    }
    const [call, ...others] = taken()
    expect(others).toEqual([])
    expect(call).toMatchObject({ name: 'items', asynchronous: true, error: undefined })
    expect(call!.durationNs).toBeGreaterThan(58e6)
    const active = call!.attributes!['generator.active_ns'] as number
    expect(active).toBeGreaterThan(18e6)
    expect(active).toBeLessThan(call!.durationNs - 38e6)
    expect(withoutTimes(call!)).toEqual({ 'generator.items': 2 })
  })

  test('overlapping requests are answered in order, and their time counts once', async () => {
    const { capture, taken } = fakeRecorder()
    const items = capture('items', async function* (): AsyncGenerator<number> {
      for (let i = 0; i < 2; i++) {
        await wait(10)
        yield i
      }
    })
    const iterator = items()
    const answers = await Promise.all(Array.from({ length: 4 }, () => iterator.next()))
    expect(answers).toEqual([
      { value: 0, done: false },
      { value: 1, done: false },
      { value: undefined, done: true },
      { value: undefined, done: true },
    ])
    const [call, ...others] = taken()
    expect(others).toEqual([])
    expect(call!.attributes!['generator.active_ns']).toBeLessThanOrEqual(call!.durationNs)
    expect(withoutTimes(call!)).toEqual({ 'generator.items': 2 })
  })

  test('break, failures, and errors thrown in', async () => {
    const { capture, taken } = fakeRecorder()
    const items = capture('items', async function* (): AsyncGenerator<number> {
      yield 1
      throw new RangeError('x')
    })
    for await (const _ of items()) break
    const broken = async (): Promise<void> => {
      for await (const _ of items());
    }
    await expect(broken()).rejects.toThrow(RangeError)
    const iterator = items()
    await iterator.next()
    await expect(iterator.throw(new TypeError('y'))).rejects.toThrow(TypeError)
    await items().return(1)
    await expect(items().throw(new Error('never begun'))).rejects.toThrow('never begun')
    expect(taken().map((call) => [call.error, withoutTimes(call)])).toEqual([
      [undefined, { 'generator.items': 1, 'generator.abandoned': true }],
      ['RangeError', { 'generator.items': 1 }],
      ['TypeError', { 'generator.items': 1 }],
    ])
  })

  test('an unhandled rejection is reported once, a handled one never', async () => {
    const { capture } = fakeRecorder()
    const unhandled: unknown[] = []
    const listen = (reason: unknown): unknown => unhandled.push(reason)
    process.on('unhandledRejection', listen)
    const items = capture('items', async function* (): AsyncGenerator<number> {
      yield await Promise.reject(new Error('mine'))
    })
    void items().next()
    items()
      .next()
      .catch(() => undefined)
    await wait(10)
    process.off('unhandledRejection', listen)
    expect(unhandled).toHaveLength(1)
  })

  test('knows its children across gaps if it asks for that', async () => {
    const { capture, taken } = fakeRecorder()
    const storage = new AsyncLocalStorage<string>()
    const leaf = capture('leaf', async () => wait(1), { parent: true })
    const items = capture(
      'items',
      async function* (): AsyncGenerator<string | undefined> {
        await wait(1)
        await leaf()
        yield storage.getStore()
      },
      { parent: true },
    )
    const seen: unknown[] = []
    await storage.run('mine', async () => {
      for await (const item of items()) seen.push(item)
    })
    expect(seen).toEqual(['mine'])
    expect(taken().map(({ name, parent }) => [name, parent])).toEqual([
      ['leaf', 'items'],
      ['items', undefined],
    ])
  })
})
