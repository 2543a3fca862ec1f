import { afterEach, describe, expect, test, vi } from 'vitest'
import {
  type Kernels,
  loadFallbackKernels,
  loadKernels,
} from '../../../../src/database/kernels/kernels.ts'
import { BUCKET_COUNT, BUCKET_UPPER_NS, bucketOf } from '../../../../src/metrics/histogram.ts'

const KERNELS = '../../../../src/database/kernels/kernels.ts'

afterEach(() => {
  vi.unstubAllEnvs()
  vi.unstubAllGlobals()
  vi.resetModules()
})

describe('loadKernels', () => {
  test('gives WebAssembly here', () => {
    expect(loadKernels().kind).toBe('wasm')
  })

  test('gives TypeScript when KRONICLER_WASM is false', () => {
    vi.stubEnv('KRONICLER_WASM', 'false')
    expect(loadKernels().kind).toBe('typescript')
  })

  test.each([
    ['WebAssembly is missing', undefined],
    ['SIMD is missing', { ...webAssemblyOfHere(), Module: throwing }],
    ['there is no address space', { ...webAssemblyOfHere(), Memory: throwing }],
  ])('gives TypeScript when %s', async (_, api) => {
    vi.stubGlobal('WebAssembly', api)
    vi.resetModules()
    const fresh = (await import(KERNELS)) as { loadKernels: () => Kernels }
    expect(fresh.loadKernels().kind).toBe('typescript')
    expect(fresh.loadKernels().kind).toBe('typescript')
  })

  test('gives each caller a memory of its own', () => {
    const first = loadKernels()
    const second = loadKernels()
    const start = first.allocate(64)
    expect(second.allocate(64)).toBe(start)
    first.u8[start] = 1
    expect(second.u8[start]).toBe(0)
  })
})

describe.each([
  ['wasm', loadKernels],
  ['typescript', loadFallbackKernels],
] as const)('%s kernels', (kind, load) => {
  test('say what they are', () => {
    expect(load().kind).toBe(kind)
  })

  test('hand out aligned areas of zeros that do not overlap, and keep them as the memory grows', () => {
    const k = load()
    let end = 1
    const areas = [0, 1, 63, 64, 65, 4096, 100_000, 5_000_000, 3].map((size, i) => {
      const start = k.allocate(size)
      expect(start % 64).toBe(0)
      expect(start).toBeGreaterThanOrEqual(end)
      end = start + size
      expect(end).toBeLessThanOrEqual(k.u8.length - 1024)
      expect(holdsOnly(0, start, end)).toBe(true)
      k.u8.fill(i + 1, start, end)
      return { start, end, byte: i + 1 }
    })
    for (const area of areas) expect(holdsOnly(area.byte, area.start, area.end)).toBe(true)

    function holdsOnly(byte: number, start: number, end: number): boolean {
      return k.u8.subarray(start, end).every((value) => value === byte)
    }
  })

  test('show the whole memory in every view after growth', () => {
    const k = load()
    k.allocate(10_000_000)
    const sizeBytes = k.u8.byteLength
    expect(sizeBytes).toBeGreaterThan(10_000_000)
    for (const view of [k.u16, k.u32, k.f64, k.view]) {
      expect(view.buffer).toBe(k.u8.buffer)
      expect(view.byteLength).toBe(sizeBytes)
    }
  })

  test.each([-1, 0.5, NaN, Infinity, 2 ** 32, 2 ** 60])(
    'refuse an area of %d bytes',
    (sizeBytes) => {
      const k = load()
      expect(() => k.allocate(sizeBytes)).toThrow(RangeError)
      expect(k.allocate(64)).toBe(load().allocate(64)) // the refusal has taken nothing
    },
  )

  test.each([
    ['', 0xef46db3751d8e999n],
    ['a', 0xd24ec4f1a98c6e5bn],
    ['abc', 0x44bc2cf5ad770999n],
    ['Nobody inspects the spammish repetition', 0xfbcea83c8a378bf1n], // 39 bytes: the stripes' path
  ])('hash %j to its published XXH64', (text, hash) => {
    const k = load()
    const start = k.allocate(64)
    const bytes = Buffer.from(text)
    k.u8.set(bytes, start)
    expect(k.xxh64(start, bytes.length)).toBe(hash)
    expect(k.xxh64Low(start, bytes.length)).toBe(Number(hash & 0xffffffffn))
  })

  test('put the durations next to every border into their buckets, alone and among many', () => {
    const durations = borders()
    const k = load()
    const values = k.allocate(4 * durations.length)
    const histogram = k.allocate(4 * BUCKET_COUNT)
    const out = k.allocate(16)
    const counts = (): Uint32Array => k.u32.subarray(histogram / 4, histogram / 4 + BUCKET_COUNT)
    const expected = new Uint32Array(BUCKET_COUNT)
    for (const duration of durations) {
      k.u32[values / 4] = duration
      k.aggregate(values, 1, histogram, out)
      expected[bucketOf(duration)]!++
    }
    expect(counts()).toEqual(expected)
    counts().fill(0)
    k.u32.set(durations, values / 4)
    k.aggregate(values, durations.length, histogram, out)
    expect(counts()).toEqual(expected)
  })

  test('aggregate nothing to zero, the largest and the smallest', () => {
    const k = load()
    const histogram = k.allocate(4 * BUCKET_COUNT)
    const out = k.allocate(16)
    k.aggregate(histogram, 0, histogram, out)
    expect(k.f64[out / 8]).toBe(0)
    expect(k.u32[out / 4 + 2]).toBe(0xffffffff)
    expect(k.u32[out / 4 + 3]).toBe(0)
    expect(k.squaredDeviations(histogram, 0, 5)).toBe(0)
  })

  test('lay a PFOR page out as documented', () => {
    const k = load()
    const from = k.allocate(4 * 256)
    const to = k.allocate(2000)
    // Six values are two rows of the four lanes; 10 bits each, so a lane is one word
    k.u32.set([1, 2, 3, 4, 1005, 7], from / 4)
    const end = k.pforEncode(from, 6, 0, to)
    expect(Array.from(k.u8.subarray(to, end))).toEqual([
      ...[10, 0],
      ...wordsOf([1 | (1005 << 10), 2 | (7 << 10), 3, 4]),
    ])
  })

  test('lay a PFOR page with exceptions out as documented', () => {
    const k = load()
    const from = k.allocate(4 * 256)
    const to = k.allocate(2000)
    for (let i = 0; i < 128; i++) k.u32[from / 4 + i] = 100 + (i & 1)
    k.u32[from / 4 + 9] = 100 + 0x12345
    const end = k.pforEncode(from, 128, 100, to)
    // Width 1: row r of a lane is bit r of its word; value 9 is row 2 of lane 1. 16 bits above it: 2 bytes
    const odd = 0xffffffff
    expect(Array.from(k.u8.subarray(to, end))).toEqual([
      ...[1, 1 | (1 << 6)],
      ...wordsOf([0, odd, 0, odd]),
      ...[9, 0xa2, 0x91],
    ])
  })

  test('lay a sparse histogram out as documented', () => {
    const k = load()
    const histogram = k.allocate(4 * BUCKET_COUNT)
    const to = k.allocate(1000)
    const counts = k.u32.subarray(histogram / 4, histogram / 4 + BUCKET_COUNT)
    counts.set([1, 2, 3], 32) // group 2: 4 bits
    counts[64 + 15] = 200 // group 4: 8 bits, after the empty group 3
    counts[80] = 40_000 // group 5: 16 bits
    const narrow = [2, 0, 4, 0, 0b11_10_00_01, 0x21, 0x03, 0, 0, 0, 0, 0, 0]
    const middle = [...Array<number>(15).fill(0), 200]
    let end = to + k.histogramEncode(histogram, to, false)
    expect(Array.from(k.u8.subarray(to, end))).toEqual([
      ...narrow,
      ...middle,
      ...[0x40, 0x9c, ...Array<number>(30).fill(0)],
    ])
    counts[80] = 0x12345
    narrow[3] = 0x80
    end = to + k.histogramEncode(histogram, to, true)
    expect(Array.from(k.u8.subarray(to, end))).toEqual([
      ...narrow,
      ...middle,
      ...[0x45, 0x23, 0x01, ...Array<number>(61).fill(0)],
    ])
    expect(counts.every((calls) => calls === 0)).toBe(true)
  })
})

