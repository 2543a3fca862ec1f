/**
 * @module database/format/directory-v2
 * The M region of a segment: a column for everything that is known of its pages, of the groups (functions with a weight)
 * that share pages, and of extents. Written by directory-builder.ts; the full text is docs/format/segment.md.
 *
 *   header   pageCount u32 LE | extentCount u32 LE of D, T, E, H, and of X if the segment has details | runCount u32 LE
 *   pages    groups that share the page, 0: it is a chunk's own | minStartUs - segment's | maxStartUs - minStartUs
 *            | minDurationNs | maxDurationNs - minDurationNs | codec | D, T, E page lengths
 *   chunks   of pages of their own: functionId (gap to the own page before) | rowCount - 1 | errorCount
 *            | sum of durations / 2^32, the rest of it | H length
 *   groups   of shared pages: (rowCount - 1) * 4 + 2 if it has errors + 1 if its functionId is not the one after that of the
 *            group before | functionId (gap to the group before) of the latter | errorCount - 1 of those with errors
 *   errors   maxErrorDurationNs of pages with errors
 *   details  if the segment has any: weight - 1 of own pages | weight - 1 of groups | X page lengths
 *            | of pages with an X page: sum of the time in children / 2^32, the rest of it
 *   totals   of groups with several chunks: H length
 *   extents  of D, T, E, H, X in turn: pages in it
 *   runs     in file order: region (0 D, 1 T, 2 E, 3 H, 4 X) | extents in it
 *   raw      squaredDeviations f64 LE of own pages | extent checksums u32 LE
 *
 * All but header and raw are varints. Offsets are implied: runs stand in the file without gaps from the header on, the
 * extents of a region follow each other in its runs, pages in their extents.
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
import { placeExtents, readExtents, readRawColumns, type Extents } from './directory-extents.ts'
import { lengthsByRegion, placePages, type PageLengths } from './directory-pages.ts'
import { corruption, type FileBytes } from './file-bytes.ts'
import { MAX_CHUNK_ROWS } from './pages.ts'
import { MAX_DURATION_NS } from './rows.ts'
import type { SegmentDirectory } from './segment-directory.ts'
import {
  SEGMENT_HEADER_SIZE_BYTES,
  type SegmentFooter,
  type SegmentHeader,
} from './segment-header.ts'
import { VarintReader } from './varint.ts'

/** A page takes at least a byte in each of its columns, and one of its chunk or group. */
const MIN_PAGE_SIZE_BYTES = 10
const MAX_U32 = 0xffff_ffff

/** Of a group that shares a page: bits of the number that also has its rows. */
export const GROUP_HAS_GAP = 1
export const GROUP_HAS_ERRORS = 2
export const GROUP_ROWS_UNIT = 4

/** Groups that share pages, in order. */
interface SharingGroups {
  functionIds: Uint32Array
  rowCounts: Uint32Array
  errorCounts: Uint32Array
  weights: Uint32Array | undefined
}

/** Of pages of their own, by number of page. */
interface OwnPages {
  functionIds: Uint32Array
  weights: Uint32Array | undefined
}

