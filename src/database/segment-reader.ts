/**
 * @module database/segment-reader
 * One sealed segment. Its directory and its histograms stay in memory; pages are read when a question needs them,
 * an extent at a time, and every extent's checksum is verified when it is read.
 */
import { CorruptionError } from '../errors.ts'
import type { Area } from './arena.ts'
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
  type Region,
  type SegmentHeader,
} from './format/segment-header.ts'
import type { ReaderContext } from './reader-context.ts'

const NO_ERRORS: ErrorRows = { rows: new Uint16Array(0), types: new Uint16Array(0) }
const IDS = 2 ** 32
const WORD = 2 ** 32

/** Regions with pages, for the keys of the extent cache. */
const DURATIONS = 0
const STARTS = 1
const ERRORS = 2
const DETAILS = 3
const REGIONS = 4

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
  readonly chunkHistograms: Uint32Array
  readonly groupHistograms: Uint32Array

  readonly #context: ReaderContext
  readonly #descriptor: number
  readonly #directory: SegmentDirectory
  readonly #histograms: Area
  readonly #totals: CallSummaries
  readonly #id: number

  /**
   * @param interval of the file's name
   * @throws {CorruptionError} the segment cannot be used at all; a damaged histogram is only reported
   * @throws the file system's error, ENOENT among them
   */
  constructor(context: ReaderContext, path: string, interval: SequenceInterval) {
    this.path = path
    this.#context = context
    this.#id = context.nextId()
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
      this.#histograms = this.#loadHistograms(footer.histograms)
    } catch (error) {
      context.files.close(this.#descriptor)
      throw error
    }
    this.chunkHistograms = new Uint32Array(this.chunkCount)
    this.groupHistograms = new Uint32Array(this.groupCount)
    this.#placeHistograms(this.#directory)
    this.#totals = this.#addUpGroups()
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

  durationsOf(chunk: number): LoadedDurations | undefined {
    const context = this.#context
    const key = this.#id * IDS + chunk
    if (context.loadedDurations?.key === key) return context.loadedDurations.value
    const { durationExtents, durationOffsets, durationSizes } = this.#directory
    return this.#decode(() => {
      context.loadedDurations = undefined
      const offset = durationOffsets[chunk]!
      const page = this.#page(DURATIONS, durationExtents, chunk, offset, durationSizes[chunk]!)
      const pointer = context.durations
      const longs = decodeDurationPage(page, this.#shapeOf(chunk), pointer)
      const value = { pointer, longs }
      context.loadedDurations = { key, value }
      return value
    })
  }

  startsOf(chunk: number): Float64Array | undefined {
    const context = this.#context
    const key = this.#id * IDS + chunk
    if (context.loadedStarts !== key) {
      const { startExtents, startOffsets, startSizes } = this.#directory
      const loaded = this.#decode(() => {
        context.loadedStarts = undefined
        const offset = startOffsets[chunk]!
        const page = this.#page(STARTS, startExtents, chunk, offset, startSizes[chunk]!)
        decodeStartPage(page, this.#shapeOf(chunk), context.starts, context.gaps)
        context.loadedStarts = key
        return true
      })
      if (loaded === undefined) return undefined
    }
    const first = context.starts / 8
    return context.kernels.f64.subarray(first, first + this.rowCounts[chunk]!)
  }

  errorsOf(chunk: number): ErrorRows | undefined {
    if (this.errorCounts[chunk] === 0) return NO_ERRORS
    const { errorExtents, errorOffsets, errorSizes } = this.#directory
    return this.#decode(() => {
      const page = this.#page(ERRORS, errorExtents, chunk, errorOffsets[chunk]!, errorSizes[chunk]!)
      return decodeErrorPage(page, this.#shapeOf(chunk))
    })
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
    return this.#decode(() => {
      const page = this.#detailsPage(chunk)
      return decodeDetailsPage(page, durationsNs, this.childrenSumNs(chunk), this.#context.gaps)
    })
  }

  childrenOf(chunk: number): Float64Array | undefined {
    const durationsNs = this.#exactDurationsOf(chunk)
    if (durationsNs === undefined) return undefined
    return this.#decode(() => {
      const page = this.#detailsPage(chunk)
      return decodeChildrenColumn(page, durationsNs, this.childrenSumNs(chunk), this.#context.gaps)
    })
  }

  detailsOfRows(
    chunk: number,
    rows: ArrayLike<number>,
    durationsNs: ArrayLike<number>,
  ): DecodedDetails | undefined {
    if (this.hasDetails[chunk] === 0) return NO_DETAILS
    return this.#decode(() => {
      const page = this.#detailsPage(chunk)
      const rowCount = this.rowCounts[chunk]!
      return decodeDetailsOfRows(page, rowCount, rows, durationsNs, this.#context.gaps)
    })
  }

  attributesOf(chunk: number): RowAttributes | undefined {
    if (this.hasDetails[chunk] === 0) return NO_ATTRIBUTES
    const context = this.#context
    const key = this.#id * IDS + chunk
    if (context.loadedAttributes?.key === key) return context.loadedAttributes.value
    return this.#decode(() => {
      const page = this.#detailsPage(chunk)
      const value = openAttributes(page, this.rowCounts[chunk]!, (decode) => this.#decode(decode))
      context.loadedAttributes = { key, value }
      return value
    })
  }

  detailsOffset(chunk: number): number {
    return this.#directory.details?.pageOffsets[chunk] ?? 0
  }

  close(): void {
    const { arena, cache, files } = this.#context
    arena.give(this.#histograms)
    const { durationExtents, startExtents, errorExtents, detailsExtents } = this.#directory
    ;[durationExtents, startExtents, errorExtents, detailsExtents].forEach((extents, region) => {
      const count = extents?.count ?? 0
      for (let extent = 0; extent < count; extent++) cache.delete(this.#cacheKey(region, extent))
    })
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

  /** The H region as it stands in the file. */
  #loadHistograms({ offset, sizeBytes }: Region): Area {
    const { arena, files, kernels } = this.#context
    const area = arena.take(sizeBytes)
    const count = readAt(files, this.#descriptor, kernels.u8, area.pointer, sizeBytes, offset)
    // what could not be read fails its checksum
    kernels.u8.fill(0, area.pointer + count, area.pointer + sizeBytes)
    return area
  }

  /** Addresses of the histograms whose extent is sound. Chunks without one are decoded instead. */
  #placeHistograms(directory: SegmentDirectory): void {
    const { histogramExtents: extents } = directory
    const base = this.#histograms.pointer - extents.offsets[0]!
    const sound = this.#verifyHistograms(extents)
    for (let chunk = 0; chunk < this.chunkCount; chunk++) {
      if (directory.histogramSizes[chunk] === 0 || !sound[extents.pageExtent[chunk]!]) continue
      this.chunkHistograms[chunk] = base + directory.histogramOffsets[chunk]!
    }
    for (let group = 0, total = 0; group < this.groupCount; group++) {
      const chunk = this.firstChunks[group]!
      if (this.firstChunks[group + 1]! - chunk === 1) {
        this.groupHistograms[group] = this.chunkHistograms[chunk]!
        continue
      }
      if (sound[extents.pageExtent[this.chunkCount + total]!]) {
        this.groupHistograms[group] = base + directory.totalHistogramOffsets[total]!
      }
      total++
    }
  }

  #verifyHistograms(extents: Extents): boolean[] {
    const { faults, kernels } = this.#context
    const base = this.#histograms.pointer - extents.offsets[0]!
    return Array.from({ length: extents.count }, (_, i) => {
      const offset = extents.offsets[i]!
      const sizeBytes = extents.offsets[i + 1]! - offset
      const sound = kernels.xxh64Low(base + offset, sizeBytes) === extents.checksums[i]
      if (!sound) {
        faults.add(new CorruptionError(this.path, offset, 'checksum of histograms does not match'))
      }
      return sound
    })
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

  /** The page of a chunk that has one. */
  #detailsPage(chunk: number): FileBytes {
    const { details, detailsExtents } = this.#directory
    const { pageOffsets, pageSizes } = details!
    return this.#page(DETAILS, detailsExtents!, chunk, pageOffsets[chunk]!, pageSizes[chunk]!)
  }

  /** A page in the kernels' memory, its extent verified. */
  #page(
    region: number,
    extents: Extents,
    chunk: number,
    offset: number,
    sizeBytes: number,
  ): FileBytes {
    const { cache } = this.#context
    const extent = extents.pageExtent[chunk]!
    const key = this.#cacheKey(region, extent)
    const extentOffset = extents.offsets[extent]!
    let bytes = cache.get(key)
    if (bytes === undefined) {
      bytes = this.#readExtent(extents, extent)
      cache.set(key, bytes)
    }
    const begin = offset - extentOffset
    return this.#context.place(bytes.subarray(begin, begin + sizeBytes), this.path, offset)
  }

  #readExtent(extents: Extents, extent: number): Uint8Array {
    const { kernels } = this.#context
    const offset = extents.offsets[extent]!
    const sizeBytes = extents.offsets[extent + 1]! - offset
    const file = this.#read(offset, sizeBytes)
    if (file.sizeBytes !== sizeBytes) {
      throw new CorruptionError(this.path, offset + file.sizeBytes, 'the file ends inside a page')
    }
    if (kernels.xxh64Low(file.pointer, sizeBytes) !== extents.checksums[extent]) {
      throw new CorruptionError(this.path, offset, 'checksum of a page does not match')
    }
    return kernels.u8.slice(file.pointer, file.pointer + sizeBytes)
  }

  #cacheKey(region: number, extent: number): number {
    return (this.#id * IDS + extent) * REGIONS + region
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
