/**
 * @module database/format/roll-up
 * Hourly totals of rows that have expired: one entry for each function, weight and hour (UTC) with calls. Format v1; the
 * full text is docs/format/roll-up.md.
 *
 *   header: byte  size  field           type    meaning
 *              0     4  magic           u32 LE  "KRRU" in file order
 *              4     2  version         u16 LE  1
 *              6     2  flags           u16 LE  0
 *              8     4  sequenceLow     u32 LE  first and last log whose rows are added up
 *             12     4  sequenceHigh    u32 LE
 *             16     8  rowCount        u64 LE  may be 0
 *             24     8  minStartUs      i64 LE  0 without rows
 *             32     8  maxStartUs      i64 LE
 *             40     4  entryCount      u32 LE
 *             44     4  blockCount      u32 LE
 *             48     1  histogramScale  u8      6
 *             49     7  reserved                zero
 *             56     8  checksum        u64 LE  xxh64 of the header with this field zero
 *
 *   block:     0     4  magic           u32 LE  "KRRB" in file order
 *              4     4  sizeBytes       u32 LE  of the whole block
 *              8     4  entryCount      u32 LE  1 or more
 *             12     4  reserved                zero
 *             16     8  checksum        u64 LE  xxh64 of the block with this field zero
 *             24        entries
 *
 *   entry:  varints: functionId (gap to the entry before in the block) | weight - 1 | rows - 1 | errors
 *             | firstUs - minStartUs | lastUs - firstUs | minNs | maxNs - minNs
 *             | sum of durations / 2^32, the rest of it | sum of the time in children / 2^32, the rest of it
 *             | size of the histogram
 *           squaredDeviations f64 LE | sparse histogram (histogram.md)
 *
 * Entries ascend by function, then weight, then start. Header and blocks cover the file without a gap.
 */
import { HISTOGRAM_SCALE } from '../../metrics/histogram.ts'
import type { CallSummary } from '../call-totals.ts'
import type { Kernels } from '../kernels/kernels.ts'
import { SPARSE_HISTOGRAM_MAX_BYTES } from '../kernels/sizes.ts'
import type { SequenceInterval } from './directory.ts'
import {
  corruption,
  hasChecksum,
  readSafeI64,
  readSafeU64,
  sealChecksum,
  tooNew,
  write64,
  type FileBytes,
} from './file-bytes.ts'
import { MAX_DURATION_NS, MAX_WEIGHT } from './rows.ts'
import { VarintReader, writeVarint } from './varint.ts'
import { ROLL_UP_BLOCK_MAGIC, ROLL_UP_MAGIC, ROLL_UP_VERSION } from './versions.ts'

export const ROLL_UP_HEADER_SIZE_BYTES = 64
export const ROLL_UP_BLOCK_HEADER_SIZE_BYTES = 24
export const HOUR_US = 3_600_000_000

/** A block takes no further entry beyond this. */
export const ROLL_UP_BLOCK_SIZE_BYTES = 65_536

/** Thirteen varints, a double and a histogram. */
export const MAX_ROLL_UP_ENTRY_SIZE_BYTES = 13 * 8 + 8 + SPARSE_HISTOGRAM_MAX_BYTES
export const MAX_ROLL_UP_BLOCK_SIZE_BYTES = ROLL_UP_BLOCK_SIZE_BYTES + MAX_ROLL_UP_ENTRY_SIZE_BYTES

/** Rows of one entry: histograms count in 32 bits. More rows of an hour make another entry. */
export const MAX_ROLL_UP_ENTRY_ROWS = 0xffff_ffff

/** An entry is no shorter: thirteen varints and a double. */
const MIN_ENTRY_SIZE_BYTES = 21
const CHECKSUM = 56
const BLOCK_CHECKSUM = 16
const WORD = 2 ** 32
const MAX_U32 = 0xffff_ffff
const MAX_VARINT = Number.MAX_SAFE_INTEGER

export interface RollUpHeader {
  sequenceLow: number
  sequenceHigh: number
  rowCount: number
  minStartUs: number
  maxStartUs: number
  entryCount: number
  blockCount: number
}

/** Totals of the rows of one function and weight that start in one hour; `calls` counts rows, each once. */
export interface RollUpEntry extends CallSummary {
  functionId: number
  weight: number
  histogram: number // address of the sparse histogram
  histogramSize: number
}

