import { AsyncLocalStorage } from 'node:async_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { fakeRecorder } from './fake-recorder.ts'

describe('attributes', () => {
  test('come from arguments and outcome, sync and async', async () => {
    const { capture, taken } = fakeRecorder()
    const attributes = ([id]: unknown[], result: unknown, error: unknown): unknown => ({
      id,
      result,
      error: error instanceof Error ? error.message : undefined,
    })
    const sync = capture('sync', (id: number) => id * 2, { attributes })
    const async = capture('async', (id: number) => Promise.resolve(id * 3), { attributes })
    const failing = capture(
      'failing',
      (_id: number) => {
        throw new TypeError('no')
      },
      { attributes },
    )
    expect(sync(4)).toBe(8)
    expect(await async(5)).toBe(15)
    expect(() => failing(6)).toThrow('no')
    expect(taken().map(({ name, attributes: kept }) => [name, kept])).toEqual([
      ['sync', { id: 4, result: 8 }],
      ['async', { id: 5, result: 15 }],
      ['failing', { id: 6, error: 'no' }],
    ])
  })

  test('secrets are blotted out unless told otherwise', () => {
    const { capture, taken } = fakeRecorder()
    const extract = (): unknown => ({ password: 'hunter2', userName: 'ann', invoice: 7 })
    capture('usual', () => 1, { attributes: extract })()
    capture('open', () => 1, { attributes: extract, redact: false })()
    capture('strict', () => 1, { attributes: extract, redact: ['invoice'] })()
    expect(taken().map(({ attributes }) => attributes)).toEqual([
      { password: '[redacted]', userName: 'ann', invoice: 7 },
      { password: 'hunter2', userName: 'ann', invoice: 7 },
      { password: '[redacted]', userName: 'ann', invoice: '[redacted]' },
    ])
  })

  test('an extractor that throws, or has nothing to say, costs nothing but the attributes', () => {
    const { capture, taken } = fakeRecorder()
    const thrower = (): never => {
      throw new Error('broken')
    }
    expect(capture('broken', () => 1, { attributes: thrower })()).toBe(1)
    expect(capture('silent', () => 2, { attributes: () => undefined })()).toBe(2)
    expect(taken().map(({ attributes, error }) => [attributes, error])).toEqual([
      [undefined, undefined],
      [undefined, undefined],
    ])
  })

  test('the time that extracting takes is not measured, nor are calls made in it children', () => {
    const { capture, taken } = fakeRecorder()
    const inner = capture('inner', () => 1)
    const outer = capture('outer', () => 1, {
      attributes: () => {
        const endMs = performance.now() + 20
        while (performance.now() < endMs);
        inner()
        return { kept: true }
      },
    })
    outer()
    const calls = taken()
    const own = calls.find(({ name }) => name === 'outer')!
    expect(own.durationNs).toBeLessThan(20e6)
    expect(own.attributes).toEqual({ kept: true })
    const first = calls.find(({ name }) => name === 'inner')!
    expect([first.depth, first.parent]).toEqual([0, undefined])
  })
})

describe('isError', () => {
  test('decides what a failure is', async () => {
    const { capture, taken } = fakeRecorder()
    const isError = (result: unknown, error: unknown): boolean =>
      error instanceof RangeError || (result as { status?: number } | undefined)?.status === 500
    const respond = capture('respond', (status: number) => ({ status }), { isError })
    const respondLater = capture('later', async (status: number) => ({ status }), { isError })
    const abort = capture(
      'abort',
      (kind: new (m: string) => Error) => {
        throw new kind('thrown')
      },
      { isError },
    )
    respond(200)
    respond(500)
    await respondLater(500)
    expect(() => abort(RangeError)).toThrow(RangeError)
    expect(() => abort(TypeError)).toThrow(TypeError)
    expect(taken().map(({ name, error }) => [name, error])).toEqual([
      ['respond', undefined],
      ['respond', '(result)'],
      ['later', '(result)'],
      ['abort', 'RangeError'],
      ['abort', undefined],
    ])
  })

  test('a result that is an error counts under its class; a broken test changes nothing', () => {
    const { capture, taken } = fakeRecorder()
    capture('returns', () => new SyntaxError('x'), { isError: (r) => r instanceof Error })()
    const broken = (): never => {
      throw new Error('broken')
    }
    capture('fine', () => 1, { isError: broken })()
    expect(() =>
      capture(
        'bad',
        () => {
          throw new TypeError('x')
        },
        { isError: broken },
      )(),
    ).toThrow(TypeError)
    expect(taken().map(({ error }) => error)).toEqual(['SyntaxError', undefined, 'TypeError'])
  })
})

