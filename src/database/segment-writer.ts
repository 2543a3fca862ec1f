/**
 * @module database/segment-writer
 * Clustered rows → the bytes of a segment, region by region (docs/format/segment.md).
 */
import { BUCKET_COUNT, bucketOf } from '../metrics/histogram.ts'
import type { ClusteredRows } from './clustered-rows.ts'
import type { FileLayer } from './file.ts'
import {
  decodedSizeBytes,
  durationPageBound,
  encodeDurationPage,
  encodeErrorPage,
  encodeStartPage,
  errorPageBound,
  MAX_CHUNK_ROWS,
  startPageBound,
} from './format/pages.ts'
import { LONG_DURATION_NS } from './format/rows.ts'
import {
  createDirectoryColumns,
  encodeSegmentDirectory,
  segmentDirectoryBound,
  SUMMARY_MIN_ROWS,
  type DirectoryColumns,
  type ExtentList,
} from './format/segment-directory.ts'
import {
  encodeSegmentFooter,
  encodeSegmentHeader,
  SEGMENT_FOOTER_SIZE_BYTES,
  SEGMENT_HEADER_SIZE_BYTES,
  type Region,
} from './format/segment-header.ts'
import { CHUNK_FLAG_LONG, START_CODEC_PFOR, START_CODEC_VARINT } from './format/versions.ts'
import type { Kernels } from './kernels/kernels.ts'
import { SPARSE_HISTOGRAM_MAX_BYTES } from './kernels/sizes.ts'
import type { Progress } from './progress.ts'
import { SegmentDetails } from './segment-details.ts'
import { SegmentOutput } from './segment-output.ts'

const WORD = 2 ** 32

/** Rows [first, first + count) of the clustered rows: some of one function and weight, or all. */
interface Chunk {
  functionId: number
  first: number
  count: number
  isLastOfGroup: boolean
  hasSiblings: boolean // its group has other chunks
}

interface PageRegion {
  region: Region
  extents: ExtentList
}

/** Reused for one segment after the other. */
export class SegmentWriter {
  readonly #kernels: Kernels
  readonly #output: SegmentOutput
  // scratch for one chunk
  readonly #saturated: number // u32[MAX_CHUNK_ROWS + 128]: durations
  readonly #gaps: number // u32[MAX_CHUNK_ROWS + 128]
  readonly #histogram: number // u32[BUCKET_COUNT], zero between chunks
  readonly #total: number // the same of a group, zero between groups
  readonly #sparse: number // a sparse histogram
  readonly #aggregate: number // f64 sum, u32 minimum, u32 maximum
  readonly #details: SegmentDetails
  readonly #errorRows = new Uint16Array(MAX_CHUNK_ROWS)
  #chunkHistograms = new Bytes()
  #totalHistograms = new Bytes()

  constructor(kernels: Kernels, files: FileLayer) {
    this.#kernels = kernels
    this.#output = new SegmentOutput(kernels, files)
    const valuesSize = decodedSizeBytes(MAX_CHUNK_ROWS, 4) + 512
    this.#saturated = kernels.allocate(valuesSize)
    this.#gaps = kernels.allocate(valuesSize)
    this.#histogram = kernels.allocate(4 * BUCKET_COUNT)
    this.#total = kernels.allocate(4 * BUCKET_COUNT)
    this.#sparse = kernels.allocate(SPARSE_HISTOGRAM_MAX_BYTES)
    this.#aggregate = kernels.allocate(16)
    this.#details = new SegmentDetails(kernels, this.#output, this.#gaps)
  }

