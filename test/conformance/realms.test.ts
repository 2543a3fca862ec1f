/**
 * Functions and promises of another realm (a context of node:vm, which is what jest runs tests in), and the package
 * itself loaded in one.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { types } from 'node:util'
import { compileFunction, createContext, runInContext } from 'node:vm'
import { capture, getMetrics, type Capture } from 'kronicler'
import { afterAll, describe, expect, test } from 'vitest'
import { endOf, plain, ticksOf } from './observe.ts'
import { recordInTemporaryDirectory } from './recording.ts'

recordInTemporaryDirectory()

const context = createContext({ setTimeout })
/* eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- what the code gives is known where it is written */
const foreign = <T>(code: string): T => runInContext(`(${code})`, context) as T
const ForeignPromise = foreign<PromiseConstructor>('Promise')

describe('a promise of another realm', () => {
  test('lasts until it settles, and stays one of that realm', async () => {
    const sleep = capture(
      'foreign sleep',
      foreign<(ms: number) => Promise<string>>(
        '(ms) => new Promise((resolve) => setTimeout(resolve, ms, "value"))',
      ),
    )
    const promise = sleep(30)
    expect(promise).toBeInstanceOf(ForeignPromise)
    expect(promise).not.toBeInstanceOf(Promise)
    expect(Object.getPrototypeOf(promise)).toBe(ForeignPromise.prototype)
    expect(promise.constructor).toBe(ForeignPromise)
    expect(await promise).toBe('value')
    expect(getMetrics('foreign sleep')!.minNs).toBeGreaterThan(20e6)
  })

  test('its rejection is the call’s failure, and the very same value', async () => {
    const error = foreign<Error>('new RangeError("no")')
    const fail = capture('foreign rejection', () => ForeignPromise.reject(error))
    expect(
      await endOf(
        () => fail(),
        (value) => value === error,
      ),
    ).toEqual({ rejected: true })
    expect(getMetrics('foreign rejection')).toMatchObject({ calls: 1, errors: 1 })
  })

  test.each([
    ['subclass', 'new (class Sub extends Promise {})(() => undefined)'],
    ['then of its own', 'Object.assign(Promise.resolve(1), { then() { started++ } })'],
    [
      'constructor of its own',
      'Object.assign(Promise.resolve(1), { constructor: class Other {} })',
    ],
    ['thenable', '({ then() { started++ } })'],
    ['object that claims to be one', 'Object.create(Promise.prototype)'],
    ['class named Promise', 'new (class Promise { then() { started++ } })()'],
    ['proxy', 'new Proxy(Promise.resolve(1), {})'],
  ])('is left alone: %s', (_, code) => {
    runInContext('started = 0', context)
    const value = foreign<object>(code)
    const give = capture(`foreign ${code}`, () => value)
    expect(give()).toBe(value)
    expect(runInContext('started', context)).toBe(0)
    expect(getMetrics(`foreign ${code}`)!.calls).toBe(1)
  })

  test('comes one microtask later than bare, as one of this realm does', async () => {
    const bare = foreign<() => Promise<number>>('() => Promise.resolve(1)')
    const captured = capture('foreign ticks', bare)
    expect(await ticksOf(captured())).toBe((await ticksOf(bare())) + 1)
  })

  test('is one promise for all callers', async () => {
    const cached = ForeignPromise.resolve(1)
    const get = capture('foreign cached', () => cached)
    expect(get()).toBe(get())
    await get()
    expect(getMetrics('foreign cached')!.calls).toBe(3)
  })
})

describe('a function of another realm', () => {
  test('gets its own realm’s errors and promises', async () => {
    const load = capture(
      'foreign async',
      foreign<(fail: boolean) => Promise<number>>(
        'async (fail) => { if (fail) throw new TypeError("no"); return 1 }',
      ),
    )
    expect(load(false)).toBeInstanceOf(ForeignPromise)
    expect(await load(false)).toBe(1)
    const error: unknown = await load(true).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(foreign('TypeError'))
    expect(Object.getPrototypeOf(load)).toBe(foreign('Object.getPrototypeOf(async () => 1)'))
  })

  test('a class has its methods captured', () => {
    const Shop = foreign<new () => { open: () => number }>('class Shop { open() { return 1 } }')
    expect(capture('Foreign', Shop)).toBe(Shop)
    expect(new Shop().open()).toBe(1)
    expect(getMetrics('Foreign.open')!.calls).toBe(1)
  })
})

describe('the package loaded in another realm, as jest does', () => {
  const inside = loadInside()
  const directory = mkdtempSync(join(tmpdir(), 'kronicler-'))
  inside.configure({ directory })
  afterAll(async () => {
    await inside.close()
    rmSync(directory, { recursive: true, force: true })
  })

  test('follows promises of its own realm and those of Node itself', async () => {
    const own = inside.capture('own', inside.run<() => Promise<number>>('async () => 1'))
    const plainly = inside.capture(
      'plainly',
      inside.run<() => Promise<number>>('() => Promise.resolve(2)'),
    )
    const ofNode = inside.capture('of node', () => readFile(fileURLToPath(import.meta.url), 'utf8'))
    expect([await own(), await plainly()]).toEqual([1, 2])
    const promise = ofNode()
    expect(promise).toBeInstanceOf(Promise)
    expect(inside.getMetrics('of node')).toBeUndefined()
    expect(await promise).toContain('of node')
    expect(inside.getMetrics('of node')).toMatchObject({ calls: 1, errors: 0 })
  })

  test('capture there keeps the kind of a function', () => {
    const load = inside.run<() => Promise<number>>('async function load() { return 1 }')
    const captured = inside.capture('kind', load)
    expect(plain(captured)).toBe('[object AsyncFunction]')
    expect(Object.getPrototypeOf(captured)).toBe(Object.getPrototypeOf(load))
    expect(types.isPromise(captured())).toBe(true)
  })
})

interface Inside {
  capture: Capture
  configure: (options: object) => void
  getMetrics: typeof getMetrics
  close: () => Promise<void>
  /** Runs code there. */
  run: typeof foreign
}

/** Loads the CommonJS build with globals of its own, which lack what jsdom lacks: timers of Node's, TextEncoder. */
function loadInside(): Inside {
  const require = createRequire(import.meta.url)
  const path = require.resolve('kronicler')
  const realm = createContext({ process, Buffer, URL })
  const module = { exports: {} as Omit<Inside, 'run'> }
  const parameters = ['exports', 'require', 'module', '__filename', '__dirname']
  const load = compileFunction(readFileSync(path, 'utf8'), parameters, {
    filename: path,
    parsingContext: realm,
  }) as (...args: unknown[]) => void
  load(module.exports, createRequire(path), module, path, dirname(path))
  const run = ((code) => runInContext(`(${code})`, realm) as unknown) as typeof foreign
  return { ...module.exports, run }
}
