/**
 * @module query/scan-chunks
 * The chunks that a question about durations has to look at row by row, in the order of the files, so that those that are next to
 * each other on disk are read together. In columns, because there may be hundreds of thousands.
 *
 * Neighbours that share a page and are wanted as a whole are one span: of functions with few rows there may be hundreds on a
 * page, and a look at each of them would cost more than at their rows.
 */
import type { ChunkSource } from '../database/read/chunk-source.ts'
import type { SnapshotView } from '../database/read/snapshot.ts'
import { contains, overlaps, rowsInRange, type RowSpan } from './range-scan.ts'
import type { RangeUs } from './time.ts'

const NO_PAGE = -1

export interface ScanOf {
  functionNumbers: readonly number[]
  range: RangeUs
  /** Whether some row of the chunk may be of interest; alike for chunks that share a page if their rows are to be taken together. */
  mayPass: (source: ChunkSource, chunk: number) => boolean
  /** Whether only the rows' durations and weights matter, so that it does not matter which chunk they belong to. */
  joinsShared: boolean
}

export class ScanChunks {
  totalRows = 0
  count = 0
  readonly #range: RangeUs
  readonly #sources: ChunkSource[] = []
  #sourceOf = new Uint32Array(1024)
  #chunkOf = new Uint32Array(1024)
  #rowsOf = new Uint32Array(1024)

  constructor(snapshot: SnapshotView, scan: ScanOf) {
    this.#range = scan.range
    const isWanted = new Uint8Array(snapshot.functions.names.length)
    for (const functionNumber of scan.functionNumbers) isWanted[functionNumber] = 1
    for (const index of snapshot.indexes) {
      for (const { firstUs, functionNumbers, lastUs, source } of index.indexedSources) {
        if (!overlaps(scan.range, firstUs, lastUs)) continue
        this.#sources.push(source)
        this.#addSource(source, scan, (group) => isWanted[functionNumbers[group]!] === 1)
      }
    }
  }

  source(index: number): ChunkSource {
    return this.#sources[this.#sourceOf[index]!]!
  }

  /** Number of the first chunk of the span in its source. */
  chunk(index: number): number {
    return this.#chunkOf[index]!
  }

  /** Rows of the range; counted from the first chunk's first, and beyond its last where several are joined. */
  span(index: number): RowSpan | undefined {
    const source = this.source(index)
    const chunk = this.#chunkOf[index]!
    const rows = this.#rowsOf[index]!
    if (rows > source.rowCounts[chunk]!) return { first: 0, end: rows }
    return rowsInRange(source, chunk, this.#range)
  }

  #addSource(
    source: ChunkSource,
    { joinsShared, mayPass, range }: ScanOf,
    isWanted: (group: number) => boolean,
  ): void {
    const { firstChunks, groupCount, maxStartsUs, minStartsUs, rowCounts, sharesPage, weights } =
      source
    let joining = NO_PAGE // page to whose last span the next chunk on it belongs
    let last = 0 // that span
    for (let group = 0; group < groupCount; group++) {
      const end = firstChunks[group + 1]!
      const wanted =
        isWanted(group) && overlaps(range, source.groupFirstUs(group), source.groupLastUs(group))
      for (let chunk = firstChunks[group]!; chunk < end; chunk++) {
        const shares = joinsShared && sharesPage[chunk] === 1
        if (!wanted || !overlaps(range, minStartsUs[chunk]!, maxStartsUs[chunk]!)) {
          if (shares) joining = NO_PAGE
          continue
        }
        if (!mayPass(source, chunk)) continue
        const rows = rowCounts[chunk]!
        this.totalRows += rows
        if (!shares) {
          this.#add(chunk, rows)
          continue
        }
        const page = source.pageOf(chunk)
        if (page === joining && weights[chunk] === weights[this.#chunkOf[last]!]) {
          this.#rowsOf[last]! += rows
          continue
        }
        last = this.#add(chunk, rows)
        joining = contains(range, minStartsUs[chunk]!, maxStartsUs[chunk]!) ? page : NO_PAGE
      }
    }
  }

  #add(chunk: number, rows: number): number {
    const at = this.count++
    if (at === this.#chunkOf.length) {
      this.#sourceOf = grown(this.#sourceOf)
      this.#chunkOf = grown(this.#chunkOf)
      this.#rowsOf = grown(this.#rowsOf)
    }
    this.#sourceOf[at] = this.#sources.length - 1
    this.#chunkOf[at] = chunk
    this.#rowsOf[at] = rows
    return at
  }
}

function grown(column: Uint32Array): Uint32Array<ArrayBuffer> {
  const longer = new Uint32Array(2 * column.length)
  longer.set(column)
  return longer
}
