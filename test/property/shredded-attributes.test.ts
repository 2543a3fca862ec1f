/** Attributes shredded by key: every text comes back byte by byte, every match is the one that parsing finds. */
import { brotliCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AttributesOfRows, type RowAttributes } from '../../src/database/format/attribute-blocks.ts'
import { isSameJson } from '../../src/database/format/attribute-match.ts'
import { AttributeShredder } from '../../src/database/format/attribute-shredder.ts'
import { parseAttributes } from '../../src/database/format/attributes.ts'
import type { FileBytes } from '../../src/database/format/file-bytes.ts'
import { ShreddedAttributes } from '../../src/database/format/shredded-attributes.ts'
import { loadFallbackKernels, loadKernels } from '../../src/database/kernels/kernels.ts'
import type { JsonValue } from '../../src/types.ts'
import { attributeList } from '../support/attribute-list.ts'
import { unguarded } from '../support/read-folder.ts'

type Texts = (readonly [row: number, text: string | Uint8Array])[]

const kernels = loadFallbackKernels()
const shredder = new AttributeShredder(kernels, kernels.allocate(1 << 17))
const area = kernels.allocate(1 << 22)

function encode(texts: Texts, rowCount: number): Uint8Array {
  return Buffer.concat(
    shredder.encode(attributeList(kernels, texts), rowCount, false, () => undefined),
  )
}

function open(bytes: Uint8Array, rowCount: number): RowAttributes {
  kernels.u8.set(bytes, area)
  const page: FileBytes = {
    kernels,
    pointer: area,
    sizeBytes: bytes.length,
    path: 'seg',
    offset: 0,
  }
  return new ShreddedAttributes(page, 0, rowCount, unguarded(kernels))
}

const hex = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString('latin1')

function expectSame(attributes: RowAttributes, texts: Texts, rowCount: number): void {
  const expected = texts.map(([row, text]) => [row, hex(Buffer.from(text))])
  expect([...attributes].map(([row, text]) => [row, hex(text)])).toEqual(expected)
  const byRow = new Map(expected as [number, string][])
  for (let row = rowCount - 1; row >= -1; row -= 1 + (rowCount >> 6)) {
    expect(hex(attributes.get(row))).toBe(byRow.get(row))
  }
}

/** Rows that have the value, by parsing all of them. */
function rowsWith(texts: Texts, key: string, value: JsonValue): number[] {
  return texts.flatMap(([row, text]) => {
    const attributes = parseAttributes(Buffer.from(text))
    if (attributes === undefined || !Object.hasOwn(attributes, key)) return []
    return isSameJson(attributes[key]!, value) ? [row] : []
  })
}

const keys = fc.constantFrom('', 'a', 'b', 'id', '__proto__', 'constructor', 'toString', '"', '\\', '\u0000', '\ud800', 'größe', 'a:b', '}', ',') // prettier-ignore
const decimals = fc.tuple(fc.integer(), fc.nat(6)).map(([n, places]) => n / 10 ** places)
const digits = fc.stringMatching(/^[0-9a-f]{8}$/)
const json = fc.jsonValue({ maxDepth: 2 }).map((value) => value as JsonValue)
/** Values of one attribute: of one kind in most chunks, of all in some. */
const kinds: fc.Arbitrary<JsonValue>[] = [
  fc.constantFrom('/a', '/b', 200, 404, true, null),
  fc.nat(1000),
  fc.integer(),
  decimals,
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.nat(9999).map((n) => `user-${n}`),
  fc.integer({ min: -5, max: 5 }).map((n) => `x${n}.${n}`),
  digits,
  digits.map((text) => `${text.slice(0, 4)}-${text.slice(4)}`),
  fc.string({ unit: 'binary' }),
  json,
]
const kind = fc.constantFrom(...kinds)
const forms = fc.uniqueArray(keys, { maxLength: 5 })
const objects = fc
  .tuple(
    fc.array(forms, { minLength: 1, maxLength: 4 }),
    fc.array(kind, { minLength: 15, maxLength: 15 }),
  ) // prettier-ignore
  .chain(([forms, kinds]) =>
    fc.array(
      fc
        .constantFrom(...forms)
        .chain((form) =>
          fc
            .tuple(...form.map((_, i) => kinds[i % kinds.length]!))
            .map((values) =>
              JSON.stringify(Object.fromEntries(form.map((key, i) => [key, values[i]]))),
            ),
        ),
      { minLength: 1, maxLength: 200 },
    ),
  )
const odd = fc.constantFrom('{"a": 1}', '{"a":1', '[]', '{"a":1,"a":2}', '{"\\u0061":1}', '{"a":01}', '{"a":+1}', '{"a":1.0}', '{"a":-0}', '{"a":1e2}', '{"a":100}', '{"a":"\\u0041"}', '{"a":"A"}', '{"a":"\\x"}', '{"a":tru}', '{"a":[1,}', '{"a":{"b":1,"c":2}}', '{"a":{"c":2,"b":1}}', '{"a":"\n"}', '{}', '{"a":.5}', '{"a":5.}', '{"a":1}}', '{"a":"}', '{"a"}', '{,}', '{"a":1,}', '{"a":nullx}') // prettier-ignore

