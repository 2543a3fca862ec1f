import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { sealChecksum } from '../../src/database/format/file-bytes.ts'
import { createRowColumns, detailsOf, type RowColumns } from '../../src/database/format/rows.ts'
import { SlotSequences } from '../../src/database/format/slot-sequences.ts'
import {
  MAX_FRAME_ATTRIBUTES_SIZE_BYTES,
  planDetails,
  rowsOfOneFrame,
} from '../../src/database/format/wal-details.ts'
import {
  decodeWalRows,
  inspectWalFrame,
  readWalFrame,
} from '../../src/database/format/wal-frame.ts'
import { encodeWalFrame, walFrameBound } from '../../src/database/format/wal-frame-encoder.ts'
import {
  decodeWalHeader,
  encodeWalHeader,
  WAL_HEADER_SIZE_BYTES,
} from '../../src/database/format/wal-header.ts'
import { scanWal } from '../../src/database/format/wal-scan.ts'
import { loadFallbackKernels } from '../../src/database/kernels/kernels.ts'
import type { CorruptionError } from '../../src/errors.ts'
import { idRows, toColumns } from '../support/arbitrary-rows.ts'
import { fileBytes, fromColumns, readWal, type IdRow } from '../support/read-folder.ts'

const SEQUENCE = 7

/** A whole log: one frame per batch. */
function encodeLog(batches: readonly IdRow[][]): { bytes: Uint8Array; ends: number[] } {
  const kernels = loadFallbackKernels()
  const columns = batches.map(toColumns)
  const bound = columns.reduce((sum, rows) => {
    return sum + walFrameBound(rows.count, planDetails(rows, 0, rows.count))
  }, 0)
  const at = kernels.allocate(WAL_HEADER_SIZE_BYTES + bound)
  encodeWalHeader(kernels, { sequence: SEQUENCE, firstRow: 100, createdUs: 5e15 }, at)
  const ends: number[] = []
  let end = at + WAL_HEADER_SIZE_BYTES
  let done = 0
  for (const rows of columns) {
    const place = { slot: 3, slotSequence: done, firstRow: 100 + done, sequence: SEQUENCE }
    end += encodeWalFrame(kernels, rows, 0, rows.count, place, end)
    done += rows.count
    ends.push(end - at)
  }
  return { bytes: kernels.u8.slice(at, end), ends }
}

function read(bytes: Uint8Array): { rows: IdRow[]; faults: CorruptionError[] } {
  const faults: CorruptionError[] = []
  const file = fileBytes(loadFallbackKernels(), bytes, 'wal')
  const rows = readWal(file, new SlotSequences(), (fault) => faults.push(fault))
  return { rows, faults }
}

const batches = fc.array(idRows(40), { minLength: 1, maxLength: 4 })

