/**
 * @module database/format/segment-directory
 * The M region of a segment: one entry per chunk and per group (the chunks of one function and weight) of several
 * chunks, and the checksums of the page extents. Column after column, each a run of varints. Format v1; the full text is
 * docs/format/segment.md.
 *
 *   header   extentCount u32 LE: of the regions D, T, E, H, and of X if the segment has details
 *   chunks   functionId (gap to the chunk before) | rowCount - 1 | minStartUs - segment's | maxStartUs - minStartUs
 *            | minDurationNs | maxDurationNs - minDurationNs | codec | D, T, E page lengths | errorCount
 *            | maxErrorDurationNs of chunks with errors
 *            | of chunks with SUMMARY_MIN_ROWS and more: sum of durations / 2^32, the rest of it, H length
 *   details  if the segment has any: weight - 1 | X page lengths
 *            | of chunks with an X page: sum of the time in children / 2^32, the rest of it
 *   totals   of groups with several chunks: H length
 *   extents  of D, T, E, H, X in turn: pages in it
 *   raw      squaredDeviations f64 LE of chunks with SUMMARY_MIN_ROWS and more | extent checksums u32 LE
 *
 * Offsets are implied: pages stand in chunk order without gaps, histograms of chunks before those of groups.
 * Invariant: every byte of D, T, E, H and X is covered by exactly one extent.
 */
import type { Kernels } from '../kernels/kernels.ts'
import { corruption, type FileBytes } from './file-bytes.ts'
import { MAX_CHUNK_ROWS } from './pages.ts'
import { MAX_DURATION_NS, MAX_WEIGHT } from './rows.ts'
import type { Region, SegmentFooter, SegmentHeader } from './segment-header.ts'
import { CODEC_BITS_V1 } from './versions.ts'
import { VarintReader, writeVarint } from './varint.ts'

/** Chunks with fewer rows have no histogram, sum or squared deviations: reading the rows costs less than a microsecond. */
export const SUMMARY_MIN_ROWS = 128

/** Neighbouring pages are checked together up to this size; a larger page is an extent of its own. */
export const MAX_EXTENT_SIZE_BYTES = 65_536

const WORD = 2 ** 32
/** A chunk takes at least one byte in each of its columns, two of which are for details. */
const MIN_CHUNK_SIZE_BYTES = 11
const MIN_DETAILED_CHUNK_SIZE_BYTES = 13
const MAX_VARINT = Number.MAX_SAFE_INTEGER
const MAX_U32 = 0xffff_ffff

/** Pages of a region that are read and checked together. */
export interface Extents {
  count: number
  offsets: Float64Array // in the file; offsets[count] is the end of the region
  checksums: Uint32Array // low 32 bits of the xxh64 of each
  pageExtent: Uint32Array // extent of page i: chunk i; in H, histogram i (chunks', then groups')
}

/** The chunks of a segment in columns, in file order: by function id, then by weight, then by start. */
export interface SegmentDirectory {
  chunkCount: number
  functionIds: Uint32Array
  rowCounts: Uint32Array // 1..MAX_CHUNK_ROWS
  minStartsUs: Float64Array
  maxStartsUs: Float64Array
  minDurationsNs: Float64Array
  maxDurationsNs: Float64Array
  codecs: Uint8Array
  errorCounts: Uint32Array
  maxErrorDurationsNs: Float64Array // 0 without errors
  sumsHigh: Float64Array // sum of durations = high * 2^32 + low; both NaN below SUMMARY_MIN_ROWS
  sumsLow: Float64Array // in [0, 2^32)
  squaredDeviations: Float64Array // about the chunk's mean; NaN below SUMMARY_MIN_ROWS

  // pages: offset in the file and size in bytes
  durationOffsets: Float64Array
  durationSizes: Uint32Array
  startOffsets: Float64Array
  startSizes: Uint32Array
  errorOffsets: Float64Array
  errorSizes: Uint32Array
  histogramOffsets: Float64Array // of the chunk's sparse histogram
  histogramSizes: Uint32Array // 0: none

