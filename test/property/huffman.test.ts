import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { HuffmanCode } from '../../src/database/kernels/huffman-code.ts'
import {
  HUFFMAN_MARK_SIZE_BYTES,
  HUFFMAN_MARK_VALUES,
  huffmanMarksBytes,
  huffmanMaxBytes,
  type Kernels,
} from '../../src/database/kernels/kernels.ts'
import { area, bytesOf, columns, onBoth, randomOf } from './kernels-fixture.ts'

const MAX_ROWS = 16_384
const SYMBOLS = 124

const values = area(4 * MAX_ROWS)
const page = area(huffmanMaxBytes(MAX_ROWS) + 8)
const decoded = area(4 * MAX_ROWS)
const marks = area(huffmanMarksBytes(MAX_ROWS))
const RUNS = { numRuns: 200 }

/** The least value of a symbol, as the format's text says it. */
function valueOfSymbol(symbol: number): number {
  return symbol < 8 ? symbol : (4 + (symbol % 4)) * 2 ** (Math.floor(symbol / 4) - 1)
}

function put(column: Uint32Array): (k: Kernels) => void {
  return (k) => k.u32.set(column, values.start / 4)
}

/** Encodes at `offset` of the page, checks the size, and decodes to the end of the area, so that its guard sees a write behind it. */
function expectRoundTrip(column: Uint32Array, offset = 0): { sizeBytes: number; k: Kernels } {
  const to = page.start + offset
  const { result: end, k } = onBoth([page], put(column), (k) =>
    k.huffmanEncode(values.start, column.length, to),
  )
  expect(end - to).toBeLessThanOrEqual(huffmanMaxBytes(column.length))
  const untouched = bytesOf(k, page)
  expect(untouched.subarray(0, offset).every((byte) => byte === 0x3c)).toBe(true)
  expect(untouched.subarray(end - page.start).every((byte) => byte === 0x3c)).toBe(true)
  const start = decoded.start + decoded.sizeBytes - 4 * column.length
  const { result } = onBoth([decoded], nothing, (k) => k.huffmanDecode(to, column.length, start))
  expect(result).toBe(end)
  const back = k.u32.subarray(start / 4, start / 4 + column.length)
  if (Buffer.compare(bytesFrom(back), bytesFrom(column)) !== 0) expect(back).toEqual(column)
  return { sizeBytes: end - to, k }
}

