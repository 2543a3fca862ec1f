/**
 * @module database/segment-writer
 * Clustered rows → the bytes of a segment, region by region (docs/format/segment.md).
 */
import { ChunkSummaries, type Chunk } from './chunk-summaries.ts'
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
import type { Kernels } from './kernels/kernels.ts'
import type { Progress } from './progress.ts'
import { SegmentDetails } from './segment-details.ts'
import { SegmentOutput } from './segment-output.ts'

interface PageRegion {
  region: Region
  extents: ExtentList
}

/** Reused for one segment after the other. */
export class SegmentWriter {
  readonly #kernels: Kernels
  readonly #output: SegmentOutput
  readonly #summaries: ChunkSummaries
  readonly #details: SegmentDetails
  // scratch for one chunk
  readonly #gaps: number // u32[MAX_CHUNK_ROWS + 128]
  readonly #errorRows = new Uint16Array(MAX_CHUNK_ROWS)
  #dense = false

  constructor(kernels: Kernels, files: FileLayer) {
    this.#kernels = kernels
    this.#output = new SegmentOutput(kernels, files)
    this.#summaries = new ChunkSummaries(kernels)
    this.#gaps = kernels.allocate(decodedSizeBytes(MAX_CHUNK_ROWS, 4) + 512)
    this.#details = new SegmentDetails(kernels, this.#output, this.#gaps)
  }

  /**
   * Writes the whole segment to an empty file. Does not sync it.
   *
   * @param sequence of the log that the rows come from
   * @param firstRow arrival number of the log's first row
   * @param dense    whether durations shall be small rather than fast to scan: for rows that are seldom asked for
   */
  write(
    descriptor: number,
    rows: ClusteredRows,
    sequence: number,
    firstRow: number,
    progress: Progress,
    dense = false,
  ): void {
    this.#dense = dense
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
    const summaries = this.#summaries
    summaries.clear()
    let totals = 0
    chunks.forEach((chunk, i) => {
      const { durationsNs } = rows.columns()
      const long = summaries.saturate(durationsNs, chunk, columns, i)
      if (chunk.count >= SUMMARY_MIN_ROWS) summaries.summarise(durationsNs, chunk, columns, i, long)
      if (chunk.hasSiblings && chunk.isLastOfGroup) {
        columns.totalHistogramSizes[totals++] = summaries.endGroup()
      }
      const to = output.reserve(durationPageBound(chunk.count))
      const { end, codec } = encodeDurationPage(
        this.#kernels,
        summaries.saturated,
        chunk.count,
        columns.minDurationsNs[i]!,
        long,
        rows.columns().durationsNs,
        chunk.first,
        this.#dense,
        to,
      )
      columns.codecs[i] = codec
      columns.durationSizes[i] = output.endPage(end, progress)
      progress.tick()
    })
    return output.endRegion()
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
      const { end, codec } = encodeStartPage(
        this.#kernels,
        this.#gaps,
        count,
        wide,
        startsUs,
        first,
        to,
      )
      columns.codecs[i]! |= codec
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
    write(columns.histogramSizes, this.#summaries.chunkHistograms.bytes)
    write(columns.totalHistogramSizes, this.#summaries.groupHistograms.bytes)
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
