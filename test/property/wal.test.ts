import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createRowColumns } from '../../src/database/format/rows.ts'
import { SlotSequences } from '../../src/database/format/slot-sequences.ts'
import {
  decodeWalRows,
  encodeWalFrame,
  inspectWalFrame,
  walFrameBound,
} from '../../src/database/format/wal-frame.ts'
import {
  decodeWalHeader,
  encodeWalHeader,
  WAL_HEADER_SIZE_BYTES,
} from '../../src/database/format/wal-header.ts'
import { scanWal } from '../../src/database/format/wal-scan.ts'
import { loadFallbackKernels } from '../../src/database/kernels/kernels.ts'
import type { CorruptionError } from '../../src/errors.ts'
import { idRows, toColumns } from '../support/arbitrary-rows.ts'
import { fileBytes, readWal, type IdRow } from '../support/read-folder.ts'

const SEQUENCE = 7

/** A whole log: one frame per batch. */
function encodeLog(batches: readonly IdRow[][]): { bytes: Uint8Array; ends: number[] } {
  const kernels = loadFallbackKernels()
  const rowCount = batches.reduce((sum, rows) => sum + rows.length, 0)
  const at = kernels.allocate(WAL_HEADER_SIZE_BYTES + walFrameBound(rowCount) + 96 * batches.length)
  encodeWalHeader(kernels, { sequence: SEQUENCE, firstRow: 100, createdUs: 5e15 }, at)
  const ends: number[] = []
  let end = at + WAL_HEADER_SIZE_BYTES
  let done = 0
  for (const rows of batches) {
    const place = { slot: 3, slotSequence: done, firstRow: 100 + done, sequence: SEQUENCE }
    end += encodeWalFrame(kernels, toColumns(rows), 0, rows.length, place, end)
    done += rows.length
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
        if (verdict.kind === 'frame') decodeWalRows(file, verdict.frame, 0, rows)
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

/** Whether `rows` are those of all batches, or of all but one. */
function isWithoutOneBatch(rows: IdRow[], input: IdRow[][]): boolean {
  const key = JSON.stringify(rows)
  return input.some((_, i) => JSON.stringify(input.filter((_, j) => j !== i).flat()) === key)
}
