/**
 * @module database/format/pages
 * Pages of a chunk: its durations, its start times, its errors. Format v1; the full text is docs/format/segment.md.
 *
 *   duration page  PFOR of min(duration, 2^32 - 1), base = the chunk's minimum, likewise saturated;
 *                  with CHUNK_FLAG_LONG then: count u16 | { row u16, durationNs u64 } x count, rows ascending
 *   start page     codec 0: PFOR of the gaps to the row before in µs (first 0), base 0; codec 1: the gaps as varints
 *   error page     { gap varint, type varint } x errorCount, gap = rows between this error and the one before
 *
 * Every decoder checks that the page is used up exactly, so a page that was cut in the wrong place cannot pass.
 */
import type { Kernels } from '../kernels/kernels.ts'
import { PFOR_BLOCK_VALUES, pforMaxBytes } from '../kernels/sizes.ts'
import { corruption, readSafeU64, write64, type FileBytes } from './file-bytes.ts'
import { LONG_DURATION_NS, MAX_DURATION_NS } from './rows.ts'
import { VarintReader, writeVarint } from './varint.ts'
import {
  CHUNK_FLAG_LONG,
  DURATION_CODEC_PFOR,
  START_CODEC_PFOR,
  START_CODEC_VARINT,
} from './versions.ts'

/** Rows of a chunk at most. */
export const MAX_CHUNK_ROWS = 16_384
const LONG_SIZE_BYTES = 10
const MAX_ERROR_TYPE = 0xffff

/** What a page's decoder must know of its chunk. */
export interface ChunkShape {
  rowCount: number // 1..MAX_CHUNK_ROWS
  codec: number // the chunk's codec byte
  minStartUs: number
  maxStartUs: number
  minDurationNs: number
  maxDurationNs: number
  errorCount: number
}

/** Durations of 2^32 - 1 ns and more of a chunk. */
export interface LongDurations {
  rows: Uint16Array // ascending
  durationsNs: Float64Array
}

export interface ErrorRows {
  rows: Uint16Array // ascending
  types: Uint16Array // 1..65535
}

/** Room a decoder needs at `to` for the u32 or f64 values of a chunk: PFOR writes whole blocks of 128. */
export function decodedSizeBytes(rowCount: number, valueSizeBytes: 4 | 8): number {
  return valueSizeBytes * 128 * Math.ceil(rowCount / 128)
}

/** Bytes that a page of so many rows may take. */
export function durationPageBound(rowCount: number): number {
  return pforMaxBytes(rowCount) + 2 + LONG_SIZE_BYTES * rowCount
}

export function startPageBound(rowCount: number): number {
  return Math.max(pforMaxBytes(rowCount), 8 * rowCount)
}

export function errorPageBound(errorCount: number): number {
  return 6 * errorCount
}

/**
 * @param saturated   pointer to u32[rowCount], min(duration, 2^32 - 1), readable to a multiple of 128 values
 * @param durationsNs exact; looked at only if `long`
 * @param first       index of the chunk's first row in `durationsNs`
 * @returns end of the page
 */
export function encodeDurationPage(
  kernels: Kernels,
  saturated: number,
  rowCount: number,
  minDurationNs: number,
  long: boolean,
  durationsNs: Float64Array,
  first: number,
  to: number,
): number {
  const base = Math.min(minDurationNs, LONG_DURATION_NS)
  const end = kernels.pforEncode(saturated, rowCount, base, to)
  if (!long) return end
  const { view } = kernels
  let at = end + 2
  let count = 0
  for (let row = 0; row < rowCount; row++) {
    const durationNs = durationsNs[first + row]!
    if (durationNs < LONG_DURATION_NS) continue
    view.setUint16(at, row, true)
    write64(view, at + 2, durationNs)
    at += LONG_SIZE_BYTES
    count++
  }
  view.setUint16(end, count, true)
  return at
}

/**
 * Decodes a duration page to u32[rowCount] at `to`, with 2^32 - 1 where the duration is long.
 *
 * @param page  exactly the page; its checksum has been verified by whoever read it
 * @param to    multiple of 16 in the kernels' memory, decodedSizeBytes(rowCount, 4) bytes of room
 * @returns the long durations, undefined if there are none
 * @throws {CorruptionError}
 */
