import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DirectoryWriter } from '../../src/database/write/directory-writer.ts'
import type { SegmentDirectory } from '../../src/database/format/segment-directory.ts'
import {
  loadFallbackKernels,
  loadKernels,
  type Kernels,
} from '../../src/database/kernels/kernels.ts'
import { BUCKET_COUNT, bucketOf } from '../../src/metrics/histogram.ts'
import { clustered, idRows, toColumns } from '../support/arbitrary-rows.ts'
import { MemoryFiles } from '../support/memory-files.ts'
import { randomFrom } from '../support/random-calls.ts'
import {
  fileBytes,
  idRowOf,
  readSegment,
  type Extras,
  type IdRow,
  type SegmentContent,
} from '../support/read-folder.ts'

/** Seals one log after the other with the same writer, so that what it keeps between them is tested too. */
class SegmentMaker {
  readonly #files = new MemoryFiles()
  readonly #writer: DirectoryWriter
  #rows = 0

  constructor(kernels: Kernels) {
    this.#writer = DirectoryWriter.create('/db', { files: this.#files, kernels })
  }

  async make(rows: readonly IdRow[]): Promise<Uint8Array> {
    for (let from = 0; from < rows.length; from += 65_536) {
      const part = rows.slice(from, from + 65_536)
      this.#writer.append(toColumns(part), { slot: 0, slotSequence: this.#rows })
      this.#rows += part.length
    }
    const sequence = this.#writer.rotate()
    await this.#writer.seal(sequence)
    const number = String(sequence).padStart(6, '0')
    expect(this.#files.list(this.#writer.path)).not.toContain(`wal.${number}`)
    const path = join(this.#writer.path, `seg.${number}-${number}`)
    const bytes = this.#files.content(path)
    this.#files.unlink(path)
    return bytes
  }
}

interface ReadSegment extends SegmentContent {
  bytes: Uint8Array
  kernels: Kernels
  pointer: number
}

function read(bytes: Uint8Array): ReadSegment {
  const kernels = loadFallbackKernels()
  const file = fileBytes(kernels, bytes, 'seg')
  return { ...readSegment(file), bytes, kernels, pointer: file.pointer }
}

describe.each([
  ['WebAssembly', loadKernels],
  ['TypeScript', loadFallbackKernels],
])('segments, %s kernels', (_, load) => {
  const maker = new SegmentMaker(load())

  test('every row comes back, by function and start', async () => {
    await fc.assert(
      fc.asyncProperty(idRows(700), async (rows) => {
        const content = read(await maker.make(rows))
        expect(content.rows).toEqual(clustered(rows))
        expect(content.header.rowCount).toBe(rows.length)
        expectSummaries(content, bucketsOf(content))
      }),
      { numRuns: 150 },
    )
  })

  test('a function of many chunks, in and out of order, with gaps that need varints', async () => {
    const rows = [
      ...manyRows(20_000, (i) => [3, 1e15 + i * 10]),
      ...manyRows(40_000, (i) => [4, 1e15 + ((i * 7919) % 40_000)]),
      ...manyRows(17_000, (i) => [5, (i + (i % 5 === 0 ? 3 : 0)) * 2 ** 33]),
      ...manyRows(1, () => [6, 1e15]),
      ...manyRows(127, () => [7, 1e15]),
      ...manyRows(16_384, (i) => [8, 1e15 + i]),
      ...manyRows(16_385, (i) => [100_000, 1e15 - i]),
    ]
    const content = read(await maker.make(rows))
    expect(content.rows).toEqual(clustered(rows))
    const { directory } = content
    expect([...directory.totalChunkCounts]).toEqual([2, 3, 2, 2])
    expectSummaries(content, bucketsOf(content))
  })

  test('a function of many chunks and weights, with every codec of details', async () => {
    const rows = [
      ...detailedRows(3, 40_000, (i) => ({ weight: i % 3 === 0 ? 10 : 1, context: 0 })),
      ...detailedRows(4, 20_000, (i) => ({ context: i % 5000, childrenNs: i })),
      ...detailedRows(5, 500, (i) => ({
        context: (i % 3) << 20,
        childrenNs: 10 ** 9 + ((i * 6311) % 999_983),
      })),
      ...detailedRows(6, 500, () => ({ context: 77, childrenNs: 5 })),
      ...detailedRows(7, 300, (i) => ({ childrenNs: i % 2 === 0 ? 0 : 2 ** 33 + i })).map(longer),
      ...detailedRows(8, 9000, (i) => ({ attributes: JSON.stringify({ order: i, by: 'größe' }) })),
      ...detailedRows(9, 200, (i) => ({
        attributes: i % 7 === 0 ? JSON.stringify({ text: randomText(i) }) : undefined,
      })),
      ...detailedRows(10, 3, () => ({ attributes: JSON.stringify({ t: 'x'.repeat(65_528) }) })),
      ...detailedRows(11, 1000, (i) => ({ context: i % 2 === 0 ? 0xffff_ffff : 0 })),
      ...manyRows(200, (i) => [12, 1e15 + i]),
    ]
    const content = read(await maker.make(rows))
    expect(content.rows).toEqual(clustered(rows))
    expectSummaries(content, bucketsOf(content))
    const { details, functionIds } = content.directory
    const chunks = Array.from(functionIds, (id, i) => `${id} x ${details!.weights[i]}`)
    expect(chunks).toEqual([
      ...['3 x 1', '3 x 1', '3 x 10', '4 x 1', '4 x 1'],
      ...[5, 6, 7, 8, 9, 10, 11, 12].map((id) => `${id} x 1`),
    ])
    const filled = [...details!.pageOffsets].filter((_, page) => details!.pageSizes[page]! > 0)
    expect(filled).toHaveLength(9)
    const codecs = [0, 1, 2].map((column) => filled.map((at) => content.bytes[at + column]!))
    expect(codecs.map((column) => [...new Set(column)].sort())).toEqual([
      [0, 1, 2, 3],
      [0, 1, 2, 3, 4],
      [0, 2],
    ])
  })

  test('rows whose details are all in another frame are the same with and without them', async () => {
    const plain = manyRows(300, (i) => [i % 3, 1e15 + i])
    const content = read(
      await maker.make([...plain, ...detailedRows(99, 1, () => ({ weight: 2 }))]),
    )
    expect(content.rows.slice(0, 300)).toEqual(clustered(plain))
    expect(content.rows[300]![4]).toMatchObject({ weight: 2 })
    expect([...content.directory.details!.pageSizes]).toEqual([0])
    expect(read(await maker.make(plain)).directory.details).toBeUndefined()
  })

  test('no rows make a segment without chunks', async () => {
    const { directory, header, rows } = read(await maker.make([]))
    expect(rows).toEqual([])
    expect([header.rowCount, header.minStartUs, directory.chunkCount]).toEqual([0, 0, 0])
  })

  test('long durations keep sum, squared deviations and histogram exact', async () => {
    const rows = manyRows(300, (i) => [1, 1e15 + i]).map(([id, start], i): IdRow => [
      id,
      start,
      i % 2 === 0 ? 2 ** 53 - 1 - i : 5,
      0,
    ])
    const content = read(await maker.make(rows))
    expect(content.rows).toEqual(rows)
    expectSummaries(content, bucketsOf(content))
  })
})

describe('damaged segments', () => {
  const maker = new SegmentMaker(loadKernels())

  test('a flipped bit anywhere is reported, never read as other rows', async () => {
    await fc.assert(
      fc.asyncProperty(idRows(200), fc.array(fc.nat(), { minLength: 8 }), async (rows, seeds) => {
        const bytes = await maker.make(rows)
        for (const seed of seeds) {
          const bit = seed % (8 * bytes.length)
          bytes[bit >> 3]! ^= 1 << (bit & 7)
          expect(() => read(bytes)).toThrow(expect.objectContaining({ code: 'KRONICLER_CORRUPT' }))
          bytes[bit >> 3]! ^= 1 << (bit & 7)
        }
      }),
      { numRuns: 100 },
    )
  })

  test('every bit of a small segment, one by one', async () => {
    const rows: IdRow[] = [
      [1, 1e15, 17, 0],
      [1, 1e15 + 5, 2 ** 40, 2],
      [9, 1e15 + 1, 0, 0],
      [9, 1e15 + 2, 50, 0, { context: 7, childrenNs: 3, weight: 1, attributes: '{"a":1}' }],
      [9, 1e15 + 2, 50, 0, { context: 0, childrenNs: 0, weight: 5, attributes: undefined }],
    ]
    const bytes = await maker.make(rows)
    const undetected: number[] = []
    for (let bit = 0; bit < 8 * bytes.length; bit++) {
      bytes[bit >> 3]! ^= 1 << (bit & 7)
      try {
        read(bytes)
        undetected.push(bit)
      } catch (error) {
        expect(error).toMatchObject({ code: 'KRONICLER_CORRUPT' })
      }
      bytes[bit >> 3]! ^= 1 << (bit & 7)
    }
    expect(undetected).toEqual([])
  })

  test('a segment cut off anywhere is reported', async () => {
    const bytes = await maker.make(manyRows(300, (i) => [i % 3, 1e15 + i]))
    for (let size = 0; size < bytes.length; size += 7) {
      expect(() => read(bytes.slice(0, size))).toThrow(
        expect.objectContaining({ code: 'KRONICLER_CORRUPT' }),
      )
    }
  })

  test('a changed directory under valid checksums is refused or gives rows, in bounded time', async () => {
    const originals = [
      await maker.make(manyRows(400, (i) => [i % 3, 1e15 + i * 3])),
      await maker.make(detailedRows(2, 400, someDetails)),
    ]
    fc.assert(
      fc.property(fc.nat(1), fc.nat(), fc.nat(255), fc.nat(), (which, at, value, second) => {
        const bytes = originals[which]!.slice()
        forge(bytes, [
          [at, value],
          [second, 255 - value],
        ])
        try {
          expect(read(bytes).rows.length).toBe(400)
        } catch (error) {
          expect(error).toMatchObject({ code: 'KRONICLER_CORRUPT' })
        }
      }),
      { numRuns: 2000 },
    )
  })

  test('a codec that version 1 does not have is refused in a segment of version 1', async () => {
    const bytes = await maker.make(manyRows(2000, (i) => [1, 1e15 + ((i * 7919) % 9973)]))
    expect(read(bytes).directory.codecs[0]).toBe(0x20)
    const kernels = loadFallbackKernels()
    const { pointer } = fileBytes(kernels, bytes, 'seg')
    kernels.view.setUint16(pointer + 4, 1, true)
    kernels.view.setBigUint64(pointer + 56, 0n, true)
    kernels.view.setBigUint64(pointer + 56, kernels.xxh64(pointer, 64), true)
    bytes.set(kernels.u8.subarray(pointer, pointer + 64))
    expect(() => read(bytes)).toThrow(expect.objectContaining({ code: 'KRONICLER_CORRUPT' }))
  })

  test('a changed page of details under valid checksums is refused or gives possible rows', async () => {
    const original = await maker.make(detailedRows(2, 400, someDetails))
    let refused = 0
    fc.assert(
      fc.property(fc.nat(), fc.nat(255), fc.nat(), (at, value, second) => {
        const bytes = original.slice()
        forgeDetails(bytes, [
          [at, value],
          [second % 40, value], // where the headers of columns and blocks stand
        ])
        try {
          const { rows } = read(bytes)
          expect(rows.length).toBe(400)
          for (const [, , durationNs, , extras] of rows) {
            expect(extras?.childrenNs ?? 0).toBeLessThanOrEqual(durationNs)
            expect(extras?.childrenNs ?? 0).toBeGreaterThanOrEqual(0)
          }
        } catch (error) {
          expect(error).toMatchObject({ code: 'KRONICLER_CORRUPT' })
          refused++
        }
      }),
      { numRuns: 1500 },
    )
    expect(refused).toBeGreaterThan(300)
  })
})

function someDetails(i: number): Partial<Extras> {
  return {
    context: i % 7,
    childrenNs: 3 * i,
    weight: i < 200 ? 1 : 4,
    attributes: i % 3 === 0 ? JSON.stringify({ i }) : undefined,
  }
}

/** Changes bytes of the details and makes all checksums right again; they must be in one extent. */
function forgeDetails(bytes: Uint8Array, changes: readonly [number, number][]): void {
  const { directory, kernels, pointer } = read(bytes)
  const { u8, view } = kernels
  const { offsets, sizes } = directory.detailsExtents!
  const offset = pointer + offsets[0]!
  for (const [at, value] of changes) u8[offset + (at % sizes[0]!)] = value
  // the checksum of the last extent is the last number of the directory
  const footer = pointer + bytes.length - 128
  const directoryOffset = Number(view.getBigUint64(footer + 64, true))
  const directorySize = Number(view.getBigUint64(footer + 72, true))
  const last = pointer + directoryOffset + directorySize - 4
  view.setUint32(last, kernels.xxh64Low(offset, sizes[0]!), true)
  bytes.set(u8.subarray(pointer, pointer + bytes.length))
  forge(bytes, [])
}

/** Changes bytes of the directory and makes the checksums right again. */
function forge(bytes: Uint8Array, changes: readonly [number, number][]): void {
  const kernels = loadFallbackKernels()
  const { pointer } = fileBytes(kernels, bytes, 'seg')
  const { u8, view } = kernels
  const footer = pointer + bytes.length - 128
  const offset = Number(view.getBigUint64(footer + 64, true))
  const size = Number(view.getBigUint64(footer + 72, true))
  for (const [at, value] of changes) u8[pointer + offset + (at % size)] = value
  view.setBigUint64(footer + 88, kernels.xxh64(pointer + offset, size), true)
  view.setBigUint64(footer + 112, 0n, true)
  view.setBigUint64(footer + 112, kernels.xxh64(footer, 128), true)
  bytes.set(u8.subarray(pointer, pointer + bytes.length))
}

function manyRows(count: number, place: (i: number) => [number, number]): IdRow[] {
  return Array.from({ length: count }, (_, i) => {
    const [id, start] = place(i)
    return [id, start, (i * 7919) % 1_000_003, i % 97 === 0 ? 1 + (i % 300) : 0]
  })
}

function detailedRows(
  id: number,
  count: number,
  extrasOf: (i: number) => Partial<Extras>,
): IdRow[] {
  const none: Extras = { context: 0, childrenNs: 0, weight: 1, attributes: undefined }
  return Array.from({ length: count }, (_, i) => {
    const extras = { ...none, ...extrasOf(i) }
    const durationNs = Math.max(extras.childrenNs + ((i * 7919) % 1009), 10 ** 9)
    return idRowOf([id, 1e15 + i, durationNs, i % 97 === 0 ? 3 : 0], extras)
  })
}

/** So that neither time in children nor self time fits 32 bits. */
function longer([id, startUs, , errorType, extras]: IdRow): IdRow {
  const plain: IdRow = [id, startUs, 2 ** 34, errorType]
  return extras === undefined ? plain : idRowOf(plain, extras)
}

/** Text that does not compress. */
function randomText(seed: number): string {
  const random = randomFrom(seed)
  return Array.from({ length: 3000 }, () => Math.floor(random() * 36).toString(36)).join('')
}

/** What the directory says of every chunk and page, against its rows. */
function expectSummaries(content: SegmentContent, buckets: Map<number, number>[]): void {
  const { directory, rows } = content
  const ofPages = Array.from({ length: directory.pageCount }, (): IdRow[] => [])
  let first = 0
  for (let chunk = 0; chunk < directory.chunkCount; chunk++) {
    const part = rows.slice(first, first + directory.rowCounts[chunk]!)
    const page = directory.pages[chunk]!
    expect(new Set(part.map((row) => row[0]))).toEqual(new Set([directory.functionIds[chunk]]))
    expect(directory.errorCounts[chunk]).toBe(part.filter((row) => row[3] !== 0).length)
    expect(directory.firstRows[chunk]).toBe(ofPages[page]!.length)
    const weight = directory.details?.weights[chunk] ?? 1
    expect(new Set(part.map((row) => row[4]?.weight ?? 1))).toEqual(new Set([weight]))
    expect(directory.isShared[page] === 1).toBe(part.length < 128)
    for (const row of part) ofPages[page]!.push(row)
    first += part.length
  }
  ofPages.forEach((part, page) => {
    expectPage(directory, page, part)
    const isOwn = directory.isShared[page] === 0
    const durations = part.map((row) => row[2])
    expect(buckets[page]).toEqual(isOwn ? histogramOf(durations) : new Map())
  })
  for (let i = 0; i < directory.totalCount; i++) {
    const from = directory.totalFirstChunks[i]!
    const id = directory.functionIds[from]!
    const weight = directory.details?.weights[from] ?? 1
    const durations = rows
      .filter((row) => row[0] === id && (row[4]?.weight ?? 1) === weight)
      .map((row) => row[2])
    expect(buckets[directory.pageCount + i]).toEqual(histogramOf(durations))
  }
}

function expectPage(directory: SegmentDirectory, page: number, rows: readonly IdRow[]): void {
  const starts = rows.map((row) => row[1])
  const durations = rows.map((row) => row[2])
  const failed = rows.filter((row) => row[3] !== 0)
  expect(directory.pageRowCounts[page]).toBe(rows.length)
  expect(directory.pageErrorCounts[page]).toBe(failed.length)
  expect(directory.minStartsUs[page]).toBe(Math.min(...starts))
  expect(directory.maxStartsUs[page]).toBe(Math.max(...starts))
  expect(directory.minDurationsNs[page]).toBe(Math.min(...durations))
  expect(directory.maxDurationsNs[page]).toBe(Math.max(...durations))
  expect(directory.maxErrorDurationsNs[page]).toBe(Math.max(0, ...failed.map((row) => row[2])))
  const { details } = directory
  const sum = rows.reduce((total, row) => total + BigInt(row[4]?.childrenNs ?? 0), 0n)
  const high = BigInt(details?.childrenSumsHigh[page] ?? 0)
  expect(high * 2n ** 32n + BigInt(details?.childrenSumsLow[page] ?? 0)).toBe(sum)
  if (directory.isShared[page] === 0) expectMoments(directory, page, durations)
  else expect(directory.sumsLow[page]).toBeNaN()
}

function expectMoments(directory: SegmentDirectory, page: number, durations: number[]): void {
  const sum = durations.reduce((total, ns) => total + BigInt(ns), 0n)
  const stored = BigInt(directory.sumsHigh[page]!) * 2n ** 32n + BigInt(directory.sumsLow[page]!)
  expect(stored).toBe(sum)
  const mean = Number(sum) / durations.length
  const squares = durations.reduce((total, ns) => total + (ns - mean) ** 2, 0)
  const tolerance = 1e-9 * squares + 1e-6
  expect(Math.abs(directory.squaredDeviations[page]! - squares)).toBeLessThanOrEqual(tolerance)
}

function histogramOf(durations: readonly number[]): Map<number, number> {
  const counts = new Map<number, number>()
  for (const durationNs of durations) {
    const bucket = bucketOf(durationNs)
    counts.set(bucket, (counts.get(bucket) ?? 0) + 1)
  }
  return new Map([...counts].sort((a, b) => a[0] - b[0]))
}

/** Stored histograms of all pages, then of the functions with several. */
function bucketsOf(content: ReadSegment) {
  const { kernels, pointer, directory } = content
  const at = kernels.allocate(4 * BUCKET_COUNT)
  const offsets = [...directory.histogramOffsets, ...directory.totalHistogramOffsets]
  const sizes = [...directory.histogramSizes, ...directory.totalHistogramSizes]
  return offsets.map((offset, i) => {
    const counts = new Map<number, number>()
    if (sizes[i] === 0) return counts
    kernels.u32.fill(0, at / 4, at / 4 + BUCKET_COUNT)
    expect(kernels.histogramMerge(pointer + offset, at)).toBe(pointer + offset + sizes[i]!)
    for (let bucket = 0; bucket < BUCKET_COUNT; bucket++) {
      const count = kernels.u32[at / 4 + bucket]!
      if (count > 0) counts.set(bucket, count)
    }
    return counts
  })
}
