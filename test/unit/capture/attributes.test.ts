import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { createAttributeEncoder } from '../../../src/capture/attributes.ts'

const encode = createAttributeEncoder()
const stored = (value: unknown): unknown => {
  const text = encode(value)
  return text === undefined ? undefined : JSON.parse(text)
}

describe('what is stored', () => {
  test('JSON values as they are', () => {
    const value = {
      text: 'a "b" \n',
      n: -1.5e-7,
      yes: true,
      no: null,
      list: [1, [2]],
      o: { p: {} },
    }
    expect(encode(value)).toBe(JSON.stringify(value))
  })

  test('what JSON has no word for', () => {
    class Money {
      readonly #amount = 5
      toJSON(): string {
        return `EUR ${this.#amount}`
      }
    }
    class Point {
      readonly x = 1
      get length(): number {
        return 1
      }
    }
    expect(
      stored({
        date: new Date(0),
        noDate: new Date(NaN),
        big: 2n ** 70n,
        huge: 2n ** 100_000n,
        error: new RangeError('too far'),
        silent: new TypeError(),
        foreign: runInNewContext('new SyntaxError("x")'),
        map: new Map([[1, 2]]),
        set: new Set([1]),
        bytes: new Float32Array(3),
        buffer: Buffer.from('secret'),
        memory: new SharedArrayBuffer(8),
        regexp: /a+/g,
        boxed: Object('text'),
        url: new URL('https://a.example/b'),
        money: new Money(),
        point: new Point(),
        none: Object.create(null),
        promise: Promise.resolve(1),
        nan: NaN,
        infinite: -Infinity,
        zero: -0,
        list: [undefined, () => 1, Symbol('s'), 1n],
        fn: () => 1,
        symbol: Symbol('s'),
        nothing: undefined,
        [Symbol('key')]: 1,
      }),
    ).toEqual({
      date: '1970-01-01T00:00:00.000Z',
      noDate: 'Invalid Date',
      big: '1180591620717411303424',
      huge: '[too large]',
      error: 'RangeError: too far',
      silent: 'TypeError',
      foreign: 'SyntaxError: x',
      map: 'Map(1)',
      set: 'Set(1)',
      bytes: 'Float32Array(3)',
      buffer: 'Buffer(6)',
      memory: 'ArrayBuffer(8)',
      regexp: '/a+/g',
      boxed: 'text',
      url: 'https://a.example/b',
      money: 'EUR 5',
      point: { x: 1 },
      none: {},
      promise: '[promise]',
      nan: 'NaN',
      infinite: '-Infinity',
      zero: 0,
      list: [null, null, null, '1'],
    })
  })

  test('what is no object gets a name', () => {
    expect(stored('text')).toEqual({ value: 'text' })
    expect(stored(0)).toEqual({ value: 0 })
    expect(stored(false)).toEqual({ value: false })
    expect(stored(5n)).toEqual({ value: '5' })
    expect(stored([1, { a: 2 }])).toEqual({ value: [1, { a: 2 }] })
    expect(stored(new Date(0))).toEqual({ value: '1970-01-01T00:00:00.000Z' })
    expect(stored(new Error('no'))).toEqual({ value: 'Error: no' })
    expect(stored(new Map())).toEqual({ value: 'Map(0)' })
  })

  test('nothing is nothing', () => {
    for (const value of [undefined, null, {}, { a: undefined }, () => 1, Symbol('s')]) {
      expect(encode(value)).toBeUndefined()
    }
  })

  test('a rejection of an async extractor is nobody’s unhandled one', async () => {
    const unhandled: unknown[] = []
    const listen = (reason: unknown): unknown => unhandled.push(reason)
    process.on('unhandledRejection', listen)
    expect(stored(Promise.reject(new Error('x')))).toEqual({ value: '[promise]' })
    await new Promise((resolve) => setImmediate(resolve))
    process.off('unhandledRejection', listen)
    expect(unhandled).toEqual([])
  })
})

describe('limits', () => {
  test('keys', () => {
    const many = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`k${i}`, i]))
    const all = stored(many) as Record<string, number>
    expect(Object.keys(all)).toHaveLength(33)
    expect(all['…']).toBe(68)
    expect((stored({ many }) as { many: Record<string, number> }).many['…']).toBe(68)
  })

  test('depth', () => {
    const nested = { a: { b: { c: { d: { e: 1 }, list: [], n: 4 } } } }
    expect(stored(nested)).toEqual({ a: { b: { c: { d: '[object]', list: '[array]', n: 4 } } } })
  })

  test('elements', () => {
    const { list } = stored({ list: Array.from({ length: 1000 }, (_, i) => i) }) as {
      list: unknown[]
    }
    expect(list).toHaveLength(33)
    expect(list[32]).toBe('… 968 more')
    expect(stored({ list: new Array(2 ** 32 - 1) })).toMatchObject({ list: { length: 33 } })
  })

  test('texts are cut, but never within a character', () => {
    expect(stored({ text: 'x'.repeat(256) })).toEqual({ text: 'x'.repeat(256) })
    expect(stored({ text: 'x'.repeat(257) })).toEqual({ text: `${'x'.repeat(256)}…` })
    expect(stored({ text: 'x'.repeat(255) + '😀😀' })).toEqual({ text: `${'x'.repeat(255)}…` })
    expect(Object.keys(stored({ ['k'.repeat(300)]: 1 }) as object)).toEqual([`${'k'.repeat(256)}…`])
  })

  test('a value that is too large leaves the others where they are', () => {
    const large = Array.from({ length: 32 }, () => 'x'.repeat(256))
    expect(stored({ large, small: 1 })).toEqual({ large: '[too large]', small: 1 })
    expect(stored(large)).toEqual({ value: '[too large]' })
  })

  test('what has no room is counted', () => {
    const wide = Object.fromEntries(
      Array.from({ length: 32 }, (_, i) => [`k${i}`, '€'.repeat(250)]),
    )
    const text = encode(wide)!
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(4096)
    const all = JSON.parse(text) as Record<string, unknown>
    expect(Object.values(all).filter((value) => value === '€'.repeat(250))).toHaveLength(5)
    expect(all.k5).toBe('[too large]') // the name, at least, as long as there is room for it
    expect(all['…']).toBe(32 - (Object.keys(all).length - 1))
    const longNames = Object.fromEntries(
      Array.from({ length: 32 }, (_, i) => [`${i}${'€'.repeat(240)}`, 1]),
    )
    const named = encode(longNames)!
    expect(Buffer.byteLength(named)).toBeLessThanOrEqual(4096)
    const left = JSON.parse(named) as Record<string, number>
    expect(left['…']).toBe(32 - (Object.keys(left).length - 1))
  })

  test('the work is bounded, too', () => {
    let reads = 0
    const width = 32
    const holes: object = new Proxy(
      {},
      {
        ownKeys: () => Array.from({ length: width }, (_, i) => `k${i}`),
        getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true }),
        get: (_, key) => {
          reads++
          return key === 'toJSON' ? undefined : Object.create(holes)
        },
      },
    )
    expect(encode(holes)).toBeDefined()
    expect(reads).toBeLessThan(20_000) // of 32^4 and more
  })
})

