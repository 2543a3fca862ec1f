import { AsyncLocalStorage } from 'node:async_hooks'
import { describe, expect, test, vi } from 'vitest'
import { fakeRecorder } from './fake-recorder.ts'

const FORMS = [
  ['plain', {}],
  ['with attributes', { attributes: (args: unknown[]) => ({ first: args[0] }) }],
] as const

describe.each(FORMS)('at the end of the stack a function captured %s', (_, options) => {
  test("leaves nothing behind: later calls have their depth, and the error is the engine's", () => {
    const { capture, taken } = fakeRecorder()
    const leaf = capture('leaf', (n: number) => n, options)
    const probe = capture('probe', () => 1)
    function recurse(n: number): number {
      return leaf(n) + recurse(n + 1)
    }
    probe()
    for (let attempt = 0; attempt < 100; attempt++) {
      expect(() => recurse(0)).toThrow(RangeError)
      taken()
      probe()
      expect(taken().map(({ name, depth, parent }) => [name, depth, parent])).toEqual([
        ['probe', 0, undefined],
      ])
    }
  })

  test('that recurses without end throws what it would have thrown', () => {
    const { capture, taken } = fakeRecorder()
    const recurse: () => number = capture('recurse', () => recurse() + 1, options)
    const probe = capture('probe', () => 1)
    expect(recurse).toThrow(RangeError)
    taken()
    probe()
    expect(taken()[0]).toMatchObject({ depth: 0, parent: undefined })
  })
})

describe('at the end of the stack a captured generator', () => {
  test('leaves nothing behind, and the error is the engine’s', () => {
    const { capture, taken } = fakeRecorder()
    const leaf = capture('leaf', function* (n: number) {
      yield n
    })
    const probe = capture('probe', () => 1)
    function recurse(n: number): number {
      for (const value of leaf(n)) return value + recurse(n + 1)
      return 0
    }
    for (let attempt = 0; attempt < 100; attempt++) {
      expect(() => recurse(0)).toThrow(RangeError)
      taken()
      probe()
      expect(taken().map(({ name, depth, parent }) => [name, depth, parent])).toEqual([
        ['probe', 0, undefined],
      ])
    }
  })

  test('that delegates to itself without end throws what it would have thrown', () => {
    const { capture, taken } = fakeRecorder()
    const recurse = capture('recurse', function* (): Generator<number> {
      yield* recurse()
    })
    const probe = capture('probe', () => 1)
    expect(() => recurse().next()).toThrow(RangeError)
    taken()
    probe()
    expect(taken()[0]).toMatchObject({ depth: 0, parent: undefined })
  })
})

describe('at the end of the stack an asynchronous function', () => {
  test.each(FORMS)('%s that recurses without end rejects once', async (_, options) => {
    const { capture } = fakeRecorder()
    const unhandled = vi.fn()
    process.on('unhandledRejection', unhandled)
    try {
      const own: (n: number) => Promise<number> = capture(
        'own',
        async (n: number): Promise<number> => (await own(n + 1)) + 1,
        options,
      )
      const shared: (n: number) => Promise<number> = capture(
        'shared',
        (n: number) => (async () => (await shared(n + 1)) + 1)(),
        options,
      )
      // the stack ends at another place each time
      for (let attempt = 0; attempt < 40; attempt++) {
        await expect(below(attempt % 60, () => own(0), attempt % 13)).rejects.toThrow(RangeError)
        await expect(below(attempt % 60, () => shared(0), attempt % 13)).rejects.toThrow(RangeError)
      }
      await new Promise(setImmediate)
      expect(unhandled).not.toHaveBeenCalled()
    } finally {
      process.off('unhandledRejection', unhandled)
    }
  })

  test('that knows its callers has none of an earlier call’s', () => {
    const { capture, taken } = fakeRecorder()
    const storage = new AsyncLocalStorage()
    const leaf = capture('leaf', (n: number) => n, { parent: true })
    const outer = capture(
      'outer',
      async () => {
        await Promise.resolve()
        const recurse = (n: number): number => leaf(n) + recurse(n + 1)
        for (let attempt = 0; attempt < 30; attempt++) {
          expect(() => below(attempt, () => recurse(0), attempt % 7)).toThrow(RangeError)
        }
      },
      { parent: true },
    )
    const probe = capture('probe', () => 1)
    return outer().then(() =>
      storage.exit(() => {
        taken()
        probe()
        expect(taken()[0]).toMatchObject({ name: 'probe', depth: 0, parent: undefined })
      }),
    )
  })
})

/** Calls it from so many frames further down, each of them as large as so many words make it. */
function below<T>(frames: number, call: () => T, words: number, ...filling: number[]): T {
  if (filling.length < words) return below(frames, call, words, ...filling, 0)
  return frames === 0 ? call() : below(frames - 1, call, words, ...filling)
}
