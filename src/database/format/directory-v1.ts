/**
 * @module database/format/directory-v1
 * The M region of a segment of version 1, which is read, but not written any more: every chunk has its own pages, and
 * chunks of less than 128 rows have no histogram. The full text is docs/format/segment.md.
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
 */
import { readDetailPages, readWeights } from './detail-columns.ts'
import {
  checkChunks,
  findTotals,
  readCounts,
  readDurationZones,
  readStartZones,
  readValues,
} from './directory-columns.ts'
import { placeExtents, readExtents, readRawColumns } from './directory-extents.ts'
import { lengthsByRegion, placePages, type PageLengths } from './directory-pages.ts'
import { corruption, type FileBytes } from './file-bytes.ts'
import { MAX_CHUNK_ROWS } from './pages.ts'
import { MAX_DURATION_NS } from './rows.ts'
import type { SegmentDirectory } from './segment-directory.ts'
import type { Region, SegmentFooter, SegmentHeader } from './segment-header.ts'
import { VarintReader } from './varint.ts'
import { CODEC_BITS_V1 } from './versions.ts'

const SUMMARY_MIN_ROWS = 128
/** A chunk takes at least one byte in each of its columns, two of which are for details. */
const MIN_CHUNK_SIZE_BYTES = 11
const MIN_DETAILED_CHUNK_SIZE_BYTES = 13
const MAX_U32 = 0xffff_ffff

/** @throws {CorruptionError} */
export function decodeDirectoryV1(
  file: FileBytes,
  header: SegmentHeader,
  footer: SegmentFooter & { regions: readonly Region[] },
): SegmentDirectory {
  const { kernels, pointer, sizeBytes } = file
  const { chunkCount, regions } = footer
  const headerSize = 4 * regions.length
  const minChunkSize = header.hasDetails ? MIN_DETAILED_CHUNK_SIZE_BYTES : MIN_CHUNK_SIZE_BYTES
  if (headerSize + chunkCount * minChunkSize > sizeBytes) {
    throw corruption(file, 0, `${chunkCount} chunks do not fit the segment directory`)
  }
  const reader = new VarintReader(
    kernels.u8,
    pointer + headerSize,
    pointer + sizeBytes,
    (position, reason) => corruption(file, position - pointer, reason),
  )
  const functionIds = new Uint32Array(chunkCount)
  for (let chunk = 0, id = 0; chunk < chunkCount; chunk++) {
    id += reader.next(MAX_U32 - id)
    functionIds[chunk] = id
  }
  const rowCounts = readCounts(reader, chunkCount, MAX_CHUNK_ROWS - 1)
  for (let chunk = 0; chunk < chunkCount; chunk++) rowCounts[chunk]!++
  const starts = readStartZones(reader, chunkCount, header)
  const durations = readDurationZones(reader, chunkCount)
  const codecs = new Uint8Array(chunkCount)
  for (let chunk = 0; chunk < chunkCount; chunk++) {
    codecs[chunk] = reader.next(0xff)
    if ((codecs[chunk]! & ~CODEC_BITS_V1) !== 0) {
      throw corruption(file, 0, 'a codec that segments of version 1 do not have')
    }
  }
  const durationSizes = readCounts(reader, chunkCount, MAX_U32)
  const startSizes = readCounts(reader, chunkCount, MAX_U32)
  const errorSizes = readCounts(reader, chunkCount, MAX_U32)
  const errorCounts = new Uint32Array(chunkCount)
  for (let chunk = 0; chunk < chunkCount; chunk++) {
    errorCounts[chunk] = reader.next(rowCounts[chunk]!)
  }
  const hasErrors = (chunk: number) => errorCounts[chunk]! > 0
  const maxErrorDurationsNs = new Float64Array(chunkCount)
  readValues(reader, maxErrorDurationsNs, MAX_DURATION_NS, hasErrors)
  const isSummarised = (chunk: number) => rowCounts[chunk]! >= SUMMARY_MIN_ROWS
  const sumsHigh = new Float64Array(chunkCount).fill(NaN)
  const sumsLow = new Float64Array(chunkCount).fill(NaN)
  const histogramSizes = new Uint32Array(chunkCount)
  readValues(reader, sumsHigh, Number.MAX_SAFE_INTEGER, isSummarised)
  readValues(reader, sumsLow, MAX_U32, isSummarised)
  readValues(reader, histogramSizes, MAX_U32, isSummarised)
  const weights = header.hasDetails ? readWeights(reader, chunkCount) : undefined
  const details = header.hasDetails ? readDetailPages(reader, chunkCount) : undefined
  const totals = findTotals(functionIds, weights)
  const totalHistogramSizes = readCounts(reader, totals.totalCount, MAX_U32)
  checkChunks(file, functionIds, weights, rowCounts, header, footer)

  const lengths: PageLengths = {
    durationSizes,
    startSizes,
    errorSizes,
    histogramSizes,
    totalHistogramSizes,
    weights,
    details,
  }
  const extents = lengthsByRegion(lengths).map((sizes, i) =>
    readExtents(file, reader, kernels.view.getUint32(pointer + 4 * i, true), sizes),
  )
  const squaredDeviations = new Float64Array(chunkCount).fill(NaN)
  readRawColumns(file, reader.position - pointer, squaredDeviations, isSummarised, extents)
  extents.forEach((extent, i) => {
    const { offset, sizeBytes: regionSize } = regions[i]!
    if (placeExtents(extent, 0, extent.count, offset) !== offset + regionSize) {
      throw corruption(file, 0, `the pages do not fill the region at byte ${offset}`)
    }
  })
  return {
    chunkCount,
    functionIds,
    rowCounts,
    errorCounts,
    pages: Uint32Array.from(functionIds, (_, chunk) => chunk),
    firstRows: new Uint16Array(chunkCount),
    ...starts,
    ...durations,
    pageCount: chunkCount,
    isShared: new Uint8Array(chunkCount),
    pageRowCounts: rowCounts,
    pageErrorCounts: errorCounts,
    codecs,
    maxErrorDurationsNs,
    sumsHigh,
    sumsLow,
    squaredDeviations,
    ...totals,
    ...placePages(lengths, extents),
  }
}
