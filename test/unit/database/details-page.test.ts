import fc from 'fast-check'
import { expect, test } from 'vitest'
import { AttributeShredder } from '../../../src/database/format/attribute-shredder.ts'
import {
  decodeChildrenColumn,
  decodeDetailsOfRows,
  decodeDetailsPage,
  detailsPageBound,
  encodeDetailsPage,
  openAttributes,
} from '../../../src/database/format/details-page.ts'
import type { FileBytes } from '../../../src/database/format/file-bytes.ts'
import { PforReader } from '../../../src/database/format/pfor-reader.ts'
import { loadFallbackKernels } from '../../../src/database/kernels/kernels.ts'
import { attributeList } from '../../support/attribute-list.ts'
import { encodeBlocksPage } from '../../support/blocks-page.ts'
import { unguarded } from '../../support/read-folder.ts'

const kernels = loadFallbackKernels()
const scratch = kernels.allocate(1 << 17)
const shredder = new AttributeShredder(kernels, scratch)

/** A page of rows with these times in children and texts. */
function encode(
  childrenNs: number[],
  durationsNs: number[],
  texts: [row: number, text: string][] = [],
  contexts: number[] = [],
): FileBytes {
  const list = attributeList(kernels, texts)
  const details = {
    contexts: Uint32Array.from(childrenNs, (_, row) => contexts[row] ?? 0),
    childrenNs: Float64Array.from(childrenNs),
    durationsNs: Float64Array.from(durationsNs),
    attributes: shredder.encode(list, childrenNs.length, false, () => undefined),
  }
  const to = kernels.allocate(detailsPageBound(details) + 1024)
  const end = encodeDetailsPage(kernels, details, scratch, to)
  return { kernels, pointer: to, sizeBytes: end - to, path: 'seg', offset: 0 }
}

/** The same, of version 1, with nothing but texts. */
function encodeBlocks(texts: [row: number, text: string][], blockRows: number): FileBytes {
  const bytes = encodeBlocksPage(texts, blockRows)
  const pointer = kernels.allocate(bytes.length)
  kernels.u8.set(bytes, pointer)
  return { kernels, pointer, sizeBytes: bytes.length, path: 'seg', offset: 0 }
}

function decode(page: FileBytes, durationsNs: number[], sumNs: number) {
  const details = decodeDetailsPage(page, Float64Array.from(durationsNs), sumNs, scratch)
  openAttributes(page, durationsNs.length, unguarded(kernels))
  return details
}

const corrupt = expect.objectContaining({ code: 'KRONICLER_CORRUPT' }) as Error

test.each([
  ['all the same', [40, 40, 40], [50, 60, 70]],
  ['small ones', [1, 2, 3], [2 ** 40, 2 ** 41, 2 ** 42]],
  ['small self times', [2 ** 40, 2 ** 41, 2 ** 42], [2 ** 40 + 1, 2 ** 41 + 2, 2 ** 42 + 3]],
  ['large ones', [2 ** 40, 2 ** 41, 0], [2 ** 50, 2 ** 51, 2 ** 52]],
  ['the largest', Array<number>(9).fill(2 ** 53 - 1), Array<number>(9).fill(2 ** 53 - 1)],
])('time in children that is more than the call took, or another sum: %s', (_, children, calls) => {
  const page = encode(children, calls)
  const sum = children.reduce((total, ns) => total + ns, 0)
  const exact = Number(children.reduce((total, ns) => total + BigInt(ns), 0n))
  expect([...decode(page, calls, exact).childrenNs!]).toEqual(children)
  const shorter = calls.map((ns, row) => (row === 0 ? children[0]! - 1 : ns))
  expect(() => decode(page, shorter, exact)).toThrow(corrupt)
  expect(() => decode(page, calls, 2 * sum + 1)).toThrow(corrupt)
})

test('a page that is cut off, or longer than its data', () => {
  const page = encode([1, 2, 3], [9, 9, 9])
  for (let sizeBytes = 0; sizeBytes < page.sizeBytes; sizeBytes++) {
    expect(() => decode({ ...page, sizeBytes }, [9, 9, 9], 6)).toThrow(corrupt)
  }
  expect(() => decode({ ...page, sizeBytes: page.sizeBytes + 1 }, [9, 9, 9], 6)).toThrow(corrupt)
})