  details: DetailColumns | undefined // undefined: all rows of the segment have the defaults

  // groups with several chunks, in order
  totalCount: number
  totalFirstChunks: Uint32Array // index of the group's first chunk
  totalChunkCounts: Uint32Array // its chunks follow each other
  totalHistogramOffsets: Float64Array
  totalHistogramSizes: Uint32Array

  durationExtents: Extents
  startExtents: Extents
  errorExtents: Extents
  histogramExtents: Extents // page i < chunkCount: histogram of chunk i; then those of the groups
  detailsExtents: Extents | undefined // undefined: the segment has no details
}

/** Of the chunks of a segment with details. Most have none, and then these columns take no memory. */
export interface DetailColumns {
  weights: Uint32Array // 1..MAX_WEIGHT
  childrenSumsHigh: Float64Array // sum of the time in children = high * 2^32 + low
  childrenSumsLow: Float64Array // in [0, 2^32)
  pageOffsets: Float64Array // in the file; filled in by the decoder
  pageSizes: Uint32Array // 0: all rows of the chunk have the defaults, but for their weight
}

/** What a segment's writer collects: the directory's columns without what is implied. */
export type DirectoryColumns = Pick<
  SegmentDirectory,
  | 'chunkCount'
  | 'functionIds'
  | 'rowCounts'
  | 'minStartsUs'
  | 'maxStartsUs'
  | 'minDurationsNs'
  | 'maxDurationsNs'
  | 'codecs'
  | 'errorCounts'
  | 'maxErrorDurationsNs'
  | 'sumsHigh'
  | 'sumsLow'
  | 'squaredDeviations'
  | 'durationSizes'
  | 'startSizes'
  | 'errorSizes'
  | 'histogramSizes'
  | 'details'
  | 'totalCount'
  | 'totalHistogramSizes'
>

/** Extents as a writer makes them: pages in each and its checksum. */
export interface ExtentList {
  pageCounts: number[]
  checksums: number[]
}

/** Empty columns for `chunkCount` chunks and `totalCount` groups of several. */
export function createDirectoryColumns(
  chunkCount: number,
  totalCount: number,
  hasDetails: boolean,
): DirectoryColumns {
  return {
    chunkCount,
    functionIds: new Uint32Array(chunkCount),
    rowCounts: new Uint32Array(chunkCount),
    minStartsUs: new Float64Array(chunkCount),
    maxStartsUs: new Float64Array(chunkCount),
    minDurationsNs: new Float64Array(chunkCount),
    maxDurationsNs: new Float64Array(chunkCount),
    codecs: new Uint8Array(chunkCount),
    errorCounts: new Uint32Array(chunkCount),
    maxErrorDurationsNs: new Float64Array(chunkCount),
    sumsHigh: new Float64Array(chunkCount).fill(NaN),
    sumsLow: new Float64Array(chunkCount).fill(NaN),
    squaredDeviations: new Float64Array(chunkCount).fill(NaN),
    durationSizes: new Uint32Array(chunkCount),
    startSizes: new Uint32Array(chunkCount),
    errorSizes: new Uint32Array(chunkCount),
    histogramSizes: new Uint32Array(chunkCount),
    details: hasDetails ? createDetailColumns(chunkCount) : undefined,
    totalCount,
    totalHistogramSizes: new Uint32Array(totalCount),
  }
}

function createDetailColumns(chunkCount: number): DetailColumns {
  return {
    weights: new Uint32Array(chunkCount).fill(1),
    childrenSumsHigh: new Float64Array(chunkCount),
    childrenSumsLow: new Float64Array(chunkCount),
    pageOffsets: new Float64Array(chunkCount),
    pageSizes: new Uint32Array(chunkCount),
  }
}

/** Bytes that `encodeSegmentDirectory` may write. */
export function segmentDirectoryBound(columns: DirectoryColumns, extentCount: number): number {
  return 20 + columns.chunkCount * 156 + columns.totalCount * 8 + extentCount * 12
}

