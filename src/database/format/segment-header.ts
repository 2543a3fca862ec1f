/**
 * @module database/format/segment-header
 * First 64 and last 128 bytes of a segment. Format v2; the full text is docs/format/segment.md.
 *
 *   header: byte  size  field           type    meaning
 *              0     4  magic           u32 LE  "KRSG" in file order
 *              4     2  version         u16 LE  2
 *              6     2  flags           u16 LE  bit 0: has details: weights of chunks, and region X
 *              8     4  sequenceLow     u32 LE  first and last log inside the segment
 *             12     4  sequenceHigh    u32 LE
 *             16     8  rowCount        u64 LE
 *             24     8  minStartUs      i64 LE  0 without rows
 *             32     8  maxStartUs      i64 LE
 *             40     8  firstRow        u64 LE  arrival number of the first row
 *             48     1  histogramScale  u8      6
 *             49     7  reserved                zero
 *             56     8  checksum        u64 LE  xxh64 of the header with this field zero
 *
 *   footer: byte  size  field           type    meaning
 *              0    64  regions                 version 1: D, T, E, H: offset u64 LE and length u64 LE each; version 2: zero
 *             64    16  M                       offset u64 LE and length u64 LE of the directory
 *             80     4  chunkCount      u32 LE
 *             84     4  functionCount   u32 LE
 *             88     8  M checksum      u64 LE  xxh64 of the M region
 *             96    16  X                       version 1: offset and length; zero without details and in version 2
 *            112     8  checksum        u64 LE  xxh64 of the footer with this field zero
 *            120     4  reserved                zero
 *            124     4  magic           u32 LE  "KRSF" in file order
 *
 * Invariant: header, pages, M, and footer cover the file without a gap. In version 1 the pages stand in the regions D, T, E,
 * H, X (if any), in this order; in version 2 the directory tells the order of their runs.
 */
import { HISTOGRAM_SCALE } from '../../metrics/histogram.ts'
import type { Kernels } from '../kernels/kernels.ts'
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
import { SEGMENT_FOOTER_MAGIC, SEGMENT_MAGIC, SEGMENT_VERSION } from './versions.ts'

export const SEGMENT_HEADER_SIZE_BYTES = 64
export const SEGMENT_FOOTER_SIZE_BYTES = 128
const HEADER_CHECKSUM = 56
const FOOTER_CHECKSUM = 112
const FLAG_DETAILS = 1
const DIRECTORY_REGION = 64
const DETAILS_REGION = 96

export interface SegmentHeader {
  version: number // 1..SEGMENT_VERSION
  sequenceLow: number
  sequenceHigh: number
  rowCount: number
  minStartUs: number
  maxStartUs: number
  firstRow: number
  hasDetails: boolean // some rows may have details: the directory has columns for them, the footer a region
}

/** A part of the file: bytes [offset, offset + sizeBytes). */
export interface Region {
  offset: number
  sizeBytes: number
}

export interface SegmentFooter {
  regions: readonly Region[] | undefined // of version 1: D, T, E, H, and X if the header says so
  directory: Region
  chunkCount: number
  functionCount: number
  directoryChecksum: bigint
}

/** Writes the header at `to` in the kernels' memory; SEGMENT_HEADER_SIZE_BYTES long. */
export function encodeSegmentHeader(
  kernels: Kernels,
  header: Omit<SegmentHeader, 'version'>,
  to: number,
): void {
  kernels.u8.fill(0, to, to + SEGMENT_HEADER_SIZE_BYTES)
  const { view } = kernels
  view.setUint32(to, SEGMENT_MAGIC, true)
  view.setUint16(to + 4, SEGMENT_VERSION, true)
  view.setUint16(to + 6, header.hasDetails ? FLAG_DETAILS : 0, true)
  view.setUint32(to + 8, header.sequenceLow, true)
  view.setUint32(to + 12, header.sequenceHigh, true)
  write64(view, to + 16, header.rowCount)
  write64(view, to + 24, header.minStartUs)
  write64(view, to + 32, header.maxStartUs)
  write64(view, to + 40, header.firstRow)
  view.setUint8(to + 48, HISTOGRAM_SCALE)
  sealChecksum(kernels, to, SEGMENT_HEADER_SIZE_BYTES, HEADER_CHECKSUM)
}

/**
 * @param file begins at byte 0 of the segment
 * @throws {CorruptionError} KRONICLER_VERSION; KRONICLER_CORRUPT
 */
