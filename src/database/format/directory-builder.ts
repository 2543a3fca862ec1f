/**
 * @module database/format/directory-builder
 * Collects the directory of a segment that is being written (directory-v2.ts), page after page, as it will stand in the
 * file: about 25 bytes a page and two a group that shares one, so a segment of any size fits.
 */
import type { Kernels } from '../kernels/kernels.ts'
import type { ExtentList } from './directory-extents.ts'
import { GROUP_HAS_ERRORS, GROUP_HAS_GAP, GROUP_ROWS_UNIT } from './directory-v2.ts'
import { VarintColumn } from './varint-column.ts'

/** What is known of a page. */
export interface PageEntry {
  minStartUs: number
  maxStartUs: number
  minDurationNs: number
  maxDurationNs: number
  codec: number
  durationSize: number
  startSize: number
  errorSize: number
  errorCount: number
  maxErrorDurationNs: number
  // only of segments with details
  detailsSize: number
  childrenHigh: number // sum of the time in children / 2^32
  childrenLow: number // the rest of it
}

/** What else is known of a chunk with a page of its own. */
export interface ChunkEntry {
  functionId: number
  weight: number
  rowCount: number
  sumHigh: number // sum of durations / 2^32
  sumLow: number // the rest of it
  squaredDeviations: number
  histogramSize: number
}

/** A function's rows of one weight in a page that others share. */
export interface GroupEntry {
  functionId: number
  weight: number
  rowCount: number
  errorCount: number
}

/** Extents of a region that stand together in the file. */
export interface Run {
  region: number
  extentCount: number
}

/** Reused for one segment after the other. */
export class DirectoryBuilder {
  #minStartUs = 0
  #hasDetails = false
  #pageCount = 0
  #chunkCount = 0
  #ownFunctionId = 0
  #groupFunctionId = -1
  #squaredDeviations: number[] = []

  readonly #groupCounts = new VarintColumn()
  readonly #zones = columns(4)
  readonly #codecs = new VarintColumn()
  readonly #sizes = columns(3)
  readonly #own = columns(6)
  readonly #groups = columns(3)
  readonly #maxErrorDurations = new VarintColumn()
  readonly #ownWeights = new VarintColumn()
  readonly #groupWeights = new VarintColumn()
  readonly #detailsSizes = new VarintColumn()
  readonly #children = columns(2)
  readonly #totals = new VarintColumn()