describe('Huffman pages', () => {
  test('give back every column, at any address', () => {
    fc.assert(
      fc.property(columns, fc.nat(7), (column, offset) => {
        expectRoundTrip(column, offset)
      }),
      RUNS,
    )
  })

  test('are decoded from every mark, in front of which the sum of all values is known', () => {
    const marked = fc.record({
      n: fc.oneof(
        fc.integer({ min: 0, max: MAX_ROWS }),
        fc.constantFrom(0, 1024, 1025, 4096, 4098),
      ),
      width: fc.integer({ min: 0, max: 32 }),
      seed: fc.nat(),
    })
    fc.assert(
      fc.property(marked, ({ n, seed, width }) => {
        const random = randomOf(seed)
        const column = Uint32Array.from({ length: n }, () =>
          Math.floor(2 ** (random() * width) * random()),
        )
        const { result: end } = onBoth([page], put(column), (k) =>
          k.huffmanEncode(values.start, n, page.start),
        )
        const { result, k } = onBoth([marks], nothing, (k) =>
          k.huffmanMark(page.start, n, marks.start),
        )
        expect(result).toBe(end)
        const sums = [0]
        for (const value of column) sums.push(sums.at(-1)! + value)
        const sumAt = (mark: number) =>
          k.f64[(marks.start + mark * HUFFMAN_MARK_SIZE_BYTES) / 8 + 2]
        const count = Math.ceil(n / HUFFMAN_MARK_VALUES)
        expect(sumAt(count)).toBe(sums.at(-1))
        for (let mark = 0; mark < count; mark++) {
          const first = mark * HUFFMAN_MARK_VALUES
          const wanted = column.subarray(first, first + HUFFMAN_MARK_VALUES)
          expect(sumAt(mark)).toBe(sums[first])
          const { result: isSound } = onBoth([], nothing, (k) =>
            k.huffmanDecodeFrom(
              page.start,
              marks.start + mark * HUFFMAN_MARK_SIZE_BYTES,
              wanted.length,
              decoded.start,
            ),
          )
          expect(isSound).toBe(true)
          const back = k.u32.subarray(decoded.start / 4, decoded.start / 4 + wanted.length)
          expect(Buffer.compare(bytesFrom(back), bytesFrom(wanted))).toBe(0)
        }
      }),
      { numRuns: 100 },
    )
  })

  test('with marks of another page, or damaged ones, give some values within their area', () => {
    const damage = fc.record({
      column: columns,
      bits: fc.array(fc.nat(2 ** 32 - 1), { minLength: 4, maxLength: 4 }),
      n: fc.nat(1024),
    })
    fc.assert(
      fc.property(damage, ({ column, bits, n }) => {
        const rounded = Math.ceil(n / 4) * 4
        const start = decoded.start + decoded.sizeBytes - 4 * rounded
        onBoth([page], put(column), (k) => k.huffmanEncode(values.start, column.length, page.start))
        for (const shift of [0, 12, 20]) {
          onBoth(
            [],
            (k) => {
              k.u32.set(
                bits.map((bit) => bit >>> shift),
                marks.start / 4,
              )
            },
            (k) => typeof k.huffmanDecodeFrom(page.start, marks.start, n, start),
          )
        }
      }),
      { numRuns: 500 },
    )
  })

  test.each(Array.from({ length: 33 }, (_, width) => width))('of values of %i bits', (width) => {
    const random = randomOf(width)
    for (const n of [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 127, 128, 129, 1000]) {
      const column = Uint32Array.from({ length: n }, () => Math.floor(random() * 2 ** width))
      column[n - 1] = 2 ** width - 1
      expectRoundTrip(column, width % 8)
    }
  })

  test.each([16_383, MAX_ROWS])('of %i values, among them every symbol and its extremes', (n) => {
    const random = randomOf(n)
    const column = Uint32Array.from({ length: n }, (_, i) => {
      const symbol = i % SYMBOLS
      const next = symbol === SYMBOLS - 1 ? 2 ** 32 : valueOfSymbol(symbol + 1)
      const least = valueOfSymbol(symbol)
      return [least, next - 1, least + Math.floor(random() * (next - least))][i % 3]!
    })
    expectRoundTrip(column)
    expectRoundTrip(column.fill(0xffffffff))
    expectRoundTrip(column.fill(0))
  })

  test('of one symbol take no bits for codes', () => {
    expect(expectRoundTrip(new Uint32Array(5000).fill(3)).sizeBytes).toBe(8)
    expect(expectRoundTrip(new Uint32Array(5000).fill(1000)).sizeBytes).toBe(
      8 + 4 * Math.ceil((1250 * 7) / 8),
    )
    expect(expectRoundTrip(new Uint32Array(0)).sizeBytes).toBe(8)
  })

  test('of two symbols take a bit for each', () => {
    const column = Uint32Array.from({ length: 4000 }, (_, i) => (i % 1000 === 0 ? 7 : 2))
    expect(expectRoundTrip(column).sizeBytes).toBe(8 + 3 + 500)
  })

  test('of frequencies that ask for longer codes than there are', () => {
    // Fibonacci numbers make the deepest tree; 20 of them are 17,710 values
    const frequencies = [1, 1]
    while (frequencies.length < 19) frequencies.push(frequencies.at(-1)! + frequencies.at(-2)!)
    for (const order of [frequencies, frequencies.toReversed()]) {
      const column = Uint32Array.from(
        order.flatMap((count, i) => Array<number>(count).fill(valueOfSymbol(3 * i))),
      )
      const { k } = expectRoundTrip(column)
      expect(Math.max(...lengthsOf(k))).toBe(11)
    }
  })

  test('are as small as an optimal code where no code is too long, and always complete', () => {
    const counts = fc.array(fc.oneof(fc.constant(0), fc.nat(3), fc.nat(300)), {
      minLength: 1,
      maxLength: SYMBOLS,
    })
    fc.assert(
      fc.property(counts, fc.boolean(), (frequencies, steep) => {
        const all = new Uint32Array(512)
        frequencies.forEach((count, symbol) => {
          all[128 * (symbol % 4) + symbol] = steep ? Math.floor(2 ** (count / 20)) : count
        })
        const code = new HuffmanCode()
        code.choose(all)
        const used = [...all].filter((count) => count > 0)
        const lengths = [...code.lengths].filter((length) => length > 0)
        expect(lengths.length).toBe(used.length < 2 ? 0 : used.length)
        if (used.length < 2) return
        expect(lengths.reduce((sum, length) => sum + 2 ** -length, 0)).toBe(1)
        expect(Math.max(...lengths)).toBeLessThanOrEqual(11)
        const bits = codeBits(all, code.lengths)
        const { bits: optimal, depth } = optimalCode(used)
        if (depth <= 11) expect(bits).toBe(optimal)
        else expect(bits).toBeGreaterThanOrEqual(optimal)
      }),
      { numRuns: 500 },
    )
  })

  test('of arbitrary bytes never trap, never write outside the values, and are the same to both forms', () => {
    const damage = fc.record({
      bytes: fc.uint8Array({ maxLength: 400 }),
      header: fc.tuple(fc.nat(130), fc.nat(130)),
      sizes: fc.array(fc.nat(200), { minLength: 3, maxLength: 3 }),
      n: fc.nat(600),
    })
    fc.assert(
      fc.property(damage, ({ bytes, header, sizes, n }) => {
        const start = decoded.start + decoded.sizeBytes - 4 * n
        onBoth(
          [],
          (k) => {
            bytesOf(k, page).fill(0).set(bytes, 8)
            k.u8.set(header, page.start)
            sizes.forEach((size, i) => {
              k.view.setUint16(page.start + 2 + 2 * i, size, true)
            })
          },
          (k) => k.huffmanDecode(page.start, n, start),
        )
      }),
      { numRuns: 2000 },
    )
  })

  test('with changed bytes are refused or give some values, within their area', () => {
    let refused = 0
    const changes = fc.array(fc.tuple(fc.nat(40), fc.nat(255)), { minLength: 1, maxLength: 3 })
    fc.assert(
      fc.property(columns, changes, (column, changed) => {
        const { result: end } = onBoth([page], put(column), (k) =>
          k.huffmanEncode(values.start, column.length, page.start),
        )
        const start = decoded.start + decoded.sizeBytes - 4 * column.length
        const { result } = onBoth(
          [],
          (k) => {
            for (const [at, byte] of changed) k.u8[page.start + (at % (end - page.start))]! ^= byte
          },
          (k) => k.huffmanDecode(page.start, column.length, start),
        )
        const marked = onBoth([], nothing, (k) =>
          k.huffmanMark(page.start, column.length, marks.start),
        )
        expect(marked.result).toBe(result) // marks are had of nothing that is refused
        if (result === 0) refused++
      }),
      { numRuns: 1000 },
    )
    expect(refused).toBeGreaterThan(200)
  })

  test('with codes that are not complete, or more than complete, are refused', () => {
    const lengths = (...of: number[]) =>
      Uint8Array.from([0, of.length, 0, 0, 0, 0, 0, 0, ...nibbles(of)])
    const refused = (bytes: Uint8Array) =>
      onBoth(
        [],
        (k) => bytesOf(k, page).fill(0).set(bytes),
        (k) => k.huffmanDecode(page.start, 0, decoded.start),
      ).result === 0
    expect(refused(lengths(1, 1))).toBe(false)
    expect(refused(lengths(1, 2, 2))).toBe(false)
    expect(refused(lengths(0, 1, 0, 1))).toBe(false)
    expect(refused(lengths(1, 2))).toBe(true)
    expect(refused(lengths(1, 1, 1))).toBe(true)
    expect(refused(lengths(0, 0))).toBe(true)
    expect(refused(lengths(1, 0))).toBe(true)
    expect(refused(lengths(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 11))).toBe(false)
    expect(refused(lengths(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 12))).toBe(true)
    expect(refused(Uint8Array.from([0, 0]))).toBe(true)
    expect(refused(Uint8Array.from([124, 1]))).toBe(true)
    expect(refused(Uint8Array.from([123, 1]))).toBe(false)
    expect(refused(Uint8Array.from([0, 125]))).toBe(true)
  })

  test('at the end of the memory are never read beyond it', () => {
    fc.assert(
      fc.property(fc.nat(3000), fc.nat(255), fc.nat(2000), (distance, byte, n) => {
        const fill = (k: Kernels): void => void k.u8.fill(byte, k.u8.length - 1000)
        onBoth([], fill, (k) => k.huffmanDecode(k.u8.length - distance, n, decoded.start))
        onBoth([], fill, (k) => k.huffmanMark(k.u8.length - distance, n, marks.start))
      }),
      RUNS,
    )
  })
})

