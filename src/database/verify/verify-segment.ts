/**
 * @module database/verify/verify-segment
 * Reads a segment from its first byte to its last. First all checksums, extent by extent; then every row, from which
 * everything is computed anew that the segment says of its rows: bounds, sums, histograms, totals.
 */
import { BUCKET_COUNT, bucketOf } from '../../metrics/histogram.ts'
import { CorruptionError } from '../../errors.ts'
import type { Area } from '../arena.ts'
import { CallTotals } from '../call-totals.ts'
import { parseAttributes } from '../format/attributes.ts'
import { parentIdOf } from '../format/call-context.ts'
import type { SequenceInterval } from '../format/directory.ts'
import { MAX_CHUNK_ROWS } from '../format/pages.ts'
import type { Extents, SegmentDirectory } from '../format/segment-directory.ts'
import { SEGMENT_FOOTER_SIZE_BYTES, SEGMENT_HEADER_SIZE_BYTES } from '../format/segment-header.ts'
import type { NamesUsed } from '../write/names-used.ts'
import type { Pacer } from '../pacer.ts'
import { attempt, type ReaderContext } from '../read/reader-context.ts'
import { SegmentReader } from '../read/segment-reader.ts'
import type { VerifiedRows } from './verify-log.ts'

const WORD = 2 ** 32
/** Deviations are rounded, and added in another order than here. */
const DEVIATION_TOLERANCE = 1e-6

interface SegmentOptions {
  interval: SequenceInterval // of the file's name
  names: NamesUsed
  pacer: Pacer
}

/**
 * Faults go to the context's log of faults.
 *
 * @throws the file system's error, ENOENT among them
 */
export async function verifySegment(
  context: ReaderContext,
  path: string,
  options: SegmentOptions,
): Promise<VerifiedRows> {
  const { interval, pacer } = options
  const descriptor = context.files.open(path, 'r')
  try {
    const { sizeBytes } = context.files.fstat(descriptor)
    const before = pacer.bytes
    const segment = attempt(context.faults, () => new SegmentReader(context, path, interval))
    if (segment === undefined) {
      pacer.add(sizeBytes)
      return { rows: 0, firstRow: undefined, endRow: 0, isSound: false }
    }
    try {
      const check = new SegmentCheck(context, segment, descriptor, options)
      try {
        await check.run()
      } finally {
        check.close()
      }
      pacer.add(before + sizeBytes - pacer.bytes)
      const { firstRow, rowCount } = segment.header
      return { rows: check.rows, firstRow, endRow: firstRow + rowCount, isSound: true }
    } finally {
      segment.close()
    }
  } finally {
    context.files.close(descriptor)
  }
}

/** Of the rows of a page that have been seen. */
interface PageBounds {
  page: number
  rows: number
  minUs: number
  maxUs: number
  minNs: number
  maxNs: number
  maxErrorNs: number // 0 without errors
  isKnown: boolean // nothing of it was damaged
}

function noBounds(page: number): PageBounds {
  const nothing = { minUs: Infinity, maxUs: -Infinity, minNs: Infinity, maxNs: 0, maxErrorNs: 0 }
  return { page, rows: 0, ...nothing, isKnown: true }
}

class SegmentCheck {
  /** Rows that can be read. */
  rows = 0
  readonly #context: ReaderContext
  readonly #segment: SegmentReader
  readonly #directory: SegmentDirectory
  readonly #descriptor: number
  readonly #options: SegmentOptions
  readonly #damaged = new Map<Extents, Set<number>>() // extents whose checksum does not hold
  // of one chunk
  readonly #durationsNs = new Float64Array(MAX_CHUNK_ROWS)
  readonly #histogram = new Float64Array(BUCKET_COUNT)
  // of the group at hand
  readonly #total = new Float64Array(BUCKET_COUNT)
  #totalIsKnown = true
  #sharedBounds = noBounds(-1) // of the shared page at hand
  readonly #stored: Area // u32[BUCKET_COUNT]