describe('frames of a log', () => {
  test('every row comes back, whatever it holds', () => {
    fc.assert(
      fc.property(fc.oneof(batches, fc.tuple(idRows(700))), (input) => {
        const { rows, faults } = read(encodeLog(input).bytes)
        expect(faults).toEqual([])
        expect(rows).toEqual(input.flat())
      }),
      { numRuns: 300 },
    )
  })

  test('a frame of the largest size comes back', () => {
    const rows: IdRow[] = Array.from({ length: 65_536 }, (_, i) => [
      i % 3 === 0 ? 100_000 + i : i,
      i * 2 ** 36,
      2 ** 33 + i,
      1 + (i % 65_535),
    ])
    expect(read(encodeLog([rows]).bytes).rows).toEqual(rows)
  })

  test('the largest attributes of many rows come back, and more of them make another frame', () => {
    const text = JSON.stringify({ text: 'x'.repeat(65_536 - 11) })
    const perFrame = MAX_FRAME_ATTRIBUTES_SIZE_BYTES / 65_536
    const extras = { context: 0, childrenNs: 0, weight: 1, attributes: text }
    const rows = Array.from({ length: 1 + perFrame }, (_, i): IdRow => [1, i, 5, 0, extras])
    expect(read(encodeLog([rows.slice(1)]).bytes).rows).toEqual(rows.slice(1))
    const columns = toColumns(rows)
    const plan = planDetails(columns, 0, rows.length)!
    expect(rowsOfOneFrame(columns.details!, plan, 0, rows.length)).toBe(perFrame)
    expect(() => encodeLog([rows])).toThrow(RangeError)
  })

  test('impossible details are made possible, and cost no other row', () => {
    const rows = createRowColumns(5)
    rows.count = 5
    rows.durationsNs.set([100, 100, 100, 100, NaN])
    const details = detailsOf(rows)
    details.childrenNs.set([101, -1, NaN, 99.9, 7])
    details.weights.set([0, 0xffff_ffff, 1, 2, 1])
    details.attributes.set(4, new Uint8Array(65_537)).set(3, new Uint8Array())
    details.attributes.set(2, new Uint8Array([123, 125])).set(1, new Uint8Array([123, 125]))
    const kernels = loadFallbackKernels()
    const at = kernels.allocate(4096)
    const place = { slot: 0, slotSequence: 0, firstRow: 0, sequence: 0 }
    const sizeBytes = encodeWalFrame(kernels, rows, 0, 5, place, at)
    const file = { kernels, pointer: at, sizeBytes, path: 'wal', offset: 0 }
    const verdict = inspectWalFrame(file, 0, 0)
    if (verdict.kind !== 'frame') expect.fail(verdict.kind)
    const back = createRowColumns(0)
    decodeWalRows(file, verdict.frame, 0, back)
    expect(fromColumns(back).map((row) => row[4])).toEqual([
      { context: 0, childrenNs: 100, weight: 1, attributes: undefined },
      { context: 0, childrenNs: 0, weight: 0x7fff_ffff, attributes: '{}' },
      { context: 0, childrenNs: 0, weight: 1, attributes: '{}' },
      { context: 0, childrenNs: 99, weight: 2, attributes: undefined },
      undefined,
    ])
  })

  test('rows with the defaults make the same frame with and without details', () => {
    const rows: IdRow[] = [
      [1, 10, 100, 0],
      [2, 20, 200, 1],
    ]
    const columns = toColumns(rows)
    detailsOf(columns)
    expect(planDetails(columns, 0, 2)).toBeUndefined()
    const kernels = loadFallbackKernels()
    const place = { slot: 0, slotSequence: 0, firstRow: 0, sequence: 0 }
    const [a, b] = [kernels.allocate(4096), kernels.allocate(4096)]
    const sizeBytes = encodeWalFrame(kernels, toColumns(rows), 0, 2, place, a)
    expect(encodeWalFrame(kernels, columns, 0, 2, place, b)).toBe(sizeBytes)
    expect(kernels.u8.slice(b, b + sizeBytes)).toEqual(kernels.u8.slice(a, a + sizeBytes))
  })

  test('rows of a frame that were read before are skipped with their details', () => {
    fc.assert(
      fc.property(idRows(60), fc.nat(60), (input, seed) => {
        const skip = seed % input.length
        const kernels = loadFallbackKernels()
        const rows = toColumns(input)
        const at = kernels.allocate(walFrameBound(rows.count, planDetails(rows, 0, rows.count)))
        const place = { slot: 0, slotSequence: 0, firstRow: 0, sequence: 0 }
        const sizeBytes = encodeWalFrame(kernels, rows, 0, rows.count, place, at)
        const file = { kernels, pointer: at, sizeBytes, path: 'wal', offset: 0 }
        const frame = readWalFrame(file, 0)
        const back = createRowColumns(0)
        decodeWalRows(file, frame, 0, back)
        decodeWalRows(file, frame, skip, back)
        decodeWalRows(file, frame, 0, back)
        expect(fromColumns(back)).toEqual([...input, ...input.slice(skip), ...input])
      }),
    )
  })

  test.each([
    ['empty attributes', 0, 4],
    ['attributes beyond the frame', 2 ** 31, 4],
    ['a row before the one before', 0, 8],
    ['a row that does not exist', 2, 8],
  ])('%s under a valid checksum are refused', (_, value, at) => {
    const attributes = (text: string): IdRow => {
      return [1, 5, 5, 0, { context: 0, childrenNs: 0, weight: 1, attributes: text }]
    }
    const { bytes } = encodeLog([[attributes('{}'), attributes('{"a":1}')]])
    const file = fileBytes(loadFallbackKernels(), bytes, 'wal')
    const { kernels, pointer } = file
    const frame = readWalFrame(file, WAL_HEADER_SIZE_BYTES)
    kernels.view.setUint32(frame.details!.attributes + at, value, true)
    if (value === 0 && at === 4) kernels.view.setUint32(frame.details!.attributes + 12, 9, true)
    sealChecksum(kernels, pointer + WAL_HEADER_SIZE_BYTES, frame.end - frame.position, 56)
    const verdict = inspectWalFrame(file, WAL_HEADER_SIZE_BYTES, SEQUENCE)
    expect(verdict).toMatchObject({ kind: 'corrupt', error: { code: 'KRONICLER_CORRUPT' } })
  })

  test('a flipped bit anywhere is reported, and never changes a row', () => {
    fc.assert(
      fc.property(batches, fc.nat(), (input, seed) => {
        const { bytes } = encodeLog(input)
        const bit = seed % (8 * bytes.length)
        bytes[bit >> 3]! ^= 1 << (bit & 7)
        if (bit < 8 * WAL_HEADER_SIZE_BYTES) {
          expect(() => read(bytes)).toThrow(expect.objectContaining({ code: 'KRONICLER_CORRUPT' }))
          return
        }
        const { rows, faults } = read(bytes)
        expect(faults).toHaveLength(1)
        expect(faults[0]!.code).toBe('KRONICLER_CORRUPT')
        expect(isWithoutOneBatch(rows, input)).toBe(true)
      }),
      { numRuns: 1500 },
    )
  })

  test('a log cut off anywhere gives its whole frames and one torn tail', () => {
    fc.assert(
      fc.property(batches, fc.nat(), (input, seed) => {
        const { bytes, ends } = encodeLog(input)
        const size = WAL_HEADER_SIZE_BYTES + (seed % (bytes.length - WAL_HEADER_SIZE_BYTES))
        const { rows, faults } = read(bytes.slice(0, size))
        const whole = ends.filter((end) => end <= size).length
        expect(rows).toEqual(input.slice(0, whole).flat())
        const exact = size === WAL_HEADER_SIZE_BYTES || ends.includes(size)
        expect(faults.map((fault) => fault.code)).toEqual(exact ? [] : ['KRONICLER_TORN'])
      }),
      { numRuns: 500 },
    )
  })

  test('random bytes behind the header end in bounded time without rows', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 3000 }), (garbage) => {
        const header = encodeLog([[[0, 0, 0, 0]]]).bytes.slice(0, WAL_HEADER_SIZE_BYTES)
        const { rows, faults } = read(new Uint8Array([...header, ...garbage]))
        expect(rows).toEqual([])
        expect(faults).toHaveLength(1)
      }),
      { numRuns: 300 },
    )
  })

  test('changed counts under a valid checksum are refused, not followed', () => {
    fc.assert(
      fc.property(idRows(30), fc.nat(1e6), fc.nat(255), (input, seed, value) => {
        const { bytes } = encodeLog([input])
        const file = fileBytes(loadFallbackKernels(), bytes, 'wal')
        const { kernels, pointer } = file
        const frame = pointer + WAL_HEADER_SIZE_BYTES
        kernels.u8[frame + (seed % (bytes.length - WAL_HEADER_SIZE_BYTES))] = value
        const size = bytes.length - WAL_HEADER_SIZE_BYTES
        kernels.view.setBigUint64(frame + 56, 0n, true)
        kernels.view.setBigUint64(frame + 56, kernels.xxh64(frame, size), true)
        const rows = createRowColumns(4)
        const before = kernels.u8.slice()
        const verdict = inspectWalFrame(file, WAL_HEADER_SIZE_BYTES, SEQUENCE)
        if (verdict.kind === 'frame') {
          decodeWalRows(file, verdict.frame, 0, rows)
          expectPossible(rows)
        }
        expect(Buffer.compare(kernels.u8, before)).toBe(0)
        expect(rows.durationsNs.every(Number.isSafeInteger)).toBe(true)
        expect(rows.startsUs.every(Number.isSafeInteger)).toBe(true)
      }),
      { numRuns: 1000 },
    )
  })
})

