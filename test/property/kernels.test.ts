import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type Kernels,
  pforMaxBytes,
  type PforRows,
  SPARSE_HISTOGRAM_MAX_BYTES,
} from '../../src/database/kernels/kernels.ts'
import { BUCKET_COUNT, bucketOf } from '../../src/metrics/histogram.ts'
import { area, bytesOf, columns, MAX_VALUES, onBoth, randomOf, sizes } from './kernels-fixture.ts'

const RUNS = { numRuns: 1000 }
const u32 = fc.integer({ min: 0, max: 0xffffffff })

const values = area(4 * (MAX_VALUES + 128))
const indices = area(4 * MAX_VALUES)
const page = area(pforMaxBytes(MAX_VALUES) + 8)
const decoded = area(4 * MAX_VALUES)
const instants = area(8 * MAX_VALUES)
const histogram = area(4 * BUCKET_COUNT)
const sparse = area(SPARSE_HISTOGRAM_MAX_BYTES + 8)
const totals = area(16)
const list = area(4 * 16)
const ids = area(2 * MAX_VALUES)
const next = area(4 * 65_536)
const scattered = area(8 * MAX_VALUES)
const positions = area(4 * MAX_VALUES)

function putValues(column: Uint32Array): (k: Kernels) => void {
  return (k) => k.u32.set(column, values.start / 4)
}

