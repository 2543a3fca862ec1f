/**
 * The known differences that the table of behaviours does not show, one by one, and that the document lists them all.
 */
import { createHook } from 'node:async_hooks'
import { EventEmitter } from 'node:events'
import { readFileSync } from 'node:fs'
import { Readable } from 'node:stream'
import { capture, captureCallback, getMetrics } from 'kronicler'
import { describe, expect, test, vi } from 'vitest'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import type { AnyFunction } from './form.ts'
import {
  KNOWN_DIFFERENCES,
  type DifferenceOutsideTable,
  type KnownDifference,
} from './known-differences.ts'
import { constructor } from './observe.ts'
import { recordInTemporaryDirectory } from './recording.ts'
import { runFixture } from './run-fixture.ts'

recordInTemporaryDirectory()

const NODE_MAJOR = Number(process.versions.node.split('.', 1)[0])

/** Before anything asks for an AsyncLocalStorage. */
const symbolsAtFirst = symbolsOf(Promise.resolve())

const EXAMPLES: Record<DifferenceOutsideTable, () => unknown> = {
  'two-functions': () => {
    const captured = capture(function countdown(n: number): number {
      return n === 0 ? 0 : countdown(n - 1)
    })
    captured(3)
    expect(getMetrics('countdown')!.calls).toBe(1)

    let target: unknown
    function Point(): void {
      target = new.target
    }
    const CapturedPoint = capture(Point)
    const point = new (constructor(CapturedPoint))()
    expect(target).toBe(Point)
    expect(point.constructor).toBe(Point)
    expect(point).toBeInstanceOf(CapturedPoint)
    Object.assign(CapturedPoint, { onCaptured: 1 })
    Object.assign(Point, { onBare: 1 })
    expect('onCaptured' in Point || 'onBare' in CapturedPoint).toBe(false)

    const emitter = new EventEmitter()
    const listener = (): void => undefined
    emitter.on('x', listener)
    emitter.off('x', capture('listener', listener))
    expect(emitter.listenerCount('x')).toBe(1)
  },

  'stack-depth': () => {
    const depthOf = (wrap: (fn: (n: number) => number) => (n: number) => number): number => {
      const recurse = wrap((n) => {
        try {
          return recurse(n + 1)
        } catch {
          return n
        }
      })
      return recurse(0)
    }
    const bare = depthOf((fn) => fn)
    const depths = [{}, { attributes: () => ({}) }, { parent: true }].map((options) =>
      depthOf((fn) => capture(fn, options)),
    )
    for (const depth of depths) expect(depth).toBeLessThan(bare)
    expect(Math.min(...depths)).toBeGreaterThan(bare / 20)
    const count = (...args: number[]): number => args.length
    const many = Array<number>(100_000).fill(1)
    expect(count(...many)).toBe(100_000)
    expect(() => capture('many', count)(...many)).toThrow(RangeError)
  },

  'crash-report': async () => {
    const [bare, captured] = await runBoth('crashByThrow')
    expect(bare!.stderr).toMatch(/^file:.*rejections\.mjs:\d+\n +throw new Refused\('sync'\)\n/)
    expect(captured!.stderr).toMatch(
      /^file:.*dist\/index\.js:\d+\n\s+throw thrownByCapturedFunction;\n/,
    )
    const report = (stderr: string): string =>
      stderr.slice(stderr.indexOf('Refused [Error]')).split('\n')[0]!
    expect(report(captured!.stderr)).toBe(report(bare!.stderr))
  },

  'handled-inside': async () => {
    const [bare, captured] = await runBoth('handledByItsFunction')
    expect(bare!.stdout).toBe('["caught","inside"]\n')
    expect(captured!.stdout).toBe(
      '["caught","inside"]\n["unhandledRejection",["later","ignored"]]\n',
    )
  },

  'async-hooks': async () => {
    const bare = async (): Promise<number> => 1
    expect(await promisesMadeBy(capture('hooked', bare))).toBe((await promisesMadeBy(bare)) + 1)
    expect(symbolsAtFirst).toEqual([])
    await capture(bare, { parent: true })()
    expect(symbolsOf(Promise.resolve()).length > 0).toBe(NODE_MAJOR < 24)
  },

  'another-callback': () => {
    let seen: AnyFunction | undefined
    const callback = Object.assign((_error: unknown, _value: number) => undefined, { own: 1 })
    const fn = captureCallback((given: AnyFunction) => (seen = given))
    fn(callback)
    expect(seen).not.toBe(callback)
    const { name, length, own } = seen as unknown as typeof callback
    expect([name, length, own]).toEqual([callback.name, 2, 1])
  },

  'stream-emit': async () => {
    const stream = capture('stream', () => Readable.from(['a']), { stream: true })()
    expect(Object.getOwnPropertyDescriptor(stream, 'emit')).toMatchObject({ enumerable: false })
    for await (const piece of stream) expect(piece).toBe('a')
    await vi.waitFor(() => {
      expect(Object.hasOwn(stream, 'emit')).toBe(false)
    })
  },

  'traps-at-capture': () => {
    const traps: unknown[] = []
    const proxy = new Proxy(() => 1, {
      get: (fn, key) => {
        traps.push(key)
        return Reflect.get(fn, key) as unknown
      },
    })
    const captured = capture(proxy)
    expect(traps).toContain('name')
    traps.length = 0
    captured()
    expect(traps).toEqual([])
  },
}

describe('known', () => {
  test.each(Object.entries(EXAMPLES))('%s', async (_, show) => {
    await show()
  })

  test('also of a promise: one that is frozen', () => {
    const frozen = capture('frozen promise', () => Object.freeze(Promise.resolve(1)))
    expect(Object.isFrozen(frozen())).toBe(false)
  })
})

test('docs/transparency.md lists exactly the known differences', () => {
  const document = readFileSync(new URL('../../docs/transparency.md', import.meta.url), 'utf8')
  const section = /## What can be told\n([^]*?)\n## /.exec(document)![1]!
  const listed = section.split('\n- ').slice(1).map(inOneLine)
  const known = Object.values(KNOWN_DIFFERENCES).map(
    ({ what, why }: KnownDifference) => `${what} *${why}*`,
  )
  expect(listed).toEqual(known)
})

/** Prettier writes emphasis with underscores. */
function inOneLine(text: string): string {
  return text
    .replaceAll(/\s+/g, ' ')
    .trim()
    .replace(/(?<!\w)_(.*)_$/, '*$1*')
}

async function runBoth(scenario: string): Promise<Awaited<ReturnType<typeof runFixture>>[]> {
  const results = []
  for (const kind of ['bare', 'captured']) {
    results.push(await runFixture('rejections.mjs', [scenario, kind, temporaryDirectory()]))
  }
  return results
}

async function promisesMadeBy(fn: () => Promise<number>): Promise<number> {
  let promises = 0
  const hook = createHook({
    init(_, type) {
      if (type === 'PROMISE') promises++
    },
  })
  hook.enable()
  const result = fn()
  hook.disable()
  await result
  return promises
}

function symbolsOf(promise: object): symbol[] {
  return Object.getOwnPropertySymbols(promise)
}