/**
 * Writes the M region at `to` in the kernels' memory.
 *
 * @param segmentMinStartUs of the segment's header
 * @param extents           of D, T, E, H, and of X if the segment has details
 * @returns end of the region
 */
export function encodeSegmentDirectory(
  kernels: Kernels,
  columns: DirectoryColumns,
  segmentMinStartUs: number,
  extents: readonly ExtentList[],
  to: number,
): number {
  const { u8, view } = kernels
  const { chunkCount, rowCounts, errorCounts } = columns
  extents.forEach(({ pageCounts }, i) => {
    view.setUint32(to + 4 * i, pageCounts.length, true)
  })
  let at = to + 4 * extents.length
  const column = (valueOf: (chunk: number) => number, has?: (chunk: number) => boolean) => {
    for (let chunk = 0; chunk < chunkCount; chunk++) {
      if (has === undefined || has(chunk)) at = writeVarint(u8, at, valueOf(chunk))
    }
  }
  const summarised = (chunk: number) => rowCounts[chunk]! >= SUMMARY_MIN_ROWS
  column((chunk) => columns.functionIds[chunk]! - (chunk > 0 ? columns.functionIds[chunk - 1]! : 0))
  column((chunk) => rowCounts[chunk]! - 1)
  column((chunk) => columns.minStartsUs[chunk]! - segmentMinStartUs)
  column((chunk) => columns.maxStartsUs[chunk]! - columns.minStartsUs[chunk]!)
  column((chunk) => columns.minDurationsNs[chunk]!)
  column((chunk) => columns.maxDurationsNs[chunk]! - columns.minDurationsNs[chunk]!)
  column((chunk) => columns.codecs[chunk]!)
  column((chunk) => columns.durationSizes[chunk]!)
  column((chunk) => columns.startSizes[chunk]!)
  column((chunk) => columns.errorSizes[chunk]!)
  column((chunk) => errorCounts[chunk]!)
  column(
    (chunk) => columns.maxErrorDurationsNs[chunk]!,
    (chunk) => errorCounts[chunk]! > 0,
  )
  column((chunk) => columns.sumsHigh[chunk]!, summarised)
  column((chunk) => columns.sumsLow[chunk]!, summarised)
  column((chunk) => columns.histogramSizes[chunk]!, summarised)
  if (columns.details !== undefined) {
    const { childrenSumsHigh, childrenSumsLow, pageSizes, weights } = columns.details
    const isDetailed = (chunk: number) => pageSizes[chunk]! > 0
    column((chunk) => weights[chunk]! - 1)
    column((chunk) => pageSizes[chunk]!)
    column((chunk) => childrenSumsHigh[chunk]!, isDetailed)
    column((chunk) => childrenSumsLow[chunk]!, isDetailed)
  }
  for (const sizeBytes of columns.totalHistogramSizes) at = writeVarint(u8, at, sizeBytes)
  for (const { pageCounts } of extents) {
    for (const pages of pageCounts) at = writeVarint(u8, at, pages)
  }
  for (let chunk = 0; chunk < chunkCount; chunk++) {
    if (!summarised(chunk)) continue
    view.setFloat64(at, columns.squaredDeviations[chunk]!, true)
    at += 8
  }
  for (const { checksums } of extents) {
    for (const checksum of checksums) {
      view.setUint32(at, checksum, true)
      at += 4
    }
  }
  return at
}

/**
 * Decodes the M region. Memory is bounded by the region's size, whatever it holds.
 *
 * @param file is exactly the M region
 * @throws {CorruptionError} the checksum, or a number is impossible
 */
