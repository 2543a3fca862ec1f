/**
 * @module database/read/segment-pages
 * All rows of a segment, page after page, for whoever rewrites it: every extent is read about once and decoded at once, so
 * nothing is kept but the last extents of each region.
 */
import { CorruptionError } from '../../errors.ts'
import type { Area } from '../arena.ts'
import { copyOrZero } from '../copy-or-zero.ts'
import { readAt } from '../file.ts'
import type { SequenceInterval } from '../format/directory.ts'
import { decodeDetailsPage, openAttributes } from '../format/details-page.ts'
import type { FileBytes } from '../format/file-bytes.ts'
import {
  addUpGaps,
  decodedSizeBytes,
  decodeDurationPage,
  decodeErrorPage,
  decodeGaps,
  decodeStartPage,
  MAX_CHUNK_ROWS,
  type ChunkShape,
} from '../format/pages.ts'
import type { Extents, SegmentDirectory } from '../format/segment-directory.ts'
import type { SegmentHeader } from '../format/segment-header.ts'
import { openSegment } from './open-segment.ts'
import type { ColumnsPlace, GroupDetails } from '../write/page-rows.ts'
import type { ReaderContext } from './reader-context.ts'

const WORD = 2 ** 32

/** Decoded rows of a page. */
export interface DecodedRows extends ColumnsPlace {
  area: Area // in which the columns stand
  page: number
  rowCount: number
  details: GroupDetails | undefined // by row of the page
  // of a page that chunks share: its gaps u32[] and what does not fit 32 bits of them, for the chunks' starts
  gaps: number
  highGaps: number
}

export class SegmentPages {
  readonly header: SegmentHeader
  readonly directory: SegmentDirectory
  readonly #context: ReaderContext
  readonly #path: string
  readonly #descriptor: number
  readonly #regions: readonly [ExtentWindow, ExtentWindow, ExtentWindow, ExtentWindow | undefined]
  #exact: Float64Array | undefined // durations of a page with details

  /**
   * @param interval of the file's name
   * @throws {CorruptionError}
   * @throws the file system's error
   */
  constructor(context: ReaderContext, path: string, interval: SequenceInterval) {
    const { files } = context
    const descriptor = files.open(path, 'r')
    try {
      const { sizeBytes } = files.fstat(descriptor)
      const opened = openSegment(path, sizeBytes, interval, (offset, size) =>
        context.read(descriptor, path, offset, size),
      )
      this.header = opened.header
      this.directory = opened.directory
    } catch (error) {
      files.close(descriptor)
      throw error
    }
    this.#context = context
    this.#path = path
    this.#descriptor = descriptor
    const { detailsExtents, durationExtents, errorExtents, startExtents } = this.directory
    const windowOf = (extents: Extents) => new ExtentWindow(context, path, descriptor, extents)
    this.#regions = [
      windowOf(durationExtents),
      windowOf(startExtents),
      windowOf(errorExtents),
      detailsExtents === undefined ? undefined : windowOf(detailsExtents),
    ]
  }

  weightOf(chunk: number): number {
    return this.directory.details?.weights[chunk] ?? 1
  }

  isShared(chunk: number): boolean {
    const { isShared, pages } = this.directory
    return isShared[pages[chunk]!] === 1
  }

  /**
   * Decodes the page of a chunk. If it shares the page its starts are not there yet, see decodeSharedStarts().
   *
   * @param before rows that are not needed any more, whose area may be used again
   * @throws {CorruptionError}
   * @throws the file system's error
   */
  decode(chunk: number, before: DecodedRows | undefined): DecodedRows {
    const context = this.#context
    const { kernels } = context
    const { durationOffsets, durationSizes, pages, startOffsets, startSizes } = this.directory
    const page = pages[chunk]!
    const shape = this.#shapeOf(chunk)
    const { rowCount } = shape
    const rows = this.#place(page, rowCount, before)
    const [durations, starts] = this.#regions
    const startPage = starts.read(page, startOffsets[page]!, startSizes[page]!)
    if (this.isShared(chunk)) decodeGaps(startPage, shape, rows.gaps, rows.highGaps)
    else decodeStartPage(startPage, shape, rows.startsUs, rows.gaps)
    const durationPage = durations.read(page, durationOffsets[page]!, durationSizes[page]!)
    const longs = decodeDurationPage(durationPage, shape, context.durations)
    const from = context.durations / 4
    const { f64, u32 } = kernels
    f64.set(u32.subarray(from, from + rowCount), rows.durationsNs / 8)
    longs?.rows.forEach((row, i) => {
      f64[rows.durationsNs / 8 + row] = longs.durationsNs[i]!
    })
    this.#decodeErrors(rows, shape)
    rows.details = this.#decodeDetails(rows)
    return rows
  }

  /** Starts of a chunk that shares the decoded page, to their place there. @throws {CorruptionError} */
  decodeSharedStarts(chunk: number, rows: DecodedRows): void {
    const { firstRows, rowCounts } = this.directory
    const first = firstRows[chunk]!
    const to = rows.startsUs + 8 * first
    const { kernels } = this.#context
    const page = { kernels, pointer: 0, sizeBytes: 0, path: this.#path, offset: 0 }
    const shape = this.#shapeOf(chunk)
    addUpGaps(page, shape, first, rowCounts[chunk]!, rows.gaps, rows.highGaps, to)
  }

  close(): void {
    for (const region of this.#regions) region?.close()
    this.#context.files.close(this.#descriptor)
  }

  #place(page: number, rowCount: number, before: DecodedRows | undefined): DecodedRows {
    const { arena } = this.#context
    const wideSize = decodedSizeBytes(rowCount, 8)
    const sizeBytes = 3.25 * wideSize
    const area = before === undefined ? arena.take(sizeBytes) : arena.resize(before.area, sizeBytes)
    const { pointer } = area
    return {
      area,
      page,
      rowCount,
      startsUs: pointer,
      durationsNs: pointer + wideSize,
      gaps: pointer + 2 * wideSize,
      highGaps: pointer + 2.5 * wideSize,
      errorTypes: pointer + 3 * wideSize,
      isFixed: false,
      details: undefined,
    }
  }

  #decodeErrors({ errorTypes, page, rowCount }: DecodedRows, shape: ChunkShape): void {
    const { u16 } = this.#context.kernels
    const to = errorTypes / 2
    u16.fill(0, to, to + rowCount)
    if (shape.errorCount === 0) return
    const { errorOffsets, errorSizes } = this.directory
    const [, , region] = this.#regions
    const bytes = region.read(page, errorOffsets[page]!, errorSizes[page]!)
    const { rows, types } = decodeErrorPage(bytes, shape)
    const into = this.#context.kernels.u16 // the memory may have grown
    rows.forEach((row, i) => {
      into[to + row] = types[i]!
    })
  }

  #decodeDetails({ durationsNs, page, rowCount }: DecodedRows): GroupDetails | undefined {
    const { details } = this.directory
    const [, , , region] = this.#regions
    if (details === undefined || region === undefined || details.pageSizes[page] === 0) {
      return undefined
    }
    const { kernels, pfor } = this.#context
    const bytes = region.read(page, details.pageOffsets[page]!, details.pageSizes[page]!)
    // a copy, as the kernels' memory may grow
    const exact = (this.#exact ??= new Float64Array(MAX_CHUNK_ROWS)).subarray(0, rowCount)
    exact.set(kernels.f64.subarray(durationsNs / 8, durationsNs / 8 + rowCount))
    const sumNs = details.childrenSumsHigh[page]! * WORD + details.childrenSumsLow[page]!
    // scratch of its own: gaps of a page that chunks share are needed later
    const { childrenNs, contexts } = decodeDetailsPage(bytes, exact, sumNs, this.#context.gaps)
    const attributes = openAttributes(bytes, rowCount, { guard: (decode) => decode(), pfor })
    return {
      copy: (first, end, intoContexts, intoChildrenNs, to) => {
        copyOrZero(contexts, first, end, intoContexts, to)
        copyOrZero(childrenNs, first, end, intoChildrenNs, to)
      },
      attributesOf: (row) => attributes.get(row),
    }
  }

  /** Of the chunk's page. */
  #shapeOf(chunk: number): ChunkShape {
    const directory = this.directory
    const page = directory.pages[chunk]!
    return {
      rowCount: directory.pageRowCounts[page]!,
      codec: directory.codecs[page]!,
      minStartUs: directory.minStartsUs[page]!,
      maxStartUs: directory.maxStartsUs[page]!,
      minDurationNs: directory.minDurationsNs[page]!,
      maxDurationNs: directory.maxDurationsNs[page]!,
      errorCount: directory.pageErrorCounts[page]!,
    }
  }
}

