/**
 * @module database/read/duration-filter
 * Rows of a chunk by their durations. A page in patched frame-of-reference is filtered as it is encoded; whatever else there
 * is, is decoded first.
 */
import type { LoadedDurations } from './chunk-source.ts'
import type { ChunkShape } from '../format/pages.ts'
import type { FileBytes } from '../format/file-bytes.ts'
import { LONG_DURATION_NS } from '../format/rows.ts'
import { CHUNK_FLAG_LONG, DURATION_CODEC_PFOR } from '../format/versions.ts'
import type { Kernels } from '../kernels/kernels.ts'
import type { ReaderContext } from './reader-context.ts'

/** Durations asked for. */
export interface DurationBounds {
  minNs: number // inclusive, whole
  maxNs: number // exclusive, whole or Infinity
}

/** Rows [first, end) of a chunk. */
export interface RowSpan {
  first: number
  end: number
}

/** Rows that were found; as many elements as their number was told are in use. Room for a whole chunk. */
export interface SelectedRows {
  rows: Uint32Array // ascending
  durationsNs: Float64Array // of each of them
}

/** Whether the page can be filtered as it is: else it must be decoded. */
export function isFilterable(
  { codec, maxDurationNs, minDurationNs }: ChunkShape,
  { maxNs, minNs }: DurationBounds,
  wantsRows: boolean,
): boolean {
  if ((codec & 0x0f) !== DURATION_CODEC_PFOR) return false
  // where every row is wanted decoding is faster
  if (wantsRows && minDurationNs >= minNs && maxDurationNs < maxNs) return false
  if ((codec & CHUNK_FLAG_LONG) === 0) return true
  // long durations are all the same to the page
  return (
    !wantsRows && minNs <= LONG_DURATION_NS && (maxNs <= LONG_DURATION_NS || maxNs === Infinity)
  )
}

/**
 * Filters an encoded page, of which `isFilterable` was true.
 *
 * @param firstRow of the page that the span counts from: a page may be that of several chunks
 * @returns number of rows, which are in `into`; undefined: the page is malformed
 */
export function selectEncoded(
  context: ReaderContext,
  { pointer, sizeBytes }: FileBytes,
  { minDurationNs, rowCount }: ChunkShape,
  firstRow: number,
  { end, first }: RowSpan,
  { maxNs, minNs }: DurationBounds,
  into: SelectedRows | undefined,
): number | undefined {
  if (minNs > LONG_DURATION_NS || maxNs <= minNs) return 0
  const { gaps, kernels, selection } = context
  const most = Math.min(maxNs - 1, LONG_DURATION_NS)
  const page = {
    from: pointer,
    end: pointer + sizeBytes,
    n: rowCount,
    base: Math.min(minDurationNs, LONG_DURATION_NS),
    rowStart: firstRow + first,
    rowEnd: firstRow + end,
  }
  if (into === undefined) {
    const count = kernels.pforCountBetween(page, minNs, most)
    return count < 0 ? undefined : count
  }
  const count = kernels.pforSelectBetween(page, minNs, most, selection, gaps)
  if (count < 0) return undefined
  const { u32 } = kernels
  for (let i = 0; i < count; i++) {
    into.rows[i] = u32[selection / 4 + i]! - firstRow
    into.durationsNs[i] = u32[gaps / 4 + i]!
  }
  return count
}

/** Filters decoded durations; `firstRow` is as for selectEncoded. */
export function selectDecoded(
  context: ReaderContext,
  durations: LoadedDurations,
  firstRow: number,
  { end, first }: RowSpan,
  { maxNs, minNs }: DurationBounds,
  into: SelectedRows | undefined,
): number {
  const { longs, pointer } = durations
  const { kernels, selection } = context
  const from = pointer + 4 * (firstRow + first)
  const isFiltered = minNs > 0
  const least = Math.min(minNs, LONG_DURATION_NS) - 1
  if (into === undefined && longs === undefined) {
    return countDecoded(kernels, from, end - first, minNs, maxNs)
  }
  const candidates = isFiltered
    ? kernels.filterGreater(from, end - first, least, selection)
    : end - first
  const { u32 } = kernels
  let count = 0
  let nextLong = 0
  for (let i = 0; i < candidates; i++) {
    const row = firstRow + first + (isFiltered ? u32[selection / 4 + i]! : i)
    let durationNs = u32[pointer / 4 + row]!
    if (durationNs === LONG_DURATION_NS && longs !== undefined) {
      while (longs.rows[nextLong]! < row) nextLong++
      if (longs.rows[nextLong] === row) durationNs = longs.durationsNs[nextLong]!
    }
    if (durationNs < minNs || durationNs >= maxNs) continue
    if (into !== undefined) {
      into.rows[count] = row - firstRow
      into.durationsNs[count] = durationNs
    }
    count++
  }
  return count
}

/** How many of u32[n] lie in [minNs, maxNs). */
function countDecoded(
  kernels: Kernels,
  pointer: number,
  n: number,
  minNs: number,
  maxNs: number,
): number {
  const atLeast = (ns: number) => {
    if (ns <= 0) return n
    return ns > LONG_DURATION_NS ? 0 : kernels.countGreater(pointer, n, ns - 1)
  }
  return maxNs <= minNs ? 0 : atLeast(minNs) - atLeast(maxNs)
}