export function decodeSegmentDirectory(
  file: FileBytes,
  header: SegmentHeader,
  footer: SegmentFooter,
): SegmentDirectory {
  const { kernels, pointer, sizeBytes } = file
  const regions = [footer.durations, footer.starts, footer.errors, footer.histograms]
  if (footer.details !== undefined) regions.push(footer.details)
  const headerSize = 4 * regions.length
  if (sizeBytes !== footer.directory.sizeBytes || sizeBytes < headerSize) {
    throw corruption(file, 0, 'the segment directory is cut off')
  }
  if (kernels.xxh64(pointer, sizeBytes) !== footer.directoryChecksum) {
    throw corruption(file, 0, 'checksum of the segment directory does not match')
  }
  const { chunkCount } = footer
  const minChunkSize = header.hasDetails ? MIN_DETAILED_CHUNK_SIZE_BYTES : MIN_CHUNK_SIZE_BYTES
  if (chunkCount * minChunkSize > sizeBytes) {
    throw corruption(file, 0, `${chunkCount} chunks do not fit the segment directory`)
  }
  const reader = new VarintReader(
    kernels.u8,
    pointer + headerSize,
    pointer + sizeBytes,
    (position, reason) => corruption(file, position - pointer, reason),
  )
  const columns = readChunks(reader, chunkCount, header)
  if (columns.details !== undefined) readDetails(reader, columns.details)
  const totals = findTotals(columns)
  for (let i = 0; i < totals.totalCount; i++) totals.totalHistogramSizes[i] = reader.next(MAX_U32)
  checkAgainst(file, columns, header, footer)

  const histogramSizes = join(columns.histogramSizes, totals.totalHistogramSizes)
  const pageSizes = [columns.durationSizes, columns.startSizes, columns.errorSizes, histogramSizes]
  if (columns.details !== undefined) pageSizes.push(columns.details.pageSizes)
  const offsets = regions.map((region, i) => layOut(file, region, pageSizes[i]!))
  if (columns.details !== undefined) columns.details.pageOffsets = offsets[4]!
  const extents = offsets.map((_, i) => readExtents(file, reader, i, pageSizes[i]!.length))
  const end = readRaw(file, reader.position - pointer, columns, extents)
  if (end !== sizeBytes) throw corruption(file, end, 'the segment directory does not end here')
  extents.forEach((extent, i) => placeExtents(extent, offsets[i]!, regions[i]!))
  return {
    ...columns,
    ...totals,
    durationOffsets: offsets[0]!,
    startOffsets: offsets[1]!,
    errorOffsets: offsets[2]!,
    histogramOffsets: offsets[3]!.subarray(0, chunkCount),
    totalHistogramOffsets: offsets[3]!.subarray(chunkCount),
    durationExtents: extents[0]!,
    startExtents: extents[1]!,
    errorExtents: extents[2]!,
    histogramExtents: extents[3]!,
    detailsExtents: extents[4],
  }
}