/** Writes the header at `to` in the kernels' memory; ROLL_UP_HEADER_SIZE_BYTES long. */
export function encodeRollUpHeader(kernels: Kernels, header: RollUpHeader, to: number): void {
  kernels.u8.fill(0, to, to + ROLL_UP_HEADER_SIZE_BYTES)
  const { view } = kernels
  view.setUint32(to, ROLL_UP_MAGIC, true)
  view.setUint16(to + 4, ROLL_UP_VERSION, true)
  view.setUint32(to + 8, header.sequenceLow, true)
  view.setUint32(to + 12, header.sequenceHigh, true)
  write64(view, to + 16, header.rowCount)
  write64(view, to + 24, header.minStartUs)
  write64(view, to + 32, header.maxStartUs)
  view.setUint32(to + 40, header.entryCount, true)
  view.setUint32(to + 44, header.blockCount, true)
  view.setUint8(to + 48, HISTOGRAM_SCALE)
  sealChecksum(kernels, to, ROLL_UP_HEADER_SIZE_BYTES, CHECKSUM)
}

/**
 * @param file     begins at byte 0 of the roll-up
 * @param interval of the file's name
 * @throws {CorruptionError} KRONICLER_VERSION; KRONICLER_CORRUPT
 */
export function decodeRollUpHeader(file: FileBytes, interval: SequenceInterval): RollUpHeader {
  const { kernels, pointer } = file
  if (file.sizeBytes < ROLL_UP_HEADER_SIZE_BYTES) {
    throw corruption(file, 0, 'the header of the roll-up is cut off')
  }
  if (!hasChecksum(kernels, pointer, ROLL_UP_HEADER_SIZE_BYTES, CHECKSUM)) {
    throw corruption(file, 0, 'checksum of the header does not match')
  }
  const { view } = kernels
  if (view.getUint32(pointer, true) !== ROLL_UP_MAGIC) throw corruption(file, 0, 'not a roll-up')
  const version = view.getUint16(pointer + 4, true)
  if (version === 0) throw corruption(file, 4, 'roll-up version 0')
  if (version > ROLL_UP_VERSION) throw tooNew(file, 4, `roll-up version ${version}`)
  const flags = view.getUint16(pointer + 6, true)
  if (flags !== 0) throw tooNew(file, 6, `unknown flags ${flags}`)
  const scale = view.getUint8(pointer + 48)
  if (scale !== HISTOGRAM_SCALE) throw tooNew(file, 48, `histograms of scale ${scale}`)
  const header: RollUpHeader = {
    sequenceLow: view.getUint32(pointer + 8, true),
    sequenceHigh: view.getUint32(pointer + 12, true),
    rowCount: readSafeU64(view, pointer + 16),
    minStartUs: readSafeI64(view, pointer + 24),
    maxStartUs: readSafeI64(view, pointer + 32),
    entryCount: view.getUint32(pointer + 40, true),
    blockCount: view.getUint32(pointer + 44, true),
  }
  if (header.sequenceLow !== interval.low || header.sequenceHigh !== interval.high) {
    const inside = `${header.sequenceLow}-${header.sequenceHigh}`
    throw corruption(file, 8, `the file is named otherwise, it holds logs ${inside}`)
  }
  if (!(header.minStartUs <= header.maxStartUs) || Number.isNaN(header.rowCount)) {
    throw corruption(file, 16, 'a number of the header is out of range')
  }
  return header
}

/**
 * Writes an entry at `at` in the kernels' memory, whose views are not replaced.
 *
 * @param previousId function id of the entry before in the block, 0 if there is none
 * @param minStartUs of the header
 * @returns end of the entry, at most MAX_ROLL_UP_ENTRY_SIZE_BYTES behind `at`
 */
export function encodeRollUpEntry(
  kernels: Kernels,
  entry: RollUpEntry,
  previousId: number,
  minStartUs: number,
  at: number,
): number {
  const { u8, view } = kernels
  const childrenHigh = Math.floor(entry.childrenNs / WORD)
  const sumCarry = Math.floor(entry.sumLow / WORD)
  for (const value of [
    entry.functionId - previousId,
    entry.weight - 1,
    entry.calls - 1,
    entry.errors,
    entry.firstUs - minStartUs,
    entry.lastUs - entry.firstUs,
    entry.minNs,
    entry.maxNs - entry.minNs,
    entry.sumHigh + sumCarry,
    entry.sumLow - sumCarry * WORD,
    childrenHigh,
    entry.childrenNs - childrenHigh * WORD,
    entry.histogramSize,
  ]) {
    at = writeVarint(u8, at, value)
  }
  view.setFloat64(at, entry.squaredDeviations, true)
  at += 8
  u8.copyWithin(at, entry.histogram, entry.histogram + entry.histogramSize)
  return at + entry.histogramSize
}

