/**
 * @module database/format/pages
 * Pages of a chunk, or of several that share them: durations, start times, errors. Format v2; the full text is
 * docs/format/segment.md.
 *
 *   duration page  codec 0: PFOR of min(duration, 2^32 - 1), base = the chunk's minimum, likewise saturated;
 *                  codec 1: Huffman of the same values, without a base
 *                  with CHUNK_FLAG_LONG then: count u16 | { row u16, durationNs u64 } x count, rows ascending
 *   start page     codec 0: PFOR of the gaps to the row before of the same function and weight in µs, of the first one to
 *                  the page's smallest start, base 0; codec 2: Huffman of the gaps; codec 3: PFOR of their low 32 bits, then of
 *                  the rest, both with base 0; codec 1, only in segments of version 1: the gaps as varints
 *   error page     { gap varint, type varint } x errorCount, gap = rows between this error and the one before
 *
 * Every decoder checks that the page is used up exactly, so a page that was cut in the wrong place cannot pass.
 */
import type { Kernels } from '../kernels/kernels.ts'
import {
  HUFFMAN_MARK_SIZE_BYTES,
  HUFFMAN_MARK_VALUES,
  huffmanMarksBytes,
  huffmanMaxBytes,
  PFOR_BLOCK_VALUES,
  pforMaxBytes,
} from '../kernels/sizes.ts'
import { corruption, readSafeU64, write64, type FileBytes } from './file-bytes.ts'
import { LONG_DURATION_NS, MAX_DURATION_NS } from './rows.ts'
import { VarintReader, writeVarint } from './varint.ts'
import {
  CHUNK_FLAG_LONG,
  DURATION_CODEC_HUFFMAN,
  DURATION_CODEC_PFOR,
  START_CODEC_HUFFMAN,
  START_CODEC_PFOR,
  START_CODEC_VARINT,
  START_CODEC_WIDE,
} from './versions.ts'

/** Rows of a chunk at most. */
export const MAX_CHUNK_ROWS = 16_384
const LONG_SIZE_BYTES = 10
const MAX_ERROR_TYPE = 0xffff
const WORD = 2 ** 32

/** Chunks with fewer rows are not worth a Huffman code: what tells the code takes what it saves. */
const HUFFMAN_MIN_ROWS = 128
/** Chunks with as many rows are coded so without trying what else there is. */
const HUFFMAN_ALWAYS_ROWS = 1024

/** What a page's decoder must know of the chunk that has it, or of all those that share it. */
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
  return valuesBound(rowCount) + 2 + LONG_SIZE_BYTES * rowCount
}

export function startPageBound(rowCount: number): number {
  return Math.max(valuesBound(rowCount), 2 * pforMaxBytes(rowCount))
}

export function errorPageBound(errorCount: number): number {
  return 6 * errorCount
}

/** Room for whichever codec is smallest, and for the two that are compared. */
function valuesBound(rowCount: number): number {
  return pforMaxBytes(rowCount) + huffmanMaxBytes(rowCount)
}

/** Where a page ends, and how it is coded. */
export interface EncodedPage {
  end: number
  codec: number // bits of the chunk's codec byte
}

/**
 * @param saturated   pointer to u32[rowCount], min(duration, 2^32 - 1), readable to a multiple of 128 values
 * @param durationsNs exact; looked at only if `long`
 * @param first       index of the chunk's first row in `durationsNs`
 * @param dense       whether the page shall be small rather than fast to scan
 */
export function encodeDurationPage(
  kernels: Kernels,
  saturated: number,
  rowCount: number,
  minDurationNs: number,
  long: boolean,
  durationsNs: Float64Array,
  first: number,
  dense: boolean,
  to: number,
): EncodedPage {
  const base = Math.min(minDurationNs, LONG_DURATION_NS)
  const { end, isHuffman } = dense
    ? encodeSmallest(kernels, saturated, rowCount, base, to)
    : { end: kernels.pforEncode(saturated, rowCount, base, to), isHuffman: false }
  const codec = isHuffman ? DURATION_CODEC_HUFFMAN : DURATION_CODEC_PFOR
  if (!long) return { end, codec }
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
  return { end: at, codec: codec | CHUNK_FLAG_LONG }
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
  const codec = chunk.codec & 0x0f
  let end: number
  if (codec === DURATION_CODEC_PFOR) {
    const base = Math.min(chunk.minDurationNs, LONG_DURATION_NS)
    end = decodePfor(page, 0, chunk.rowCount, base, to)
  } else if (codec === DURATION_CODEC_HUFFMAN) {
    end = decodeHuffman(page, chunk.rowCount, to)
  } else {
    throw corruption(page, 0, `unknown duration codec ${codec}`)
  }
  if ((chunk.codec & CHUNK_FLAG_LONG) === 0) {
    if (end !== page.sizeBytes)
      throw corruption(page, end, 'the duration page is longer than its data')
    return undefined
  }
  return decodeLongs(page, end, chunk, to)
}

