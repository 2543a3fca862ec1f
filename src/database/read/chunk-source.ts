/**
 * @module database/read/chunk-source
 * Rows as questions see them, whether they are sealed in a segment or still stand in a log: chunks of rows of one
 * function that have one weight, ascending by start, and groups of the chunks of one function and weight with their
 * totals. A function whose rows have several weights has as many groups, which follow each other.
 */
import type { JsonValue } from '../../types.ts'
import type { CallSummary } from '../call-totals.ts'
import type { DurationBounds, RowSpan, SelectedRows } from './duration-filter.ts'
import type { RowAttributes } from '../format/attribute-blocks.ts'
import type { DecodedDetails } from '../format/details-page.ts'
import type { ErrorRows, LongDurations } from '../format/pages.ts'

/** Durations of a chunk, until the next load from the same database. */
export interface LoadedDurations {
  pointer: number // u32[rowCount] in the kernels' memory; 2^32 - 1 where the duration is long
  longs: LongDurations | undefined
}

/** Starts of the rows of a chunk from `firstRow` on. */
export interface NearStarts {
  firstRow: number
  startsUs: Float64Array
}

export { lowerBound } from '../lower-bound.ts'
export type { DecodedDetails, RowAttributes }

export const NO_DETAILS: DecodedDetails = { contexts: undefined, childrenNs: undefined }

export interface ChunkSource {
  readonly path: string

  // Chunks in columns, by function id, then by weight, then by start.
  readonly chunkCount: number
  readonly functionIds: Uint32Array // as the writer numbers them
  readonly rowCounts: Uint32Array
  /** 1: other chunks stand on the same pages, so what follows up to maxDurationsNs are bounds; some row of the page has them. */
  readonly sharesPage: Uint8Array
  /** Number of the chunk's page; alike for those that share it, which follow each other but for chunks that do not. */
  pageOf(chunk: number): number
  readonly minStartsUs: Float64Array
  readonly maxStartsUs: Float64Array
  readonly minDurationsNs: Float64Array
  readonly maxDurationsNs: Float64Array
  readonly errorCounts: Uint32Array // exact
  readonly weights: Uint32Array // calls that each row of the chunk stands for, 1 .. MAX_WEIGHT
  readonly hasDetails: Uint8Array // 1: some row, of its page if it shares that, has a context, time in children, or attributes
  childrenSumNs(chunk: number): number // of all rows of the chunk, or of its page if it shares that; a double

  /** Group g is all chunks of one function with one weight: [firstChunks[g], firstChunks[g + 1]). */
  readonly groupCount: number
  readonly firstChunks: Uint32Array // [groupCount + 1]
  // bounds if its only chunk shares its page
  groupFirstUs(group: number): number
  groupLastUs(group: number): number
  groupWeight(group: number): number // weights[firstChunks[group]]

  /**
   * Address of a sparse histogram in the kernels' memory, until something else is loaded unless its holder is known to the
   * buffer pool. 0: there is none, or it is damaged and that was reported; then go one step down.
   */
  chunkHistogram(chunk: number): number
  groupHistogram(group: number): number
  // Of rows, each counted once whatever its weight; asked for only if there is a histogram.
  chunkSummary(chunk: number, into: CallSummary): void
  groupSummary(group: number, into: CallSummary): void

  // undefined: the page is damaged; the fault has been reported
  durationsOf(chunk: number): LoadedDurations | undefined
  /**
   * How many rows of the span take as long as asked for; if `into` is given they are put there. Decodes nothing where that can
   * be told from the encoded page. The span may go on over the chunks that follow on the same page.
   */
  selectDurations(
    chunk: number,
    span: RowSpan,
    bounds: DurationBounds,
    into?: SelectedRows,
  ): number | undefined
  startsOf(chunk: number): Float64Array | undefined // [rowCount], until the next load
  /** How many rows of the chunk start before the instant. Decodes less than all starts, where that can be. */
  rowsBefore(chunk: number, startUs: number): number | undefined
  /** Starts of the row and of some of its neighbours, or of all; until the next load. Likewise. */
  startsNear(chunk: number, row: number): NearStarts | undefined
  errorsOf(chunk: number): ErrorRows | undefined
  detailsOf(chunk: number): DecodedDetails | undefined // of all rows
  childrenOf(chunk: number): Float64Array | undefined // [rowCount]; ask only if their sum is not 0
  /** Of the given rows, whose exact durations must be told: [rows.length]. */
  detailsOfRows(
    chunk: number,
    rows: ArrayLike<number>,
    durationsNs: ArrayLike<number>,
  ): DecodedDetails | undefined
  /** Nothing is decoded before it is asked for, and then of as few rows as can be; rows on damaged blocks have none. */
  attributesOf(chunk: number): RowAttributes | undefined
  /**
   * Rows, ascending, of which an attribute is a certain value, or how many they are; faster than by attributesOf(). Those on
   * a damaged page, which is reported, are none.
   *
   * @param rowCount from the chunk's first row on; may go on in the chunks behind it that share its page
   */
  matchAttribute(chunk: number, rowCount: number, key: string, value: JsonValue): Uint16Array
  countAttribute(chunk: number, rowCount: number, key: string, value: JsonValue): number

  /** Byte in the file at which the details of the chunk stand; 0 for a log, whose frames are not told apart any more. */
  detailsOffset(chunk: number): number
}

/**
 * Where the groups of chunks begin, with one more entry for the end.
 *
 * @param functionIds of each chunk
 * @param weights     of each chunk
 */
export function firstChunksOf(functionIds: Uint32Array, weights: Uint32Array): Uint32Array {
  const first: number[] = []
  for (let chunk = 0; chunk < functionIds.length; chunk++) {
    const begins =
      chunk === 0 ||
      functionIds[chunk] !== functionIds[chunk - 1] ||
      weights[chunk] !== weights[chunk - 1]
    if (begins) first.push(chunk)
  }
  first.push(functionIds.length)
  return Uint32Array.from(first)
}