test('WebAssembly kernels work above 2 GiB, where addresses are negative as i32', () => {
  const k = loadKernels()
  k.allocate(2 ** 31)
  const from = k.allocate(4 * 512)
  const to = k.allocate(4096)
  const decoded = k.allocate(4 * 512)
  const histogram = k.allocate(4 * BUCKET_COUNT)
  expect(from).toBeGreaterThan(2 ** 31)
  for (let i = 0; i < 300; i++) k.u32[from / 4 + i] = i * i
  const end = k.pforEncode(from, 300, 0, to)
  expect(end).toBeGreaterThan(to)
  expect(k.pforDecode(to, 300, 0, decoded)).toBe(end)
  const column = k.u32.slice(from / 4, from / 4 + 300)
  expect(k.u32.slice(decoded / 4, decoded / 4 + 300)).toEqual(column)
  expect(k.filterGreater(from, 300, 0, decoded)).toBe(299)
  k.aggregate(from, 300, histogram, decoded)
  const sizeBytes = k.histogramEncode(histogram, to, false)
  expect(k.histogramMerge(to, histogram)).toBe(to + sizeBytes)
  k.u32[decoded / 4] = to
  k.histogramMergeMany(decoded, 1, histogram)
  const calls = k.u32.subarray(histogram / 4, histogram / 4 + BUCKET_COUNT)
  expect(calls.reduce((a, b) => a + b, 0)).toBe(900)
  expect(k.xxh64Low(from, 1200)).toBe(Number(k.xxh64(from, 1200) & 0xffffffffn))
})

/** Every whole duration next to a border of a bucket, a cell or a float32, below 2^32. */
function borders(): Uint32Array {
  const all = new Set([0, 1, 2, 0xffffffff, 0xfffffffe])
  const near = (value: number): void => {
    for (const duration of [value - 1, value, value + 1]) {
      if (duration >= 0 && duration < 2 ** 32) all.add(duration)
    }
  }
  for (const upper of BUCKET_UPPER_NS) near(upper)
  for (let octave = 0; octave < 32; octave++) {
    for (let cell = 0; cell < 128; cell++) near(Math.floor(2 ** octave * (1 + cell / 128)))
  }
  return Uint32Array.from(all)
}

function wordsOf(words: number[]): number[] {
  return Array.from(new Uint8Array(Uint32Array.from(words).buffer))
}

function webAssemblyOfHere(): object {
  return (globalThis as unknown as { WebAssembly: object }).WebAssembly
}

function throwing(): never {
  throw new RangeError('not here')
}