describe('parent', () => {
  test('is known across await, and time in children is that of the union of their calls', async () => {
    const { capture, taken } = fakeRecorder()
    const load = capture('load', (ms: number) => sleep(ms), { parent: true })
    const page = capture(
      'page',
      async () => {
        await sleep(5)
        await Promise.all([load(30), load(30), load(15)])
        await sleep(20)
      },
      { parent: true },
    )
    await page()
    const calls = taken()
    expect(calls.map(({ name, parent }) => [name, parent])).toEqual([
      ['load', 'page'],
      ['load', 'page'],
      ['load', 'page'],
      ['page', undefined],
    ])
    const { childrenNs, durationNs } = calls[3]!
    const longestNs = Math.max(...calls.slice(0, 3).map((call) => call.durationNs))
    expect(childrenNs).toBeGreaterThanOrEqual(longestNs)
    expect(childrenNs).toBeLessThan(2 * longestNs) // at the same time, so counted once
    expect(durationNs - childrenNs!).toBeGreaterThan(20e6)
  })

  test("calls at the same time do not mix, and the application's own storage stays", async () => {
    const { capture, taken } = fakeRecorder()
    const storage = new AsyncLocalStorage<string>()
    const leaf = capture(
      'leaf',
      async () => {
        await sleep(2)
        return storage.getStore()
      },
      { parent: true },
    )
    const make = (name: string): (() => Promise<unknown>) =>
      capture(
        name,
        async () => {
          await sleep(3)
          return leaf()
        },
        { parent: true },
      )
    const answers = await Promise.all(
      ['one', 'two', 'three'].map((name) => storage.run(name, make(name))),
    )
    expect(answers).toEqual(['one', 'two', 'three'])
    const parents = taken().flatMap(({ name, parent }) => (name === 'leaf' ? [parent] : []))
    expect(parents.sort()).toEqual(['one', 'three', 'two'])
  })

  test('on a stack of captured calls the stack tells, and plain functions keep theirs', async () => {
    const { capture, taken } = fakeRecorder()
    const inner = capture('inner', () => 1, { parent: true })
    const middle = capture('middle', () => inner())
    const outer = capture(
      'outer',
      async () => {
        middle()
        await sleep(1)
        middle()
      },
      { parent: true },
    )
    await outer()
    expect(taken().map(({ name, parent, depth }) => [name, parent, depth])).toEqual([
      ['inner', 'middle', 2],
      ['middle', 'outer', 1],
      ['inner', 'middle', 1],
      ['middle', undefined, 0], // did not ask for its asynchronous parent
      ['outer', undefined, 0],
    ])
  })
})

describe('without options', () => {
  test('the caller on the stack is recorded, also by asynchronous calls', async () => {
    const { capture, taken } = fakeRecorder()
    const leaf = capture('leaf', () => 1)
    const later = capture('later', async () => {
      leaf()
      await sleep(1)
      leaf()
    })
    const outer = capture('outer', () => later())
    await outer()
    expect(taken().map(({ name, parent, depth }) => [name, parent, depth])).toEqual([
      ['leaf', 'later', 2],
      ['leaf', undefined, 0],
      ['later', 'outer', 1],
      ['outer', undefined, 0],
    ])
  })
})

test('a function that is switched off is called straight away, and on again', async () => {
  const { capture, captureCallback, controls, names, record, span, taken } = fakeRecorder()
  const seen: unknown[] = []
  const forms = [
    capture('off', (x: number) => seen.push(x)),
    capture('off', (x: number) => seen.push(x), { attributes: () => ({}) }),
    capture('off', async (x: number) => seen.push(x)),
    captureCallback('off', (x: number, done: () => void) => {
      seen.push(x)
      done()
    }),
  ] as ((...args: unknown[]) => unknown)[]
  const all = async (): Promise<void> => {
    for (const [i, form] of forms.entries()) await form(i, () => undefined)
    span('off').end()
    span('off', () => seen.push('span'))
    record('off', 5)
  }
  const id = names.find(0, 'off')!
  controls.set(id, { enabled: false, slowerThanNs: 0, oneIn: 1 })
  await all()
  expect(taken()).toEqual([])
  expect(seen).toEqual([0, 1, 2, 3, 'span'])
  controls.set(id, { enabled: true, slowerThanNs: 0, oneIn: 1 })
  await all()
  expect(taken()).toHaveLength(7)
})