function readChunks(
  reader: VarintReader,
  chunkCount: number,
  header: SegmentHeader,
): DirectoryColumns {
  const columns = createDirectoryColumns(chunkCount, 0, header.hasDetails)
  const column = (
    into: { [chunk: number]: number },
    max: number,
    has?: (chunk: number) => boolean,
  ) => {
    for (let chunk = 0; chunk < chunkCount; chunk++) {
      if (has === undefined || has(chunk)) into[chunk] = reader.next(max)
    }
  }
  /** Adds to the value at hand, which must stay at or below `max`. */
  const add = (into: Float64Array | Uint32Array, chunk: number, before: number, max: number) => {
    into[chunk] = before + reader.next(max - before)
  }
  const { functionIds, minStartsUs, maxStartsUs, minDurationsNs, maxDurationsNs } = columns
  for (let chunk = 0; chunk < chunkCount; chunk++) {
    add(functionIds, chunk, chunk > 0 ? functionIds[chunk - 1]! : 0, MAX_U32)
  }
  for (let chunk = 0; chunk < chunkCount; chunk++) {
    columns.rowCounts[chunk] = 1 + reader.next(MAX_CHUNK_ROWS - 1)
  }
  for (let chunk = 0; chunk < chunkCount; chunk++) {
    minStartsUs[chunk] = header.minStartUs + reader.next(startSpan(header, header.minStartUs))
  }
  for (let chunk = 0; chunk < chunkCount; chunk++) {
    const minUs = minStartsUs[chunk]!
    maxStartsUs[chunk] = minUs + reader.next(startSpan(header, minUs))
  }
  column(minDurationsNs, MAX_DURATION_NS)
  for (let chunk = 0; chunk < chunkCount; chunk++) {
    add(maxDurationsNs, chunk, minDurationsNs[chunk]!, MAX_DURATION_NS)
  }
  column(columns.codecs, 0xff)
  column(columns.durationSizes, MAX_U32)
  column(columns.startSizes, MAX_U32)
  column(columns.errorSizes, MAX_U32)
  for (let chunk = 0; chunk < chunkCount; chunk++) {
    columns.errorCounts[chunk] = reader.next(columns.rowCounts[chunk]!)
  }
  column(columns.maxErrorDurationsNs, MAX_DURATION_NS, (chunk) => columns.errorCounts[chunk]! > 0)
  const summarised = (chunk: number) => columns.rowCounts[chunk]! >= SUMMARY_MIN_ROWS
  column(columns.sumsHigh, MAX_VARINT, summarised)
  column(columns.sumsLow, WORD - 1, summarised)
  column(columns.histogramSizes, MAX_U32, summarised)
  return columns
}

/** The columns of a segment with details. */
function readDetails(reader: VarintReader, columns: DetailColumns): void {
  const { childrenSumsHigh, childrenSumsLow, pageSizes, weights } = columns
  const chunkCount = weights.length
  for (let chunk = 0; chunk < chunkCount; chunk++) weights[chunk] = 1 + reader.next(MAX_WEIGHT - 1)
  for (let chunk = 0; chunk < chunkCount; chunk++) pageSizes[chunk] = reader.next(MAX_U32)
  for (let chunk = 0; chunk < chunkCount; chunk++) {
    if (pageSizes[chunk]! > 0) childrenSumsHigh[chunk] = reader.next(MAX_VARINT)
  }
  for (let chunk = 0; chunk < chunkCount; chunk++) {
    if (pageSizes[chunk]! > 0) childrenSumsLow[chunk] = reader.next(WORD - 1)
  }
}

/** Farthest that a chunk may reach beyond `startUs`. */
function startSpan(header: SegmentHeader, startUs: number): number {
  return Math.min(Number.MAX_SAFE_INTEGER, header.maxStartUs - startUs)
}

/** Groups whose chunks are several neighbours. */
function findTotals(columns: DirectoryColumns) {
  const { chunkCount, details, functionIds } = columns
  const belongs = (chunk: number, first: number) =>
    functionIds[chunk] === functionIds[first] &&
    (details === undefined || details.weights[chunk] === details.weights[first])
  const firsts: number[] = []
  const counts: number[] = []
  for (let first = 0; first < chunkCount;) {
    let end = first + 1
    while (end < chunkCount && belongs(end, first)) end++
    if (end - first > 1) {
      firsts.push(first)
      counts.push(end - first)
    }
    first = end
  }
  return {
    totalCount: firsts.length,
    totalFirstChunks: Uint32Array.from(firsts),
    totalChunkCounts: Uint32Array.from(counts),
    totalHistogramSizes: new Uint32Array(firsts.length),
  }
}

