/** Segments from a stream of groups: functions with few rows share pages, and every number of them stays exact. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { FileLayer } from '../../src/database/file.ts'
import { decodeSegmentDirectory } from '../../src/database/format/segment-directory.ts'
import { loadFallbackKernels, loadKernels } from '../../src/database/kernels/kernels.ts'
import { ReaderContext } from '../../src/database/read/reader-context.ts'
import { SegmentReader } from '../../src/database/read/segment-reader.ts'
import { SegmentWriter } from '../../src/database/write/segment-writer.ts'
import { MemoryFiles } from '../support/memory-files.ts'
import { fileBytes, idRowOf, readSegment, type Extras, type IdRow } from '../support/read-folder.ts'
import { readSource } from '../support/read-source.ts'

const PATH = '/seg.000003-000009'
const INTERVAL = { low: 3, high: 9 }

interface Group {
  functionId: number
  weight: number
  rows: IdRow[]
}

/** Groups in order, most of them with few rows; gaps of all sizes, and now and then a row with a long duration or details. */
const groupsOf = (hasDetails: boolean): fc.Arbitrary<Group[]> =>
  fc
    .array(
      fc.record({
        functionGap: fc.oneof({ weight: 5, arbitrary: fc.constant(1) }, fc.nat(3), fc.nat(2 ** 24)),
        weight: hasDetails ? fc.constantFrom(1, 1, 2, 50) : fc.constant(1),
        count: fc.oneof(
          { weight: 8, arbitrary: fc.integer({ min: 1, max: 30 }) },
          fc.integer({ min: 100, max: 700 }),
        ),
        firstUs: fc.nat(2 ** 36),
        gapBits: fc.constantFrom(0, 3, 10, 20, 33),
        seed: fc.nat(2 ** 20),
      }),
      { minLength: 1, maxLength: 60 },
    )
    .map((parts) => {
      const groups = new Map<string, Group>()
      let functionId = 0
      for (const { count, firstUs, functionGap, gapBits, seed, weight } of parts) {
        functionId += functionGap
        const rows: IdRow[] = []
        for (let i = 0, startUs = firstUs; i < count; i++) {
          const noise = (seed * 7919 + i * 104_729) % 1_000_003
          startUs += Math.floor((noise / 1_000_003) * 2 ** gapBits)
          const durationNs = noise % 97 === 0 ? 2 ** 33 + noise : noise
          const plain: IdRow = [
            functionId,
            startUs,
            durationNs,
            noise % 11 === 0 ? 1 + (noise % 5) : 0,
          ]
          rows.push(hasDetails ? idRowOf(plain, extrasOf(noise, durationNs, weight)) : plain)
        }
        groups.set(`${functionId} x ${weight}`, { functionId, weight, rows })
      }
      return [...groups.values()].sort((a, b) => a.functionId - b.functionId || a.weight - b.weight)
    })

function extrasOf(noise: number, durationNs: number, weight: number): Extras {
  return {
    context: noise % 3 === 0 ? noise : 0,
    childrenNs: noise % 4 === 0 ? Math.floor(durationNs / 2) : 0,
    weight,
    attributes: noise % 5 === 0 ? JSON.stringify({ order: noise, by: `u${noise % 7}` }) : undefined,
  }
}

/** Writes the groups, their rows in pieces of the given sizes. */
function write(files: FileLayer, writer: SegmentWriter, groups: Group[], pieces: number[]): void {
  const starts = groups.flatMap(({ rows }) => rows.map((row) => row[1]))
  const rowCount = starts.length
  const [minStartUs, maxStartUs] = [Math.min(...starts), Math.max(...starts)]
  const hasDetails = groups.some(({ rows }) => rows.some((row) => row[4] !== undefined))
  const sequences = { sequenceLow: INTERVAL.low, sequenceHigh: INTERVAL.high }
  const descriptor = files.open(PATH, 'wx+')
  writer.begin(descriptor, {
    ...sequences,
    rowCount,
    minStartUs,
    maxStartUs,
    firstRow: 77,
    hasDetails,
  })
  let piece = 0
  for (const { functionId, rows, weight } of groups) {
    writer.beginGroup(functionId, weight, rows.length)
    for (let first = 0; first < rows.length;) {
      const end = Math.min(rows.length, first + pieces[piece++ % pieces.length]!)
      writer.addRows(columnsOf(rows, hasDetails), first, end)
      first = end
    }
  }
  writer.finish()
  files.close(descriptor)
}