describe('PFOR pages', () => {
  test('give back every column, from any base and at any address', () => {
    const pages = fc.record({
      column: columns,
      offset: fc.integer({ min: 0, max: 7 }),
      garbage: u32,
    })
    fc.assert(
      fc.property(pages, ({ column, offset, garbage }) => {
        const base = column.reduce((least, value) => Math.min(least, value), 0xffffffff)
        const to = page.start + offset
        const { result: end, k } = onBoth(
          [page],
          (k) => {
            // What stands behind the values must not show in the page, and must not be changed
            bytesOf(k, values).fill(garbage)
            putValues(column)(k)
          },
          (k) => k.pforEncode(values.start, column.length, base, to),
        )
        expect(end - to).toBe(smallestPageSize(column, base))
        expect(end - to).toBeLessThanOrEqual(pforMaxBytes(column.length))
        const rest = bytesOf(k, page).subarray(end - page.start)
        expect(rest.every((byte) => byte === 0x3c)).toBe(true)
        const behind = bytesOf(k, values).subarray(4 * column.length)
        expect(behind.every((byte) => byte === (garbage & 255))).toBe(true)

        expectDecoded(column, base, to, end)
      }),
      RUNS,
    )
  })

  test.each(Array.from({ length: 33 }, (_, width) => width))('of width %i', (width) => {
    const random = randomOf(width)
    for (const n of [...Array(130).keys(), 1000]) {
      const column = Uint32Array.from({ length: n }, () => Math.floor(random() * 2 ** width))
      column[0] = 2 ** width - 1
      const { result: end } = onBoth([page], putValues(column), (k) =>
        k.pforEncode(values.start, n, 0, page.start),
      )
      expectDecoded(column, 0, page.start, end)
    }
  })

  test('of arbitrary bytes never trap and never write outside the blocks', () => {
    const damage = fc.record({
      bytes: fc.uint8Array({ maxLength: 600 }),
      headers: fc.array(fc.tuple(fc.nat(34), fc.nat(255)), { maxLength: 4 }),
      n: fc.integer({ min: 0, max: 500 }),
      base: u32,
    })
    fc.assert(
      fc.property(damage, ({ bytes, headers, n, base }) => {
        const start = decoded.start + decoded.sizeBytes - 512 * Math.ceil(n / 128)
        onBoth(
          [],
          (k) => {
            bytesOf(k, page).fill(0).set(bytes)
            k.u8.set(headers.flat(), page.start)
          },
          (k) => k.pforDecode(page.start, n, base, start),
        )
      }),
      RUNS,
    )
  })

  test('are filtered and counted between bounds without being decoded', () => {
    const cases = fc.record({
      column: columns,
      bounds: fc.tuple(fc.nat(400), fc.nat(400), u32, fc.integer({ min: -1, max: 1 })),
      span: fc.tuple(fc.nat(MAX_VALUES), fc.nat(MAX_VALUES)),
    })
    fc.assert(
      fc.property(cases, ({ column, bounds, span }) => {
        const base = column.reduce((least, value) => Math.min(least, value), 0xffffffff)
        const n = column.length
        const { result: end } = onBoth([page], putValues(column), (k) =>
          k.pforEncode(values.start, n, base, page.start),
        )
        const [first, second, other, beside] = bounds
        const near = Math.min(Math.max((column[second] ?? other) + beside, 0), 0xffffffff)
        const [least, most] = [column[first] ?? 0, near].sort((a, b) => a - b) as [number, number]
        const [rowStart, rowEnd] = (
          span[0] % 3 === 0 ? [0, n] : span.map((row) => row % (n + 1))
        ).sort((a, b) => a - b) as [number, number]
        const rows: PforRows = { from: page.start, end, n, base, rowStart, rowEnd }
        const expected: number[] = []
        for (let i = rowStart; i < rowEnd; i++) {
          if (column[i]! >= least && column[i]! <= most) expected.push(i)
        }
        const counted = onBoth([], nothing, (k) => k.pforCountBetween(rows, least, most))
        expect(counted.result).toBe(expected.length)
        // As many as there may be end where the area does, so that the guard sees a write behind it
        const [toRows, toValues] = [indices, decoded].map(
          ({ start, sizeBytes }) => start + sizeBytes - 4 * (rowEnd - rowStart),
        ) as [number, number]
        const { result, k } = onBoth([indices, decoded], nothing, (k) =>
          k.pforSelectBetween(rows, least, most, toRows, toValues),
        )
        expect(result).toBe(expected.length)
        expectSame(k.u32.subarray(toRows / 4, toRows / 4 + result), Uint32Array.from(expected))
        expectSame(
          k.u32.subarray(toValues / 4, toValues / 4 + result),
          Uint32Array.from(expected, (row) => column[row]!),
        )
      }),
      RUNS,
    )
  })

  test('of arbitrary bytes are filtered within the rows, to the same answer', () => {
    const damage = fc.record({
      bytes: fc.uint8Array({ maxLength: 600 }),
      headers: fc.array(fc.tuple(fc.nat(34), fc.nat(255)), { maxLength: 4 }),
      n: fc.integer({ min: 1, max: 500 }),
      base: fc.oneof(fc.nat(10), u32),
      bounds: fc.tuple(fc.oneof(fc.nat(10), u32), u32),
      span: fc.tuple(fc.nat(), fc.nat()),
      sizeBytes: fc.nat(1200),
    })
    fc.assert(
      fc.property(damage, ({ bytes, headers, n, base, bounds, span, sizeBytes }) => {
        const [rowStart, rowEnd] = span.map((row) => row % (n + 1)).sort((a, b) => a - b) as [
          number,
          number,
        ]
        const [least, most] = bounds
        const end = page.start + sizeBytes
        const rows: PforRows = { from: page.start, end, n, base, rowStart, rowEnd }
        const put = (k: Kernels): void => {
          bytesOf(k, page).fill(0).set(bytes)
          k.u8.set(headers.flat(), page.start)
        }
        const { result } = onBoth([], put, (k) => k.pforCountBetween(rows, least, most))
        const [toRows, toValues] = [indices, decoded].map(
          ({ start, sizeBytes }) => start + sizeBytes - 4 * (rowEnd - rowStart),
        ) as [number, number]
        // what a malformed page has given before that was noticed is of no use
        const selected = onBoth(result < 0 ? [] : [indices, decoded], nothing, (k) =>
          k.pforSelectBetween(rows, least, most, toRows, toValues),
        )
        expect(selected.result).toBe(result)
        expect(result).toBeLessThanOrEqual(rowEnd - rowStart)
      }),
      RUNS,
    )
  })

  test('and sparse histograms at the end of the memory are never read beyond it', () => {
    fc.assert(
      fc.property(fc.nat(2000), fc.nat(255), fc.nat(1000), (distance, byte, n) => {
        const put = (k: Kernels): void => void k.u8.fill(byte, k.u8.length - 1000)
        onBoth([], put, (k) => k.pforDecode(k.u8.length - distance, n, 0, decoded.start))
        onBoth([histogram], put, (k) => k.histogramMerge(k.u8.length - distance, histogram.start))
      }),
      RUNS,
    )
  })

  function expectDecoded(column: Uint32Array, base: number, from: number, end: number): void {
    // The last block ends where the area does, so that the guard sees a write behind it
    const start = decoded.start + decoded.sizeBytes - 512 * Math.ceil(column.length / 128)
    const { result, k } = onBoth([], nothing, (k) => k.pforDecode(from, column.length, base, start))
    expect(result).toBe(end)
    expectSame(k.u32.subarray(start / 4, start / 4 + column.length), column)
  }
})