function nothing(): void {
  // nothing to prepare
}

function bytesFrom(column: Uint32Array): Buffer {
  return Buffer.from(column.buffer, column.byteOffset, column.byteLength)
}

function nibbles(lengths: readonly number[]): number[] {
  return Array.from(
    { length: Math.ceil(lengths.length / 2) },
    (_, i) => lengths[2 * i]! | ((lengths[2 * i + 1] ?? 0) << 4),
  )
}

/** Of the page that has just been encoded. */
function lengthsOf(k: Kernels): number[] {
  const count = k.u8[page.start + 1]!
  return Array.from(
    { length: count },
    (_, i) => (k.u8[page.start + 8 + (i >> 1)]! >> (4 * (i & 1))) & 15,
  )
}

function codeBits(counts: Uint32Array, lengths: Uint8Array): number {
  let bits = 0
  for (let i = 0; i < counts.length; i++) bits += counts[i]! * (lengths[i % 128] ?? 0)
  return bits
}

/** Huffman's algorithm as it stands in textbooks, with the flattest of the optimal trees. */
function optimalCode(counts: readonly number[]): { bits: number; depth: number } {
  const nodes = counts.map((count) => ({ count, depth: 0 }))
  let bits = 0
  while (nodes.length > 1) {
    nodes.sort((a, b) => b.count - a.count || b.depth - a.depth)
    const a = nodes.pop()!
    const b = nodes.pop()!
    const count = a.count + b.count
    bits += count
    nodes.push({ count, depth: Math.max(a.depth, b.depth) + 1 })
  }
  return { bits, depth: nodes[0]!.depth }
}