export function decodeDurationPage(
  page: FileBytes,
  chunk: ChunkShape,
  to: number,
): LongDurations | undefined {
  if ((chunk.codec & 0x0f) !== DURATION_CODEC_PFOR) {
    throw corruption(page, 0, `unknown duration codec ${chunk.codec & 0x0f}`)
  }
  const base = Math.min(chunk.minDurationNs, LONG_DURATION_NS)
  const end = decodePfor(page, 0, chunk.rowCount, base, to)
  if ((chunk.codec & CHUNK_FLAG_LONG) === 0) {
    if (end !== page.sizeBytes)
      throw corruption(page, end, 'the duration page is longer than its data')
    return undefined
  }
  return decodeLongs(page, end, chunk, to)
}

/**
 * @param gaps     pointer to u32[rowCount] from deltaEncode, readable to a multiple of 128 values
 * @param startsUs exact; looked at only by codec 1
 * @param codec    START_CODEC_PFOR, or START_CODEC_VARINT if a gap is 2^32 µs or more
 * @returns end of the page
 */
export function encodeStartPage(
  kernels: Kernels,
  gaps: number,
  rowCount: number,
  codec: number,
  startsUs: Float64Array,
  first: number,
  to: number,
): number {
  if (codec === START_CODEC_PFOR) return kernels.pforEncode(gaps, rowCount, 0, to)
  const { u8 } = kernels
  let previousUs = startsUs[first]!
  for (let row = first; row < first + rowCount; row++) {
    to = writeVarint(u8, to, startsUs[row]! - previousUs)
    previousUs = startsUs[row]!
  }
  return to
}

/**
 * Decodes a start page to f64[rowCount] at `to`: microseconds since the epoch, ascending.
 *
 * @param to   multiple of 16, decodedSizeBytes(rowCount, 8) bytes of room
 * @param gaps scratch of decodedSizeBytes(rowCount, 4) bytes that does not overlap `to`, multiple of 16
 * @throws {CorruptionError}
 */
export function decodeStartPage(
  page: FileBytes,
  chunk: ChunkShape,
  to: number,
  gaps: number,
): void {
  const { kernels } = page
  const codec = (chunk.codec >> 4) & 7
  if (codec === START_CODEC_PFOR) {
    const end = decodePfor(page, 0, chunk.rowCount, 0, gaps)
    if (end !== page.sizeBytes)
      throw corruption(page, end, 'the start page is longer than its data')
    kernels.deltaDecode(gaps, chunk.rowCount, chunk.minStartUs, to)
  } else if (codec === START_CODEC_VARINT) {
    decodeVarintStarts(page, chunk, to)
  } else {
    throw corruption(page, 0, `unknown start codec ${codec}`)
  }
  const { f64 } = kernels
  const first = f64[to / 8]
  const last = f64[to / 8 + chunk.rowCount - 1]
  if (first !== chunk.minStartUs || last !== chunk.maxStartUs) {
    throw corruption(page, 0, 'the start page does not end where its chunk does')
  }
}

/**
 * @param errorTypes the chunk's row r stands at errorTypes[first + r]
 * @param errorRows  the chunk's rows with an error, ascending: errorRows[0 .. errorCount)
 * @returns end of the page
 */
export function encodeErrorPage(
  kernels: Kernels,
  errorTypes: Uint16Array,
  first: number,
  errorRows: Uint16Array,
  errorCount: number,
  to: number,
): number {
  const { u8 } = kernels
  let next = 0
  for (let i = 0; i < errorCount; i++) {
    const row = errorRows[i]!
    to = writeVarint(u8, to, row - next)
    to = writeVarint(u8, to, errorTypes[first + row]!)
    next = row + 1
  }
  return to
}

/** @throws {CorruptionError} */
export function decodeErrorPage(page: FileBytes, chunk: ChunkShape): ErrorRows {
  const reader = pageReader(page)
  const errors = {
    rows: new Uint16Array(chunk.errorCount),
    types: new Uint16Array(chunk.errorCount),
  }
  let next = 0
  for (let i = 0; i < chunk.errorCount; i++) {
    const row = next + reader.next(chunk.rowCount)
    if (row >= chunk.rowCount) throw corruption(page, 0, 'an error of an impossible row')
    const type = reader.next(MAX_ERROR_TYPE)
    if (type === 0) throw corruption(page, 0, 'an error without a type')
    errors.rows[i] = row
    errors.types[i] = type
    next = row + 1
  }
  if (!reader.done) throw corruption(page, 0, 'the error page is longer than its data')
  return errors
}

