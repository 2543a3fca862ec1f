/**
 * @module database/format/segment-directory
 * The M region of a segment in memory: its chunks, its pages, its groups of several chunks and its extents, in columns.
 * Read from version 1 (directory-v1.ts) or 2 (directory-v2.ts); the full text is docs/format/segment.md.
 *
 * A chunk is rows of one function and weight, ascending by start. Mostly it has its pages for itself. Functions with few
 * rows share theirs: such a chunk is rows [firstRow, firstRow + rowCount) of its pages, and what is told of the smallest
 * and largest values of its rows is true of all rows of the page, so it is a bound.
 *
 * Invariant: every byte of the pages is covered by exactly one extent.
 */
import type { DetailColumns } from './detail-columns.ts'
import type { Extents } from './directory-extents.ts'
import { decodeDirectoryV1 } from './directory-v1.ts'
import { decodeDirectoryV2 } from './directory-v2.ts'
import { corruption, type FileBytes } from './file-bytes.ts'
import type { SegmentFooter, SegmentHeader } from './segment-header.ts'

export type { DetailColumns, Extents }

export interface SegmentDirectory {
  // chunks: by function id, then by weight, then by start
  chunkCount: number
  functionIds: Uint32Array
  rowCounts: Uint32Array // 1..MAX_CHUNK_ROWS
  errorCounts: Uint32Array
  pages: Uint32Array // number of the chunk's page in D, T, E and X
  firstRows: Uint16Array // the chunk's first row in its pages

  // pages: in file order
  pageCount: number
  // of all rows of the page: bounds for chunks that share it, see ofChunks()
  minStartsUs: Float64Array
  maxStartsUs: Float64Array
  minDurationsNs: Float64Array
  maxDurationsNs: Float64Array
  isShared: Uint8Array // 1: with rows of several chunks, and without sums and histogram
  pageRowCounts: Uint32Array // 1..MAX_CHUNK_ROWS
  pageErrorCounts: Uint32Array
  codecs: Uint8Array
  maxErrorDurationsNs: Float64Array // 0 without errors
  sumsHigh: Float64Array // sum of durations = high * 2^32 + low; both NaN without histogram
  sumsLow: Float64Array // in [0, 2^32)
  squaredDeviations: Float64Array // about the mean of the page; NaN without histogram
  // offset in the file and size in bytes
  durationOffsets: Float64Array
  durationSizes: Uint32Array
  startOffsets: Float64Array
  startSizes: Uint32Array
  errorOffsets: Float64Array
  errorSizes: Uint32Array
  histogramOffsets: Float64Array // of the sparse histogram
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
  histogramExtents: Extents // entry i < pageCount: histogram of page i; then those of the groups
  detailsExtents: Extents | undefined // undefined: the segment has no details
}

/** What is told of each page, for each chunk. */
export function ofChunks(pages: Uint32Array, ofPages: Float64Array): Float64Array {
  const column = new Float64Array(pages.length)
  for (let chunk = 0; chunk < pages.length; chunk++) column[chunk] = ofPages[pages[chunk]!]!
  return column
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
  if (sizeBytes !== footer.directory.sizeBytes) {
    throw corruption(file, 0, 'the segment directory is cut off')
  }
  if (kernels.xxh64(pointer, sizeBytes) !== footer.directoryChecksum) {
    throw corruption(file, 0, 'checksum of the segment directory does not match')
  }
  const { regions } = footer
  if (regions !== undefined) return decodeDirectoryV1(file, header, { ...footer, regions })
  return decodeDirectoryV2(file, header, footer)
}