describe('hostile values', () => {
  const thrower = (): never => {
    throw new Error('hostile')
  }

  test('what throws is an error where it stands', () => {
    const revoked = Proxy.revocable({}, {})
    revoked.revoke()
    expect(
      stored({
        get getter() {
          return thrower()
        },
        proxy: new Proxy({}, { ownKeys: thrower, getPrototypeOf: thrower }),
        revoked: revoked.proxy,
        json: { toJSON: thrower },
        error: Object.defineProperty(new Error('x'), 'message', { get: thrower }),
        elements: Object.defineProperty([1], 0, { get: thrower }),
        fine: 1,
      }),
    ).toEqual({
      getter: '[error]',
      proxy: '[error]',
      revoked: '[error]',
      json: '[error]',
      error: '[error]',
      elements: '[error]',
      fine: 1,
    })
    expect(stored(revoked.proxy)).toEqual({ value: '[error]' })
    expect(stored(new Proxy({}, { ownKeys: thrower }))).toEqual({ value: '[error]' })
  })

  test('circles', () => {
    const circle: Record<string, unknown> = { n: 1 }
    circle.self = circle
    circle.list = [circle, { circle }]
    const twice = { x: 1 }
    expect(stored({ ...circle, a: twice, b: twice })).toMatchObject({
      self: { self: '[circular]' },
      a: { x: 1 },
      b: { x: 1 },
    })
    expect(stored(circle)).toEqual({
      n: 1,
      self: '[circular]',
      list: ['[circular]', { circle: '[circular]' }],
    })
  })

  test('a getter is called once, one under a secret name never', () => {
    let calls = 0
    encode({
      get once() {
        return ++calls
      },
      get password() {
        return (calls += 100)
      },
    })
    expect(calls).toBe(1)
  })

  test('an extractor within an extractor', () => {
    expect(
      stored({
        a: [1],
        get inner() {
          return encode({ deep: { b: 1 } })
        },
        c: { d: 1 },
      }),
    ).toEqual({ a: [1], inner: '{"deep":{"b":1}}', c: { d: 1 } })
  })

  test('almost no stack left', () => {
    let text: string | undefined = ''
    function down(): void {
      try {
        down()
      } catch {
        text = encode({ a: { b: { c: [1] } } })
      }
    }
    expect(down).not.toThrow()
    expect(() => void JSON.parse(text!)).not.toThrow()
  })
})

describe('redaction', () => {
  test('by name, at any depth, and by form', () => {
    expect(
      stored({
        user: { name: 'Ada', password: { hash: 'x' }, headers: [{ Authorization: ['x'] }] },
        database: 'postgres://shop:hunter2@db/shop',
        promptTokens: 512,
        tokens: ['a'],
        [`Bearer abc`]: 1,
      }),
    ).toEqual({
      user: { name: 'Ada', password: '[redacted]', headers: [{ Authorization: '[redacted]' }] },
      database: 'postgres://shop:[redacted]@db/shop',
      promptTokens: 512,
      tokens: '[redacted]',
      'Bearer [redacted]': '[redacted]',
    })
    expect(stored('Bearer abc')).toEqual({ value: 'Bearer [redacted]' })
    expect(stored(new Error('GET http://u:p@h failed'))).toEqual({
      value: 'Error: GET http://u:[redacted]@h failed',
    })
  })

  test('a secret across the place where a text is cut', () => {
    const before = 'x'.repeat(240)
    for (const secret of [`eyJ${'a'.repeat(2000)}.b.c`, `a://b:${'hunter2'.repeat(500)}@d`]) {
      const text = encode({ text: `${before} ${secret}` })!
      expect(text).not.toMatch(/aaa|hunt/)
    }
  })

  test('further names, and none at all', () => {
    expect(createAttributeEncoder({ redact: ['iban'] })({ iban: 1, pin: 2, id: 3 })).toBe(
      '{"iban":"[redacted]","pin":"[redacted]","id":3}',
    )
    expect(createAttributeEncoder({ redact: false })({ pin: 2, text: 'Bearer x' })).toBe(
      '{"pin":2,"text":"Bearer x"}',
    )
  })
})