/** Header, footer and directory must tell the same rows and functions. */
function checkAgainst(
  file: FileBytes,
  columns: DirectoryColumns,
  header: SegmentHeader,
  footer: SegmentFooter,
): void {
  const { chunkCount, details, functionIds, rowCounts } = columns
  let rowCount = 0
  let functionCount = 0
  for (let chunk = 0; chunk < chunkCount; chunk++) {
    rowCount += rowCounts[chunk]!
    if (chunk === 0 || functionIds[chunk] !== functionIds[chunk - 1]) functionCount++
    else if (details !== undefined && details.weights[chunk]! < details.weights[chunk - 1]!) {
      throw corruption(file, 0, `the weights of function ${functionIds[chunk]} do not ascend`)
    }
  }
  if (header.version === 1 && columns.codecs.some((codec) => (codec & ~CODEC_BITS_V1) !== 0)) {
    throw corruption(file, 0, 'a codec that segments of version 1 do not have')
  }
  if (rowCount !== header.rowCount) {
    throw corruption(file, 0, `the chunks hold ${rowCount} rows, the header ${header.rowCount}`)
  }
  if (functionCount !== footer.functionCount) {
    throw corruption(file, 0, `${functionCount} functions, not ${footer.functionCount}`)
  }
}

/** Offsets in the file of pages that follow each other and fill the region. */
function layOut(file: FileBytes, region: Region, sizes: Uint32Array): Float64Array {
  const offsets = new Float64Array(sizes.length)
  let offset = region.offset
  for (let page = 0; page < sizes.length; page++) {
    offsets[page] = offset
    offset += sizes[page]!
  }
  if (offset !== region.offset + region.sizeBytes) {
    throw corruption(file, 0, `the pages do not fill the region at byte ${region.offset}`)
  }
  return offsets
}

/** Which pages belong together. Checksums and offsets are filled in later. */
function readExtents(
  file: FileBytes,
  reader: VarintReader,
  region: number,
  pageCount: number,
): Extents {
  const count = file.kernels.view.getUint32(file.pointer + 4 * region, true)
  if (count > pageCount) throw corruption(file, 4 * region, 'more extents than pages')
  const pageExtent = new Uint32Array(pageCount)
  let page = 0
  for (let extent = 0; extent < count; extent++) {
    const end = page + reader.next(pageCount - page)
    pageExtent.fill(extent, page, end)
    page = end
  }
  if (page !== pageCount)
    throw corruption(file, 4 * region, 'the extents do not cover their region')
  return {
    count,
    offsets: new Float64Array(count + 1),
    checksums: new Uint32Array(count),
    pageExtent,
  }
}

/** The columns of fixed width at `position`. @returns the position behind them */
function readRaw(
  file: FileBytes,
  position: number,
  columns: DirectoryColumns,
  extents: readonly Extents[],
): number {
  const { chunkCount, rowCounts, squaredDeviations } = columns
  const { pointer, sizeBytes } = file
  const { view } = file.kernels
  let summaries = 0
  for (let chunk = 0; chunk < chunkCount; chunk++) {
    if (rowCounts[chunk]! >= SUMMARY_MIN_ROWS) summaries++
  }
  const checksums = extents.reduce((sum, { count }) => sum + count, 0)
  if (position + 8 * summaries + 4 * checksums > sizeBytes) {
    throw corruption(file, position, 'the segment directory is cut off')
  }
  for (let chunk = 0; chunk < chunkCount; chunk++) {
    if (rowCounts[chunk]! < SUMMARY_MIN_ROWS) continue
    const squares = view.getFloat64(pointer + position, true)
    if (!(squares >= 0 && squares < Infinity)) {
      throw corruption(file, position, 'impossible squared deviations')
    }
    squaredDeviations[chunk] = squares
    position += 8
  }
  for (const extent of extents) {
    for (let i = 0; i < extent.count; i++) {
      extent.checksums[i] = view.getUint32(pointer + position, true)
      position += 4
    }
  }
  return position
}

/** Gives every extent the offset of its first page. */
function placeExtents(extents: Extents, pageOffsets: Float64Array, region: Region): void {
  const { count, offsets, pageExtent } = extents
  for (let page = pageOffsets.length - 1; page >= 0; page--) {
    offsets[pageExtent[page]!] = pageOffsets[page]!
  }
  offsets[count] = region.offset + region.sizeBytes
}

function join(first: Uint32Array, second: Uint32Array): Uint32Array {
  const joined = new Uint32Array(first.length + second.length)
  joined.set(first)
  joined.set(second, first.length)
  return joined
}