describe('texts come back byte by byte', () => {
  test('and every value is found where it is', () => {
    fc.assert(
      fc.property(objects, fc.nat(3), fc.array(odd, { maxLength: 5 }), (texts, gap, odd) => {
        const all = [...texts, ...odd]
        const rows = all.map((text, i): [number, string] => [i * (1 + gap) + gap, text])
        const rowCount = all.length * (1 + gap) + gap + 1
        const attributes = open(encode(rows, rowCount), rowCount)
        expectSame(attributes, rows, rowCount)
        const [first, end] = [rowCount >> 2, rowCount - (rowCount >> 3)] // another's rows are on the page, too
        const some = [texts[0]!, texts.at(-1)!, '{"a":1,"b":100}', '{"a":"A"}', '{"a":-0}', ...odd]
        for (const text of some) {
          const parsed = parseAttributes(Buffer.from(text)) ?? { id: { c: 2, b: 1 } }
          for (const [key, value] of Object.entries(parsed)) {
            const expected = rowsWith(rows, key, value)
            expect(attributes.count(key, value)).toBe(expected.length)
            expect([...attributes.match(key, value)]).toEqual(expected)
            const part = new AttributesOfRows(attributes, first, end - first)
            const inPart = expected.filter((row) => row >= first && row < end)
            expect([...part.match(key, value)]).toEqual(inPart.map((row) => row - first))
            expect(part.count(key, value)).toBe(inPart.length)
          }
        }
        expect([...attributes.match('nowhere', 1)]).toEqual([])
      }),
      { numRuns: 300 },
    )
  })

  test('also if they are no text at all', () => {
    const bytes = fc.uint8Array({ minLength: 1, maxLength: 50 })
    const text = fc.oneof(bytes, fc.tuple(bytes).map(([inside]) => Buffer.concat([Buffer.from('{"a":"'), inside, Buffer.from('"}')]))) // prettier-ignore
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 30 }), (texts) => {
        const rows = texts.map((text, row): [number, Uint8Array] => [row, text])
        const attributes = open(encode(rows, rows.length), rows.length)
        expectSame(attributes, rows, rows.length)
        expect([...attributes.match('a', 'b')]).toEqual(rowsWith(rows, 'a', 'b'))
      }),
      { numRuns: 300 },
    )
  })

  const large = 'ß"'.repeat(10_000)
  test.each<[string, number, (row: number) => unknown]>([
    [
      'a full chunk',
      16_384,
      (row) => ({ route: `/${row % 40}`, user: `u-${row * 7919}`, n: row / 8 }),
    ],
    [
      'a full chunk of different values',
      16_384,
      (row) => ({ text: `${row} is ${row % 7}`, d: Math.sqrt(row) }),
    ],
    ['a key in one row', 16_384, (row) => (row === 777 ? { a: 1, once: 'x' } : { a: 1 })],
    ['attributes of one row', 16_384, (row) => (row === 16_383 ? { a: 1 } : undefined)],
    ['a key for each row', 3000, (row) => ({ [`key${row}`]: row })],
    [
      'many keys',
      40,
      (row) => Object.fromEntries(Array.from({ length: 400 }, (_, i) => [`k${i}`, row])),
    ],
    [
      'many forms',
      4000,
      (row) => ({ ...(row & 1 && { a: 1 }), ...(row & 2 && { b: 1 }), [`c${row % 1500}`]: 1 }),
    ],
    ['large values', 200, (row) => ({ row, large: large.slice(row) })],
    ['wide numbers', 300, (row) => ({ n: row * 2 ** 40, m: -row * 1e11, o: 1e14 + row / 10 })],
    ['no keys', 500, () => ({})],
    ['almost hexadecimal digits', 50, (row) => ({ id: row === 0 ? 'x0000000' : (row * 77_777_777).toString(16).padStart(8, '0') })], // prettier-ignore
  ])('%s', (_, rowCount, attributesOf) => {
    const rows = Array.from({ length: rowCount }, (_, row) => [row, attributesOf(row)] as const)
      .filter(([, attributes]) => attributes !== undefined)
      .map(([row, attributes]): [number, string] => [row, JSON.stringify(attributes)])
    const attributes = open(encode(rows, rowCount), rowCount)
    expectSame(attributes, rows, rowCount)
    for (const [row, text] of [rows[0]!, rows.at(-1)!, rows[rows.length >> 1]!]) {
      const parsed = JSON.parse(text) as Record<string, JsonValue>
      for (const [key, value] of Object.entries(parsed).slice(0, 3)) {
        const found = [...attributes.match(key, value)]
        expect(found).toEqual(rowsWith(rows, key, value))
        expect(found).toContain(row)
        expect(attributes.count(key, value)).toBe(found.length)
      }
    }
  })

  test('escaped in a way that is not needed, they are found all the same', () => {
    const rows = Array.from({ length: 100 }, (_, row): [number, string] => [
      row,
      `{"n":"\\u0041-${row * 3}","id":"\\u0041${(row * 2 ** 20 + 2 ** 30).toString(16)}"}`,
    ])
    const attributes = open(encode(rows, 100), 100)
    expectSame(attributes, rows, 100)
    expect([...attributes.match('n', 'A-30')]).toEqual([10])
    expect([...attributes.match('id', `A${(7 * 2 ** 20 + 2 ** 30).toString(16)}`)]).toEqual([7])
  })

  test('with either kind of kernels the same bytes', () => {
    const wasm = loadKernels()
    const other = new AttributeShredder(wasm, wasm.allocate(1 << 17))
    const rows = Array.from({ length: 999 }, (_, row): [number, string] => [row, `{"a":${row % 50},"b":"${row}"}`]) // prettier-ignore
    const bytes = Buffer.concat(
      other.encode(attributeList(wasm, rows), 999, false, () => undefined),
    )
    expect(bytes.equals(encode(rows, 999))).toBe(true)
  })

  test('while the memory grows between two steps', () => {
    const own = loadFallbackKernels()
    const other = new AttributeShredder(own, own.allocate(1 << 17))
    const rows = Array.from({ length: 9000 }, (_, row): [number, string] => [
      row,
      JSON.stringify({
        row,
        even: row % 2,
        text: `text ${row % 3000} of some length`,
        user: `u${row}`,
      }),
    ])
    const list = attributeList(own, rows)
    const bytes = Buffer.concat(other.encode(list, 9000, false, () => own.allocate(1 << 16)))
    expect(bytes.equals(encode(rows, 9000))).toBe(true)
  })
})