/** @throws {CorruptionError} */
export function decodeDirectoryV2(
  file: FileBytes,
  header: SegmentHeader,
  footer: SegmentFooter,
): SegmentDirectory {
  const { kernels, pointer, sizeBytes } = file
  const regionCount = header.hasDetails ? 5 : 4
  const headerSize = 4 * (regionCount + 2)
  if (sizeBytes < headerSize) throw corruption(file, 0, 'the segment directory is cut off')
  const pageCount = kernels.view.getUint32(pointer, true)
  const runCount = kernels.view.getUint32(pointer + headerSize - 4, true)
  const chunkCount = footer.chunkCount
  const least = pageCount * (MIN_PAGE_SIZE_BYTES - 1) + chunkCount + 2 * runCount
  if (headerSize + least > sizeBytes || pageCount > chunkCount) {
    throw corruption(file, 0, `${pageCount} pages do not fit the segment directory`)
  }
  const reader = new VarintReader(
    kernels.u8,
    pointer + headerSize,
    pointer + sizeBytes,
    (position, reason) => corruption(file, position - pointer, reason),
  )
  const groupCounts = readCounts(reader, pageCount, chunkCount)
  const isShared = new Uint8Array(pageCount)
  let groupCount = 0
  let ownCount = 0
  for (let page = 0; page < pageCount; page++) {
    groupCount += groupCounts[page]!
    if (groupCounts[page] === 0) ownCount++
    else isShared[page] = 1
  }
  if (groupCount + ownCount !== chunkCount) {
    throw corruption(file, 0, `${groupCount + ownCount} chunks, not ${chunkCount}`)
  }
  const starts = readStartZones(reader, pageCount, header)
  const durations = readDurationZones(reader, pageCount)
  const codecs = new Uint8Array(pageCount)
  for (let page = 0; page < pageCount; page++) codecs[page] = reader.next(0xff)
  const durationSizes = readCounts(reader, pageCount, MAX_U32)
  const startSizes = readCounts(reader, pageCount, MAX_U32)
  const errorSizes = readCounts(reader, pageCount, MAX_U32)

  const isOwn = (page: number) => isShared[page] === 0
  const functionIds = new Uint32Array(pageCount)
  for (let page = 0, id = 0; page < pageCount; page++) {
    if (isShared[page] === 1) continue
    id += reader.next(MAX_U32 - id)
    functionIds[page] = id
  }
  const pageRowCounts = new Uint32Array(pageCount)
  readValues(reader, pageRowCounts, MAX_CHUNK_ROWS - 1, isOwn)
  for (let page = 0; page < pageCount; page++) if (isShared[page] === 0) pageRowCounts[page]!++
  const pageErrorCounts = new Uint32Array(pageCount)
  for (let page = 0; page < pageCount; page++) {
    if (isShared[page] === 0) pageErrorCounts[page] = reader.next(pageRowCounts[page]!)
  }
  const sumsHigh = new Float64Array(pageCount).fill(NaN)
  const sumsLow = new Float64Array(pageCount).fill(NaN)
  const histogramSizes = new Uint32Array(pageCount)
  readValues(reader, sumsHigh, Number.MAX_SAFE_INTEGER, isOwn)
  readValues(reader, sumsLow, MAX_U32, isOwn)
  readValues(reader, histogramSizes, MAX_U32, isOwn)

  const groups = readGroups(file, reader, groupCount)
  addUpPages(file, groupCounts, groups, pageRowCounts, pageErrorCounts)
  const maxErrorDurationsNs = new Float64Array(pageCount)
  readValues(reader, maxErrorDurationsNs, MAX_DURATION_NS, (page) => pageErrorCounts[page]! > 0)
  const own: OwnPages = { functionIds, weights: undefined }
  if (header.hasDetails) {
    const ownWeights = readWeights(reader, ownCount)
    own.weights = new Uint32Array(pageCount)
    for (let page = 0, i = 0; page < pageCount; page++) {
      if (isShared[page] === 0) own.weights[page] = ownWeights[i++]!
    }
    groups.weights = readWeights(reader, groupCount)
  }
  const details = header.hasDetails ? readDetailPages(reader, pageCount) : undefined
  const pages = { pageCount, isShared, pageRowCounts, pageErrorCounts }
  const { weights, ...chunks } = mergeChunks(file, chunkCount, pages, own, groupCounts, groups)
  checkChunks(file, chunks.functionIds, weights, chunks.rowCounts, header, footer)
  const totals = findTotals(chunks.functionIds, weights)
  const totalHistogramSizes = readCounts(reader, totals.totalCount, MAX_U32)

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
    readExtents(file, reader, kernels.view.getUint32(pointer + 4 * (i + 1), true), sizes),
  )
  placeRuns(file, reader, runCount, extents, footer.directory.offset)
  const squaredDeviations = new Float64Array(pageCount).fill(NaN)
  readRawColumns(file, reader.position - pointer, squaredDeviations, isOwn, extents)
  return {
    chunkCount,
    ...chunks,
    pageCount,
    ...starts,
    ...durations,
    isShared,
    pageRowCounts,
    pageErrorCounts,
    codecs,
    maxErrorDurationsNs,
    sumsHigh,
    sumsLow,
    squaredDeviations,
    ...totals,
    ...placePages(lengths, extents),
  }
}

function readGroups(file: FileBytes, reader: VarintReader, count: number): SharingGroups {
  const functionIds = new Uint32Array(count)
  const rowCounts = new Uint32Array(count)
  const errorCounts = new Uint32Array(count)
  const flags = new Uint8Array(count)
  for (let group = 0; group < count; group++) {
    const head = reader.next(GROUP_ROWS_UNIT * MAX_CHUNK_ROWS - 1)
    rowCounts[group] = 1 + Math.floor(head / GROUP_ROWS_UNIT)
    flags[group] = head % GROUP_ROWS_UNIT
  }
  let id = -1
  for (let group = 0; group < count; group++) {
    id += (flags[group]! & GROUP_HAS_GAP) === 0 ? 1 : reader.next(MAX_U32 - id)
    if (id < 0 || id > MAX_U32) throw corruption(file, 0, 'an impossible function id')
    functionIds[group] = id
  }
  for (let group = 0; group < count; group++) {
    if ((flags[group]! & GROUP_HAS_ERRORS) === 0) continue
    errorCounts[group] = 1 + reader.next(rowCounts[group]! - 1)
  }
  return { functionIds, rowCounts, errorCounts, weights: undefined }
}

