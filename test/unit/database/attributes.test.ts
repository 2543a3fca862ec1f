import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseAttributes } from '../../../src/database/format/attributes.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const nested = (levels: number) => `{"a":${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}}`

describe('attributes', () => {
  test('come back as they were written', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue()), (attributes) => {
        const text = JSON.stringify(attributes)
        expect(JSON.stringify(parseAttributes(bytes(text)))).toBe(text)
      }),
    )
  })

  test.each([
    '',
    'null',
    '5',
    '"text"',
    '[]',
    '[{"a":1}]',
    '{"a":1',
    '{"a":1}}',
    '{a:1}',
    '\uFEFF{}',
    '{"a":1}\0',
    nested(501),
    nested(30_000),
    '{'.repeat(60_000),
    '{"a":'.repeat(10_000),
  ])('text that is no JSON object: %.20s', (text) => {
    expect(parseAttributes(bytes(text))).toBeUndefined()
  })

  test('bytes that are no text', () => {
    expect(parseAttributes(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d))).toBeUndefined()
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 50 }), (anything) => {
        const attributes = parseAttributes(anything)
        if (attributes !== undefined) expect(typeof attributes).toBe('object')
      }),
    )
  })

  test('what is parsed can always be written again: nesting is bounded', () => {
    const deepest = nested(500)
    expect(JSON.stringify(parseAttributes(bytes(deepest)))).toBe(deepest)
    // neither quotes nor brackets inside texts count
    const brackets = `{"a":"${'['.repeat(5000)}","b\\"${'{'.repeat(5000)}":1}`
    expect(JSON.stringify(parseAttributes(bytes(brackets)))).toBe(brackets)
    const wide = JSON.stringify({ a: Array.from({ length: 3000 }, () => []) })
    expect(JSON.stringify(parseAttributes(bytes(wide)))).toBe(wide)
  })

  test('__proto__ and its kind are keys like others', () => {
    const text =
      '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"a":{"__proto__":[]}}'
    const attributes = parseAttributes(bytes(text))!
    expect(Object.getPrototypeOf(attributes)).toBe(Object.prototype)
    expect(attributes['polluted']).toBeUndefined()
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
    expect(Object.keys(attributes)).toEqual(['__proto__', 'constructor', 'a'])
    expect(JSON.stringify(attributes)).toBe(text)
  })
})