  /** In the order of the file. */
  get #columns(): VarintColumn[] {
    const plain = [
      this.#groupCounts,
      ...this.#zones,
      this.#codecs,
      ...this.#sizes,
      ...this.#own,
      ...this.#groups,
      this.#maxErrorDurations,
    ]
    const details = [this.#ownWeights, this.#groupWeights, this.#detailsSizes, ...this.#children]
    return [...plain, ...(this.#hasDetails ? details : []), this.#totals]
  }

  get chunkCount(): number {
    return this.#chunkCount
  }

  /** @param minStartUs of the segment's header */
  begin(minStartUs: number, hasDetails: boolean): void {
    this.#hasDetails = hasDetails
    for (const column of this.#columns) column.clear()
    this.#minStartUs = minStartUs
    this.#pageCount = 0
    this.#chunkCount = 0
    this.#ownFunctionId = 0
    this.#groupFunctionId = -1
    this.#squaredDeviations = []
  }

  /** A page that is a chunk's own; chunks come in order. */
  addChunk(page: PageEntry, chunk: ChunkEntry): void {
    this.#addPage(page, 0)
    this.#chunkCount++
    const values = [
      chunk.functionId - this.#ownFunctionId,
      chunk.rowCount - 1,
      page.errorCount,
      chunk.sumHigh,
      chunk.sumLow,
      chunk.histogramSize,
    ]
    values.forEach((value, i) => {
      this.#own[i]!.push(value)
    })
    this.#ownFunctionId = chunk.functionId
    this.#squaredDeviations.push(chunk.squaredDeviations)
    if (this.#hasDetails) this.#ownWeights.push(chunk.weight - 1)
  }

  /** A page that groups share; groups come in order. */
  addSharedPage(page: PageEntry, groups: readonly GroupEntry[]): void {
    this.#addPage(page, groups.length)
    this.#chunkCount += groups.length
    const [heads, gaps, errorCounts] = this.#groups
    for (const { errorCount, functionId, rowCount, weight } of groups) {
      const gap = functionId - this.#groupFunctionId
      const flags = (gap === 1 ? 0 : GROUP_HAS_GAP) + (errorCount > 0 ? GROUP_HAS_ERRORS : 0)
      heads!.push((rowCount - 1) * GROUP_ROWS_UNIT + flags)
      if (gap !== 1) gaps!.push(gap)
      if (errorCount > 0) errorCounts!.push(errorCount - 1)
      if (this.#hasDetails) this.#groupWeights.push(weight - 1)
      this.#groupFunctionId = functionId
    }
  }

  /** A group of several chunks, when the last of them was added. */
  addTotal(histogramSize: number): void {
    this.#totals.push(histogramSize)
  }

  /** Bytes that `encode` may write. */
  bound(extents: readonly ExtentList[], runs: readonly Run[]): number {
    const extentCount = extents.reduce((sum, list) => sum + list.checksums.length, 0)
    const columnsSize = this.#columns.reduce((sum, { bytes }) => sum + bytes.length, 0)
    return (
      4 * (extents.length + 2) +
      columnsSize +
      9 * extentCount +
      6 * runs.length +
      8 * this.#squaredDeviations.length
    )
  }

  /**
   * Writes the directory at `to` in the kernels' memory.
   *
   * @param extents of D, T, E, H, and of X if the segment has details
   * @param runs    in file order
   * @returns end of the directory
   */
  encode(
    { u8, view }: Kernels,
    extents: readonly ExtentList[],
    runs: readonly Run[],
    to: number,
  ): number {
    let at = to
    const u32 = (value: number) => {
      view.setUint32(at, value, true)
      at += 4
    }
    u32(this.#pageCount)
    for (const { pageCounts } of extents) u32(pageCounts.length)
    u32(runs.length)
    for (const { bytes } of this.#columns) {
      u8.set(bytes, at)
      at += bytes.length
    }
    const tail = new VarintColumn()
    for (const { pageCounts } of extents) for (const pages of pageCounts) tail.push(pages)
    for (const { extentCount, region } of runs) {
      tail.push(region)
      tail.push(extentCount)
    }
    u8.set(tail.bytes, at)
    at += tail.bytes.length
    for (const squares of this.#squaredDeviations) {
      view.setFloat64(at, squares, true)
      at += 8
    }
    for (const { checksums } of extents) for (const checksum of checksums) u32(checksum)
    return at
  }

  #addPage(page: PageEntry, groupCount: number): void {
    this.#pageCount++
    this.#groupCounts.push(groupCount)
    const [minStarts, startSpans, minDurations, durationSpans] = this.#zones
    minStarts!.push(page.minStartUs - this.#minStartUs)
    startSpans!.push(page.maxStartUs - page.minStartUs)
    minDurations!.push(page.minDurationNs)
    durationSpans!.push(page.maxDurationNs - page.minDurationNs)
    this.#codecs.push(page.codec)
    this.#sizes[0]!.push(page.durationSize)
    this.#sizes[1]!.push(page.startSize)
    this.#sizes[2]!.push(page.errorSize)
    if (page.errorCount > 0) this.#maxErrorDurations.push(page.maxErrorDurationNs)
    if (!this.#hasDetails) return
    this.#detailsSizes.push(page.detailsSize)
    if (page.detailsSize === 0) return
    this.#children[0]!.push(page.childrenHigh)
    this.#children[1]!.push(page.childrenLow)
  }
}

function columns(count: number): VarintColumn[] {
  return Array.from({ length: count }, () => new VarintColumn())
}