  /**
   * Writes the whole segment to an empty file. Does not sync it.
   *
   * @param sequence of the log that the rows come from
   * @param firstRow arrival number of the log's first row
   */
  write(
    descriptor: number,
    rows: ClusteredRows,
    sequence: number,
    firstRow: number,
    progress: Progress,
  ): void {
    const kernels = this.#kernels
    const output = this.#output
    const chunks = splitIntoChunks(rows)
    const totalCount = chunks.filter((chunk) => chunk.hasSiblings && chunk.isLastOfGroup).length
    const hasDetails = rows.details !== undefined
    const columns = createDirectoryColumns(chunks.length, totalCount, hasDetails)
    output.begin(descriptor)
    const header = {
      sequenceLow: sequence,
      sequenceHigh: sequence,
      rowCount: rows.rowCount,
      minStartUs: rows.minStartUs,
      maxStartUs: rows.maxStartUs,
      firstRow,
      hasDetails,
    }
    const at = output.reserve(SEGMENT_HEADER_SIZE_BYTES)
    encodeSegmentHeader(kernels, header, at)
    output.endPart(at + SEGMENT_HEADER_SIZE_BYTES)

    chunks.forEach(({ functionId, count }, i) => {
      columns.functionIds[i] = functionId
      columns.rowCounts[i] = count
    })
    const durations = this.#writeDurations(rows, chunks, columns, progress)
    const starts = this.#writeStarts(rows, chunks, columns, progress)
    const errors = this.#writeErrors(rows, chunks, columns, progress)
    const histograms = this.#writeHistograms(columns, progress)
    const details = this.#writeDetails(rows, chunks, columns, progress)
    this.#writeEnd(rows, columns, [durations, starts, errors, histograms], details)
    output.finish()
  }

