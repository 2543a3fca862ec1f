import { describe, expect, test } from 'vitest'
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
