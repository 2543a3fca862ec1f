/**
 * What the table of forms has no room for: functions that the language brings, what only sloppy functions can see, traps,
 * recursion, wrapping twice.
 */
import { createRequire } from 'node:module'
import { performance } from 'node:perf_hooks'
import { promisify } from 'node:util'
import { capture, captureCallback, getMetrics } from 'kronicler'
import { describe, expect, test } from 'vitest'
import type { AnyFunction } from './form.ts'
import { constructor, endOf, outcomeOf, ownProperties, plain } from './observe.ts'
import { recordInTemporaryDirectory } from './recording.ts'
import { runFixture } from './run-fixture.ts'

recordInTemporaryDirectory()

const sloppy = createRequire(import.meta.url)('./sloppy-forms.cjs') as Record<
  'mapped' | 'callee' | 'ownArguments',
  (wrap: (fn: AnyFunction) => AnyFunction) => (...args: unknown[]) => unknown
>

describe('functions that the language and Node bring', () => {
  test.each<[string, AnyFunction, (fn: never) => unknown]>([
    ['Math.max', Math.max, (max: typeof Math.max) => [max(1, 3, 2), max(), max.length]],
    [
      'JSON.parse',
      JSON.parse as AnyFunction,
      (parse: typeof JSON.parse) => parse('[1,{"a":2}]', (_, v: unknown) => v),
    ],
    [
      'Array.prototype.map',
      Array.prototype.map as AnyFunction,
      (map: AnyFunction) => Reflect.apply(map, [1, 2], [(n: number) => n * 2] as never),
    ],
    [
      'Map',
      Map as unknown as AnyFunction,
      (M: MapConstructor) => [
        [...new M([[1, 2]])],
        new M() instanceof M,
        new M() instanceof Map,
        outcomeOf(() => (M as unknown as () => void)()),
      ],
    ],
    [
      'Date',
      Date,
      (D: DateConstructor) => [
        new D(0).toISOString(),
        D.UTC(2026, 0),
        typeof D(),
        new D(0) instanceof Date,
      ],
    ],
    [
      'Error',
      Error,
      (E: ErrorConstructor) => [
        plain(new E('x')),
        plain(E('y')),
        typeof E.captureStackTrace,
        class extends E {}.name,
      ],
    ],
    [
      'Promise',
      Promise as unknown as AnyFunction,
      (P: PromiseConstructor) => new P((resolve) => resolve(1)) instanceof Promise,
    ],
    [
      'Symbol',
      Symbol,
      (S: SymbolConstructor) => [
        String(S('x')),
        S.iterator === Symbol.iterator,
        outcomeOf(
          () => new (constructor(S))(),
          () => 'error',
        ),
      ],
    ],
    [
      'setTimeout',
      setTimeout,
      (later: typeof setTimeout) => [
        typeof later(() => 1, 1).unref(),
        typeof Reflect.get(later, promisify.custom),
      ],
    ],
    ['performance.now', performance.now.bind(performance), (now: () => number) => now() > 0],
    ['structuredClone', structuredClone, (clone: typeof structuredClone) => clone({ a: [1] })],
    ['eval, called indirectly', eval as AnyFunction, (run: typeof eval) => run('1 + 1') as unknown],
    ['import.meta.resolve', import.meta.resolve, (fn: AnyFunction) => typeof fn],
    [
      'Buffer',
      Buffer as unknown as AnyFunction,
      (B: typeof Buffer) => [
        B.from('ab').toString('hex'),
        B.alloc(2).length,
        Buffer.isBuffer(B.concat([])),
      ],
    ],
  ])('%s', (name, fn, observe) => {
    const captured = capture(`builtin ${name}`, fn)
    expect(captured).not.toBe(fn)
    expect(observe(captured as never)).toEqual(observe(fn as never))
    const shape = ownProperties(captured).filter(([key]) => key !== 'toString')
    expect(shape).toEqual(ownProperties(fn).filter(([key]) => key !== 'toString'))
    expect(String(captured)).toBe(String(fn))
  })
})

describe('sloppy functions', () => {
  const bare = <F>(fn: F): F => fn

  test('arguments are mapped to parameters', () => {
    expect(sloppy.mapped(capture)(1)).toEqual(sloppy.mapped(bare)(1))
  })

  test('known: arguments.callee is the function itself, and captured.arguments is null while it runs', () => {
    const fn = sloppy.callee(bare)
    expect(fn()).toBe(fn)
    const captured = sloppy.callee(capture)
    expect(captured()).not.toBe(captured)
    expect(sloppy.ownArguments(bare)(7)).toEqual([7])
    expect(sloppy.ownArguments(capture)(7)).toBeNull()
  })
})

