/**
 * @module database/chunk-source
 * Rows as questions see them, whether they are sealed in a segment or still stand in a log: chunks of rows of one
 * function, ascending by start, and groups of the chunks of one function with their totals.
 */
import type { CallSummary } from './call-totals.ts'
import type { ErrorRows, LongDurations } from './format/pages.ts'

/** Durations of a chunk, until the next load from the same database. */
export interface LoadedDurations {
  pointer: number // u32[rowCount] in the kernels' memory; 2^32 - 1 where the duration is long
  longs: LongDurations | undefined
}

export interface ChunkSource {
  readonly path: string

  // Chunks in columns, by function id, then by start.
  readonly chunkCount: number
  readonly functionIds: Uint32Array // as the writer numbers them
  readonly rowCounts: Uint32Array
  readonly minStartsUs: Float64Array
  readonly maxStartsUs: Float64Array
  readonly minDurationsNs: Float64Array
  readonly maxDurationsNs: Float64Array
  readonly errorCounts: Uint32Array

  /** Group g is all chunks of one function: [firstChunks[g], firstChunks[g + 1]). */
  readonly groupCount: number
  readonly firstChunks: Uint32Array // [groupCount + 1]
  groupFirstUs(group: number): number
  groupLastUs(group: number): number

  /** Addresses of sparse histograms in the kernels' memory; 0: none, then the sums are missing, too. */
  readonly chunkHistograms: Uint32Array
  readonly groupHistograms: Uint32Array
  chunkSummary(chunk: number, into: CallSummary): void
  groupSummary(group: number, into: CallSummary): void

  // undefined: the page is damaged; the fault has been reported
  durationsOf(chunk: number): LoadedDurations | undefined
  startsOf(chunk: number): Float64Array | undefined // [rowCount], until the next load
  errorsOf(chunk: number): ErrorRows | undefined
}

/** Index of the first of the ascending `values[0 .. count)` that is at least `value`. */
export function lowerBound(values: ArrayLike<number>, count: number, value: number): number {
  let low = 0
  let high = count
  while (low < high) {
    const middle = (low + high) >>> 1
    if (values[middle]! < value) low = middle + 1
    else high = middle
  }
  return low
}
