/**
 * @module database/read/segment-reader
 * One sealed segment. Its directory stays in memory; pages and histograms are read when a question needs them, an extent
 * at a time, into the buffer pool, and every extent's checksum is verified when it is read.
 */
import { CorruptionError } from '../../errors.ts'
import type { JsonValue } from '../../types.ts'
import { MAX_PASSING_EXTENTS, MISS } from './buffer-pool.ts'
import { CallSummaries, CallTotals, type CallSummary } from '../call-totals.ts'
import {
  firstChunksOf,
  lowerBound,
  NO_DETAILS,
  type ChunkSource,
  type DecodedDetails,
  type LoadedDurations,
  type NearStarts,
  type RowAttributes,
} from './chunk-source.ts'
import {
  isFilterable,
  selectDecoded,
  selectEncoded,
  type DurationBounds,
  type RowSpan,
  type SelectedRows,
} from './duration-filter.ts'
import { readAt } from '../file.ts'
import {
  AttributesOfRows,
  NO_ATTRIBUTES,
  rowsWithin,
  type Guard,
} from '../format/attribute-blocks.ts'
import { KeptMatches } from '../format/attribute-match.ts'
import type { SequenceInterval } from '../format/directory.ts'
import { corruption, type FileBytes } from '../format/file-bytes.ts'
import {
  addUpGaps,
  decodedSizeBytes,
  decodeDurationPage,
  decodeErrorPage,
  decodeGaps,
  decodeStartPage,
  decodeStartsFrom,
  isMarkable,
  markStartPage,
  type ChunkShape,
  type ErrorRows,
  type LongDurations,
} from '../format/pages.ts'
import {
  decodeChildrenColumn,
  decodeDetailsOfRows,
  decodeDetailsPage,
  openAttributes,
} from '../format/details-page.ts'
import { ofChunks, type Extents, type SegmentDirectory } from '../format/segment-directory.ts'
import type { SegmentHeader } from '../format/segment-header.ts'
import { HUFFMAN_MARK_VALUES } from '../kernels/kernels.ts'
import type { OpenFile } from './open-files.ts'
import { openSegment } from './open-segment.ts'
import { attempt, type ReaderContext } from './reader-context.ts'
import { MAX_KEPT_ROWS, type DecodedPage } from './shared-pages.ts'
import { markBefore, MIN_MARKED_ROWS } from './start-marks.ts'

const NO_ERRORS: ErrorRows = { rows: new Uint16Array(0), types: new Uint16Array(0) }
const NO_ROWS = new Uint16Array(0)
const WORD = 2 ** 32
const NO_TOTAL = -1
const NO_MARKS = 0
/** Larger reads are not faster, and drive other things out of the processor's cache. */
const READ_AHEAD_SIZE_BYTES = 512 * 1024

const NO_EXTENTS: Extents = {
  count: 0,
  offsets: new Float64Array(0),
  sizes: new Float64Array(0),
  checksums: new Uint32Array(0),
  pageExtent: new Uint32Array(0),
}

/** A region of pages in the file, and how the buffer pool knows its extents. */
interface PagedRegion {
  extents: Extents
  firstKey: number // of extent 0; the others follow
}

/** Of all segments without details: one for each chunk of the largest. */
let ones = new Uint32Array(0)
let zeros = new Uint8Array(0)

export class SegmentReader implements ChunkSource {
  readonly path: string
  readonly header: SegmentHeader

  readonly chunkCount: number
  readonly functionIds: Uint32Array
  readonly rowCounts: Uint32Array
  readonly sharesPage: Uint8Array
  readonly minStartsUs: Float64Array
  readonly maxStartsUs: Float64Array
  readonly minDurationsNs: Float64Array
  readonly maxDurationsNs: Float64Array
  readonly errorCounts: Uint32Array
  readonly weights: Uint32Array
  readonly hasDetails: Uint8Array
  readonly groupCount: number
  readonly firstChunks: Uint32Array