function columnsOf(rows: readonly IdRow[], hasDetails: boolean) {
  const columns = {
    startsUs: Float64Array.from(rows, (row) => row[1]),
    durationsNs: Float64Array.from(rows, (row) => row[2]),
    errorTypes: Uint16Array.from(rows, (row) => row[3]),
  }
  const details = {
    copy(first: number, end: number, contexts: Uint32Array, childrenNs: Float64Array, to: number) {
      for (let row = first; row < end; row++) {
        contexts[to] = rows[row]![4]?.context ?? 0
        childrenNs[to++] = rows[row]![4]?.childrenNs ?? 0
      }
    },
    attributesOf(row: number) {
      const text = rows[row]![4]?.attributes
      return text === undefined ? undefined : Buffer.from(text)
    },
  }
  return { columns: () => columns, details: hasDetails ? details : undefined }
}

/** What the reader tells of each chunk without decoding it. */
function expectBounds(source: SegmentReader, groups: readonly Group[]): void {
  let group = 0
  let first = 0
  for (let chunk = 0; chunk < source.chunkCount; chunk++) {
    const all = groups[group]!.rows
    const rows = all.slice(first, first + source.rowCounts[chunk]!)
    first = first + rows.length === all.length ? 0 : first + rows.length
    if (first === 0) group++
    const starts = rows.map((row) => row[1])
    const durations = rows.map((row) => row[2])
    const told = [
      source.minStartsUs[chunk]!,
      -source.maxStartsUs[chunk]!,
      source.minDurationsNs[chunk]!,
      -source.maxDurationsNs[chunk]!,
    ]
    const real = [
      Math.min(...starts),
      -Math.max(...starts),
      Math.min(...durations),
      -Math.max(...durations),
    ]
    if (source.sharesPage[chunk] === 0) expect(told).toEqual(real)
    else
      told.forEach((bound, i) => {
        expect(bound).toBeLessThanOrEqual(real[i]!)
      })
    expect(source.errorCounts[chunk]).toBe(rows.filter((row) => row[3] !== 0).length)
    expect(source.sharesPage[chunk]).toBe(all.length < 128 ? 1 : 0)
  }
}

test.each([false, true])('groups of all sizes come back, details: %s', (hasDetails) => {
  const kernels = loadKernels()
  let files = new MemoryFiles()
  // forwards to the files of the run, so that one writer is used again and again
  const layer = new Proxy({} as FileLayer, {
    get: (_, name: keyof FileLayer) => files[name].bind(files),
  })
  const writer = new SegmentWriter(kernels, layer)
  const context = new ReaderContext(layer, kernels, undefined, undefined)
  const pieces = fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 5 })
  fc.assert(
    fc.property(groupsOf(hasDetails), pieces, (groups, sizes) => {
      files = new MemoryFiles()
      write(files, writer, groups, sizes)
      const expected = groups.flatMap(({ rows }) => rows)
      expect(readSegment(fileBytes(loadFallbackKernels(), files.content(PATH), PATH)).rows).toEqual(
        expected,
      )
      const reader = new SegmentReader(context, PATH, INTERVAL)
      expectBounds(reader, groups)
      expect(readSource(reader, kernels)).toEqual(expected)
      expect(readSource(reader, kernels)).toEqual(expected) // of pages that are kept decoded
      reader.close()
    }),
    { numRuns: 60 },
  )
})

