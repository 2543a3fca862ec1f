import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createAttributeEncoder } from '../../src/capture/attributes.ts'

const anything = fc.anything({
  withBigInt: true,
  withBoxedValues: true,
  withDate: true,
  withMap: true,
  withNullPrototype: true,
  withObjectString: true,
  withSet: true,
  withSparseArray: true,
  withTypedArray: true,
  stringUnit: 'binary',
  maxDepth: 6,
})

const SECRET = 'hunter2hunter2'
const SECRET_NAMES = [
  'password',
  'user_password',
  'apiKey',
  'X-API-Key',
  'AUTHORIZATION',
  'sessionId',
  'setCookie',
  'otp',
]
const secretHolder = fc.oneof(
  fc
    .tuple(
      fc.constantFrom(...SECRET_NAMES),
      fc.oneof(fc.constant(SECRET), fc.constant([{ a: SECRET }])),
    )
    .map(([name, value]) => ({ [name]: value })),
  fc.constantFrom(
    `Bearer ${SECRET}`,
    `eyJ${SECRET}.eyJ${SECRET}.${SECRET}`,
    `https://user:${SECRET}@host/path`,
    `-----BEGIN EC PRIVATE KEY-----\n${SECRET}\n-----END EC PRIVATE KEY-----`,
  ),
)
/** A value with a secret somewhere in it. */
const withSecret = fc.letrec<{ node: unknown }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 5 },
    secretHolder,
    fc
      .tuple(fc.string(), fc.string(), secretHolder)
      .map(([before, after, secret]) =>
        typeof secret === 'string' ? `${before} ${secret} ${after}` : secret,
      ),
    fc.array(tie('node'), { minLength: 1, maxLength: 4 }),
    fc.dictionary(fc.string(), tie('node'), { minKeys: 1, maxKeys: 4 }),
    secretHolder.map((secret) => new Error(typeof secret === 'string' ? secret : 'no')),
  ),
})).node

describe('whatever an extractor returns', () => {
  test('is stored as a JSON object within the limit, or not at all', () => {
    const encoders = [
      { encode: createAttributeEncoder(), maxBytes: 4096 },
      { encode: createAttributeEncoder({ maxBytes: 64 }), maxBytes: 64 },
      { encode: createAttributeEncoder({ redact: false, maxBytes: 300 }), maxBytes: 300 },
    ]
    fc.assert(
      fc.property(anything, fc.constantFrom(...encoders), (value, { encode, maxBytes }) => {
        const text = encode(value)
        if (text === undefined) return
        expect(Buffer.byteLength(text)).toBeLessThanOrEqual(maxBytes)
        const parsed: unknown = JSON.parse(text)
        expect(typeof parsed).toBe('object')
        expect(Array.isArray(parsed) || parsed === null).toBe(false)
      }),
      { numRuns: 3000 },
    )
  })

  test('is stored as it is if it is plain JSON within all limits', () => {
    const encode = createAttributeEncoder({ redact: false })
    const small = fc.dictionary(
      fc.string(),
      fc.oneof(fc.string(), fc.double(), fc.boolean(), fc.jsonValue({ maxDepth: 2 })),
      { minKeys: 1, maxKeys: 5 },
    )
    fc.assert(
      fc.property(small, (value) => {
        const plain = JSON.stringify(value, (_, v: unknown) =>
          typeof v === 'number' && !Number.isFinite(v) ? String(v) : v,
        )
        fc.pre(Buffer.byteLength(plain) < 1000)
        expect(JSON.parse(encode(value)!)).toEqual(JSON.parse(plain))
      }),
      { numRuns: 2000 },
    )
  })

  test('is stored without the secrets in it', () => {
    const encode = createAttributeEncoder()
    fc.assert(
      fc.property(withSecret, (value) => {
        expect(encode(value) ?? '').not.toContain(SECRET)
        expect(encode({ a: value, b: 1 })).not.toContain(SECRET)
      }),
      { numRuns: 3000 },
    )
  })
})
