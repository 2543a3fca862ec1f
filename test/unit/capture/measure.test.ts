import { readFile } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { fakeRecorder } from './fake-recorder.ts'

type Recorder = ReturnType<typeof fakeRecorder>

describe('span', () => {
  test('lasts until the end of the block with using', async () => {
    const { span, taken } = fakeRecorder()
    {
      using work = span('work')
      expect(work).toBeDefined()
      await sleep(10)
      expect(taken()).toEqual([])
    }
    const [call] = taken()
    expect(call).toMatchObject({ name: 'work', error: undefined })
    expect(call!.durationNs).toBeGreaterThan(8e6)
  })

  test('ends once, well or badly', () => {
    const { span, taken } = fakeRecorder()
    const good = span('good')
    const bad = span('bad')
    bad.fail(new RangeError('no'))
    bad.end()
    good.end()
    good.end()
    good[Symbol.dispose]()
    expect(taken().map(({ name, error }) => [name, error])).toEqual([
      ['bad', 'RangeError'],
      ['good', undefined],
    ])
  })

  test('of a function gives its result, sync and async, and what it throws', async () => {
    const { span, taken } = fakeRecorder()
    expect(span('sync', () => 1)).toBe(1)
    expect(await span('async', async () => Promise.resolve(2))).toBe(2)
    const thrown = new TypeError('x')
    expect(() =>
      span('throws', () => {
        throw thrown
      }),
    ).toThrow(thrown)
    await expect(span('rejects', async () => Promise.reject(thrown))).rejects.toBe(thrown)
    expect(taken().map(({ name, error, asynchronous }) => [name, error, asynchronous])).toEqual([
      ['sync', undefined, false],
      ['async', undefined, true],
      ['throws', 'TypeError', false],
      ['rejects', 'TypeError', true],
    ])
  })

  test('in between other calls does not disturb their depth', () => {
    const { capture, span, taken } = fakeRecorder()
    const inner = capture('inner', () => 1)
    const outer = capture('outer', () => {
      using work = span('work')
      expect(work).toBeDefined()
      return inner()
    })
    outer()
    expect(taken().map(({ name, depth }) => [name, depth])).toEqual([
      ['inner', 1],
      ['work', 1],
      ['outer', 0],
    ])
  })
})

describe('record', () => {
  test('keeps the duration to the nanosecond, and the error', () => {
    const { record, taken } = fakeRecorder()
    record('zero', 0)
    record('long', 2 ** 40 + 1)
    record('rounded', 1.5)
    record('failed', 5, { error: new SyntaxError('x') })
    expect(taken().map(({ name, durationNs, error }) => [name, durationNs, error])).toEqual([
      ['zero', 0, undefined],
      ['long', 2 ** 40 + 1, undefined],
      ['rounded', 2, undefined],
      ['failed', 5, 'SyntaxError'],
    ])
  })

  test('refuses what is no duration', () => {
    const { record, taken } = fakeRecorder()
    for (const wrong of [-1, NaN, Infinity]) {
      expect(() => {
        record('x', wrong)
      }).toThrow(RangeError)
    }
    expect(() => {
      record('x', '5' as never)
    }).toThrow(TypeError)
    expect(() => {
      record('', 5)
    }).toThrow(RangeError)
    expect(taken()).toEqual([])
  })
})

describe('what is given wrongly', () => {
  test.each([
    ['a span without a name', (m: Recorder) => m.span(undefined as never), /^span: name must be/],
    ['a span of nothing', (m: Recorder) => m.span('a', 5 as never), /^span: expected a function/],
    ['a call without a name', (m: Recorder) => m.record(5 as never, 1), /^record: name must be/],
    ['options that are null', (m: Recorder) => m.record('a', 1, null as never), /^record: options/],
    [
      'an option that is mistyped',
      (m: Recorder) => m.record('a', 1, { eror: 1 } as never),
      /^record: options: unknown option eror; there are error, attributes/,
    ],
    [
      'no function',
      (m: Recorder) => m.captureCallback('a', 5 as never),
      /^captureCallback: expected a function/,
    ],
  ])('%s is named with the function it was given to', (_, use, message) => {
    const recorder = fakeRecorder()
    expect(() => use(recorder)).toThrow(message)
    expect(recorder.taken()).toEqual([])
  })
})

describe('captureCallback', () => {
  test('a real function of Node: success and failure, and what the callback gets', async () => {
    const { captureCallback, taken } = fakeRecorder()
    const read = captureCallback('read', readFile)
    expect(read.length).toBe(readFile.length)
    const text = await promisify(read)(new URL(import.meta.url))
    expect(String(text)).toContain('a real function of Node')
    await expect(promisify(read)('/does/not/exist')).rejects.toThrow(/ENOENT/)
    expect(taken().map(({ name, error, asynchronous }) => [name, error, asynchronous])).toEqual([
      ['read', undefined, true],
      ['read', 'Error', true],
    ])
  })

  test('this, the return value and a callback called at once or twice', () => {
    const { capture, captureCallback, taken } = fakeRecorder()
    const inner = capture('inner', () => 1)
    const receiver = {
      factor: 2,
      each: captureCallback(
        'each',
        function (this: { factor: number }, n: number, done: (error: null, value: number) => void) {
          done(null, n * this.factor)
          done(null, inner())
          return 'returned'
        },
      ),
    }
    const got: number[] = []
    expect(receiver.each(4, (_, value) => got.push(value))).toBe('returned')
    expect(got).toEqual([8, 1])
    capture('after', () => 1)()
    expect(taken().map(({ name, depth }) => [name, depth])).toEqual([
      ['each', 0],
      ['inner', 1],
      ['after', 0],
    ])
  })

  test('without a callback, and when it throws', () => {
    const { captureCallback, taken } = fakeRecorder()
    const plain = captureCallback('plain', (n: number) => n + 1)
    expect(plain(1)).toBe(2)
    const fails = captureCallback('fails', (_: () => void) => {
      throw new URIError('x')
    })
    expect(() => fails(() => undefined)).toThrow(URIError)
    expect(taken().map(({ name, error }) => [name, error])).toEqual([
      ['plain', undefined],
      ['fails', 'URIError'],
    ])
  })

  test('a callback that is a proxy: its traps are asked by nobody but the function', () => {
    const { captureCallback, taken } = fakeRecorder()
    const trap = (): never => {
      throw new URIError('trap')
    }
    const hostile = new Proxy((_: null, value: number) => value + 1, {
      get: trap,
      getOwnPropertyDescriptor: trap,
      getPrototypeOf: trap,
      has: trap,
      isExtensible: trap,
      ownKeys: trap,
    })
    const calls = captureCallback('calls', (done: typeof hostile) => done(null, 1))
    expect(calls(hostile)).toBe(2)
    const { proxy, revoke } = Proxy.revocable(() => 1, {})
    revoke()
    const keeps = captureCallback('keeps', (done: () => number) => typeof done)
    expect(keeps(proxy)).toBe('function')
    const reads = captureCallback('reads', (done: typeof hostile) => done.name)
    expect(() => reads(hostile)).toThrow('trap')
    expect(taken().map(({ name, error }) => [name, error])).toEqual([
      ['calls', undefined],
      ['reads', 'URIError'],
    ])
  })
})