describe('deltas', () => {
  const starts = fc.record({
    gaps: columns,
    start: fc.integer({ min: -(2 ** 40), max: 2 ** 52 }),
  })

  test('give back every ascending column', () => {
    fc.assert(
      fc.property(starts, ({ gaps, start }) => {
        gaps[0] = 0
        const { k } = onBoth([instants], putValues(gaps), (k) => {
          k.deltaDecode(values.start, gaps.length, start, instants.start)
        })
        let sum = start
        const expected = Float64Array.from(gaps, (gap) => (sum += gap))
        const first = instants.start / 8
        expectSame(k.f64.subarray(first, first + gaps.length), expected)

        const put = (k: Kernels): void => k.f64.set(expected, first)
        const encoded = onBoth([indices], put, (k) =>
          k.deltaEncode(instants.start, gaps.length, indices.start),
        )
        expect(encoded.result).toBe(0)
        const at = indices.start / 4
        expectSame(encoded.k.u32.subarray(at, at + gaps.length), gaps)
      }),
      RUNS,
    )
  })

  test('count every gap that a u32 does not hold', () => {
    const jumps = fc.array(fc.constantFrom(0, 1, 2 ** 32 - 1, 2 ** 32, 2 ** 40, -1), {
      maxLength: 40,
    })
    fc.assert(
      fc.property(jumps, (gaps) => {
        let sum = 0
        const column = Float64Array.from(gaps, (gap) => (sum += gap))
        const put = (k: Kernels): void => k.f64.set(column, instants.start / 8)
        const { result } = onBoth([], put, (k) =>
          k.deltaEncode(instants.start, gaps.length, indices.start),
        )
        expect(result).toBe(gaps.slice(1).filter((gap) => gap < 0 || gap >= 2 ** 32).length)
      }),
      RUNS,
    )
  })
})

describe('aggregates', () => {
  test('are those of a plain loop', () => {
    fc.assert(
      fc.property(columns, (column) => {
        const put = (k: Kernels): void => {
          putValues(column)(k)
          bytesOf(k, histogram).fill(1)
        }
        const { k } = onBoth([histogram, totals], put, (k) => {
          k.aggregate(values.start, column.length, histogram.start, totals.start)
        })
        const counts = new Uint32Array(BUCKET_COUNT).fill(0x01010101)
        for (const duration of column) counts[bucketOf(duration)]!++
        expectSame(k.u32.subarray(histogram.start / 4, histogram.start / 4 + BUCKET_COUNT), counts)
        expect(k.view.getFloat64(totals.start, true)).toBe(column.reduce((a, b) => a + b, 0))
        expect(k.view.getUint32(totals.start + 8, true)).toBe(
          column.reduce((a, b) => Math.min(a, b), 0xffffffff),
        )
        expect(k.view.getUint32(totals.start + 12, true)).toBe(
          column.reduce((a, b) => Math.max(a, b), 0),
        )
      }),
      RUNS,
    )
  })

  test('sum squared deviations to the same last bit', () => {
    fc.assert(
      fc.property(columns, fc.double({ min: 0, max: 2 ** 32, noNaN: true }), (column, mean) => {
        const { result } = onBoth([], putValues(column), (k) =>
          k.squaredDeviations(values.start, column.length, mean),
        )
        const expected = column.reduce((sum, value) => sum + (value - mean) ** 2, 0)
        expect(Math.abs(result - expected)).toBeLessThanOrEqual(1e-9 * expected)
      }),
      RUNS,
    )
  })

  test('filter and count what is above a threshold', () => {
    const thresholds = fc.oneof(
      u32,
      fc.nat(100),
      fc.constantFrom(0, 0x7fffffff, 0x80000000, 0xffffffff),
    )
    fc.assert(
      fc.property(columns, thresholds, fc.nat(400), (column, threshold, pick) => {
        const limit = column[pick] ?? threshold
        const { result, k } = onBoth([], putValues(column), (k) =>
          k.filterGreater(values.start, column.length, limit, indices.start),
        )
        const expected: number[] = []
        for (const [i, value] of column.entries()) if (value > limit) expected.push(i)
        const first = indices.start / 4
        expectSame(k.u32.subarray(first, first + result), Uint32Array.from(expected))
        const { result: counted } = onBoth([], nothing, (k) =>
          k.countGreater(values.start, column.length, limit),
        )
        expect(counted).toBe(expected.length)
      }),
      RUNS,
    )
  })
})