/**
 * Decodes the PFOR data at `position` of a page to u32[rowCount] at `to`, a multiple of 16 with decodedSizeBytes(rowCount, 4)
 * bytes of room.
 *
 * @returns position behind it, in position + 1 .. page.sizeBytes
 * @throws {CorruptionError}
 */
export function decodePfor(
  page: FileBytes,
  position: number,
  rowCount: number,
  base: number,
  to: number,
): number {
  const { kernels, pointer, sizeBytes } = page
  const end = kernels.pforDecode(pointer + position, rowCount, base, to) - pointer
  if (!(end > position && end <= sizeBytes))
    throw corruption(page, position, 'the page is malformed')
  return end
}

/**
 * Passes over a PFOR page without decoding it.
 *
 * @returns position behind it, as decodePfor
 * @throws {CorruptionError}
 */
export function skipPfor(page: FileBytes, position: number, rowCount: number): number {
  const { u8 } = page.kernels
  const blocks = Math.ceil(rowCount / PFOR_BLOCK_VALUES)
  let end = position + 2 * blocks
  if (end <= page.sizeBytes) {
    for (let block = 0, at = page.pointer + position; block < blocks; block++, at += 2) {
      const rows = Math.min(PFOR_BLOCK_VALUES, rowCount - block * PFOR_BLOCK_VALUES)
      const width = u8[at]!
      const exceptions = u8[at + 1]! & 63
      end += 16 * Math.ceil((Math.ceil(rows / 4) * width) / 32)
      end += exceptions + (exceptions << (u8[at + 1]! >>> 6))
    }
  }
  if (end > page.sizeBytes) throw corruption(page, position, 'the page is malformed')
  return end
}

function decodeLongs(page: FileBytes, end: number, chunk: ChunkShape, to: number): LongDurations {
  const { u32, view } = page.kernels
  const at = page.pointer + end
  const count = end + 2 <= page.sizeBytes ? view.getUint16(at, true) : 0
  if (page.sizeBytes !== end + 2 + LONG_SIZE_BYTES * count || count > chunk.rowCount) {
    throw corruption(page, end, 'the list of long durations does not end with its page')
  }
  const longs = { rows: new Uint16Array(count), durationsNs: new Float64Array(count) }
  let previous = -1
  for (let i = 0, entry = at + 2; i < count; i++, entry += LONG_SIZE_BYTES) {
    const row = view.getUint16(entry, true)
    const durationNs = readSafeU64(view, entry + 2)
    const possible =
      row > previous && row < chunk.rowCount && u32[to / 4 + row] === LONG_DURATION_NS
    if (!possible || !(durationNs >= LONG_DURATION_NS && durationNs <= MAX_DURATION_NS)) {
      throw corruption(page, end, 'an impossible long duration')
    }
    longs.rows[i] = row
    longs.durationsNs[i] = durationNs
    previous = row
  }
  return longs
}

function decodeVarintStarts(page: FileBytes, chunk: ChunkShape, to: number): void {
  const reader = pageReader(page)
  const { f64 } = page.kernels
  const spanUs = chunk.maxStartUs - chunk.minStartUs
  let startUs = chunk.minStartUs
  for (let row = 0; row < chunk.rowCount; row++) {
    startUs += reader.next(spanUs)
    if (startUs > chunk.maxStartUs) throw corruption(page, 0, 'a start beyond its chunk')
    f64[to / 8 + row] = startUs
  }
  if (!reader.done) throw corruption(page, 0, 'the start page is longer than its data')
}

/** Reads varints from `position` of the page on; the reader's own position is an address. */
export function pageReader(page: FileBytes, position = 0): VarintReader {
  const { pointer, sizeBytes } = page
  return new VarintReader(
    page.kernels.u8,
    pointer + position,
    pointer + sizeBytes,
    (position, reason) => corruption(page, position - pointer, reason),
  )
}