/**
 * @param gaps     pointer to u32[rowCount], readable to a multiple of 128 values
 * @param wide     whether a gap is 2^32 µs or more
 * @param startsUs exact; looked at only if `wide`
 * @param groups   rows of each group of the page; the gap of a group's first row is that to `minStartUs`
 */
export function encodeStartPage(
  kernels: Kernels,
  gaps: number,
  wide: boolean,
  startsUs: Float64Array,
  groups: readonly { rowCount: number }[],
  minStartUs: number,
  to: number,
): EncodedPage {
  if (!wide) {
    const { end, isHuffman } = encodeSmallest(kernels, gaps, startsUs.length, 0, to)
    return { end, codec: (isHuffman ? START_CODEC_HUFFMAN : START_CODEC_PFOR) << 4 }
  }
  const lowEnd = encodeWords(kernels, gaps, startsUs, groups, minStartUs, to, (gap) => gap % WORD)
  const end = encodeWords(kernels, gaps, startsUs, groups, minStartUs, lowEnd, (gap) =>
    Math.floor(gap / WORD),
  )
  return { end, codec: START_CODEC_WIDE << 4 }
}

/** One word of each gap as PFOR. @returns its end */
function encodeWords(
  kernels: Kernels,
  scratch: number,
  startsUs: Float64Array,
  groups: readonly { rowCount: number }[],
  minStartUs: number,
  to: number,
  wordOf: (gap: number) => number,
): number {
  const { u32 } = kernels
  let row = 0
  for (const { rowCount } of groups) {
    let previousUs = minStartUs
    for (const end = row + rowCount; row < end; row++) {
      u32[scratch / 4 + row] = wordOf(startsUs[row]! - previousUs)
      previousUs = startsUs[row]!
    }
  }
  return kernels.pforEncode(scratch, startsUs.length, 0, to)
}

/**
 * Decodes the starts of a chunk to f64[rowCount] at `to`: microseconds since the epoch, ascending.
 *
 * @param chunk that has the page for itself
 * @param to    multiple of 16, decodedSizeBytes(rowCount, 8) bytes of room
 * @param gaps  scratch of decodedSizeBytes(rowCount, 4) bytes that does not overlap `to`, multiple of 16
 * @throws {CorruptionError}
 */
export function decodeStartPage(
  page: FileBytes,
  chunk: ChunkShape,
  to: number,
  gaps: number,
): void {
  const { rowCount } = chunk
  if (startCodecOf(chunk) === START_CODEC_VARINT) decodeVarintStarts(page, chunk, to)
  else {
    // the starts do not reach into this half before it has been used up
    const highGaps = to + decodedSizeBytes(rowCount, 4)
    decodeGaps(page, chunk, gaps, highGaps)
    addUpGaps(page, chunk, 0, rowCount, gaps, highGaps, to)
  }
  const { f64 } = page.kernels
  if (f64[to / 8] !== chunk.minStartUs || f64[to / 8 + rowCount - 1] !== chunk.maxStartUs) {
    throw corruption(page, 0, 'the start page does not end where its chunk does')
  }
}

/** Whether `markStartPage` can be used on it. */
export function isMarkable(shape: ChunkShape): boolean {
  return startCodecOf(shape) === START_CODEC_HUFFMAN
}

/**
 * Reads a start page through and writes marks of its gaps, huffmanMarksBytes(rowCount) bytes.
 *
 * @param chunk that has the page for itself, and is markable
 * @throws {CorruptionError}
 */
export function markStartPage(page: FileBytes, chunk: ChunkShape, marks: number): void {
  const { kernels, pointer, sizeBytes } = page
  const end = kernels.huffmanMark(pointer, chunk.rowCount, marks) - pointer
  if (!(end > 0 && end <= sizeBytes)) throw corruption(page, 0, 'the page is malformed')
  if (end !== sizeBytes) throw corruption(page, end, 'the start page is longer than its data')
  const all = marks + huffmanMarksBytes(chunk.rowCount) - HUFFMAN_MARK_SIZE_BYTES
  if (chunk.minStartUs + kernels.f64[all / 8 + 2]! !== chunk.maxStartUs) {
    throw corruption(page, 0, 'the start page does not end where its chunk does')
  }
}