describe('sparse histograms', () => {
  const counts = fc.oneof(
    fc.integer({ min: 0, max: 15 }),
    fc.constantFrom(0, 1, 15, 16, 255, 256, 32767, 32768, 65535, 65536, 2 ** 31, 2 ** 32 - 1),
  )
  const histograms = fc
    .array(fc.tuple(fc.nat(BUCKET_COUNT - 1), counts), { maxLength: 60 })
    .map((entries) => {
      const all = new Uint32Array(BUCKET_COUNT)
      for (const [bucket, calls] of entries) all[bucket] = calls
      return all
    })

  test('give back every histogram, and add to what is there', () => {
    const cases = fc.record({
      all: histograms,
      other: histograms,
      clear: fc.boolean(),
      offset: fc.nat(7),
    })
    fc.assert(
      fc.property(cases, ({ all, other, clear, offset }) => {
        const to = sparse.start + offset
        const first = histogram.start / 4
        const put = (counts: Uint32Array) => (k: Kernels) => k.u32.set(counts, first)
        const { result: sizeBytes, k } = onBoth([histogram, sparse], put(all), (k) =>
          k.histogramEncode(histogram.start, to, clear),
        )
        const empty = all.every((calls) => calls === 0)
        expect(sizeBytes === 0).toBe(empty)
        expect(sizeBytes).toBeLessThanOrEqual(SPARSE_HISTOGRAM_MAX_BYTES)
        const behind = bytesOf(k, sparse).subarray(offset + sizeBytes)
        expect(behind.every((byte) => byte === 0x3c)).toBe(true)
        const left = k.u32.subarray(first, first + BUCKET_COUNT)
        expectSame(left, clear ? new Uint32Array(BUCKET_COUNT) : all)
        if (empty) return

        const merged = onBoth([histogram], put(other), (k) => k.histogramMerge(to, histogram.start))
        expect(merged.result).toBe(to + sizeBytes)
        const sums = other.map((calls, bucket) => calls + all[bucket]!)
        expectSame(merged.k.u32.subarray(first, first + BUCKET_COUNT), sums)

        const many = onBoth(
          [histogram],
          (k) => {
            put(other)(k)
            k.u32.fill(to, list.start / 4, list.start / 4 + 3)
          },
          (k) => {
            k.histogramMergeMany(list.start, 3, histogram.start)
          },
        )
        const thrice = other.map((calls, bucket) => (calls + 3 * all[bucket]!) % 2 ** 32)
        expectSame(many.k.u32.subarray(first, first + BUCKET_COUNT), thrice)
      }),
      RUNS,
    )
  })

  test('of arbitrary bytes never trap and never write outside the histogram', () => {
    const headers = fc.tuple(
      fc.oneof(fc.nat(300), fc.nat(65535)),
      fc.oneof(fc.nat(300), fc.nat(65535)),
    )
    fc.assert(
      fc.property(headers, fc.uint8Array({ maxLength: 300 }), ([group, groups], bytes) => {
        onBoth(
          [histogram],
          (k) => {
            bytesOf(k, sparse).fill(255).set(bytes, 4)
            k.view.setUint16(sparse.start, group, true)
            k.view.setUint16(sparse.start + 2, groups, true)
          },
          (k) => k.histogramMerge(sparse.start, histogram.start),
        )
      }),
      RUNS,
    )
  })
})

describe('XXH64', () => {
  test('is that of the specification', () => {
    const inputs = fc.oneof(
      fc.uint8Array({ maxLength: 100 }),
      fc.tuple(sizes, u32).map(([n, seed]) => {
        const random = randomOf(seed)
        return Uint8Array.from({ length: n }, () => random() * 256)
      }),
    )
    fc.assert(
      fc.property(inputs, fc.nat(7), (bytes, offset) => {
        const start = page.start + offset
        const put = (k: Kernels): void => k.u8.set(bytes, start)
        const { result } = onBoth([], put, (k) => k.xxh64(start, bytes.length))
        expect(result).toBe(xxh64Reference(bytes))
        const low = onBoth([], nothing, (k) => k.xxh64Low(start, bytes.length))
        expect(BigInt(low.result)).toBe(result & 0xffffffffn)
      }),
      RUNS,
    )
  })
})

