/** Equality of attributes, in logs and in segments, against what the parsed rows say. */
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isSameJson, matchTexts } from '../../src/database/format/attribute-match.ts'
import type { JsonValue } from '../../src/types.ts'

const withoutMinusZero = (value: JsonValue) => JSON.parse(JSON.stringify(value)) as JsonValue
const json = fc.jsonValue({ maxDepth: 3 }).map((value) => withoutMinusZero(value as JsonValue))
const key = fc.constantFrom('a', 'b', '', '__proto__', 'constructor', 'ключ', '"', '\\', '\u0000')

test('two values are the same whatever the order of their keys', () => {
  fc.assert(
    fc.property(json, json, (a, b) => {
      expect(isSameJson(a, b)).toBe(isDeepStrictEqual(a, b))
      expect(isSameJson(a, withoutMinusZero(a))).toBe(true)
    }),
    { numRuns: 1000 },
  )
  expect(isSameJson({ a: 1, b: [2] }, { b: [2], a: 1 })).toBe(true)
  expect(isSameJson([], {})).toBe(false)
  expect(isSameJson({ a: 1 }, { b: 1 })).toBe(false)
})

test('rows match however their text is written', () => {
  const texts = [
    '{"a":"A"}',
    '{"a": "\\u0041"}',
    '{"\\u0061":"A"}',
    '{"a":"B","b":"A"}',
    '{"a":"A"',
  ]
  const rows = texts.map((text, row): [number, Uint8Array] => [row, Buffer.from(text)])
  expect([...matchTexts(rows, 'a', 'A')]).toEqual([0, 1, 2])
  const numbers = ['{"a":1}', '{"a":1.0}', '{"a":10e-1}', '{"a":"1"}', '{"b":1}', '{"a":-0}']
  const more = numbers.map((text, row): [number, Uint8Array] => [row, Buffer.from(text)])
  expect([...matchTexts(more, 'a', 1)]).toEqual([0, 1, 2])
  expect([...matchTexts(more, 'a', 0)]).toEqual([5])
})

test('rows match as their parsed attributes do', () => {
  fc.assert(
    fc.property(fc.array(fc.dictionary(key, json)), key, json, (objects, wanted, value) => {
      const rows = objects.map((object, row): [number, Uint8Array] => [
        row,
        Buffer.from(JSON.stringify(object)),
      ])
      const values: JsonValue[] = [value, ...objects.flatMap((object) => Object.values(object))]
      for (const value of values.slice(0, 5)) {
        const expected = objects.flatMap((object, row) => {
          return Object.hasOwn(object, wanted) && isDeepStrictEqual(object[wanted], value)
            ? [row]
            : []
        })
        expect([...matchTexts(rows, wanted, value)]).toEqual(expected)
      }
    }),
    { numRuns: 100 },
  )
})
