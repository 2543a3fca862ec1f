/**
 * @module database/segment-reader
 * One sealed segment. Its directory stays in memory; pages and histograms are read when a question needs them, an extent
 * at a time, into the buffer pool, and every extent's checksum is verified when it is read.
 */
import { CorruptionError } from '../errors.ts'
import { MISS } from './buffer-pool.ts'
import { CallSummaries, CallTotals, type CallSummary } from './call-totals.ts'
import {
  firstChunksOf,
  NO_DETAILS,
  type ChunkSource,
  type DecodedDetails,
  type LoadedDurations,
  type RowAttributes,
} from './chunk-source.ts'
import { readAt } from './file.ts'
import { NO_ATTRIBUTES } from './format/attribute-blocks.ts'
import type { SequenceInterval } from './format/directory.ts'
import type { FileBytes } from './format/file-bytes.ts'
import {
  decodeDurationPage,
  decodeErrorPage,
  decodeStartPage,
  type ChunkShape,
  type ErrorRows,
} from './format/pages.ts'
import {
  decodeChildrenColumn,
  decodeDetailsOfRows,
  decodeDetailsPage,
  openAttributes,
} from './format/details-page.ts'
import {
  decodeSegmentDirectory,
  type Extents,
  type SegmentDirectory,
} from './format/segment-directory.ts'
import {
  SEGMENT_FOOTER_SIZE_BYTES,
  SEGMENT_HEADER_SIZE_BYTES,
  decodeSegmentFooter,
  decodeSegmentHeader,
  type SegmentHeader,
} from './format/segment-header.ts'
import { attempt, type ReaderContext } from './reader-context.ts'

const NO_ERRORS: ErrorRows = { rows: new Uint16Array(0), types: new Uint16Array(0) }
const WORD = 2 ** 32
const NO_TOTAL = -1

