/**
 * @module database/read/wal-chunks
 * The rows of a log that is not sealed yet, put in the order of a segment: by function, weight and start, in chunks.
 * There are no summaries; the rows are at hand.
 */
import type { JsonValue } from '../../types.ts'
import { clusterRows } from '../write/cluster-rows.ts'
import type { Area } from '../arena.ts'
import type { CallSummary } from '../call-totals.ts'
import {
  NO_DETAILS,
  firstChunksOf,
  lowerBound,
  type ChunkSource,
  type DecodedDetails,
  type LoadedDurations,
  type NearStarts,
  type RowAttributes,
} from './chunk-source.ts'
import { NO_ATTRIBUTES } from '../format/attribute-blocks.ts'
import { matchTexts } from '../format/attribute-match.ts'
import { MAX_CHUNK_ROWS, type ErrorRows, type LongDurations } from '../format/pages.ts'
import { LONG_DURATION_NS, type RowColumns, type RowDetails } from '../format/rows.ts'
import type { ReaderContext } from './reader-context.ts'
import {
  selectDecoded,
  type DurationBounds,
  type RowSpan,
  type SelectedRows,
} from './duration-filter.ts'

/** Details in the order in which the rows arrived, and where the clustered rows stand in it. */
interface ArrivedDetails extends RowDetails {
  arrivals: Uint32Array
}

export class WalChunks implements ChunkSource {
  readonly path: string
  readonly rowCount: number
  readonly chunkCount: number
  readonly functionIds: Uint32Array
  readonly rowCounts: Uint32Array
  readonly sharesPage: Uint8Array
  readonly minStartsUs: Float64Array
  readonly maxStartsUs: Float64Array
  readonly minDurationsNs: Float64Array
  readonly maxDurationsNs: Float64Array
  readonly errorCounts: Uint32Array
  readonly weights: Uint32Array
  readonly hasDetails: Uint8Array
  readonly #childrenSumsNs: Float64Array | undefined
  readonly groupCount: number
  readonly firstChunks: Uint32Array

  readonly #rows: RowColumns // clustered, without details
  readonly #details: ArrivedDetails | undefined
  readonly #firstRows: Uint32Array // of each chunk
  readonly #saturated: Area // u32[rowCount], min(duration, 2^32 - 1)
  readonly #context: ReaderContext

  constructor(context: ReaderContext, path: string, arrived: RowColumns) {
    this.path = path
    this.#context = context
    const { rows, arrivals } = clusterRows(arrived)
    const { details } = arrived
    this.#rows = rows
    this.#details =
      arrivals === undefined || details === undefined ? undefined : { ...details, arrivals }
    this.rowCount = rows.count
    this.#firstRows = splitChunks(rows, this.#details)
    const count = this.#firstRows.length - 1
    this.chunkCount = count
    this.functionIds = new Uint32Array(count)
    this.rowCounts = new Uint32Array(count)
    this.sharesPage = new Uint8Array(count)
    this.minStartsUs = new Float64Array(count)
    this.maxStartsUs = new Float64Array(count)
    this.minDurationsNs = new Float64Array(count)
    this.maxDurationsNs = new Float64Array(count)
    this.errorCounts = new Uint32Array(count)
    this.weights = new Uint32Array(count).fill(1)
    this.hasDetails = new Uint8Array(count)
    this.#childrenSumsNs = this.#details === undefined ? undefined : new Float64Array(count)
    for (let chunk = 0; chunk < count; chunk++) this.#describe(chunk)
    this.firstChunks = firstChunksOf(this.functionIds, this.weights)
    this.groupCount = this.firstChunks.length - 1
    this.#saturated = context.arena.take(4 * rows.count)
    this.#saturate()
  }

  groupFirstUs(group: number): number {
    return this.minStartsUs[this.firstChunks[group]!]!
  }

  groupLastUs(group: number): number {
    return this.maxStartsUs[this.firstChunks[group + 1]! - 1]!
  }

  groupWeight(group: number): number {
    return this.weights[this.firstChunks[group]!]!
  }

  pageOf(chunk: number): number {
    return chunk
  }

  childrenSumNs(chunk: number): number {
    return this.#childrenSumsNs?.[chunk] ?? 0
  }

  chunkHistogram(_chunk: number): number {
    return 0
  }