  #writeDurations(
    rows: ClusteredRows,
    chunks: readonly Chunk[],
    columns: DirectoryColumns,
    progress: Progress,
  ): PageRegion {
    const output = this.#output
    this.#chunkHistograms.clear()
    this.#totalHistograms.clear()
    let totals = 0
    chunks.forEach((chunk, i) => {
      const { durationsNs } = rows.columns()
      const long = this.#saturate(durationsNs, chunk, columns, i)
      if (chunk.count >= SUMMARY_MIN_ROWS) this.#summarise(durationsNs, chunk, columns, i, long)
      if (chunk.hasSiblings && chunk.isLastOfGroup) {
        const sizeBytes = this.#kernels.histogramEncode(this.#total, this.#sparse, true)
        this.#totalHistograms.append(this.#kernels.u8, this.#sparse, sizeBytes)
        columns.totalHistogramSizes[totals++] = sizeBytes
      }
      const to = output.reserve(durationPageBound(chunk.count))
      const end = encodeDurationPage(
        this.#kernels,
        this.#saturated,
        chunk.count,
        columns.minDurationsNs[i]!,
        long,
        rows.columns().durationsNs,
        chunk.first,
        to,
      )
      columns.durationSizes[i] = output.endPage(end, progress)
      progress.tick()
    })
    return output.endRegion()
  }

  /** Narrows the durations to 32 bits and finds their bounds. @returns whether some did not fit */
  #saturate(
    durationsNs: Float64Array,
    { first, count }: Chunk,
    columns: DirectoryColumns,
    i: number,
  ): boolean {
    const { u32 } = this.#kernels
    const to = this.#saturated / 4
    let minNs = Infinity
    let maxNs = 0
    for (let row = 0; row < count; row++) {
      const durationNs = durationsNs[first + row]!
      if (durationNs < minNs) minNs = durationNs
      if (durationNs > maxNs) maxNs = durationNs
      u32[to + row] = durationNs < LONG_DURATION_NS ? durationNs : LONG_DURATION_NS
    }
    columns.minDurationsNs[i] = minNs
    columns.maxDurationsNs[i] = maxNs
    const long = maxNs >= LONG_DURATION_NS
    if (long) columns.codecs[i]! |= CHUNK_FLAG_LONG
    return long
  }

  /** Sum, squared deviations and histogram of a chunk whose durations have been narrowed. */
  #summarise(
    durationsNs: Float64Array,
    chunk: Chunk,
    columns: DirectoryColumns,
    i: number,
    long: boolean,
  ): void {
    const kernels = this.#kernels
    const { count } = chunk
    kernels.aggregate(this.#saturated, count, this.#histogram, this.#aggregate)
    if (long) {
      this.#summariseLong(durationsNs, chunk, columns, i)
    } else {
      const sum = kernels.f64[this.#aggregate / 8]! // below 2^14 * 2^32, so exact
      columns.sumsHigh[i] = Math.floor(sum / WORD)
      columns.sumsLow[i] = sum % WORD
      columns.squaredDeviations[i] = kernels.squaredDeviations(this.#saturated, count, sum / count)
    }
    const sizeBytes = kernels.histogramEncode(this.#histogram, this.#sparse, true)
    this.#chunkHistograms.append(kernels.u8, this.#sparse, sizeBytes)
    columns.histogramSizes[i] = sizeBytes
    if (chunk.hasSiblings) kernels.histogramMerge(this.#sparse, this.#total)
  }

  /** The kernels took every long duration for 2^32 - 1 ns: counts those again, from the exact column. */
  #summariseLong(
    durationsNs: Float64Array,
    { first, count }: Chunk,
    columns: DirectoryColumns,
    i: number,
  ): void {
    const { u32 } = this.#kernels
    const histogram = this.#histogram / 4
    const saturatedBucket = histogram + bucketOf(LONG_DURATION_NS)
    let high = 0
    let low = 0
    for (let row = first; row < first + count; row++) {
      const durationNs = durationsNs[row]!
      const highPart = Math.floor(durationNs / WORD)
      high += highPart
      low += durationNs - highPart * WORD
      if (durationNs < LONG_DURATION_NS) continue
      u32[saturatedBucket]!--
      u32[histogram + bucketOf(durationNs)]!++
    }
    const carry = Math.floor(low / WORD)
    columns.sumsHigh[i] = high + carry
    columns.sumsLow[i] = low - carry * WORD
    const meanNs = (high / count) * WORD + low / count
    let squares = 0
    for (let row = first; row < first + count; row++) {
      const deviation = durationsNs[row]! - meanNs
      squares += deviation * deviation
    }
    columns.squaredDeviations[i] = squares
  }

  #writeStarts(
    rows: ClusteredRows,
    chunks: readonly Chunk[],
    columns: DirectoryColumns,
    progress: Progress,
  ): PageRegion {
    const output = this.#output
    chunks.forEach(({ first, count }, i) => {
      const to = output.reserve(startPageBound(count))
      const { startsUs } = rows.columns()
      columns.minStartsUs[i] = startsUs[first]!
      columns.maxStartsUs[i] = startsUs[first + count - 1]!
      const wide = this.#kernels.deltaEncode(rows.startsUs + 8 * first, count, this.#gaps) > 0
      const codec = wide ? START_CODEC_VARINT : START_CODEC_PFOR
      columns.codecs[i]! |= codec << 4
      const end = encodeStartPage(this.#kernels, this.#gaps, count, codec, startsUs, first, to)
      columns.startSizes[i] = output.endPage(end, progress)
      progress.tick()
    })
    return output.endRegion()
  }

  #writeErrors(
    rows: ClusteredRows,
    chunks: readonly Chunk[],
    columns: DirectoryColumns,
    progress: Progress,
  ): PageRegion {
    const output = this.#output
    chunks.forEach((chunk, i) => {
      const errorCount = this.#findErrors(rows, chunk, columns, i)
      const to = output.reserve(errorPageBound(errorCount))
      const { errorTypes } = rows.columns()
      const end = encodeErrorPage(
        this.#kernels,
        errorTypes,
        chunk.first,
        this.#errorRows,
        errorCount,
        to,
      )
      columns.errorSizes[i] = output.endPage(end, progress)
      progress.tick()
    })
    return output.endRegion()
  }

  /** Rows of the chunk with an error, to #errorRows. @returns their number */
  #findErrors(
    rows: ClusteredRows,
    { first, count }: Chunk,
    columns: DirectoryColumns,
    i: number,
  ): number {
    const { durationsNs, errorTypes } = rows.columns()
    const errorRows = this.#errorRows
    let errorCount = 0
    let maxNs = 0
    for (let row = 0; row < count; row++) {
      if (errorTypes[first + row] === 0) continue
      errorRows[errorCount++] = row
      maxNs = Math.max(maxNs, durationsNs[first + row]!)
    }
    columns.errorCounts[i] = errorCount
    columns.maxErrorDurationsNs[i] = maxNs
    return errorCount
  }

  #writeHistograms(columns: DirectoryColumns, progress: Progress): PageRegion {
    const output = this.#output
    const write = (sizes: Uint32Array, bytes: Uint8Array) => {
      let from = 0
      for (const sizeBytes of sizes) {
        const to = output.reserve(sizeBytes)
        this.#kernels.u8.set(bytes.subarray(from, from + sizeBytes), to)
        from += sizeBytes
        output.endPage(to + sizeBytes, progress)
      }
    }
    write(columns.histogramSizes, this.#chunkHistograms.bytes)
    write(columns.totalHistogramSizes, this.#totalHistograms.bytes)
    return output.endRegion()
  }

  #writeDetails(
    rows: ClusteredRows,
    chunks: readonly Chunk[],
    columns: DirectoryColumns,
    progress: Progress,
  ): PageRegion | undefined {
    const { details } = rows
    if (details === undefined || columns.details === undefined) return undefined
    for (const [i, { first, count }] of chunks.entries()) {
      this.#details.writePage(rows, details, first, count, columns.details, i, progress)
    }
    return this.#output.endRegion()
  }

  /** The directory and the footer. */
  #writeEnd(
    rows: ClusteredRows,
    columns: DirectoryColumns,
    pages: readonly PageRegion[],
    details: PageRegion | undefined,
  ): void {
    const kernels = this.#kernels
    const output = this.#output
    const extents = pages.map((page) => page.extents)
    if (details !== undefined) extents.push(details.extents)
    const extentCount = extents.reduce((sum, list) => sum + list.checksums.length, 0)
    const bound = segmentDirectoryBound(columns, extentCount) + SEGMENT_FOOTER_SIZE_BYTES
    const at = output.reserve(bound)
    const end = encodeSegmentDirectory(kernels, columns, rows.minStartUs, extents, at)
    const directoryChecksum = kernels.xxh64(at, end - at)
    const directory = output.endPart(end)
    const footer = {
      durations: pages[0]!.region,
      starts: pages[1]!.region,
      errors: pages[2]!.region,
      histograms: pages[3]!.region,
      details: details?.region,
      directory,
      chunkCount: columns.chunkCount,
      functionCount: countFunctions(columns.functionIds),
      directoryChecksum,
    }
    const to = output.reserve(SEGMENT_FOOTER_SIZE_BYTES)
    encodeSegmentFooter(kernels, footer, to)
    output.endPart(to + SEGMENT_FOOTER_SIZE_BYTES)
  }
}