/**
 * Starts of the rows behind a mark of a start page, up to the next mark, to f64[HUFFMAN_MARK_VALUES] at `to`.
 *
 * @param gaps scratch of u32[HUFFMAN_MARK_VALUES], multiple of 16
 * @returns how many
 * @throws {CorruptionError}
 */
export function decodeStartsFrom(
  page: FileBytes,
  chunk: ChunkShape,
  marks: number,
  mark: number,
  to: number,
  gaps: number,
): number {
  const { kernels, pointer } = page
  const count = Math.min(HUFFMAN_MARK_VALUES, chunk.rowCount - mark * HUFFMAN_MARK_VALUES)
  const address = marks + mark * HUFFMAN_MARK_SIZE_BYTES
  if (!kernels.huffmanDecodeFrom(pointer, address, count, gaps)) {
    throw corruption(page, 0, 'the page is malformed')
  }
  kernels.deltaDecode(gaps, count, chunk.minStartUs + kernels.f64[address / 8 + 2]!, to)
  const startUs = kernels.f64[to / 8]!
  if (mark === 0 && startUs !== chunk.minStartUs) {
    throw corruption(page, 0, 'the start page does not begin where its chunk does')
  }
  return count
}

/**
 * Decodes the gaps of a start page to u32[rowCount] at `to`, and what does not fit 32 bits of them to `highTo`, both multiples
 * of 16 with decodedSizeBytes(rowCount, 4) bytes of room.
 *
 * @throws {CorruptionError}
 */
export function decodeGaps(page: FileBytes, shape: ChunkShape, to: number, highTo: number): void {
  const { rowCount } = shape
  const codec = startCodecOf(shape)
  let end: number
  if (codec === START_CODEC_PFOR) end = decodePfor(page, 0, rowCount, 0, to)
  else if (codec === START_CODEC_HUFFMAN) end = decodeHuffman(page, rowCount, to)
  else if (codec === START_CODEC_WIDE) {
    end = decodePfor(page, decodePfor(page, 0, rowCount, 0, to), rowCount, 0, highTo)
  } else throw corruption(page, 0, `unknown start codec ${codec}`)
  if (end !== page.sizeBytes) {
    throw corruption(page, end, 'the start page is longer than its data')
  }
}

/**
 * Starts of rows [firstRow, firstRow + rowCount) of a page, which are those of a chunk, from its gaps to f64[rowCount] at `to`.
 *
 * @throws {CorruptionError}
 */
export function addUpGaps(
  page: FileBytes,
  shape: ChunkShape,
  firstRow: number,
  rowCount: number,
  gaps: number,
  highGaps: number,
  to: number,
): void {
  const { f64, u32 } = page.kernels
  if (startCodecOf(shape) === START_CODEC_WIDE) {
    const low = gaps / 4 + firstRow
    const high = highGaps / 4 + firstRow
    let startUs = shape.minStartUs
    for (let row = 0; row < rowCount; row++) {
      startUs += u32[high + row]! * WORD + u32[low + row]!
      f64[to / 8 + row] = startUs
    }
  } else page.kernels.deltaDecode(gaps + 4 * firstRow, rowCount, shape.minStartUs, to)
  if (f64[to / 8 + rowCount - 1]! > shape.maxStartUs) {
    throw corruption(page, 0, 'a start beyond its page')
  }
}

function startCodecOf({ codec }: ChunkShape): number {
  return (codec >> 4) & 7
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

/** @returns the end of the page that is in place */
function encodeSmallest(
  kernels: Kernels,
  from: number,
  rowCount: number,
  base: number,
  to: number,
): { end: number; isHuffman: boolean } {
  if (rowCount < HUFFMAN_MIN_ROWS) {
    return { end: kernels.pforEncode(from, rowCount, base, to), isHuffman: false }
  }
  const end = kernels.huffmanEncode(from, rowCount, to)
  if (rowCount >= HUFFMAN_ALWAYS_ROWS) return { end, isHuffman: true }
  const pforEnd = kernels.pforEncode(from, rowCount, base, end)
  if (pforEnd - end >= end - to) return { end, isHuffman: true }
  kernels.u8.copyWithin(to, end, pforEnd)
  return { end: to + pforEnd - end, isHuffman: false }
}

/** As decodePfor. */
function decodeHuffman(page: FileBytes, rowCount: number, to: number): number {
  const { kernels, pointer, sizeBytes } = page
  const end = kernels.huffmanDecode(pointer, rowCount, to) - pointer
  if (!(end > 0 && end <= sizeBytes)) throw corruption(page, 0, 'the page is malformed')
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