test('rows with the defaults have an empty page', () => {
  expect(encode([0, 0], [5, 5]).sizeBytes).toBe(0)
})

test('a damaged page gives possible times in children that add up, or is told', () => {
  const column = <T>(value: fc.Arbitrary<T>) => fc.array(value, { minLength: 1, maxLength: 300 })
  const rows = column(fc.tuple(fc.nat(100), fc.nat(100), fc.nat({ max: 2 ** 32 - 1 })))
  fc.assert(
    fc.property(rows, fc.nat(), fc.nat(255), fc.nat(), (columns, at, flip, cut) => {
      const childrenNs = columns.map(([ns]) => ns)
      const durationsNs = columns.map(([ns, selfNs]) => ns + selfNs)
      const sumNs = childrenNs.reduce((sum, ns) => sum + ns, 0)
      const contexts = columns.map(([, , context]) => context)
      const page = encode(childrenNs, durationsNs, [[0, '{}']], contexts)
      const decodeChildren = (bytes: FileBytes) =>
        decodeChildrenColumn(bytes, Float64Array.from(durationsNs), sumNs, scratch)
      expect(Array.from(decodeChildren(page) ?? childrenNs)).toEqual(childrenNs)
      const some = Uint16Array.of(0, childrenNs.length - 1, childrenNs.length >> 1)
      const someNs = Array.from(some, (row) => durationsNs[row]!)
      const picked = decodeDetailsOfRows(page, childrenNs.length, some, someNs, scratch)
      for (const [i, row] of some.entries()) {
        expect(picked.childrenNs?.[i] ?? 0).toBe(childrenNs[row])
        expect(picked.contexts?.[i] ?? 0).toBe(contexts[row])
      }
      kernels.u8[page.pointer + (at % page.sizeBytes)]! ^= flip
      const damaged = { ...page, sizeBytes: page.sizeBytes - (cut % 4) }
      try {
        const found = Array.from(decodeChildren(damaged) ?? childrenNs.map(() => 0))
        expect(found.reduce((sum, ns) => sum + ns, 0)).toBe(sumNs)
        expect(found.every((ns, row) => ns >= 0 && ns <= durationsNs[row]!)).toBe(true)
      } catch (error) {
        if ((error as Error).name === 'AssertionError') throw error
        expect(error).toEqual(corrupt)
      }
    }),
    { numRuns: 1000 },
  )
})

test.each(['columns', 'blocks of version 1'])('attributes in %s are read in any order', (form) => {
  const texts = Array.from({ length: 200 }, (_, i): [number, string] => [
    3 * i,
    JSON.stringify({ i, text: 'x'.repeat(i % 7 === 0 ? 40_000 : 10) }),
  ])
  const page =
    form === 'columns'
      ? encode(Array<number>(600).fill(0), Array<number>(600).fill(5), texts)
      : encodeBlocks(texts, 7)
  const attributes = openAttributes(page, 600, unguarded(kernels))
  const text = (row: number) => new TextDecoder().decode(attributes.get(row))
  for (const [row, expected] of [...texts].reverse()) expect(text(row)).toBe(expected)
  for (const row of [1, 598, 599, 600, -1]) expect(attributes.get(row)).toBeUndefined()
  const all = [...attributes].map(([row, bytes]) => [row, new TextDecoder().decode(bytes)])
  expect(all).toEqual(texts)
  expect([...attributes.match('i', 77)]).toEqual([231])
})

test('damage inside a block is told by the guard when its rows are asked for', () => {
  const texts = Array.from({ length: 50 }, (_, i): [number, string] => [i, `{"row":${i}}`])
  const page = encodeBlocks(texts, 50)
  const block = page.pointer + 3 + 1 + 1 + 1 + 1 + 2 + 2 // codecs, count, gap, rows, codec, two sizes
  expect(kernels.u8[block - 5]).toBe(1) // compressed
  kernels.u8[block] = 0xff // no such kind of block in DEFLATE
  const faults: unknown[] = []
  const attributes = openAttributes(page, 50, {
    pfor: new PforReader(kernels),
    guard: (run) => {
      try {
        return run()
      } catch (error) {
        faults.push(error)
        return undefined
      }
    },
  })
  expect(faults).toEqual([])
  expect(attributes.get(7)).toBeUndefined()
  expect(faults).toEqual([corrupt])
  expect([...attributes]).toEqual([])
})