/** Writes the header of a block that begins at `at` and ends at `end`, its entries being in place. */
export function encodeRollUpBlock(
  kernels: Kernels,
  entryCount: number,
  at: number,
  end: number,
): void {
  const { view } = kernels
  view.setUint32(at, ROLL_UP_BLOCK_MAGIC, true)
  view.setUint32(at + 4, end - at, true)
  view.setUint32(at + 8, entryCount, true)
  view.setUint32(at + 12, 0, true)
  sealChecksum(kernels, at, end - at, BLOCK_CHECKSUM)
}

/**
 * Size of the block at a position, its checksum verified.
 *
 * @throws {CorruptionError} KRONICLER_CORRUPT; KRONICLER_TORN: the file ends inside it
 */
export function rollUpBlockSize(file: FileBytes, position: number): number {
  const { kernels } = file
  const left = file.sizeBytes - position
  if (left < ROLL_UP_BLOCK_HEADER_SIZE_BYTES) throw corruption(file, position, 'a block is cut off')
  const at = file.pointer + position
  const sizeBytes = kernels.view.getUint32(at + 4, true)
  const isBlock =
    kernels.view.getUint32(at, true) === ROLL_UP_BLOCK_MAGIC &&
    sizeBytes >= ROLL_UP_BLOCK_HEADER_SIZE_BYTES + MIN_ENTRY_SIZE_BYTES &&
    sizeBytes <= MAX_ROLL_UP_BLOCK_SIZE_BYTES
  if (!isBlock) throw corruption(file, position, 'not a block of a roll-up')
  if (sizeBytes > left) throw corruption(file, position, 'a block is cut off')
  if (!hasChecksum(kernels, at, sizeBytes, BLOCK_CHECKSUM)) {
    throw corruption(file, position, 'checksum of a block does not match')
  }
  return sizeBytes
}

/**
 * Decodes the entries of a block.
 *
 * @param sizeBytes of the block, as rollUpBlockSize gave it
 * @param onEntry   the entry is reused for the next one
 * @throws {CorruptionError} KRONICLER_CORRUPT
 */
export function decodeRollUpBlock(
  file: FileBytes,
  position: number,
  sizeBytes: number,
  header: RollUpHeader,
  onEntry: (entry: RollUpEntry) => void,
): void {
  const { u8, view } = file.kernels
  const base = file.pointer
  const end = base + position + sizeBytes
  const entryCount = view.getUint32(base + position + 8, true)
  const fail = (at: number, reason: string) => corruption(file, at - base, reason)
  const reader = new VarintReader(u8, base + position + ROLL_UP_BLOCK_HEADER_SIZE_BYTES, end, fail)
  const entry = emptyEntry()
  for (let i = 0; i < entryCount; i++) {
    const at = reader.position
    entry.functionId += reader.next(MAX_U32 - entry.functionId)
    entry.weight = 1 + reader.next(MAX_WEIGHT - 1)
    entry.calls = 1 + reader.next(MAX_ROLL_UP_ENTRY_ROWS - 1)
    entry.errors = reader.next(entry.calls)
    entry.firstUs = header.minStartUs + reader.next(header.maxStartUs - header.minStartUs)
    entry.lastUs = entry.firstUs + reader.next(header.maxStartUs - entry.firstUs)
    entry.minNs = reader.next(MAX_DURATION_NS)
    entry.maxNs = entry.minNs + reader.next(MAX_DURATION_NS - entry.minNs)
    entry.sumHigh = reader.next(MAX_VARINT)
    entry.sumLow = reader.next(MAX_U32)
    entry.childrenNs = reader.next(MAX_VARINT) * WORD
    entry.childrenNs += reader.next(MAX_U32)
    entry.histogramSize = reader.next(SPARSE_HISTOGRAM_MAX_BYTES)
    const numbers = reader.position
    if (numbers + 8 + entry.histogramSize > end) throw fail(at, 'an entry reaches beyond its block')
    entry.squaredDeviations = view.getFloat64(numbers, true)
    entry.histogram = numbers + 8
    reader.position = entry.histogram + entry.histogramSize
    if (!(entry.squaredDeviations >= 0)) throw fail(numbers, 'squared deviations are negative')
    onEntry(entry)
  }
  if (!reader.done) throw fail(reader.position, 'bytes behind the last entry of a block')
}

function emptyEntry(): RollUpEntry {
  return {
    functionId: 0,
    weight: 1,
    calls: 0,
    errors: 0,
    sumHigh: 0,
    sumLow: 0,
    squaredDeviations: 0,
    minNs: Infinity,
    maxNs: 0,
    childrenNs: 0,
    firstUs: Infinity,
    lastUs: -Infinity,
    histogram: 0,
    histogramSize: 0,
  }
}