const NO_EXTENTS: Extents = {
  count: 0,
  offsets: new Float64Array(1),
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
  readonly #descriptor: number
  readonly #directory: SegmentDirectory
  readonly #durations: PagedRegion
  readonly #starts: PagedRegion
  readonly #errors: PagedRegion
  readonly #histograms: PagedRegion
  readonly #details: PagedRegion
  readonly #totalOfGroup: Int32Array // number of the group's own histogram; NO_TOTAL: it has one chunk, or none
  readonly #totals: CallSummaries
  readonly #firstChunkKey: number // of what is decoded of chunk 0

  /**
   * @param interval of the file's name
   * @throws {CorruptionError} the segment cannot be used at all; a damaged histogram is only reported
   * @throws the file system's error, ENOENT among them
   */
  constructor(context: ReaderContext, path: string, interval: SequenceInterval) {
    this.path = path
    this.#context = context
    this.#descriptor = context.files.open(path, 'r')
    try {
      const { sizeBytes } = context.files.fstat(this.#descriptor)
      this.header = this.#readHeader(sizeBytes, interval)
      const footer = this.#readFooter(sizeBytes, this.header)
      const { offset, sizeBytes: directorySize } = footer.directory
      this.#directory = decodeSegmentDirectory(
        this.#read(offset, directorySize),
        this.header,
        footer,
      )
      const directory = this.#directory
      this.chunkCount = directory.chunkCount
      this.functionIds = directory.functionIds
      this.rowCounts = directory.rowCounts
      this.minStartsUs = directory.minStartsUs
      this.maxStartsUs = directory.maxStartsUs
      this.minDurationsNs = directory.minDurationsNs
      this.maxDurationsNs = directory.maxDurationsNs
      this.errorCounts = directory.errorCounts
      this.weights = directory.details?.weights ?? onesOf(this.chunkCount)
      this.hasDetails =
        directory.details === undefined
          ? zerosOf(this.chunkCount)
          : Uint8Array.from(directory.details.pageSizes, (sizeBytes) => (sizeBytes > 0 ? 1 : 0))
      this.firstChunks = firstChunksOf(directory.functionIds, this.weights)
      this.groupCount = this.firstChunks.length - 1
    } catch (error) {
      context.files.close(this.#descriptor)
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

  /** What the file says of its chunks and where their pages stand. */
  get directory(): SegmentDirectory {
    return this.#directory
  }

  groupFirstUs(group: number): number {
    return this.#totals.firstUs(group)
  }

  groupLastUs(group: number): number {
    return this.#totals.lastUs(group)
  }

  groupWeight(group: number): number {
    return this.weights[this.firstChunks[group]!]!
  }

  groupSummary(group: number, into: CallSummary): void {
    this.#totals.get(group, into)
  }

  chunkSummary(chunk: number, into: CallSummary): void {
    const directory = this.#directory
    into.calls = this.rowCounts[chunk]!
    into.errors = this.errorCounts[chunk]!
    into.sumHigh = directory.sumsHigh[chunk]!
    into.sumLow = directory.sumsLow[chunk]!
    into.squaredDeviations = directory.squaredDeviations[chunk]!
    into.minNs = this.minDurationsNs[chunk]!
    into.maxNs = this.maxDurationsNs[chunk]!
    into.childrenNs = this.childrenSumNs(chunk)
    into.firstUs = this.minStartsUs[chunk]!
    into.lastUs = this.maxStartsUs[chunk]!
  }

  chunkHistogram(chunk: number): number {
    if (this.#directory.histogramSizes[chunk] === 0) return 0
    return this.#histogram(chunk, this.#directory.histogramOffsets[chunk]!)
  }

  groupHistogram(group: number): number {
    const total = this.#totalOfGroup[group]!
    if (total === NO_TOTAL) {
      // a group of one chunk has the chunk's
      return this.chunkHistogram(this.firstChunks[group]!)
    }
    return this.#histogram(this.chunkCount + total, this.#directory.totalHistogramOffsets[total]!)
  }

  durationsOf(chunk: number): LoadedDurations | undefined {
    const context = this.#context
    const key = this.#firstChunkKey + chunk
    if (context.loadedDurations?.key === key) return context.loadedDurations.value
    const { durationOffsets, durationSizes } = this.#directory
    context.loadedDurations = undefined
    const offset = durationOffsets[chunk]!
    const pointer = context.durations
    const shape = this.#shapeOf(chunk)
    return this.#decodePage(this.#durations, chunk, offset, durationSizes[chunk]!, (page) => {
      const value = { pointer, longs: decodeDurationPage(page, shape, pointer) }
      context.loadedDurations = { key, value }
      return value
    })
  }

  startsOf(chunk: number): Float64Array | undefined {
    const context = this.#context
    const { gaps, starts } = context
    const key = this.#firstChunkKey + chunk
    if (context.loadedStarts !== key) {
      const { startOffsets, startSizes } = this.#directory
      context.loadedStarts = undefined
      const offset = startOffsets[chunk]!
      const shape = this.#shapeOf(chunk)
      const loaded = this.#decodePage(this.#starts, chunk, offset, startSizes[chunk]!, (page) => {
        decodeStartPage(page, shape, starts, gaps)
        return true
      })
      if (loaded === undefined) return undefined
      context.loadedStarts = key
    }
    return context.kernels.f64.subarray(starts / 8, starts / 8 + this.rowCounts[chunk]!)
  }

  errorsOf(chunk: number): ErrorRows | undefined {
    if (this.errorCounts[chunk] === 0) return NO_ERRORS
    const { errorOffsets, errorSizes } = this.#directory
    const shape = this.#shapeOf(chunk)
    return this.#decodePage(this.#errors, chunk, errorOffsets[chunk]!, errorSizes[chunk]!, (page) =>
      decodeErrorPage(page, shape),
    )
  }

  childrenSumNs(chunk: number): number {
    const { details } = this.#directory
    if (details === undefined) return 0
    return details.childrenSumsHigh[chunk]! * WORD + details.childrenSumsLow[chunk]!
  }

  detailsOf(chunk: number): DecodedDetails | undefined {
    if (this.hasDetails[chunk] === 0) return NO_DETAILS
    const durationsNs = this.#exactDurationsOf(chunk)
    if (durationsNs === undefined) return undefined
    return this.#decodeDetails(chunk, (page) =>
      decodeDetailsPage(page, durationsNs, this.childrenSumNs(chunk), this.#context.gaps),
    )
  }

  childrenOf(chunk: number): Float64Array | undefined {
    const durationsNs = this.#exactDurationsOf(chunk)
    if (durationsNs === undefined) return undefined
    return this.#decodeDetails(chunk, (page) =>
      decodeChildrenColumn(page, durationsNs, this.childrenSumNs(chunk), this.#context.gaps),
    )
  }

  detailsOfRows(
    chunk: number,
    rows: ArrayLike<number>,
    durationsNs: ArrayLike<number>,
  ): DecodedDetails | undefined {
    if (this.hasDetails[chunk] === 0) return NO_DETAILS
    const rowCount = this.rowCounts[chunk]!
    return this.#decodeDetails(chunk, (page) =>
      decodeDetailsOfRows(page, rowCount, rows, durationsNs, this.#context.gaps),
    )
  }

  attributesOf(chunk: number): RowAttributes | undefined {
    if (this.hasDetails[chunk] === 0) return NO_ATTRIBUTES
    const context = this.#context
    const key = this.#firstChunkKey + chunk
    if (context.loadedAttributes?.key === key) return context.loadedAttributes.value
    return this.#decodeDetails(chunk, (page) => {
      const value = openAttributes(page, this.rowCounts[chunk]!, (decode) => this.#decode(decode))
      context.loadedAttributes = { key, value }
      return value
    })
  }

  detailsOffset(chunk: number): number {
    return this.#directory.details?.pageOffsets[chunk] ?? 0
  }

  close(): void {
    const { files, pool } = this.#context
    const regions = [this.#durations, this.#starts, this.#errors, this.#histograms, this.#details]
    for (const { extents, firstKey } of regions) {
      for (let extent = 0; extent < extents.count; extent++) pool.delete(firstKey + extent)
    }
    files.close(this.#descriptor)
  }

  #readHeader(sizeBytes: number, interval: SequenceInterval): SegmentHeader {
    if (sizeBytes < SEGMENT_HEADER_SIZE_BYTES + SEGMENT_FOOTER_SIZE_BYTES) {
      throw new CorruptionError(this.path, 0, `${sizeBytes} bytes are no segment`)
    }
    const header = decodeSegmentHeader(this.#read(0, SEGMENT_HEADER_SIZE_BYTES))
    if (header.sequenceLow !== interval.low || header.sequenceHigh !== interval.high) {
      const inside = `${header.sequenceLow}-${header.sequenceHigh}`
      throw new CorruptionError(
        this.path,
        8,
        `the file is named otherwise, it holds logs ${inside}`,
      )
    }
    return header
  }

  #readFooter(sizeBytes: number, { hasDetails }: SegmentHeader) {
    const offset = sizeBytes - SEGMENT_FOOTER_SIZE_BYTES
    return decodeSegmentFooter(this.#read(offset, SEGMENT_FOOTER_SIZE_BYTES), hasDetails)
  }

  #read(offset: number, sizeBytes: number): FileBytes {
    return this.#context.read(this.#descriptor, this.path, offset, sizeBytes)
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
    const totals = new CallSummaries(this.groupCount)
    const total = new CallTotals()
    const part = new CallTotals()
    for (let group = 0; group < this.groupCount; group++) {
      total.clear()
      for (let chunk = this.firstChunks[group]!; chunk < this.firstChunks[group + 1]!; chunk++) {
        this.chunkSummary(chunk, part)
        total.add(part)
      }
      totals.set(group, total)
    }
    return totals
  }

  #exactDurationsOf(chunk: number): Float64Array | undefined {
    const durations = this.durationsOf(chunk)
    if (durations === undefined) return undefined
    const { longs, pointer } = durations
    const { u32 } = this.#context.kernels
    const first = pointer / 4
    const durationsNs = new Float64Array(u32.subarray(first, first + this.rowCounts[chunk]!))
    longs?.rows.forEach((row, i) => {
      durationsNs[row] = longs.durationsNs[i]!
    })
    return durationsNs
  }

  #shapeOf(chunk: number): ChunkShape {
    return {
      rowCount: this.rowCounts[chunk]!,
      codec: this.#directory.codecs[chunk]!,
      minStartUs: this.minStartsUs[chunk]!,
      maxStartUs: this.maxStartsUs[chunk]!,
      minDurationNs: this.minDurationsNs[chunk]!,
      maxDurationNs: this.maxDurationsNs[chunk]!,
      errorCount: this.errorCounts[chunk]!,
    }
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
    const { pageOffsets, pageSizes } = this.#directory.details!
    return this.#decodePage(this.#details, chunk, pageOffsets[chunk]!, pageSizes[chunk]!, decode)
  }

  /** Runs a decoder on a page where it stands in the buffer pool; damage is reported, or thrown if nobody listens. */
  #decodePage<T>(
    region: PagedRegion,
    page: number,
    offset: number,
    sizeBytes: number,
    decode: (page: FileBytes) => T,
  ): T | undefined {
    const { kernels, pool } = this.#context
    return this.#decode(() => {
      const extent = region.extents.pageExtent[page]!
      const slot = this.#load(region, extent)
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
  #load({ extents, firstKey }: PagedRegion, extent: number): number {
    const { pool } = this.#context
    const slot = pool.find(firstKey + extent)
    if (slot !== MISS) return slot
    const sizeBytes = extents.offsets[extent + 1]! - extents.offsets[extent]!
    return pool.admit(firstKey + extent, sizeBytes, (pointer) => {
      this.#readExtent(extents, extent, pointer, sizeBytes)
    })
  }

  #readExtent(extents: Extents, extent: number, pointer: number, sizeBytes: number): void {
    const { files, kernels } = this.#context
    const offset = extents.offsets[extent]!
    const count = readAt(files, this.#descriptor, kernels.u8, pointer, sizeBytes, offset)
    if (count !== sizeBytes) {
      throw new CorruptionError(this.path, offset + count, 'the file ends inside a page')
    }
    if (kernels.xxh64Low(pointer, sizeBytes) !== extents.checksums[extent]) {
      throw new CorruptionError(this.path, offset, 'checksum of a page does not match')
    }
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