export function decodeSegmentHeader(file: FileBytes): SegmentHeader {
  const { kernels, pointer } = file
  if (file.sizeBytes < SEGMENT_HEADER_SIZE_BYTES) {
    throw corruption(file, 0, 'the segment header is cut off')
  }
  if (!hasChecksum(kernels, pointer, SEGMENT_HEADER_SIZE_BYTES, HEADER_CHECKSUM)) {
    throw corruption(file, 0, 'checksum of the segment header does not match')
  }
  const { view } = kernels
  if (view.getUint32(pointer, true) !== SEGMENT_MAGIC) throw corruption(file, 0, 'not a segment')
  const version = view.getUint16(pointer + 4, true)
  if (version === 0) throw corruption(file, 4, 'segment version 0')
  if (version > SEGMENT_VERSION) throw tooNew(file, 4, `segment version ${version}`)
  const flags = view.getUint16(pointer + 6, true)
  if ((flags & ~FLAG_DETAILS) !== 0) throw tooNew(file, 6, `unknown segment flags ${flags}`)
  const scale = view.getUint8(pointer + 48)
  if (scale !== HISTOGRAM_SCALE) throw tooNew(file, 48, `histograms of scale ${scale}`)
  const header: SegmentHeader = {
    version,
    sequenceLow: view.getUint32(pointer + 8, true),
    sequenceHigh: view.getUint32(pointer + 12, true),
    rowCount: readSafeU64(view, pointer + 16),
    minStartUs: readSafeI64(view, pointer + 24),
    maxStartUs: readSafeI64(view, pointer + 32),
    firstRow: readSafeU64(view, pointer + 40),
    hasDetails: (flags & FLAG_DETAILS) !== 0,
  }
  const ordered =
    header.sequenceLow <= header.sequenceHigh && header.minStartUs <= header.maxStartUs
  if (!ordered || Number.isNaN(header.rowCount + header.firstRow)) {
    throw corruption(file, 8, 'a number of the segment header is out of range')
  }
  return header
}

/** Writes the footer of a segment without regions at `to` in the kernels' memory; SEGMENT_FOOTER_SIZE_BYTES long. */
export function encodeSegmentFooter(
  kernels: Kernels,
  footer: Omit<SegmentFooter, 'regions'>,
  to: number,
): void {
  kernels.u8.fill(0, to, to + SEGMENT_FOOTER_SIZE_BYTES)
  const { view } = kernels
  write64(view, to + DIRECTORY_REGION, footer.directory.offset)
  write64(view, to + DIRECTORY_REGION + 8, footer.directory.sizeBytes)
  view.setUint32(to + 80, footer.chunkCount, true)
  view.setUint32(to + 84, footer.functionCount, true)
  view.setBigUint64(to + 88, footer.directoryChecksum, true)
  view.setUint32(to + 124, SEGMENT_FOOTER_MAGIC, true)
  sealChecksum(kernels, to, SEGMENT_FOOTER_SIZE_BYTES, FOOTER_CHECKSUM)
}

/**
 * @param file is exactly the last SEGMENT_FOOTER_SIZE_BYTES of the segment, so that file.offset + file.sizeBytes is
 *             the size of the segment
 * @throws {CorruptionError} checksum, or the regions do not cover the file
 */
export function decodeSegmentFooter(
  file: FileBytes,
  { hasDetails, version }: SegmentHeader,
): SegmentFooter {
  const { kernels, pointer } = file
  if (file.sizeBytes !== SEGMENT_FOOTER_SIZE_BYTES || file.offset < SEGMENT_HEADER_SIZE_BYTES) {
    throw corruption(file, 0, 'the segment is too short for a footer')
  }
  if (!hasChecksum(kernels, pointer, SEGMENT_FOOTER_SIZE_BYTES, FOOTER_CHECKSUM)) {
    throw corruption(file, 0, 'checksum of the segment footer does not match')
  }
  const { view } = kernels
  if (view.getUint32(pointer + 124, true) !== SEGMENT_FOOTER_MAGIC) {
    throw corruption(file, 124, 'not a segment footer')
  }
  const region = (at: number): Region => ({
    offset: readSafeU64(view, pointer + at),
    sizeBytes: readSafeU64(view, pointer + at + 8),
  })
  const directory = region(DIRECTORY_REGION)
  const regions = version === 1 ? [0, 16, 32, 48].map(region) : undefined
  if (hasDetails) regions?.push(region(DETAILS_REGION))
  checkCover(file, regions, directory)
  return {
    regions,
    directory,
    chunkCount: view.getUint32(pointer + 80, true),
    functionCount: view.getUint32(pointer + 84, true),
    directoryChecksum: view.getBigUint64(pointer + 88, true),
  }
}

/** @throws {CorruptionError} */
function checkCover(
  file: FileBytes,
  regions: readonly Region[] | undefined,
  directory: Region,
): void {
  let end = SEGMENT_HEADER_SIZE_BYTES
  for (const { offset, sizeBytes } of regions ?? []) {
    if (offset !== end || Number.isNaN(sizeBytes)) {
      throw corruption(file, 0, 'the regions of the segment do not follow each other')
    }
    end += sizeBytes
  }
  const begins = regions === undefined ? directory.offset >= end : directory.offset === end
  if (!begins || directory.offset + directory.sizeBytes !== file.offset) {
    throw corruption(file, 0, 'the regions do not cover the segment')
  }
}