function nothing(): void {
  // The memory is as the last kernel left it
}

/** Equality of typed arrays, quick when they are equal. */
function expectSame(
  actual: Uint32Array | Float64Array,
  expected: Uint32Array | Float64Array,
): void {
  const same =
    actual.length === expected.length && actual.every((value, i) => value === expected[i])
  if (!same) expect(Array.from(actual)).toEqual(Array.from(expected))
}

/** Size of the smallest page the layout allows, by trying every width for every block. */
function smallestPageSize(column: Uint32Array, base: number): number {
  let total = 0
  for (let start = 0; start < column.length; start += 128) {
    const block = Array.from(column.subarray(start, start + 128), (value) => value - base)
    const longest = 32 - Math.clz32(Math.max(...block))
    const candidates = []
    for (let width = 0; width <= longest; width++) {
      const exceptions = block.filter((value) => value >= 2 ** width).length
      const highBits = longest - width
      const highBytes = highBits <= 8 ? 1 : highBits <= 16 ? 2 : 4
      const packed = Math.ceil((Math.ceil(block.length / 4) * width) / 32) * 16
      if (exceptions <= 63) candidates.push(packed + exceptions * (1 + highBytes))
    }
    total += 2 + Math.min(...candidates)
  }
  return total
}

/** XXH64 with seed 0 as its specification writes it, on bigints. */
function xxh64Reference(bytes: Uint8Array): bigint {
  const P1 = 0x9e3779b185ebca87n
  const P2 = 0xc2b2ae3d27d4eb4fn
  const P3 = 0x165667b19e3779f9n
  const P4 = 0x85ebca77c2b2ae63n
  const P5 = 0x27d4eb2f165667c5n
  const u64 = (x: bigint): bigint => BigInt.asUintN(64, x)
  const rotate = (x: bigint, bits: bigint): bigint => u64((x << bits) | (x >> (64n - bits)))
  const round = (sum: bigint, input: bigint): bigint => u64(rotate(u64(sum + input * P2), 31n) * P1)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = 0
  let hash = P5
  if (bytes.length >= 32) {
    const sums = [u64(P1 + P2), P2, 0n, u64(-P1)]
    for (; at + 32 <= bytes.length; at += 32) {
      for (const [i, sum] of sums.entries())
        sums[i] = round(sum, view.getBigUint64(at + 8 * i, true))
    }
    const [a, b, c, d] = sums as [bigint, bigint, bigint, bigint]
    hash = u64(rotate(a, 1n) + rotate(b, 7n) + rotate(c, 12n) + rotate(d, 18n))
    for (const sum of sums) hash = u64((hash ^ round(0n, sum)) * P1 + P4)
  }
  hash = u64(hash + BigInt(bytes.length))
  for (; at + 8 <= bytes.length; at += 8) {
    hash = u64(rotate(hash ^ round(0n, view.getBigUint64(at, true)), 27n) * P1 + P4)
  }
  if (at + 4 <= bytes.length) {
    hash = u64(rotate(hash ^ u64(BigInt(view.getUint32(at, true)) * P1), 23n) * P2 + P3)
    at += 4
  }
  for (; at < bytes.length; at++) {
    hash = u64(rotate(hash ^ u64(BigInt(view.getUint8(at)) * P5), 11n) * P1)
  }
  hash = u64((hash ^ (hash >> 33n)) * P2)
  hash = u64((hash ^ (hash >> 29n)) * P3)
  return hash ^ (hash >> 32n)
}