  constructor(
    context: ReaderContext,
    segment: SegmentReader,
    descriptor: number,
    options: SegmentOptions,
  ) {
    this.#context = context
    this.#segment = segment
    this.#directory = segment.directory
    this.#descriptor = descriptor
    this.#options = options
    this.#stored = context.arena.take(4 * BUCKET_COUNT)
  }

  async run(): Promise<void> {
    const { pacer } = this.#options
    const directory = this.#directory
    pacer.add(SEGMENT_HEADER_SIZE_BYTES + SEGMENT_FOOTER_SIZE_BYTES)
    await this.#checkExtents(directory.durationExtents)
    await this.#checkExtents(directory.startExtents)
    await this.#checkExtents(directory.errorExtents)
    await this.#checkExtents(directory.histogramExtents)
    if (directory.detailsExtents !== undefined) await this.#checkExtents(directory.detailsExtents)
    this.#checkStarts()
    let total = 0
    for (let group = 0; group < this.#segment.groupCount; group++) {
      total = await this.#checkGroup(group, total)
    }
  }

  /** Gives the memory back. */
  close(): void {
    this.#context.arena.give(this.#stored)
  }

  async #checkExtents(extents: Extents): Promise<void> {
    const { kernels } = this.#context
    const { path } = this.#segment
    const damaged = new Set<number>()
    this.#damaged.set(extents, damaged)
    for (let extent = 0; extent < extents.count; extent++) {
      const offset = extents.offsets[extent]!
      const sizeBytes = extents.sizes[extent]!
      const file = this.#context.read(this.#descriptor, path, offset, sizeBytes)
      if (file.sizeBytes !== sizeBytes) {
        damaged.add(extent)
        this.#report(offset + file.sizeBytes, 'the file ends inside a page')
      } else if (kernels.xxh64Low(file.pointer, sizeBytes) !== extents.checksums[extent]) {
        damaged.add(extent)
        this.#report(offset, 'checksum of a page does not match')
      }
      this.#options.pacer.add(sizeBytes)
      if (this.#options.pacer.isDue) await this.#options.pacer.pause()
    }
  }