/** Rows and errors of shared pages are those of their groups. */
function addUpPages(
  file: FileBytes,
  groupCounts: Uint32Array,
  { errorCounts, rowCounts }: SharingGroups,
  pageRowCounts: Uint32Array,
  pageErrorCounts: Uint32Array,
): void {
  let group = 0
  for (let page = 0; page < groupCounts.length; page++) {
    for (const end = group + groupCounts[page]!; group < end; group++) {
      pageRowCounts[page]! += rowCounts[group]!
      pageErrorCounts[page]! += errorCounts[group]!
      // checked on the way, so that no sum of many overflows
      if (pageRowCounts[page]! > MAX_CHUNK_ROWS) {
        throw corruption(file, 0, `page ${page} holds too many rows`)
      }
    }
  }
}

interface CountedPages {
  pageCount: number
  isShared: Uint8Array
  pageRowCounts: Uint32Array
  pageErrorCounts: Uint32Array
}

/** Chunks with pages of their own and groups that share pages, both of which are in order, in one order. */
function mergeChunks(
  file: FileBytes,
  chunkCount: number,
  pages: CountedPages,
  own: OwnPages,
  groupCounts: Uint32Array,
  groups: SharingGroups,
) {
  const { isShared, pageCount, pageErrorCounts, pageRowCounts } = pages
  const functionIds = new Uint32Array(chunkCount)
  const rowCounts = new Uint32Array(chunkCount)
  const errorCounts = new Uint32Array(chunkCount)
  const weights = own.weights === undefined ? undefined : new Uint32Array(chunkCount)
  const pageOf = new Uint32Array(chunkCount)
  const firstRows = new Uint16Array(chunkCount)
  const groupCount = groups.functionIds.length
  let page = 0 // the next own page
  let group = 0
  let groupPage = 0 // that of the next group
  let groupsLeft = 0 // in it
  let firstRow = 0 // in it
  for (let chunk = 0; chunk < chunkCount; chunk++) {
    while (page < pageCount && isShared[page] === 1) page++
    const hasOwn = page < pageCount
    let isNextOwn = hasOwn && group === groupCount
    if (hasOwn && group < groupCount) {
      const gap = own.functionIds[page]! - groups.functionIds[group]!
      const weightGap = (own.weights?.[page] ?? 0) - (groups.weights?.[group] ?? 0)
      isNextOwn = gap < 0 || (gap === 0 && weightGap < 0)
      if (gap === 0 && weightGap === 0) throw twice(file, own.functionIds[page]!)
    }
    if (isNextOwn) {
      functionIds[chunk] = own.functionIds[page]!
      rowCounts[chunk] = pageRowCounts[page]!
      errorCounts[chunk] = pageErrorCounts[page]!
      if (weights !== undefined) weights[chunk] = own.weights![page]!
      pageOf[chunk] = page++
      continue
    }
    while (groupsLeft === 0) {
      groupsLeft = groupCounts[groupPage++]!
      firstRow = 0
    }
    groupsLeft--
    const id = groups.functionIds[group]!
    functionIds[chunk] = id
    rowCounts[chunk] = groups.rowCounts[group]!
    errorCounts[chunk] = groups.errorCounts[group]!
    if (weights !== undefined) weights[chunk] = groups.weights![group]!
    pageOf[chunk] = groupPage - 1
    firstRows[chunk] = firstRow
    firstRow += rowCounts[chunk]!
    const follows = chunk > 0 && functionIds[chunk - 1] === id
    if (follows && weights?.[chunk - 1] === weights?.[chunk]) throw twice(file, id)
    group++
  }
  return {
    functionIds,
    rowCounts,
    errorCounts,
    weights,
    pages: pageOf,
    firstRows,
  }
}

function twice(file: FileBytes, functionId: number) {
  return corruption(file, 0, `function ${functionId} has two groups of one weight`)
}

/** Offsets of all extents: runs of those of one region stand one after the other from the header to the directory. */
function placeRuns(
  file: FileBytes,
  reader: VarintReader,
  runCount: number,
  extents: readonly Extents[],
  directoryOffset: number,
): void {
  const placed = extents.map(() => 0)
  let offset = SEGMENT_HEADER_SIZE_BYTES
  for (let run = 0; run < runCount; run++) {
    const region = reader.next(extents.length - 1)
    const from = placed[region]!
    const end = from + reader.next(extents[region]!.count - from)
    offset = placeExtents(extents[region]!, from, end, offset)
    placed[region] = end
  }
  const isComplete = extents.every(({ count }, region) => placed[region] === count)
  if (!isComplete || offset !== directoryOffset) {
    throw corruption(file, 0, 'the pages do not cover the segment')
  }
}