/** The rows of a function and weight in as few chunks as possible, of equal size give or take a row. */
function splitIntoChunks(rows: ClusteredRows): Chunk[] {
  const chunks: Chunk[] = []
  for (const { functionId, first, end } of rows.functions) {
    const parts = Math.ceil((end - first) / MAX_CHUNK_ROWS)
    for (let part = 0; part < parts; part++) {
      const from = first + Math.floor(((end - first) * part) / parts)
      const to = first + Math.floor(((end - first) * (part + 1)) / parts)
      chunks.push({
        functionId,
        first: from,
        count: to - from,
        isLastOfGroup: part === parts - 1,
        hasSiblings: parts > 1,
      })
    }
  }
  return chunks
}

/** @param functionIds of the chunks, ascending */
function countFunctions(functionIds: Uint32Array): number {
  let count = 0
  for (let i = 0; i < functionIds.length; i++) {
    if (i === 0 || functionIds[i] !== functionIds[i - 1]) count++
  }
  return count
}

/** Bytes that grow. */
class Bytes {
  #bytes = new Uint8Array(65_536)
  #length = 0

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  clear(): void {
    this.#length = 0
  }

  append(from: Uint8Array, at: number, sizeBytes: number): void {
    if (this.#length + sizeBytes > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.#length + sizeBytes, 2 * this.#bytes.length))
      larger.set(this.bytes)
      this.#bytes = larger
    }
    this.#bytes.set(from.subarray(at, at + sizeBytes), this.#length)
    this.#length += sizeBytes
  }
}