  /** The header's bounds are those of the chunks. */
  #checkStarts(): void {
    const { chunkCount, header, maxStartsUs, minStartsUs } = this.#segment
    let minUs = Infinity
    let maxUs = -Infinity
    for (let chunk = 0; chunk < chunkCount; chunk++) {
      minUs = Math.min(minUs, minStartsUs[chunk]!)
      maxUs = Math.max(maxUs, maxStartsUs[chunk]!)
    }
    const { maxStartUs, minStartUs } = header
    const [first, last] = chunkCount === 0 ? [0, 0] : [minUs, maxUs]
    if (first !== minStartUs || last !== maxStartUs) {
      this.#report(24, 'the starts of the header are not those of the rows')
    }
  }

  /** @param total number of groups with several chunks before it. @returns the same for the next group */
  async #checkGroup(group: number, total: number): Promise<number> {
    const { firstChunks, maxStartsUs, minStartsUs } = this.#segment
    const { pacer } = this.#options
    const first = firstChunks[group]!
    const end = firstChunks[group + 1]!
    this.#total.fill(0)
    this.#totalIsKnown = true
    for (let chunk = first; chunk < end; chunk++) {
      // the chunks of a group of several have pages of their own
      if (chunk > first && minStartsUs[chunk]! < maxStartsUs[chunk - 1]!) {
        const { pages, startOffsets } = this.#directory
        this.#report(startOffsets[pages[chunk]!]!, 'the starts of a function do not ascend')
      }
      await this.#checkChunk(chunk)
      if (pacer.isDue) await pacer.pause()
    }
    if (end - first === 1) return total
    this.#checkGroupHistogram(total)
    return total + 1
  }

  async #checkChunk(chunk: number): Promise<void> {
    const segment = this.#segment
    const { names } = this.#options
    const { path } = segment
    const at = this.#directory.durationOffsets[this.#directory.pages[chunk]!]!
    names.useFunction(segment.functionIds[chunk]!, path, at)
    const bounds = this.#beginBounds(chunk)
    const startsUs = segment.startsOf(chunk) // of a page of its own checks that they are as the directory says
    if (startsUs === undefined) bounds.isKnown = false
    else {
      bounds.minUs = Math.min(bounds.minUs, startsUs[0]!)
      bounds.maxUs = Math.max(bounds.maxUs, startsUs.at(-1)!)
    }
    if (!this.#loadDurations(chunk)) {
      this.#totalIsKnown = false
      bounds.isKnown = false
      return
    }
    if (startsUs !== undefined) this.rows += segment.rowCounts[chunk]!
    this.#checkDurations(chunk, at, bounds)
    this.#checkErrors(chunk, bounds)
    this.#endBounds(chunk, at, bounds)
    await this.#checkDetails(chunk)
  }

  /** Bounds of the chunk's page: those of the chunk before if both share it. */
  #beginBounds(chunk: number): PageBounds {
    const page = this.#directory.pages[chunk]!
    if (this.#directory.isShared[page] === 0) return noBounds(page)
    if (this.#sharedBounds.page !== page) this.#sharedBounds = noBounds(page)
    return this.#sharedBounds
  }

  /** The directory's bounds are those of the rows, once all of the page have been seen. */
  #endBounds(chunk: number, at: number, bounds: PageBounds): void {
    const segment = this.#segment
    const { errorOffsets, maxErrorDurationsNs, pageRowCounts, startOffsets } = this.#directory
    const { page } = bounds
    bounds.rows += segment.rowCounts[chunk]!
    if (!bounds.isKnown || bounds.rows < pageRowCounts[page]!) return
    if (
      bounds.minNs !== segment.minDurationsNs[chunk] ||
      bounds.maxNs !== segment.maxDurationsNs[chunk]
    ) {
      this.#report(at, 'the bounds of the durations are not those of the rows')
    }
    if (
      bounds.minUs !== segment.minStartsUs[chunk] ||
      bounds.maxUs !== segment.maxStartsUs[chunk]
    ) {
      this.#report(startOffsets[page]!, 'the bounds of the starts are not those of the rows')
    }
    if (bounds.maxErrorNs !== maxErrorDurationsNs[page]) {
      this.#report(errorOffsets[page]!, 'the longest call with an error is not that of the rows')
    }
  }

  /** @returns false if they are damaged, which has been reported */
  #loadDurations(chunk: number): boolean {
    const loaded = this.#segment.durationsOf(chunk)
    if (loaded === undefined) return false
    const { u32 } = this.#context.kernels
    const first = loaded.pointer / 4
    const durationsNs = this.#durationsNs
    const rowCount = this.#segment.rowCounts[chunk]!
    for (let row = 0; row < rowCount; row++) durationsNs[row] = u32[first + row]!
    loaded.longs?.rows.forEach((row, i) => {
      durationsNs[row] = loaded.longs!.durationsNs[i]!
    })
    return true
  }

  #checkDurations(chunk: number, at: number, bounds: PageBounds): void {
    const segment = this.#segment
    const directory = this.#directory
    const { page } = bounds
    const totals = this.#addUp(segment.rowCounts[chunk]!)
    bounds.minNs = Math.min(bounds.minNs, totals.minNs)
    bounds.maxNs = Math.max(bounds.maxNs, totals.maxNs)
    if (Number.isNaN(directory.sumsLow[page])) return
    const stored = new CallTotals()
    segment.chunkSummary(chunk, stored)
    if (stored.sumHigh !== totals.sumHigh || stored.sumLow !== totals.sumLow) {
      this.#report(at, 'the sum of the durations is not that of the rows')
    }
    if (!areClose(stored.squaredDeviations, totals)) {
      this.#report(at, 'the deviations of the durations are not those of the rows')
    }
    this.#checkHistogram(
      directory.histogramExtents.pageExtent[page]!,
      directory.histogramOffsets[page]!,
      directory.histogramSizes[page]!,
      this.#histogram,
    )
  }

  /** Totals of the rows in #durationsNs; counts them in #histogram, and adds that to #total. */
  #addUp(rowCount: number): CallTotals {
    const histogram = this.#histogram.fill(0)
    const total = this.#total
    const durationsNs = this.#durationsNs
    let minNs = Infinity
    let maxNs = 0
    let high = 0
    let low = 0
    for (let row = 0; row < rowCount; row++) {
      const durationNs = durationsNs[row]!
      if (durationNs < minNs) minNs = durationNs
      if (durationNs > maxNs) maxNs = durationNs
      const highPart = Math.floor(durationNs / WORD)
      high += highPart
      low += durationNs - highPart * WORD
      const bucket = bucketOf(durationNs)
      histogram[bucket]!++
      total[bucket]!++
    }
    const meanNs = (high / rowCount) * WORD + low / rowCount
    let squares = 0
    for (let row = 0; row < rowCount; row++) {
      const deviation = durationsNs[row]! - meanNs
      squares += deviation * deviation
    }
    const totals = new CallTotals()
    totals.addMoments(rowCount, high, low, squares)
    totals.addExtremes(minNs, maxNs)
    return totals
  }

  #checkErrors(chunk: number, bounds: PageBounds): void {
    const errors = this.#segment.errorsOf(chunk)
    if (errors === undefined) {
      bounds.isKnown = false
      return
    }
    const { path } = this.#segment
    const at = this.#directory.errorOffsets[bounds.page]!
    errors.rows.forEach((row, i) => {
      bounds.maxErrorNs = Math.max(bounds.maxErrorNs, this.#durationsNs[row]!)
      this.#options.names.useErrorType(errors.types[i]!, path, at)
    })
  }

  async #checkDetails(chunk: number): Promise<void> {
    const segment = this.#segment
    const { names, pacer } = this.#options
    const at = segment.detailsOffset(chunk)
    if (segment.hasDetails[chunk] === 0) return
    for (const context of segment.detailsOf(chunk)?.contexts ?? []) {
      names.useCaller(parentIdOf(context), segment.path, at)
    }
    for (const [, text] of segment.attributesOf(chunk) ?? []) {
      if (parseAttributes(text) === undefined) {
        this.#report(at, 'attributes that are no text of a JSON object')
      }
      if (pacer.isDue) await pacer.pause()
    }
  }

  /** @param total number of the group among those with several chunks */
  #checkGroupHistogram(total: number): void {
    if (!this.#totalIsKnown) return
    const directory = this.#directory
    this.#checkHistogram(
      directory.histogramExtents.pageExtent[directory.pageCount + total]!,
      directory.totalHistogramOffsets[total]!,
      directory.totalHistogramSizes[total]!,
      this.#total,
    )
  }

  #checkHistogram(extent: number, at: number, sizeBytes: number, expected: Float64Array): void {
    if (this.#damaged.get(this.#directory.histogramExtents)!.has(extent)) return
    const { kernels } = this.#context
    const file = this.#context.read(this.#descriptor, this.#segment.path, at, sizeBytes)
    const { pointer } = this.#stored
    const first = pointer / 4
    kernels.u32.fill(0, first, first + BUCKET_COUNT)
    const end = kernels.histogramMerge(file.pointer, pointer)
    if (end !== file.pointer + sizeBytes) {
      this.#report(at, 'a histogram is malformed')
      return
    }
    const { u32 } = kernels
    for (let bucket = 0; bucket < BUCKET_COUNT; bucket++) {
      if (u32[first + bucket] === expected[bucket]) continue
      this.#report(at, 'a histogram is not that of the rows')
      return
    }
  }

  #report(offset: number, reason: string): void {
    this.#context.faults.add(new CorruptionError(this.#segment.path, offset, reason))
  }
}

/** Whether squared deviations are those of the rows, but for rounding. */
function areClose(stored: number, { calls, maxNs, squaredDeviations }: CallTotals): boolean {
  const rounding = calls * (1e-9 * maxNs) ** 2
  return Math.abs(stored - squaredDeviations) <= DEVIATION_TOLERANCE * squaredDeviations + rounding
}