describe('a proxy of a function', () => {
  test('sees the same traps in the same order, after it has been captured', async () => {
    const observe = async (wrap: (fn: AnyFunction) => AnyFunction): Promise<unknown> => {
      const traps: string[] = []
      const note = (trap: string, key?: unknown): void =>
        void traps.push([trap, String(key)].join(' '))
      const proxy = new Proxy(function target(this: unknown) {}, {
        get: (fn, key, receiver) => (note('get', key), Reflect.get(fn, key, receiver) as unknown),
        has: (fn, key) => (note('has', key), Reflect.has(fn, key)),
        apply: (fn, self, args) => (note('apply'), Reflect.apply(fn, self, args)),
        construct: (fn, args, newTarget) => (
          note('construct'),
          Reflect.construct(fn, args, newTarget) as object
        ),
        ownKeys: (fn) => (note('ownKeys'), Reflect.ownKeys(fn)),
        set: (fn, key, value, receiver) => (
          note('set', key),
          Reflect.set(fn, key, value, receiver)
        ),
      })
      const fn = wrap(proxy) as unknown as Record<string, unknown> & AnyFunction
      traps.length = 0
      Reflect.apply(fn, {}, [])
      new (constructor(fn))()
      fn['dynamic'] = 1
      traps.push(String('dynamic' in fn), Object.keys(fn).join())
      await endOf(() => fn['dynamic'])
      return traps
    }
    expect(await observe((fn) => capture('proxy', fn))).toEqual(await observe((fn) => fn))
  })

  test('that is revoked later fails as it does bare', () => {
    const { proxy, revoke } = Proxy.revocable(() => 1, {})
    const captured = capture('revocable', proxy)
    expect(captured()).toBe(1)
    revoke()
    expect(() => captured()).toThrow(TypeError)
    expect(getMetrics('revocable')).toMatchObject({ calls: 2, errors: 1 })
  })
})

describe('wrapping twice', () => {
  test('gives the same wrapper, for every way of asking', () => {
    function load(): void {}
    const captured = capture(load)
    expect(capture(load)).toBe(captured)
    expect(capture(captured)).toBe(captured)
    expect(capture('load', load)).toBe(captured)
    expect(capture({ name: 'load' })(load)).toBe(captured)
    const other = capture('other name', captured)
    expect(other).not.toBe(captured)
    expect(String(other)).toBe(String(load))
    expect(other.name).toBe('load')
  })

  test('a bound function and a proxy, too', () => {
    const target = (): number => 1
    for (const fn of [target.bind(null), new Proxy(target, {})]) {
      const captured = capture('twice', fn)
      expect(capture('twice', fn)).toBe(captured)
      expect(capture('twice', captured)).toBe(captured)
    }
  })
})

describe('recursion', () => {
  test('as deep as programs go', () => {
    interface Tree {
      left?: Tree
      value: number
    }
    let tree: Tree = { value: 0 }
    for (let i = 0; i < 2000; i++) tree = { left: tree, value: 1 }
    const sum = capture('sum of a tree', function sum({ left, value }: Tree): number {
      return value + (left === undefined ? 0 : sum(left))
    })
    expect(sum(tree)).toBe(2000)
    const parse = capture('nested', (depth: number): unknown =>
      depth === 0 ? [] : [parse(depth - 1)],
    )
    expect(JSON.stringify(parse(1500)).length).toBe(3002)
  })

  test('infinite: a RangeError of the caller’s, and everything goes on', async () => {
    const { code, stdout, stderr } = await runFixture('overflow.mjs', [])
    expect(stderr).not.toContain('/dist/') // Node itself says that its own callback has found no stack
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toEqual({
      thrown: 'RangeError',
      rejected: 'RangeError',
      after: { calls: 1, errors: 0, depths: [0] },
      nested: { depths: [0, 1, 2] },
    })
  })
})

test('a callback that is given twice, or as several arguments, is told apart as by position', () => {
  const observe = (wrap: (fn: AnyFunction) => AnyFunction): unknown => {
    const calls: unknown[] = []
    const callback = (...results: unknown[]): void => void calls.push(results)
    const fn = wrap((first: AnyFunction, second: AnyFunction) => {
      Reflect.apply(first, undefined, [null, 'first'] as never)
      Reflect.apply(second, undefined, [null, 'second'] as never)
    }) as (...args: unknown[]) => unknown
    fn(callback, callback)
    return calls
  }
  expect(observe((fn) => captureCallback('twice', fn))).toEqual(observe((fn) => fn))
})