test('names that a minifier has left are warned of once', () => {
  const { capture, warnings } = fakeRecorder()
  const f = (): number => 1
  capture(f)
  capture({ g: () => 2 }.g)
  capture('h', () => 3)
  expect(warnings).toHaveLength(1)
  expect(warnings[0]).toContain('f')
})

test('a function that is given a one-letter name by the user is not warned of', () => {
  const { capture, warnings } = fakeRecorder()
  capture('h', () => 3)
  capture({ name: 'i' })(() => 3)
  expect(warnings).toEqual([])
})

describe.each([
  [{ attributes: 5 }, TypeError, 'attributes'],
  [{ isError: 'x' }, TypeError, 'isError'],
  [{ parent: 1 }, TypeError, 'parent'],
  [{ sample: 0 }, RangeError, 'sample'],
  [{ sample: 1.5 }, RangeError, 'sample'],
  [{ sample: '1' }, TypeError, 'sample'],
  [{ slowerThan: '5 parsecs' }, RangeError, 'slowerThan'],
  [{ slowerThan: -1 }, RangeError, 'slowerThan'],
  [{ redact: 'all' }, TypeError, 'redact'],
  [{ redact: [1] }, TypeError, 'redact'],
] as const)('%j', (options, kind, name) => {
  test(`is refused and the message names ${name}`, () => {
    const { capture } = fakeRecorder()
    const attempt = (): unknown => capture(() => 1, options as never)
    expect(attempt).toThrow(kind)
    expect(attempt).toThrow(name)
  })
})

describe('captureCallback', () => {
  test("takes attributes and isError, from the callback's arguments", () => {
    const { captureCallback, taken } = fakeRecorder()
    const read = captureCallback(
      'read',
      (path: string, done: (error: Error | null, text?: string) => void) => {
        if (path === '') done(new RangeError('empty'))
        else done(null, `text of ${path}`)
      },
      {
        attributes: ([path], text, error) => ({ path, text, failed: error !== undefined }),
        isError: (text, error) => error !== undefined || text === 'text of bad',
      },
    )
    for (const path of ['a', '', 'bad']) read(path, () => undefined)
    expect(taken().map(({ attributes, error }) => [error, attributes])).toEqual([
      [undefined, { path: 'a', text: 'text of a', failed: false }],
      ['RangeError', { path: '', failed: true }],
      ['(result)', { path: 'bad', text: 'text of bad', failed: false }],
    ])
  })
})

describe('span and record', () => {
  test('store attributes', () => {
    const { record, span, taken } = fakeRecorder()
    const work = span('work')
    work.setAttributes({ step: 1, token: 'abc' })
    work.setAttributes({ step: 2 })
    work.end()
    work.setAttributes({ step: 3 })
    const failing = span('failing')
    failing.setAttributes({ n: 1 })
    failing.fail(new TypeError('x'))
    record('measured', 5, { attributes: { queue: 'mail' } })
    record('plain', 5)
    expect(taken().map(({ name, attributes }) => [name, attributes])).toEqual([
      ['work', { step: 2, token: '[redacted]' }],
      ['failing', { n: 1 }],
      ['measured', { queue: 'mail' }],
      ['plain', undefined],
    ])
  })
})

test('a function in callback style that is called without one lasts until its promise settles', async () => {
  const { captureCallback, taken } = fakeRecorder()
  const both = captureCallback(
    'both',
    (ms: number, done?: (error: null, text: string) => void) => {
      if (done === undefined) return sleep(ms).then(() => 'promised')
      done(null, 'called back')
      return undefined
    },
    { attributes: (_, result) => ({ result }) },
  )
  expect(await both(20)).toBe('promised')
  void both(1, () => undefined)
  const [promised, calledBack] = taken()
  expect(promised!.durationNs).toBeGreaterThan(19e6)
  expect(promised!.attributes).toEqual({ result: 'promised' })
  expect(calledBack!.attributes).toEqual({ result: 'called back' })
})