describe('damage', () => {
  const rows = Array.from({ length: 300 }, (_, row): [number, string] => [
    row,
    JSON.stringify({
      route: `/r/${row % 11}`,
      n: row * 3,
      id: (row * 2 ** 20 + 0x10000000).toString(16),
      big: row * 1e11,
      text: `it is ${row}`,
      ...(row % 5 === 0 && { odd: '"' }),
    }),
  ])
  rows.push([300, '{ }'])
  const whole = encode(rows, 301)

  /** Nothing but answers and CorruptionErrors, of bounded size. */
  function expectBounded(bytes: Uint8Array, rowCount: number): void {
    const attempt = (run: () => void) => {
      try {
        run()
      } catch (error) {
        expect(error).toEqual(expect.objectContaining({ code: 'KRONICLER_CORRUPT' }))
      }
    }
    attempt(() => {
      const attributes = open(bytes, rowCount)
      for (const row of [0, 1, rowCount - 1]) {
        attempt(() => expect(attributes.get(row)?.length ?? 0).toBeLessThanOrEqual(65_536))
      }
      for (const [key, value] of Object.entries(
        JSON.parse(rows[5]![1]) as Record<string, JsonValue>,
      )) {
        attempt(() => attributes.match(key, value))
      }
      attempt(() => [...attributes])
    })
  }

  test('any byte changed, any end cut off', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        fc.nat(whole.length),
        fc.boolean(),
        (changes, cut, isCut) => {
          const bytes = Uint8Array.from(whole)
          for (const [at, byte] of changes) bytes[at] = byte
          expectBounded(isCut ? bytes.subarray(0, cut) : bytes, 301)
        },
      ),
      { numRuns: 1500 },
    )
  })

  test('every byte of the description, with every small value and the largest', () => {
    for (let at = 0; at < 120; at++) {
      for (const value of [0, 1, 2, 3, 6, 127, 128, 255]) {
        const bytes = Uint8Array.from(whole)
        bytes[at] = value
        expectBounded(bytes, 301)
      }
    }
  })

  test('random bytes', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        fc.integer({ min: 1, max: 16_384 }),
        (bytes, rowCount) => {
          // prettier-ignore
          expectBounded(bytes, rowCount)
        },
      ),
      { numRuns: 1000 },
    )
  })

  test('a block that inflates to more than it says', () => {
    const bomb = brotliCompressSync(Buffer.alloc(1 << 22))
    const size = [bomb.length & 127 | 128, bomb.length >> 7] // prettier-ignore
    const bytes = Buffer.concat([
      Uint8Array.of(1, 1, 0x61, 1, 1, 0, 0, 0, 2), // a key, a form of it, none whole, all rows of that form
      Uint8Array.of(5, 1, 0), // texts from the first on
      Uint8Array.of(1, 1, 1, ...size, 100), // one block with one text of 100 bytes
      bomb,
    ])
    const attributes = open(bytes, 1)
    expect(() => attributes.get(0)).toThrow('cannot be decompressed')
    expect(() => attributes.match('a', 'x')).toThrow('cannot be decompressed')
  })
})