  readonly #context: ReaderContext
  readonly #file: OpenFile
  readonly #directory: SegmentDirectory
  readonly #durations: PagedRegion
  readonly #starts: PagedRegion
  readonly #errors: PagedRegion
  readonly #histograms: PagedRegion
  readonly #details: PagedRegion
  readonly #totalOfGroup: Int32Array // number of the group's own histogram; NO_TOTAL: it has one chunk, or none
  readonly #totals: CallSummaries // of the groups with several chunks
  readonly #firstChunkKey: number // of what is decoded of chunk 0
  /** Used again and again: questions about thousands of functions decode as many pages. */
  readonly #shape: ChunkShape = {
    rowCount: 0,
    codec: 0,
    minStartUs: 0,
    maxStartUs: 0,
    minDurationNs: 0,
    maxDurationNs: 0,
    errorCount: 0,
  }

  /**
   * @param interval of the file's name
   * @throws {CorruptionError} the segment cannot be used at all; a damaged histogram is only reported
   * @throws the file system's error, ENOENT among them
   */
  constructor(context: ReaderContext, path: string, interval: SequenceInterval) {
    this.path = path
    this.#context = context
    this.#file = context.openFiles.open(path)
    try {
      const { sizeBytes } = this.#file.status
      const read = (offset: number, size: number) => this.#read(offset, size)
      const opened = openSegment(path, sizeBytes, interval, read)
      this.header = opened.header
      this.#directory = opened.directory
      const directory = this.#directory
      this.chunkCount = directory.chunkCount
      this.functionIds = directory.functionIds
      this.rowCounts = directory.rowCounts
      this.minStartsUs = ofChunks(directory.pages, directory.minStartsUs)
      this.maxStartsUs = ofChunks(directory.pages, directory.maxStartsUs)
      this.minDurationsNs = ofChunks(directory.pages, directory.minDurationsNs)
      this.maxDurationsNs = ofChunks(directory.pages, directory.maxDurationsNs)
      this.errorCounts = directory.errorCounts
      this.weights = directory.details?.weights ?? onesOf(this.chunkCount)
      const detailsSizes = directory.details?.pageSizes
      this.hasDetails =
        detailsSizes === undefined
          ? zerosOf(this.chunkCount)
          : Uint8Array.from(directory.pages, (page) => (detailsSizes[page]! > 0 ? 1 : 0))
      this.sharesPage = Uint8Array.from(directory.pages, (page) => directory.isShared[page]!)
      this.firstChunks = firstChunksOf(directory.functionIds, this.weights)
      this.groupCount = this.firstChunks.length - 1
    } catch (error) {
      context.openFiles.close(this.#file)
      throw error
    }
    const { detailsExtents, durationExtents, errorExtents, histogramExtents, startExtents } =
      this.#directory
    this.#durations = this.#paged(durationExtents)
    this.#starts = this.#paged(startExtents)
    this.#errors = this.#paged(errorExtents)
    this.#histograms = this.#paged(histogramExtents)
    this.#details = this.#paged(detailsExtents ?? NO_EXTENTS)
    this.#firstChunkKey = context.takeKeys(this.chunkCount)
    this.#totalOfGroup = this.#numberTotals()
    this.#totals = this.#addUpGroups()
  }

  /** Whether the file cannot be read any more, because its name is gone or that of another. */
  get isStale(): boolean {
    return this.#file.isStale
  }

  /** What the file says of its chunks and where their pages stand. */
  get directory(): SegmentDirectory {
    return this.#directory
  }

  groupFirstUs(group: number): number {
    const total = this.#totalOfGroup[group]!
    if (total === NO_TOTAL) return this.minStartsUs[this.firstChunks[group]!]!
    return this.#totals.firstUs(total)
  }

  groupLastUs(group: number): number {
    const total = this.#totalOfGroup[group]!
    if (total === NO_TOTAL) return this.maxStartsUs[this.firstChunks[group]!]!
    return this.#totals.lastUs(total)
  }

  groupWeight(group: number): number {
    return this.weights[this.firstChunks[group]!]!
  }

  groupSummary(group: number, into: CallSummary): void {
    const total = this.#totalOfGroup[group]!
    if (total === NO_TOTAL) this.chunkSummary(this.firstChunks[group]!, into)
    else this.#totals.get(total, into)
  }

  chunkSummary(chunk: number, into: CallSummary): void {
    const directory = this.#directory
    const page = directory.pages[chunk]!
    into.calls = this.rowCounts[chunk]!
    into.errors = this.errorCounts[chunk]!
    into.sumHigh = directory.sumsHigh[page]!
    into.sumLow = directory.sumsLow[page]!
    into.squaredDeviations = directory.squaredDeviations[page]!
    into.minNs = this.minDurationsNs[chunk]!
    into.maxNs = this.maxDurationsNs[chunk]!
    into.childrenNs = this.childrenSumNs(chunk)
    into.firstUs = this.minStartsUs[chunk]!
    into.lastUs = this.maxStartsUs[chunk]!
  }

  chunkHistogram(chunk: number): number {
    const { histogramOffsets, histogramSizes, pages } = this.#directory
    const page = pages[chunk]!
    if (histogramSizes[page] === 0) return 0
    return this.#histogram(page, histogramOffsets[page]!)
  }

  groupHistogram(group: number): number {
    const total = this.#totalOfGroup[group]!
    if (total === NO_TOTAL) {
      // a group of one chunk has the chunk's
      return this.chunkHistogram(this.firstChunks[group]!)
    }
    const { pageCount, totalHistogramOffsets } = this.#directory
    return this.#histogram(pageCount + total, totalHistogramOffsets[total]!)
  }

  durationsOf(chunk: number): LoadedDurations | undefined {
    const { firstRows, isShared, pages } = this.#directory
    const loaded = this.#durationsOfPage(chunk)
    if (loaded === undefined || isShared[pages[chunk]!] === 0) return loaded
    const firstRow = firstRows[chunk]!
    const { longs, pointer } = loaded
    return {
      pointer: pointer + 4 * firstRow,
      longs: longs === undefined ? undefined : longsOf(longs, firstRow, this.rowCounts[chunk]!),
    }
  }

  selectDurations(
    chunk: number,
    span: RowSpan,
    bounds: DurationBounds,
    into?: SelectedRows,
  ): number | undefined {
    const context = this.#context
    const { durationOffsets, durationSizes, firstRows, pages } = this.#directory
    const page = pages[chunk]!
    const shape = this.#shapeOf(chunk)
    const isDecoded = context.loadedDurations?.key === this.#firstChunkKey + page
    if (isDecoded || !isFilterable(shape, bounds, into !== undefined)) {
      const durations = this.#durationsOfPage(chunk)
      return durations && selectDecoded(context, durations, firstRows[chunk]!, span, bounds, into)
    }
    const offset = durationOffsets[page]!
    const select = (bytes: FileBytes) => {
      const count = selectEncoded(context, bytes, shape, firstRows[chunk]!, span, bounds, into)
      if (count === undefined) throw new CorruptionError(this.path, offset, 'the page is malformed')
      return count
    }
    return this.#decodePage(this.#durations, page, offset, durationSizes[page]!, select, true)
  }

  startsOf(chunk: number): Float64Array | undefined {
    const context = this.#context
    const { kernels, starts } = context
    const key = this.#firstChunkKey + chunk
    if (context.loadedStarts !== key) {
      context.loadedStarts = undefined
      if (!this.#loadStarts(chunk)) return undefined
      context.loadedStarts = key
    }
    return kernels.f64.subarray(starts / 8, starts / 8 + this.rowCounts[chunk]!)
  }

  rowsBefore(chunk: number, startUs: number): number | undefined {
    const { kernels } = this.#context
    const count = this.rowCounts[chunk]!
    const marks = this.#marksOf(chunk)
    if (marks === undefined) return undefined
    if (marks === NO_MARKS) {
      const startsUs = this.startsOf(chunk)
      return startsUs && lowerBound(startsUs, count, startUs)
    }
    const mark = markBefore(kernels.f64, marks, count, startUs - this.minStartsUs[chunk]!)
    const near = this.#startsFrom(chunk, marks, mark)
    return near && near.firstRow + lowerBound(near.startsUs, near.startsUs.length, startUs)
  }

  startsNear(chunk: number, row: number): NearStarts | undefined {
    const marks = this.#marksOf(chunk)
    if (marks === undefined) return undefined
    if (marks !== NO_MARKS) {
      return this.#startsFrom(chunk, marks, Math.floor(row / HUFFMAN_MARK_VALUES))
    }
    const startsUs = this.startsOf(chunk)
    return startsUs && { firstRow: 0, startsUs }
  }

  errorsOf(chunk: number): ErrorRows | undefined {
    const errorCount = this.errorCounts[chunk]!
    if (errorCount === 0) return NO_ERRORS
    const { errorOffsets, errorSizes, firstRows, isShared, pages } = this.#directory
    const page = pages[chunk]!
    const shape = this.#shapeOf(chunk)
    return this.#decodePage(this.#errors, page, errorOffsets[page]!, errorSizes[page]!, (bytes) => {
      const errors = decodeErrorPage(bytes, shape)
      if (isShared[page] === 0) return errors
      const own = errorsOf(errors, firstRows[chunk]!, this.rowCounts[chunk]!)
      if (own.rows.length === errorCount) return own
      throw corruption(bytes, 0, 'the errors of a page are not those of its functions')
    })
  }

  childrenSumNs(chunk: number): number {
    const { details, pages } = this.#directory
    if (details === undefined) return 0
    const page = pages[chunk]!
    return details.childrenSumsHigh[page]! * WORD + details.childrenSumsLow[page]!
  }

  detailsOf(chunk: number): DecodedDetails | undefined {
    if (this.hasDetails[chunk] === 0) return NO_DETAILS
    const durationsNs = this.#exactDurationsOf(chunk)
    if (durationsNs === undefined) return undefined
    const { gaps } = this.#context
    return this.#decodeDetails(chunk, (page) => {
      const details = decodeDetailsPage(page, durationsNs, this.childrenSumNs(chunk), gaps)
      return {
        contexts: this.#rowsOf(chunk, details.contexts),
        childrenNs: this.#rowsOf(chunk, details.childrenNs),
      }
    })
  }

  childrenOf(chunk: number): Float64Array | undefined {
    const durationsNs = this.#exactDurationsOf(chunk)
    if (durationsNs === undefined) return undefined
    const { gaps } = this.#context
    return this.#decodeDetails(chunk, (page) =>
      this.#rowsOf(chunk, decodeChildrenColumn(page, durationsNs, this.childrenSumNs(chunk), gaps)),
    )
  }

  detailsOfRows(
    chunk: number,
    rows: ArrayLike<number>,
    durationsNs: ArrayLike<number>,
  ): DecodedDetails | undefined {
    if (this.hasDetails[chunk] === 0) return NO_DETAILS
    const { firstRows, pageRowCounts, pages } = this.#directory
    const firstRow = firstRows[chunk]!
    const rowsOfPage = firstRow === 0 ? rows : Uint32Array.from(rows, (row) => firstRow + row)
    const rowCount = pageRowCounts[pages[chunk]!]!
    return this.#decodeDetails(chunk, (page) =>
      decodeDetailsOfRows(page, rowCount, rowsOfPage, durationsNs, this.#context.gaps),
    )
  }

  attributesOf(chunk: number): RowAttributes | undefined {
    if (this.hasDetails[chunk] === 0) return NO_ATTRIBUTES
    const { firstRows, isShared, pages } = this.#directory
    const attributes = this.#attributesOfPage(chunk)
    if (attributes === undefined || isShared[pages[chunk]!] === 0) return attributes
    return new AttributesOfRows(attributes, firstRows[chunk]!, this.rowCounts[chunk]!)
  }

  matchAttribute(chunk: number, rowCount: number, key: string, value: JsonValue): Uint16Array {
    if (this.hasDetails[chunk] === 0) return NO_ROWS
    const context = this.#context
    const { firstRows, pageRowCounts, pages } = this.#directory
    const page = pages[chunk]!
    const pageKey = this.#firstChunkKey + page
    if (context.loadedMatches?.key !== pageKey) {
      context.loadedMatches = { key: pageKey, value: new KeptMatches() }
    }
    const rows = context.loadedMatches.value.get(key, value, () => {
      return this.#searchAttributes(chunk, (attributes) => attributes.match(key, value)) ?? NO_ROWS
    })
    return rowCount === pageRowCounts[page] ? rows : rowsWithin(rows, firstRows[chunk]!, rowCount)
  }

  countAttribute(chunk: number, rowCount: number, key: string, value: JsonValue): number {
    if (this.hasDetails[chunk] === 0) return 0
    const { pageRowCounts, pages } = this.#directory
    if (rowCount < pageRowCounts[pages[chunk]!]!) {
      return this.matchAttribute(chunk, rowCount, key, value).length
    }
    return this.#searchAttributes(chunk, (attributes) => attributes.count(key, value)) ?? 0
  }

  pageOf(chunk: number): number {
    return this.#directory.pages[chunk]!
  }

  detailsOffset(chunk: number): number {
    const { details, pages } = this.#directory
    return details?.pageOffsets[pages[chunk]!] ?? 0
  }

  close(): void {
    const { openFiles, pool } = this.#context
    const regions = [this.#durations, this.#starts, this.#errors, this.#histograms, this.#details]
    for (const { extents, firstKey } of regions) {
      for (let extent = 0; extent < extents.count; extent++) pool.delete(firstKey + extent)
    }
    openFiles.close(this.#file)
  }

  #read(offset: number, sizeBytes: number): FileBytes {
    const descriptor = this.#context.openFiles.descriptorOf(this.#file)
    return this.#context.read(descriptor, this.path, offset, sizeBytes)
  }

  #paged(extents: Extents): PagedRegion {
    return { extents, firstKey: this.#context.takeKeys(extents.count) }
  }

  #numberTotals(): Int32Array {
    const totalOfGroup = new Int32Array(this.groupCount).fill(NO_TOTAL)
    for (let group = 0, total = 0; group < this.groupCount; group++) {
      if (this.firstChunks[group + 1]! - this.firstChunks[group]! > 1) totalOfGroup[group] = total++
    }
    return totalOfGroup
  }

  #addUpGroups(): CallSummaries {
    const { totalChunkCounts, totalCount, totalFirstChunks } = this.#directory
    const totals = new CallSummaries(totalCount)
    const sum = new CallTotals()
    const part = new CallTotals()
    for (let total = 0; total < totalCount; total++) {
      sum.clear()
      const end = totalFirstChunks[total]! + totalChunkCounts[total]!
      for (let chunk = totalFirstChunks[total]!; chunk < end; chunk++) {
        this.chunkSummary(chunk, part)
        sum.add(part)
      }
      totals.set(total, sum)
    }
    return totals
  }

  /** Of all rows of the chunk's page. */
  #durationsOfPage(chunk: number): LoadedDurations | undefined {
    const context = this.#context
    const { durationOffsets, durationSizes, pages } = this.#directory
    const page = pages[chunk]!
    const key = this.#firstChunkKey + page
    const shared = this.#sharedPage(page)
    if (shared?.hasDurations === true) return { pointer: shared.durations, longs: shared.longs }
    if (context.loadedDurations?.key === key) return context.loadedDurations.value
    if (shared === undefined) context.loadedDurations = undefined
    const offset = durationOffsets[page]!
    const pointer = shared?.durations ?? context.durations
    const shape = this.#shapeOf(chunk)
    return this.#decodePage(this.#durations, page, offset, durationSizes[page]!, (bytes) => {
      const value = { pointer, longs: decodeDurationPage(bytes, shape, pointer) }
      if (shared === undefined) context.loadedDurations = { key, value }
      else {
        shared.hasDurations = true
        shared.longs = value.longs
      }
      return value
    })
  }

  /** What is kept of a page that chunks share; undefined if it is one's own. */
  #sharedPage(page: number): DecodedPage | undefined {
    const { isShared, pageRowCounts } = this.#directory
    if (isShared[page] === 0 || pageRowCounts[page]! > MAX_KEPT_ROWS) return undefined
    return this.#context.sharedPages.take(this.#firstChunkKey + page)
  }

  /** Starts of a chunk, to the context's. @returns false if they are damaged, which has been reported */
  #loadStarts(chunk: number): boolean {
    const { firstRows, isShared, pages, startOffsets, startSizes } = this.#directory
    const { gaps, kernels, starts } = this.#context
    const page = pages[chunk]!
    const firstRow = firstRows[chunk]!
    const count = this.rowCounts[chunk]!
    const shape = this.#shapeOf(chunk)
    const offset = startOffsets[page]!
    const shared = this.#sharedPage(page)
    const loaded =
      shared?.hasGaps === true
        ? this.#decode(() => {
            const nothing = { kernels, pointer: 0, sizeBytes: 0, path: this.path, offset }
            addUpGaps(nothing, shape, firstRow, count, shared.gaps, shared.highGaps, starts)
            return true
          })
        : this.#decodePage(this.#starts, page, offset, startSizes[page]!, (bytes) => {
            if (isShared[page] === 0) {
              decodeStartPage(bytes, shape, starts, gaps)
              return true
            }
            const low = shared?.gaps ?? gaps
            const high = shared?.highGaps ?? starts + decodedSizeBytes(shape.rowCount, 4)
            decodeGaps(bytes, shape, low, high)
            if (shared !== undefined) shared.hasGaps = true
            addUpGaps(bytes, shape, firstRow, count, low, high, starts)
            return true
          })
    return loaded === true
  }

  /** Address of the marks of a chunk's starts; NO_MARKS: decode them all; undefined: they are damaged, which has been reported. */
  #marksOf(chunk: number): number | undefined {
    const { loadedStarts, startMarks } = this.#context
    const key = this.#firstChunkKey + chunk
    if (loadedStarts === key) return NO_MARKS
    if (this.rowCounts[chunk]! < MIN_MARKED_ROWS || this.sharesPage[chunk] === 1) return NO_MARKS
    const known = startMarks.find(key)
    if (known !== 0) return known
    const shape = this.#shapeOf(chunk)
    if (!isMarkable(shape)) return NO_MARKS
    return this.#decodeStarts(chunk, (bytes) =>
      startMarks.add(key, (address) => {
        markStartPage(bytes, shape, address)
      }),
    )
  }

  /** Starts of a chunk from a mark to the next. */
  #startsFrom(chunk: number, marks: number, mark: number): NearStarts | undefined {
    const context = this.#context
    const { kernels, nearStarts } = context
    const key = this.#firstChunkKey + chunk
    const firstRow = mark * HUFFMAN_MARK_VALUES
    let loaded = context.loadedNearStarts
    if (loaded?.key !== key || loaded.firstRow !== firstRow) {
      context.loadedNearStarts = undefined
      const shape = this.#shapeOf(chunk)
      const count = this.#decodeStarts(chunk, (bytes) =>
        decodeStartsFrom(bytes, shape, marks, mark, nearStarts, context.gaps),
      )
      if (count === undefined) return undefined
      loaded = context.loadedNearStarts = { key, firstRow, count }
    }
    const first = nearStarts / 8
    return { firstRow, startsUs: kernels.f64.subarray(first, first + loaded.count) }
  }

  /** Decodes the start page of a chunk. */
  #decodeStarts<T>(chunk: number, decode: (page: FileBytes) => T): T | undefined {
    const { pages, startOffsets, startSizes } = this.#directory
    const page = pages[chunk]!
    return this.#decodePage(this.#starts, page, startOffsets[page]!, startSizes[page]!, decode)
  }

  /** The same with the long ones in full. */
  #exactDurationsOf(chunk: number): Float64Array | undefined {
    const durations = this.#durationsOfPage(chunk)
    if (durations === undefined) return undefined
    const { longs, pointer } = durations
    const { pageRowCounts, pages } = this.#directory
    const { u32 } = this.#context.kernels
    const first = pointer / 4
    const durationsNs = new Float64Array(u32.subarray(first, first + pageRowCounts[pages[chunk]!]!))
    longs?.rows.forEach((row, i) => {
      durationsNs[row] = longs.durationsNs[i]!
    })
    return durationsNs
  }

  /** Of all rows of the chunk's page. */
  #attributesOfPage(chunk: number): RowAttributes | undefined {
    const context = this.#context
    const { pageRowCounts, pages } = this.#directory
    const page = pages[chunk]!
    const key = this.#firstChunkKey + page
    if (context.loadedAttributes?.key === key) return context.loadedAttributes.value
    return this.#decodeDetails(chunk, (bytes) => {
      const value = openAttributes(bytes, pageRowCounts[page]!, {
        guard: (decode) => this.#decode(decode),
        pfor: context.pfor,
      })
      context.loadedAttributes = { key, value }
      return value
    })
  }

  /** Looks through the attributes of all rows of the chunk's page where they stand in the buffer pool. */
  #searchAttributes<T>(chunk: number, search: (attributes: RowAttributes) => T): T | undefined {
    const { pfor } = this.#context
    const { pageRowCounts, pages } = this.#directory
    pfor.prepare()
    return this.#decodeDetails(chunk, (bytes) => {
      const guard: Guard = (decode) => this.#decode(decode)
      const tools = { guard, pfor, isBorrowed: true }
      return search(openAttributes(bytes, pageRowCounts[pages[chunk]!]!, tools))
    })
  }

  /** What is known of all rows of a page, of the chunk's rows. */
  #rowsOf<Column extends Uint32Array | Float64Array>(
    chunk: number,
    column: Column | undefined,
  ): Column | undefined {
    const firstRow = this.#directory.firstRows[chunk]!
    return column?.subarray(firstRow, firstRow + this.rowCounts[chunk]!) as Column | undefined
  }

  /** Of the chunk's page: the bounds are those of all chunks that share it. Until the next call. */
  #shapeOf(chunk: number): ChunkShape {
    const { codecs, pageErrorCounts, pageRowCounts, pages } = this.#directory
    const page = pages[chunk]!
    const shape = this.#shape
    shape.rowCount = pageRowCounts[page]!
    shape.codec = codecs[page]!
    shape.minStartUs = this.minStartsUs[chunk]!
    shape.maxStartUs = this.maxStartsUs[chunk]!
    shape.minDurationNs = this.minDurationsNs[chunk]!
    shape.maxDurationNs = this.maxDurationsNs[chunk]!
    shape.errorCount = pageErrorCounts[page]!
    return shape
  }

  /** Runs a decoder; damage is reported, or thrown if nobody listens. */
  #decode<T>(decode: () => T): T | undefined {
    try {
      return decode()
    } catch (error) {
      if (!(error instanceof CorruptionError)) throw error
      this.#context.faults.report(error)
      return undefined
    }
  }

  /** Decodes the details page of a chunk that has one. */
  #decodeDetails<T>(chunk: number, decode: (page: FileBytes) => T): T | undefined {
    const { details, pages } = this.#directory
    const { pageOffsets, pageSizes } = details!
    const page = pages[chunk]!
    return this.#decodePage(this.#details, page, pageOffsets[page]!, pageSizes[page]!, decode)
  }

  /** Runs a decoder on a page where it stands in the buffer pool; damage is reported, or thrown if nobody listens. */
  #decodePage<T>(
    region: PagedRegion,
    page: number,
    offset: number,
    sizeBytes: number,
    decode: (page: FileBytes) => T,
    isScanned = false,
  ): T | undefined {
    const { kernels, pool } = this.#context
    return this.#decode(() => {
      const extent = region.extents.pageExtent[page]!
      const slot = this.#load(region, extent, isScanned)
      pool.pin(slot)
      try {
        const pointer = pool.pointerOf(slot) + offset - region.extents.offsets[extent]!
        return decode({ kernels, pointer, sizeBytes, path: this.path, offset })
      } finally {
        pool.unpin(slot)
      }
    })
  }

  /** Address of a histogram; 0 if it is damaged, which is reported. */
  #histogram(page: number, offset: number): number {
    const { faults, pool } = this.#context
    const extent = this.#histograms.extents.pageExtent[page]!
    const slot = attempt(faults, () => this.#load(this.#histograms, extent))
    if (slot === undefined) {
      faults.flush()
      return 0
    }
    return pool.pointerOf(slot) + offset - this.#histograms.extents.offsets[extent]!
  }

  /** Slot of an extent in the buffer pool. */
  #load(region: PagedRegion, extent: number, isScanned = false): number {
    const { pool } = this.#context
    const { extents, firstKey } = region
    const key = firstKey + extent
    const slot = pool.find(key)
    if (slot !== MISS) return slot
    const sizeBytes = extents.sizes[extent]!
    if (isScanned && pool.isPassing(key, sizeBytes)) return this.#pass(region, extent)
    return pool.admit(key, sizeBytes, (pointer) => {
      this.#readExtent(extents, extent, pointer, sizeBytes)
    })
  }

  /** Slot of an extent that a scan reads; where it goes on from extent to extent the next ones are read with it. */
  #pass({ extents, firstKey }: PagedRegion, extent: number): number {
    const context = this.#context
    const { pool, readAhead } = context
    const isNext = firstKey + extent === readAhead.nextKey
    readAhead.count = isNext ? Math.min(MAX_PASSING_EXTENTS, 2 * readAhead.count) : 1
    const { offsets, sizes } = extents
    let end = extent + 1
    while (
      end < extents.count &&
      end < extent + readAhead.count &&
      offsets[end] === offsets[end - 1]! + sizes[end - 1]! &&
      offsets[end]! + sizes[end]! - offsets[extent]! <= READ_AHEAD_SIZE_BYTES &&
      !pool.has(firstKey + end)
    ) {
      end++
    }
    readAhead.nextKey = firstKey + end
    const sizeBytes = offsets[end - 1]! + sizes[end - 1]! - offsets[extent]!
    return pool.pass(firstKey + extent, sizeBytes, (pointer) => {
      const count = this.#readBytes(offsets[extent]!, pointer, sizeBytes)
      const places: number[] = []
      for (let i = extent; i < end; i++) {
        const place = offsets[i]! - offsets[extent]!
        const fault = this.#faultOf(extents, i, pointer + place, count - place)
        if (fault === undefined) places.push(place)
        else if (i === extent) throw fault
        else break // is reported when it is asked for
      }
      return places
    })
  }

  #readExtent(extents: Extents, extent: number, pointer: number, sizeBytes: number): void {
    const count = this.#readBytes(extents.offsets[extent]!, pointer, sizeBytes)
    const fault = this.#faultOf(extents, extent, pointer, count)
    if (fault !== undefined) throw fault
  }

  /** @returns how many there were */
  #readBytes(offset: number, pointer: number, sizeBytes: number): number {
    const { files, kernels, openFiles } = this.#context
    const descriptor = openFiles.descriptorOf(this.#file)
    return readAt(files, descriptor, kernels.u8, pointer, sizeBytes, offset)
  }

  /** What is wrong with an extent of which `count` bytes were read. */
  #faultOf(
    { checksums, offsets, sizes }: Extents,
    extent: number,
    pointer: number,
    count: number,
  ): CorruptionError | undefined {
    const offset = offsets[extent]!
    const sizeBytes = sizes[extent]!
    if (count < sizeBytes) {
      return new CorruptionError(
        this.path,
        offset + Math.max(0, count),
        'the file ends inside a page',
      )
    }
    if (this.#context.kernels.xxh64Low(pointer, sizeBytes) === checksums[extent]) return undefined
    return new CorruptionError(this.path, offset, 'checksum of a page does not match')
  }
}

/** Those of rows [firstRow, firstRow + rowCount), counted from there. */
function errorsOf({ rows, types }: ErrorRows, firstRow: number, rowCount: number): ErrorRows {
  const first = lowerBound(rows, rows.length, firstRow)
  const end = lowerBound(rows, rows.length, firstRow + rowCount)
  return {
    rows: rows.slice(first, end).map((row) => row - firstRow),
    types: types.subarray(first, end),
  }
}

/** The same of long durations; undefined if none of the rows has one. */
function longsOf(
  { durationsNs, rows }: LongDurations,
  firstRow: number,
  rowCount: number,
): LongDurations | undefined {
  const first = lowerBound(rows, rows.length, firstRow)
  const end = lowerBound(rows, rows.length, firstRow + rowCount)
  if (first === end) return undefined
  return {
    rows: rows.slice(first, end).map((row) => row - firstRow),
    durationsNs: durationsNs.subarray(first, end),
  }
}

function onesOf(count: number): Uint32Array {
  if (ones.length < count) ones = new Uint32Array(count).fill(1)
  return ones.subarray(0, count)
}

function zerosOf(count: number): Uint8Array {
  if (zeros.length < count) zeros = new Uint8Array(count)
  return zeros.subarray(0, count)
}