  groupHistogram(_group: number): number {
    return 0
  }

  chunkSummary(_chunk: number, _into: CallSummary): void {
    throw new TypeError('a log has no summaries')
  }

  groupSummary(_group: number, _into: CallSummary): void {
    throw new TypeError('a log has no summaries')
  }

  durationsOf(chunk: number): LoadedDurations {
    const pointer = this.#saturated.pointer + 4 * this.#firstRows[chunk]!
    const long = this.maxDurationsNs[chunk]! >= LONG_DURATION_NS
    return { pointer, longs: long ? this.#longsOf(chunk) : undefined }
  }

  selectDurations(
    chunk: number,
    span: RowSpan,
    bounds: DurationBounds,
    into?: SelectedRows,
  ): number {
    return selectDecoded(this.#context, this.durationsOf(chunk), 0, span, bounds, into)
  }

  startsOf(chunk: number): Float64Array {
    return this.#rows.startsUs.subarray(this.#firstRows[chunk], this.#firstRows[chunk + 1])
  }

  rowsBefore(chunk: number, startUs: number): number {
    return lowerBound(this.startsOf(chunk), this.rowCounts[chunk]!, startUs)
  }

  startsNear(chunk: number): NearStarts {
    return { firstRow: 0, startsUs: this.startsOf(chunk) }
  }

  errorsOf(chunk: number): ErrorRows {
    const first = this.#firstRows[chunk]!
    const { errorTypes } = this.#rows
    const count = this.errorCounts[chunk]!
    const errors = { rows: new Uint16Array(count), types: new Uint16Array(count) }
    for (let row = 0, i = 0; i < count; row++) {
      if (errorTypes[first + row] === 0) continue
      errors.rows[i] = row
      errors.types[i++] = errorTypes[first + row]!
    }
    return errors
  }

  detailsOf(chunk: number): DecodedDetails {
    const details = this.#details
    if (details === undefined || this.hasDetails[chunk] === 0) return NO_DETAILS
    return select(details, this.#arrivalsOf(details, chunk))
  }

  childrenOf(chunk: number): Float64Array {
    const { arrivals, childrenNs } = this.#details!
    const first = this.#firstRows[chunk]!
    const values = new Float64Array(this.rowCounts[chunk]!)
    for (let row = 0; row < values.length; row++) values[row] = childrenNs[arrivals[first + row]!]!
    return values
  }

  detailsOfRows(chunk: number, rows: ArrayLike<number>): DecodedDetails {
    const details = this.#details
    if (details === undefined || this.hasDetails[chunk] === 0) return NO_DETAILS
    const members = this.#arrivalsOf(details, chunk)
    return select(
      details,
      Uint32Array.from(rows, (row) => members[row]!),
    )
  }

  attributesOf(chunk: number): RowAttributes {
    const details = this.#details
    if (details === undefined || details.attributes.size === 0) return NO_ATTRIBUTES
    return new WalAttributes(details.attributes, this.#arrivalsOf(details, chunk))
  }

  matchAttribute(chunk: number, _rowCount: number, key: string, value: JsonValue): Uint16Array {
    return this.attributesOf(chunk).match(key, value)
  }

  countAttribute(chunk: number, _rowCount: number, key: string, value: JsonValue): number {
    return this.attributesOf(chunk).count(key, value)
  }

  detailsOffset(_chunk: number): number {
    return 0
  }

  /** Gives the memory back; the object must not be used any more. */
  close(): void {
    this.#context.arena.give(this.#saturated)
  }

  #describe(chunk: number): void {
    const { durationsNs, errorTypes, functionIds, startsUs } = this.#rows
    const first = this.#firstRows[chunk]!
    const end = this.#firstRows[chunk + 1]!
    let minNs = Infinity
    let maxNs = 0
    let errors = 0
    for (let row = first; row < end; row++) {
      const durationNs = durationsNs[row]!
      if (durationNs < minNs) minNs = durationNs
      if (durationNs > maxNs) maxNs = durationNs
      if (errorTypes[row] !== 0) errors++
    }
    this.functionIds[chunk] = functionIds[first]!
    this.rowCounts[chunk] = end - first
    this.minStartsUs[chunk] = startsUs[first]!
    this.maxStartsUs[chunk] = startsUs[end - 1]!
    this.minDurationsNs[chunk] = minNs
    this.maxDurationsNs[chunk] = maxNs
    this.errorCounts[chunk] = errors
    if (this.#details !== undefined) this.#describeDetails(this.#details, chunk)
  }

  #describeDetails(details: ArrivedDetails, chunk: number): void {
    const { attributes, childrenNs, contexts, weights } = details
    const members = this.#arrivalsOf(details, chunk)
    this.weights[chunk] = weights[members[0]!]!
    const some = members.some(
      (arrival) =>
        contexts[arrival] !== 0 ||
        childrenNs[arrival] !== 0 ||
        (attributes.size > 0 && attributes.has(arrival)),
    )
    this.hasDetails[chunk] = some ? 1 : 0
    let sumNs = 0
    for (const arrival of members) sumNs += childrenNs[arrival]!
    this.#childrenSumsNs![chunk] = sumNs
  }

  /** Which of the arrived rows are those of the chunk. */
  #arrivalsOf({ arrivals }: ArrivedDetails, chunk: number): Uint32Array {
    return arrivals.subarray(this.#firstRows[chunk], this.#firstRows[chunk + 1])
  }

  #saturate(): void {
    const { count, durationsNs } = this.#rows
    const { u32 } = this.#context.kernels
    const first = this.#saturated.pointer / 4
    for (let row = 0; row < count; row++) {
      const durationNs = durationsNs[row]!
      u32[first + row] = durationNs < LONG_DURATION_NS ? durationNs : LONG_DURATION_NS
    }
  }

  #longsOf(chunk: number): LongDurations {
    const first = this.#firstRows[chunk]!
    const rows: number[] = []
    for (let row = first; row < this.#firstRows[chunk + 1]!; row++) {
      if (this.#rows.durationsNs[row]! >= LONG_DURATION_NS) rows.push(row - first)
    }
    return {
      rows: Uint16Array.from(rows),
      durationsNs: Float64Array.from(rows, (row) => this.#rows.durationsNs[first + row]!),
    }
  }
}

/** Attributes of a chunk, by its rows. */
class WalAttributes implements RowAttributes {
  readonly #texts: ReadonlyMap<number, Uint8Array>
  readonly #arrivals: Uint32Array

  /** @param texts of the arrived rows */
  constructor(texts: ReadonlyMap<number, Uint8Array>, arrivals: Uint32Array) {
    this.#texts = texts
    this.#arrivals = arrivals
  }

  get(row: number): Uint8Array | undefined {
    const arrival = this.#arrivals[row]
    return arrival === undefined ? undefined : this.#texts.get(arrival)
  }

  match(key: string, value: JsonValue): Uint16Array {
    return matchTexts(this, key, value)
  }

  count(key: string, value: JsonValue): number {
    return this.match(key, value).length
  }

  *[Symbol.iterator](): Generator<[row: number, text: Uint8Array], undefined> {
    for (let row = 0; row < this.#arrivals.length; row++) {
      const text = this.get(row)
      if (text !== undefined) yield [row, text]
    }
  }
}

/** @param members numbers of arrived rows */
function select(details: ArrivedDetails, members: Uint32Array): DecodedDetails {
  const contexts = new Uint32Array(members.length)
  const childrenNs = new Float64Array(members.length)
  for (let i = 0; i < members.length; i++) {
    contexts[i] = details.contexts[members[i]!]!
    childrenNs[i] = details.childrenNs[members[i]!]!
  }
  return { contexts, childrenNs }
}

/** Where chunks begin, with one more entry for the end. */
function splitChunks(
  { count, functionIds }: RowColumns,
  details: ArrivedDetails | undefined,
): Uint32Array {
  const firstRows: number[] = []
  for (let row = 0, chunkFirst = 0; row < count; row++) {
    const begins =
      row === 0 ||
      functionIds[row] !== functionIds[row - 1] ||
      (details !== undefined && weightAt(details, row) !== weightAt(details, row - 1)) ||
      row - chunkFirst === MAX_CHUNK_ROWS
    if (!begins) continue
    firstRows.push(row)
    chunkFirst = row
  }
  firstRows.push(count)
  return Uint32Array.from(firstRows)
}

function weightAt({ arrivals, weights }: ArrivedDetails, row: number): number {
  return weights[arrivals[row]!]!
}
