/**
 * @module database/merge-input
 * One of the segments that are merged: its groups in turn, and of the group at hand one decoded chunk.
 */
import type { RowAttributes } from './chunk-source.ts'
import { MAX_CHUNK_ROWS } from './format/pages.ts'
import type { Kernels } from './kernels/kernels.ts'
import type { GroupDetails, GroupRows } from './page-rows.ts'
import type { SegmentReader } from './segment-reader.ts'

export class MergeInput implements GroupRows {
  readonly #source: SegmentReader
  readonly #kernels: Kernels
  #group = 0
  #chunk = 0
  #chunkEnd = 0 // of the group at hand

  // The chunk at hand.
  readonly startsUs = new Float64Array(MAX_CHUNK_ROWS)
  readonly #durationsNs = new Float64Array(MAX_CHUNK_ROWS)
  readonly #errorTypes = new Uint16Array(MAX_CHUNK_ROWS)
  readonly #columns = {
    startsUs: this.startsUs,
    durationsNs: this.#durationsNs,
    errorTypes: this.#errorTypes,
  }
  #contexts: Uint32Array | undefined
  #childrenNs: Float64Array | undefined
  #attributes: RowAttributes | undefined
  details: GroupDetails | undefined
  readonly #ownDetails: GroupDetails = {
    copy: (first, end, contexts, childrenNs, to) => {
      copyOrZero(this.#contexts, first, end, contexts, to)
      copyOrZero(this.#childrenNs, first, end, childrenNs, to)
    },
    attributesOf: (row) => this.#attributes?.get(row),
  }
  rowCount = 0
  /** First row that is not merged yet. */
  next = 0

  constructor(source: SegmentReader, kernels: Kernels) {
    this.#source = source
    this.#kernels = kernels
  }

  get header() {
    return this.#source.header
  }

  columns() {
    return this.#columns
  }

  /** No groups are left. */
  get isDone(): boolean {
    return this.#group >= this.#source.groupCount
  }

  // Of the group at hand.
  get functionId(): number {
    return this.#source.functionIds[this.#source.firstChunks[this.#group]!]!
  }

  get weight(): number {
    return this.#source.groupWeight(this.#group)
  }

  /** Loads the first chunk of the group. @returns rows of the group */
  enterGroup(): number {
    const { firstChunks, rowCounts } = this.#source
    this.#chunk = firstChunks[this.#group]!
    this.#chunkEnd = firstChunks[this.#group + 1]!
    let rows = 0
    for (let chunk = this.#chunk; chunk < this.#chunkEnd; chunk++) rows += rowCounts[chunk]!
    this.#load()
    return rows
  }

  /** Goes on to the next chunk, the rows of this one being merged. @returns false: the group has no more */
  nextChunk(): boolean {
    if (++this.#chunk < this.#chunkEnd) {
      this.#load()
      return true
    }
    this.#group++
    return false
  }

  close(): void {
    this.#source.close()
  }

  /** A damaged page throws: whoever has opened the segment listens to no faults. */
  #load(): void {
    const source = this.#source
    const chunk = this.#chunk
    const count = source.rowCounts[chunk]!
    this.rowCount = count
    this.next = 0
    const durations = source.durationsOf(chunk)!
    const from = durations.pointer / 4
    this.#durationsNs.set(this.#kernels.u32.subarray(from, from + count))
    durations.longs?.rows.forEach((row, i) => {
      this.#durationsNs[row] = durations.longs!.durationsNs[i]!
    })
    this.#errorTypes.fill(0, 0, count)
    const errors = source.errorsOf(chunk)!
    errors.rows.forEach((row, i) => {
      this.#errorTypes[row] = errors.types[i]!
    })
    this.startsUs.set(source.startsOf(chunk)!)
    if (source.hasDetails[chunk] === 0) {
      this.details = undefined
      return
    }
    const { childrenNs, contexts } = source.detailsOf(chunk)!
    this.#contexts = contexts
    this.#childrenNs = childrenNs
    this.#attributes = source.attributesOf(chunk)!
    this.details = this.#ownDetails
  }
}

function copyOrZero<T extends Uint32Array | Float64Array>(
  from: T | undefined,
  first: number,
  end: number,
  to: T,
  at: number,
): void {
  if (from === undefined) to.fill(0, at, at + end - first)
  else to.set(from.subarray(first, end), at)
}
