/**
 * @module database/maintain/merge-input
 * One of the segments that are merged: its groups in turn, and of the group at hand one chunk, decoded when its rows are
 * needed. Neighbours in time hardly overlap, so that is seldom more than one input's at a time.
 */
import type { SequenceInterval } from '../format/directory.ts'
import type { Kernels } from '../kernels/kernels.ts'
import type { GroupDetails, GroupRows } from '../write/page-rows.ts'
import type { ReaderContext } from '../read/reader-context.ts'
import { SegmentPages, type DecodedRows } from '../read/segment-pages.ts'

export class MergeInput implements GroupRows {
  // Of the group at hand; -1: there is none.
  functionId = -1
  weight = -1
  rowCount = 0
  /** Start of the next row, or a bound below it while its chunk is not decoded. */
  headUs = 0
  /** A bound above all starts. */
  lastUs = 0
  /** Rows [next, end) of the columns are those of the chunk at hand that are not merged yet. */
  next = 0
  end = 0
  place: DecodedRows | undefined // undefined: the chunk is not decoded
  details: GroupDetails | undefined
  readonly #context: ReaderContext
  readonly #kernels: Kernels
  readonly #pages: SegmentPages
  #chunk = 0
  #chunkEnd = 0 // of the group
  #shared: DecodedRows | undefined // the page that groups share
  #own: DecodedRows | undefined

  constructor(context: ReaderContext, path: string, interval: SequenceInterval) {
    this.#context = context
    this.#kernels = context.kernels
    this.#pages = new SegmentPages(context, path, interval)
    this.#enterGroup()
  }

  get header() {
    return this.#pages.header
  }

  /** Makes the rows of the chunk at hand available. @throws {CorruptionError} */
  load(): void {
    const pages = this.#pages
    const chunk = this.#chunk
    const { firstRows, pages: pageOf, rowCounts } = pages.directory
    let rows: DecodedRows
    if (pages.isShared(chunk)) {
      const shared = this.#shared
      const isDecoded = shared !== undefined && shared.page === pageOf[chunk]
      rows = isDecoded ? shared : pages.decode(chunk, shared)
      this.#shared = rows
      pages.decodeSharedStarts(chunk, rows)
    } else {
      rows = pages.decode(chunk, this.#own)
      this.#own = rows
    }
    this.place = rows
    this.details = rows.details
    this.next = firstRows[chunk]!
    this.end = this.next + rowCounts[chunk]!
    this.headUs = this.#startOf(this.next)
  }

  /** The first row from `next` on that starts at `limitUs` or later; `end` if none does. */
  rowFrom(limitUs: number): number {
    if (this.#startOf(this.end - 1) < limitUs) return this.end
    let low = this.next
    let high = this.end
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#startOf(middle) < limitUs) low = middle + 1
      else high = middle
    }
    return low
  }

  /** The rows before `row` are merged. @returns whether the group has any left */
  advance(row: number): boolean {
    if (row < this.end) {
      this.next = row
      this.headUs = this.#startOf(row)
      return true
    }
    this.place = undefined
    if (++this.#chunk < this.#chunkEnd) {
      const { minStartsUs, pages } = this.#pages.directory
      this.headUs = minStartsUs[pages[this.#chunk]!]!
      return true
    }
    if (this.#own !== undefined) this.#context.arena.give(this.#own.area)
    this.#own = undefined
    this.#enterGroup()
    return false
  }

  close(): void {
    this.#pages.close()
    for (const rows of [this.#own, this.#shared]) {
      if (rows !== undefined) this.#context.arena.give(rows.area)
    }
    this.#own = undefined
    this.#shared = undefined
  }

  /** The one that begins with the next chunk: all chunks of its function and weight. */
  #enterGroup(): void {
    const pages = this.#pages
    const { chunkCount, functionIds, maxStartsUs, minStartsUs, rowCounts } = pages.directory
    const pageOf = pages.directory.pages
    const first = this.#chunkEnd
    if (first === chunkCount) {
      this.functionId = -1
      return
    }
    this.#chunk = first
    this.functionId = functionIds[first]!
    this.weight = pages.weightOf(first)
    this.rowCount = 0
    let end = first
    do this.rowCount += rowCounts[end++]!
    while (functionIds[end] === this.functionId && pages.weightOf(end) === this.weight)
    this.#chunkEnd = end
    this.headUs = minStartsUs[pageOf[first]!]!
    this.lastUs = maxStartsUs[pageOf[end - 1]!]!
  }

  #startOf(row: number): number {
    return this.#kernels.f64[this.place!.startsUs / 8 + row]!
  }
}
