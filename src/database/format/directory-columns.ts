/**
 * @module database/format/directory-columns
 * Columns that the directories of both versions have, straight to typed arrays.
 */
import { corruption, type FileBytes } from './file-bytes.ts'
import { MAX_DURATION_NS } from './rows.ts'
import type { SegmentFooter, SegmentHeader } from './segment-header.ts'
import type { VarintReader } from './varint.ts'

/** `count` numbers of at most `max`. */
export function readCounts(reader: VarintReader, count: number, max: number): Uint32Array {
  const counts = new Uint32Array(count)
  for (let i = 0; i < count; i++) counts[i] = reader.next(max)
  return counts
}

/** Numbers of at most `max` for the entries that have one. */
export function readValues(
  reader: VarintReader,
  into: Float64Array | Uint32Array,
  max: number,
  has: (i: number) => boolean,
): void {
  for (let i = 0; i < into.length; i++) if (has(i)) into[i] = reader.next(max)
}

/** First and last starts: the distance to the segment's first one, and to each other. */
export function readStartZones(
  reader: VarintReader,
  count: number,
  header: SegmentHeader,
): { minStartsUs: Float64Array; maxStartsUs: Float64Array } {
  const minStartsUs = new Float64Array(count)
  const maxStartsUs = new Float64Array(count)
  for (let i = 0; i < count; i++) {
    minStartsUs[i] = header.minStartUs + reader.next(startSpan(header, header.minStartUs))
  }
  for (let i = 0; i < count; i++) {
    const minUs = minStartsUs[i]!
    maxStartsUs[i] = minUs + reader.next(startSpan(header, minUs))
  }
  return { minStartsUs, maxStartsUs }
}

/** Smallest durations, and the distance of the largest ones to them. */
export function readDurationZones(
  reader: VarintReader,
  count: number,
): { minDurationsNs: Float64Array; maxDurationsNs: Float64Array } {
  const minDurationsNs = new Float64Array(count)
  const maxDurationsNs = new Float64Array(count)
  for (let i = 0; i < count; i++) minDurationsNs[i] = reader.next(MAX_DURATION_NS)
  for (let i = 0; i < count; i++) {
    const minNs = minDurationsNs[i]!
    maxDurationsNs[i] = minNs + reader.next(MAX_DURATION_NS - minNs)
  }
  return { minDurationsNs, maxDurationsNs }
}

/** Farthest that a chunk may reach beyond `startUs`. */
function startSpan(header: SegmentHeader, startUs: number): number {
  return Math.min(Number.MAX_SAFE_INTEGER, header.maxStartUs - startUs)
}

/** Groups whose chunks are several neighbours. */
export function findTotals(
  functionIds: Uint32Array,
  weights: Uint32Array | undefined,
): { totalCount: number; totalFirstChunks: Uint32Array; totalChunkCounts: Uint32Array } {
  const chunkCount = functionIds.length
  const firsts: number[] = []
  const counts: number[] = []
  for (let first = 0; first < chunkCount;) {
    let end = first + 1
    while (
      end < chunkCount &&
      functionIds[end] === functionIds[first] &&
      weights?.[end] === weights?.[first]
    ) {
      end++
    }
    if (end - first > 1) {
      firsts.push(first)
      counts.push(end - first)
    }
    first = end
  }
  return {
    totalCount: firsts.length,
    totalFirstChunks: Uint32Array.from(firsts),
    totalChunkCounts: Uint32Array.from(counts),
  }
}

/**
 * Header, footer and directory must tell the same rows and functions, and the chunks must be in order.
 *
 * @throws {CorruptionError}
 */
export function checkChunks(
  file: FileBytes,
  functionIds: Uint32Array,
  weights: Uint32Array | undefined,
  rowCounts: Uint32Array,
  header: SegmentHeader,
  footer: SegmentFooter,
): void {
  let rowCount = 0
  let functionCount = 0
  for (let chunk = 0; chunk < functionIds.length; chunk++) {
    rowCount += rowCounts[chunk]!
    const gap = chunk === 0 ? 1 : functionIds[chunk]! - functionIds[chunk - 1]!
    if (gap !== 0) functionCount++
    if (gap < 0 || (gap === 0 && weights !== undefined && weights[chunk]! < weights[chunk - 1]!)) {
      throw corruption(file, 0, `function ${functionIds[chunk]} is out of order`)
    }
  }
  if (rowCount !== header.rowCount) {
    throw corruption(file, 0, `the chunks hold ${rowCount} rows, the header ${header.rowCount}`)
  }
  if (functionCount !== footer.functionCount) {
    throw corruption(file, 0, `${functionCount} functions, not ${footer.functionCount}`)
  }
}