describe('tails of a log', () => {
  const input: IdRow[][] = [[[1, 10, 100, 0]], [[2, 20, 200, 1]], [[3, 30, 300, 0]]]

  function scan(bytes: Uint8Array, final: boolean) {
    const file = fileBytes(loadFallbackKernels(), bytes, 'wal')
    const { sequence } = decodeWalHeader(file)
    const firsts: number[] = []
    const faults: string[] = []
    const end = scanWal(file, WAL_HEADER_SIZE_BYTES, {
      sequence,
      final,
      onFrame: (frame) => firsts.push(frame.firstRow),
      onFault: (fault) => faults.push(`${fault.code} at ${fault.offset}`),
    })
    return { firsts, faults, end }
  }

  test('an unfinished frame of a live log is waited for, of a dead one torn', () => {
    const { bytes, ends } = encodeLog(input)
    const cut = bytes.slice(0, ends[2]! - 1)
    expect(scan(cut, false)).toEqual({ firsts: [100, 101], faults: [], end: ends[1] })
    expect(scan(cut, true)).toEqual({
      firsts: [100, 101],
      faults: [`KRONICLER_TORN at ${ends[1]}`],
      end: cut.length,
    })
  })

  test('a damaged frame before a valid one is corrupt, live or dead', () => {
    const { bytes, ends } = encodeLog(input)
    bytes[ends[0]! + 70]! ^= 1
    const expected = {
      firsts: [100, 102],
      faults: [`KRONICLER_CORRUPT at ${ends[0]}`],
      end: bytes.length,
    }
    expect(scan(bytes, false)).toEqual(expected)
    expect(scan(bytes, true)).toEqual(expected)
  })

  test('a damaged last frame may still be written if the log is live', () => {
    const { bytes, ends } = encodeLog(input)
    bytes[ends[1]! + 70]! ^= 1
    expect(scan(bytes, false)).toEqual({ firsts: [100, 101], faults: [], end: ends[1] })
    expect(scan(bytes, true).faults).toEqual([`KRONICLER_CORRUPT at ${ends[1]}`])
  })

  test('a tail of zeros is torn', () => {
    const { bytes, ends } = encodeLog(input)
    bytes.fill(0, ends[1])
    expect(scan(bytes, true).faults).toEqual([`KRONICLER_TORN at ${ends[1]}`])
  })

  test('a frame of a newer version is reported and passed over', () => {
    const { bytes, ends } = encodeLog(input)
    const file = fileBytes(loadFallbackKernels(), bytes, 'wal')
    const { kernels } = file
    const at = file.pointer + ends[0]!
    kernels.view.setUint16(at + 6, 0x80, true) // a flag that does not exist
    kernels.view.setBigUint64(at + 56, 0n, true)
    kernels.view.setBigUint64(at + 56, kernels.xxh64(at, ends[1]! - ends[0]!), true)
    const changed = kernels.u8.slice(file.pointer, file.pointer + bytes.length)
    expect(scan(changed, false)).toEqual({
      firsts: [100, 102],
      faults: [`KRONICLER_VERSION at ${ends[0]}`],
      end: bytes.length,
    })
  })

  test('rows written twice are read once, also when the batches differ', () => {
    const kernels = loadFallbackKernels()
    const at = kernels.allocate(4096)
    encodeWalHeader(kernels, { sequence: 0, firstRow: 0, createdUs: 0 }, at)
    const rows = toColumns(Array.from({ length: 10 }, (_, i): IdRow => [i, i, i, 0]))
    let end = at + WAL_HEADER_SIZE_BYTES
    for (const [from, count] of [
      [0, 4],
      [0, 4],
      [2, 5],
      [7, 3],
    ] as const) {
      const place = { slot: 0, slotSequence: from, firstRow: from, sequence: 0 }
      end += encodeWalFrame(kernels, rows, from, count, place, end)
    }
    const bytes = kernels.u8.slice(at, end)
    const read = readWal(fileBytes(kernels, bytes, 'wal'))
    expect(read.map((row) => row[0])).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  })

  test('a forged log full of frame headers is searched in bounded time', () => {
    const { bytes } = encodeLog([Array.from({ length: 60_000 }, (_, i): IdRow => [0, i, 1, 0])])
    const header = bytes.slice(WAL_HEADER_SIZE_BYTES, WAL_HEADER_SIZE_BYTES + 64)
    const forged = new Uint8Array(2_000_000)
    forged.set(bytes.slice(0, WAL_HEADER_SIZE_BYTES))
    for (let at = 64; at + 64 < forged.length; at += 64) forged.set(header, at)
    const startMs = performance.now()
    expect(read(forged).rows).toEqual([])
    expect(performance.now() - startMs).toBeLessThan(5000)
  })
})

function expectPossible({ count, details, durationsNs }: RowColumns): void {
  if (details === undefined) return
  for (let row = 0; row < count; row++) {
    expect(details.weights[row]).toBeGreaterThan(0)
    expect(details.weights[row]).toBeLessThan(2 ** 31)
    expect(details.childrenNs[row]).toBeGreaterThanOrEqual(0)
    expect(details.childrenNs[row]).toBeLessThanOrEqual(durationsNs[row]!)
  }
  for (const [row, text] of details.attributes) {
    expect(row).toBeLessThan(count)
    expect(text.length).toBeGreaterThan(0)
    expect(text.length).toBeLessThanOrEqual(65_536)
  }
}

/** Whether `rows` are those of all batches, or of all but one. */
function isWithoutOneBatch(rows: IdRow[], input: IdRow[][]): boolean {
  const key = JSON.stringify(rows)
  return input.some((_, i) => JSON.stringify(input.filter((_, j) => j !== i).flat()) === key)
}