/** The last extents of a region that were read: pages that chunks share stand a little ahead of the others. */
class ExtentWindow {
  readonly #context: ReaderContext
  readonly #path: string
  readonly #descriptor: number
  readonly #extents: Extents
  #last: LoadedExtent | undefined
  #other: LoadedExtent | undefined

  constructor(context: ReaderContext, path: string, descriptor: number, extents: Extents) {
    this.#context = context
    this.#path = path
    this.#descriptor = descriptor
    this.#extents = extents
  }

  /** A page, in the kernels' memory until the next but one is read. */
  read(page: number, offset: number, sizeBytes: number): FileBytes {
    const extent = this.#extents.pageExtent[page]!
    if (this.#last?.extent !== extent) {
      const found = this.#other?.extent === extent ? this.#other : this.#load(extent, this.#other)
      this.#other = this.#last
      this.#last = found
    }
    const { kernels } = this.#context
    const pointer = this.#last.area.pointer + offset - this.#extents.offsets[extent]!
    return { kernels, pointer, sizeBytes, path: this.#path, offset }
  }

  close(): void {
    for (const loaded of [this.#last, this.#other]) {
      if (loaded !== undefined) this.#context.arena.give(loaded.area)
    }
    this.#last = undefined
    this.#other = undefined
  }

  #load(extent: number, before: LoadedExtent | undefined): LoadedExtent {
    const { arena, files, kernels } = this.#context
    const sizeBytes = this.#extents.sizes[extent]!
    const offset = this.#extents.offsets[extent]!
    const area = before === undefined ? arena.take(sizeBytes) : arena.resize(before.area, sizeBytes)
    this.#other = undefined // its area is in use again
    const loaded = { extent, area }
    const { pointer } = area
    const count = readAt(files, this.#descriptor, kernels.u8, pointer, sizeBytes, offset)
    if (count !== sizeBytes) {
      throw new CorruptionError(this.#path, offset + count, 'the file ends inside a page')
    }
    if (kernels.xxh64Low(pointer, sizeBytes) !== this.#extents.checksums[extent]) {
      throw new CorruptionError(this.#path, offset, 'checksum of a page does not match')
    }
    return loaded
  }
}

interface LoadedExtent {
  extent: number
  area: Area
}
