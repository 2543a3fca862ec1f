/**
 * @module database/write/segment-writer
 * Rows in the order of a segment → the bytes of a segment (docs/format/segment.md), in one pass and bounded memory: of the
 * rows only those of two pages are held, of the pages a few megabytes.
 */
import { ChunkSummaries } from './chunk-summaries.ts'
import type { FileLayer } from '../file.ts'
import { DirectoryBuilder, type PageEntry } from '../format/directory-builder.ts'
import {
  decodedSizeBytes,
  durationPageBound,
  encodeDurationPage,
  encodeErrorPage,
  encodeStartPage,
  errorPageBound,
  MAX_CHUNK_ROWS,
  startPageBound,
} from '../format/pages.ts'
import {
  encodeSegmentFooter,
  encodeSegmentHeader,
  SEGMENT_FOOTER_SIZE_BYTES,
  SEGMENT_HEADER_SIZE_BYTES,
  type SegmentHeader,
} from '../format/segment-header.ts'
import { SPARSE_HISTOGRAM_MAX_BYTES, type Kernels } from '../kernels/kernels.ts'
import { PageRows, type GroupRows } from './page-rows.ts'
import { Progress } from '../progress.ts'
import { AttributeShredder } from '../format/attribute-shredder.ts'
import { writeDetails } from './segment-details.ts'
import { DETAILS, DURATIONS, ERRORS, HISTOGRAMS, SegmentOutput, STARTS } from './segment-output.ts'

/** Functions with fewer rows of one weight share pages: a histogram would take as much room as the rows. */
export const MIN_OWN_PAGE_ROWS = 128

/** Rows of a shared page at most: whoever needs one of its functions decodes it whole. */
export const MAX_SHARED_PAGE_ROWS = 1024

/** A page ends early when its rows have so much text: they are held in memory. */
const MAX_TEXT_SIZE_BYTES = 8 << 20

/** Rows with details are taken in steps of so many, so that their text does not pass that limit by far. */
const MAX_DETAILED_STEP_ROWS = 64

const WORD = 2 ** 32

/** What must be known of a segment before its first row. */
export type SegmentShape = Omit<SegmentHeader, 'version'>

/** Reused for one segment after the other. */
export class SegmentWriter {
  readonly #kernels: Kernels
  readonly #output: SegmentOutput
  readonly #summaries: ChunkSummaries
  readonly #directory = new DirectoryBuilder()
  readonly #own: PageRows // of the chunk at hand
  readonly #shared: PageRows // of the groups that will share a page
  // scratch for one page
  readonly #gaps: number // u32[MAX_CHUNK_ROWS + 128]
  readonly #shredder: AttributeShredder
  readonly #errorRows: number // u16[MAX_CHUNK_ROWS]

  #progress = new Progress(undefined)
  #hasDetails = false
  #dense = false
  #functionCount = 0
  #rowsLeft = 0 // of the segment
  // the group at hand
  #functionId = -1
  #weight = 0
  #groupRows = 0
  #rowsDone = 0
  #chunksBegun = 0 // as far as they end at borders
  #border = 0 // row of the group at which the chunk at hand ends
  #isWhole = true // no chunk of the group has been written

  constructor(kernels: Kernels, files: FileLayer) {
    this.#kernels = kernels
    this.#output = new SegmentOutput(kernels, files)
    this.#summaries = new ChunkSummaries(kernels)
    this.#own = new PageRows(kernels)
    this.#shared = new PageRows(kernels)
    this.#gaps = kernels.allocate(decodedSizeBytes(MAX_CHUNK_ROWS, 4) + 512)
    this.#shredder = new AttributeShredder(kernels, this.#gaps)
    this.#errorRows = kernels.allocate(2 * MAX_CHUNK_ROWS)
  }