test('groups out of order and rows that were not announced are refused', () => {
  const files = new MemoryFiles()
  const writer = new SegmentWriter(loadKernels(), files)
  const shape = { sequenceLow: 0, sequenceHigh: 0, minStartUs: 0, maxStartUs: 9, firstRow: 0 }
  const rows = columnsOf(
    [
      [0, 0, 0, 0],
      [0, 1, 1, 0],
    ],
    false,
  )
  const begin = () => {
    writer.begin(files.open(PATH, 'wx+'), { ...shape, rowCount: 2, hasDetails: false })
  }
  begin()
  writer.beginGroup(5, 1, 1)
  expect(() => {
    writer.addRows(rows, 0, 2)
  }).toThrow(TypeError)
  expect(() => {
    writer.beginGroup(6, 1, 1)
  }).toThrow(TypeError)
  writer.addRows(rows, 0, 1)
  expect(() => {
    writer.beginGroup(5, 1, 1)
  }).toThrow(TypeError)
  expect(() => {
    writer.finish()
  }).toThrow(TypeError)
})

test('millions of rows are written in a few megabytes', () => {
  const kernels = loadKernels()
  let written = 0
  const files = new Proxy({} as FileLayer, {
    get: () => (_descriptor: number, _bytes: Uint8Array, _at: number, sizeBytes: number) => {
      written += sizeBytes
      return sizeBytes
    },
  })
  const writer = new SegmentWriter(kernels, files)
  const count = 1 << 18
  const startsUs = Float64Array.from({ length: count }, (_, i) => 997 * i)
  const durationsNs = Float64Array.from({ length: count }, (_, i) => (i * 7919) % 1_000_003)
  const columns = { startsUs, durationsNs, errorTypes: new Uint16Array(count) }
  const rows = { columns: () => columns, details: undefined }
  const shape = { sequenceLow: 0, sequenceHigh: 0, firstRow: 0, hasDetails: false }
  const span = { minStartUs: 0, maxStartUs: startsUs.at(-1)! }
  writer.begin(1, { ...shape, ...span, rowCount: 8 * count })
  for (let group = 0; group < 8; group++) {
    writer.beginGroup(group, 1, count)
    writer.addRows(rows, 0, count)
  }
  writer.finish()
  expect(written).toBeGreaterThan(6e6)
  expect(kernels.u8.length).toBeLessThan(16 << 20)
})

test('any bytes under a right checksum are no directory, or one of the rows that the header tells', () => {
  const kernels = loadFallbackKernels()
  const sample = fc.record({
    bytes: fc.uint8Array({ minLength: 24, maxLength: 300, max: 12 }),
    chunkCount: fc.nat(20),
    rowCount: fc.nat(40),
  })
  const area = kernels.allocate(512)
  fc.assert(
    fc.property(sample, fc.boolean(), ({ bytes, chunkCount, rowCount }, hasDetails) => {
      kernels.u8.set(bytes, area)
      // the numbers of pages, extents and runs: mostly small, so that what is behind them is reached
      for (let i = 0; i < 6; i++) kernels.u8.fill(0, area + 4 * i + 1, area + 4 * i + 4)
      const sizeBytes = bytes.length
      const file = { kernels, pointer: area, sizeBytes, path: 'seg', offset: 64 }
      const header = {
        ...{ version: 2, sequenceLow: 0, sequenceHigh: 0, firstRow: 0, hasDetails },
        ...{ rowCount, minStartUs: 0, maxStartUs: 1000 },
      }
      const footer = {
        ...{
          regions: undefined,
          directory: { offset: 64, sizeBytes },
          chunkCount,
          functionCount: 1,
        },
        directoryChecksum: kernels.xxh64(area, sizeBytes),
      }
      try {
        const directory = decodeSegmentDirectory(file, header, footer)
        expect(directory.rowCounts.reduce((sum, rows) => sum + rows, 0)).toBe(rowCount)
      } catch (error) {
        expect(error).toMatchObject({ code: 'KRONICLER_CORRUPT' })
      }
    }),
    { numRuns: 3000 },
  )
})