describe('columns of rows', () => {
  const durations = fc
    .array(
      fc.oneof(
        fc.integer({ min: 0, max: 5000 }),
        fc.maxSafeNat(),
        fc.constantFrom(0, 2 ** 31, 2 ** 32 - 2, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1),
      ),
      { minLength: 1, maxLength: 300 },
    )
    .map((column) => Float64Array.from(column))

  test('durations are narrowed to 32 bits, the largest for all that do not fit, and their bounds told', () => {
    fc.assert(
      fc.property(durations, (column) => {
        const { k } = onBoth(
          [decoded, totals],
          (k) => k.f64.set(column, instants.start / 8),
          (k) => k.narrow(instants.start, column.length, 0, decoded.start, totals.start),
        )
        const narrowed = k.u32.subarray(decoded.start / 4, decoded.start / 4 + column.length)
        expect([...narrowed]).toEqual([...column].map((ns) => Math.min(ns, 2 ** 32 - 1)))
        const bounds = k.f64.subarray(totals.start / 8, totals.start / 8 + 2)
        expect([...bounds]).toEqual([Math.min(...column), Math.max(...column)])
      }),
      RUNS,
    )
  })

  test('what is above a base is narrowed; what is less than it, or no number, is 0', () => {
    const any = fc.array(
      fc.oneof(fc.double(), fc.maxSafeInteger(), fc.constantFrom(NaN, -0, -1, Infinity, -Infinity)),
      { maxLength: 300 },
    )
    fc.assert(
      fc.property(any, fc.maxSafeNat(), (column, base) => {
        const { k } = onBoth(
          [decoded, totals],
          (k) => k.f64.set(column, instants.start / 8),
          (k) => k.narrow(instants.start, column.length, base, decoded.start, totals.start),
        )
        const gaps = column.map((value) => value - base)
        const narrowed = k.u32.subarray(decoded.start / 4, decoded.start / 4 + column.length)
        const expected = gaps.map((gap) => (gap > 0 ? Math.min(Math.floor(gap), 2 ** 32 - 1) : 0))
        expect([...narrowed]).toEqual(expected)
        const numbers = gaps.filter((gap) => !Number.isNaN(gap))
        expect(k.f64[totals.start / 8]).toBe(Math.min(Number.MAX_VALUE, ...numbers))
        expect(k.f64[totals.start / 8 + 1]).toBe(Math.max(0, ...numbers))
      }),
      RUNS,
    )
  })

  test('rows that are not 0 are found', () => {
    const types = fc.array(
      fc.oneof({ weight: 6, arbitrary: fc.constant(0) }, fc.integer({ min: 1, max: 0xffff })),
      { maxLength: 300 },
    )
    fc.assert(
      fc.property(types, (column) => {
        const { k, result } = onBoth(
          [indices],
          (k) => k.u16.set(column, values.start / 2),
          (k) => k.nonZeroRows(values.start, column.length, indices.start),
        )
        const rows = k.u16.subarray(indices.start / 2, indices.start / 2 + result)
        const expected = column.flatMap((type, row) => (type === 0 ? [] : [row]))
        expect([...rows]).toEqual(expected)
      }),
      RUNS,
    )
  })

  test('rows go where their ids are, those of one id in their order', () => {
    const rows = fc.array(fc.tuple(fc.integer({ min: 0, max: 0xffff }), u32, u32), {
      maxLength: 300,
    })
    const few = fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), u32, u32), { maxLength: 300 })
    fc.assert(
      fc.property(fc.oneof(rows, few), fc.nat(2 ** 50), (arrived, baseUs) => {
        const n = arrived.length
        const byId = arrived
          .map((row, i) => ({ row, i }))
          .sort((a, b) => a.row[0] - b.row[0] || a.i - b.i)
        const { k } = onBoth(
          [instants, scattered, positions],
          (k) => {
            k.u16.set(
              arrived.map(([id]) => id),
              ids.start / 2,
            )
            k.u32.set(
              arrived.map(([, start]) => start),
              values.start / 4,
            )
            k.u32.set(
              arrived.map(([, , duration]) => duration),
              decoded.start / 4,
            )
            bytesOf(k, next).fill(0)
          },
          (k) => {
            k.countIds(ids.start, n, next.start)
            let first = 0
            for (let id = 0; id < 65_536; id++) {
              const count = k.u32[next.start / 4 + id]!
              k.u32[next.start / 4 + id] = first
              first += count
            }
            k.scatterRows({
              ids: ids.start,
              startOffsets: values.start,
              durations: decoded.start,
              n,
              baseUs,
              next: next.start,
              startsTo: instants.start,
              durationsTo: scattered.start,
              positions: positions.start,
            })
            return first
          },
        )
        const startsUs = k.f64.subarray(instants.start / 8, instants.start / 8 + n)
        expect([...startsUs]).toEqual(byId.map(({ row }) => baseUs + row[1]))
        const durationsNs = k.f64.subarray(scattered.start / 8, scattered.start / 8 + n)
        expect([...durationsNs]).toEqual(byId.map(({ row }) => row[2]))
        const places = k.u32.subarray(positions.start / 4, positions.start / 4 + n)
        byId.forEach(({ i }, to) => {
          expect(places[i]).toBe(to)
        })
      }),
      { numRuns: 300 },
    )
  })
})