  /**
   * Begins a segment in an empty file. After a failure another one may be begun.
   *
   * @param progress ticks between pages
   * @param dense    whether durations shall be small rather than fast to scan: for rows that are seldom asked for
   */
  begin(
    descriptor: number,
    shape: SegmentShape,
    progress = new Progress(undefined),
    dense = false,
  ): void {
    this.#dense = dense
    this.#progress = progress
    this.#hasDetails = shape.hasDetails
    this.#functionCount = 0
    this.#rowsLeft = shape.rowCount
    this.#functionId = -1
    this.#groupRows = 0
    this.#rowsDone = 0
    this.#summaries.clear()
    this.#own.clear()
    this.#shared.clear()
    this.#directory.begin(shape.minStartUs, shape.hasDetails)
    this.#output.begin(descriptor)
    this.#output.writePart(SEGMENT_HEADER_SIZE_BYTES, (to) => {
      encodeSegmentHeader(this.#kernels, shape, to)
      return to + SEGMENT_HEADER_SIZE_BYTES
    })
  }

  /**
   * The rows added next are of this function and weight. Groups come in ascending order, each once.
   *
   * @param rowCount of the group, at least 1
   * @throws {TypeError} out of order, or the group before is not complete
   */
  beginGroup(functionId: number, weight: number, rowCount: number): void {
    const isNewFunction = functionId > this.#functionId
    const follows = isNewFunction || (functionId === this.#functionId && weight > this.#weight)
    if (!follows) throw new TypeError(`function ${functionId} x ${weight} is out of order`)
    if (this.#rowsDone !== this.#groupRows) throw new TypeError('rows of the group are missing')
    if (isNewFunction) this.#functionCount++
    this.#functionId = functionId
    this.#weight = weight
    this.#groupRows = rowCount
    this.#rowsDone = 0
    this.#chunksBegun = 0
    this.#isWhole = true
    if (this.#sharesPage) this.#beginSharingGroup()
    else this.#beginChunk()
  }

  /**
   * Adds the next rows of the group: [first, end) of the columns, ascending by start, also to the rows before.
   *
   * @throws {TypeError} more rows than were announced
   * @throws the file system's error
   */
  addRows(rows: GroupRows, first: number, end: number): void {
    const count = end - first
    if (this.#rowsDone + count > this.#groupRows || count > this.#rowsLeft) {
      throw new TypeError(`function ${this.#functionId} has more rows than were announced`)
    }
    this.#rowsLeft -= count
    if (this.#sharesPage) {
      this.#shared.add(rows, first, end)
      this.#rowsDone += count
      return
    }
    const step = rows.details === undefined ? MAX_CHUNK_ROWS : MAX_DETAILED_STEP_ROWS
    while (first < end) {
      const next = Math.min(end, first + this.#border - this.#rowsDone, first + step)
      this.#own.add(rows, first, next)
      this.#rowsDone += next - first
      first = next
      if (this.#rowsDone === this.#border) {
        this.#endOwnPage()
        if (this.#rowsDone < this.#groupRows) this.#beginChunk()
      } else if (this.#own.textSizeBytes > MAX_TEXT_SIZE_BYTES) {
        this.#endOwnPage()
        this.#own.beginGroup(this.#functionId, this.#weight)
      }
    }
  }

  /** Writes what is left, the directory and the footer. Does not sync the file. */
  finish(): void {
    if (this.#rowsDone !== this.#groupRows || this.#rowsLeft > 0)
      throw new TypeError('rows of the segment are missing')
    this.#endSharedPage()
    this.#writeGroupHistograms()
    const output = this.#output
    const directory = this.#directory
    output.endRegions(this.#progress)
    const extents = output.extents.slice(0, this.#hasDetails ? DETAILS + 1 : DETAILS)
    const { runs } = output
    let directoryChecksum = 0n
    const region = output.writePart(directory.bound(extents, runs), (to) => {
      const end = directory.encode(this.#kernels, extents, runs, to)
      directoryChecksum = this.#kernels.xxh64(to, end - to)
      return end
    })
    const footer = {
      directory: region,
      chunkCount: directory.chunkCount,
      functionCount: this.#functionCount,
      directoryChecksum,
    }
    output.writePart(SEGMENT_FOOTER_SIZE_BYTES, (to) => {
      encodeSegmentFooter(this.#kernels, footer, to)
      return to + SEGMENT_FOOTER_SIZE_BYTES
    })
  }

  get #sharesPage(): boolean {
    return this.#groupRows < MIN_OWN_PAGE_ROWS
  }

  #beginSharingGroup(): void {
    const shared = this.#shared
    const isFull = shared.count + this.#groupRows > MAX_SHARED_PAGE_ROWS
    if (isFull || shared.textSizeBytes > MAX_TEXT_SIZE_BYTES) this.#endSharedPage()
    shared.beginGroup(this.#functionId, this.#weight)
  }

  /** The group has as few chunks as possible, of equal size give or take a row. */
  #beginChunk(): void {
    const parts = Math.ceil(this.#groupRows / MAX_CHUNK_ROWS)
    this.#border = Math.floor((this.#groupRows * ++this.#chunksBegun) / parts)
    this.#own.beginGroup(this.#functionId, this.#weight)
  }

  #endOwnPage(): void {
    const rows = this.#own
    const output = this.#output
    const summaries = this.#summaries
    const page = this.#writePage(rows)
    const isLast = this.#rowsDone === this.#groupRows
    const isWholeGroup = this.#isWhole && isLast
    this.#isWhole = false
    const to = output.reserve(HISTOGRAMS, SPARSE_HISTOGRAM_MAX_BYTES)
    const end = summaries.summarise(rows.durations(), isWholeGroup, to)
    this.#directory.addChunk(page, {
      functionId: this.#functionId,
      weight: this.#weight,
      rowCount: rows.count,
      sumHigh: summaries.sumHigh,
      sumLow: summaries.sumLow,
      squaredDeviations: summaries.squaredDeviations,
      histogramSize: output.endPage(HISTOGRAMS, end, this.#progress),
    })
    if (isLast && !isWholeGroup) this.#directory.addTotal(summaries.endGroup())
    rows.clear()
    this.#progress.tick()
  }

  #endSharedPage(): void {
    const rows = this.#shared
    if (rows.count === 0) return
    this.#directory.addSharedPage(this.#writePage(rows), rows.groups)
    const to = this.#output.reserve(HISTOGRAMS, 0)
    this.#output.endPage(HISTOGRAMS, to, this.#progress)
    rows.clear()
    this.#progress.tick()
  }

  /** Everything but the histogram; leaves the narrowed durations with the summaries. */
  #writePage(rows: PageRows): PageEntry {
    const page: PageEntry = {
      minStartUs: 0,
      maxStartUs: 0,
      minDurationNs: 0,
      maxDurationNs: 0,
      codec: 0,
      durationSize: 0,
      startSize: 0,
      errorSize: 0,
      errorCount: 0,
      maxErrorDurationNs: 0,
      detailsSize: 0,
      childrenHigh: 0,
      childrenLow: 0,
    }
    rows.settle(this.#hasDetails)
    if (this.#hasDetails) {
      writeDetails(
        this.#kernels,
        this.#output,
        rows,
        this.#shredder,
        this.#dense,
        this.#gaps,
        page,
        this.#progress,
      )
    }
    this.#writeStarts(rows, page)
    this.#writeErrors(rows, page)
    this.#writeDurations(rows, page)
    return page
  }

  #writeDurations(rows: PageRows, page: PageEntry): void {
    const output = this.#output
    const summaries = this.#summaries
    const to = output.reserve(DURATIONS, durationPageBound(rows.count))
    summaries.narrow(rows.durationsNs, rows.count)
    page.minDurationNs = summaries.minNs
    page.maxDurationNs = summaries.maxNs
    const { codec, end } = encodeDurationPage(
      this.#kernels,
      summaries.saturated,
      rows.count,
      summaries.minNs,
      summaries.isLong,
      rows.durations(),
      0,
      this.#dense,
      to,
    )
    page.codec |= codec
    page.durationSize = output.endPage(DURATIONS, end, this.#progress)
  }

  #writeStarts(rows: PageRows, page: PageEntry): void {
    const output = this.#output
    const to = output.reserve(STARTS, startPageBound(rows.count))
    const wide = this.#findGaps(rows, page)
    const { codec, end } = encodeStartPage(
      this.#kernels,
      this.#gaps,
      wide,
      rows.starts(),
      rows.groups,
      page.minStartUs,
      to,
    )
    page.codec |= codec
    page.startSize = output.endPage(STARTS, end, this.#progress)
  }

  /**
   * Gaps between the starts of each group, to #gaps; the first of a group is that to the page's smallest start.
   *
   * @returns whether some do not fit 32 bits
   */
  #findGaps(rows: PageRows, page: PageEntry): boolean {
    const kernels = this.#kernels
    const startsUs = rows.starts()
    let minUs = Infinity
    let maxUs = -Infinity
    let wide = 0
    let first = 0
    for (const { rowCount } of rows.groups) {
      minUs = Math.min(minUs, startsUs[first]!)
      maxUs = Math.max(maxUs, startsUs[first + rowCount - 1]!)
      wide += kernels.deltaEncode(rows.startsUs + 8 * first, rowCount, this.#gaps + 4 * first)
      first += rowCount
    }
    first = 0
    for (const { rowCount } of rows.groups) {
      const gap = startsUs[first]! - minUs
      if (gap >= WORD) wide++
      kernels.u32[this.#gaps / 4 + first] = gap
      first += rowCount
    }
    page.minStartUs = minUs
    page.maxStartUs = maxUs
    return wide > 0
  }

  #writeErrors(rows: PageRows, page: PageEntry): void {
    const kernels = this.#kernels
    const count = kernels.nonZeroRows(rows.errorTypes, rows.count, this.#errorRows)
    const to = this.#output.reserve(ERRORS, errorPageBound(count))
    let end = to
    if (count > 0) {
      const first = this.#errorRows / 2
      const errorRows = kernels.u16.subarray(first, first + count)
      this.#countErrors(rows, errorRows, page)
      end = encodeErrorPage(kernels, rows.errors(), 0, errorRows, count, to)
    }
    page.errorSize = this.#output.endPage(ERRORS, end, this.#progress)
  }

  /** Tells the page and its groups of the rows with an error. */
  #countErrors(rows: PageRows, errorRows: Uint16Array, page: PageEntry): void {
    const durationsNs = rows.durations()
    page.errorCount = errorRows.length
    let groupEnd = 0
    let next = 0
    for (const group of rows.groups) {
      groupEnd += group.rowCount
      for (; next < errorRows.length && errorRows[next]! < groupEnd; next++) {
        group.errorCount++
        const durationNs = durationsNs[errorRows[next]!]!
        if (durationNs > page.maxErrorDurationNs) page.maxErrorDurationNs = durationNs
      }
    }
  }

  /** Behind those of the pages, in extents of their own: most questions need no others. */
  #writeGroupHistograms(): void {
    const output = this.#output
    const { bytes, sizes } = this.#summaries.groupHistograms
    output.endExtent(HISTOGRAMS)
    let from = 0
    for (const sizeBytes of sizes) {
      const to = output.reserve(HISTOGRAMS, sizeBytes)
      this.#kernels.u8.set(bytes.bytes.subarray(from, from + sizeBytes), to)
      from += sizeBytes
      output.endPage(HISTOGRAMS, to + sizeBytes, this.#progress)
    }
  }
}
