/**
 * @module query/range-scan
 * Adds up the calls of one function that start in a range. Whole nodes are merged: a function's total in a segment,
 * then its chunks. Only the chunks at the range's edges are decoded, so the cost hardly grows with the range.
 */
import { CallTotals } from '../database/call-totals.ts'
import {
  lowerBound,
  type ChunkSource,
  type LoadedDurations,
} from '../database/read/chunk-source.ts'
import type { RowSpan } from '../database/read/duration-filter.ts'
import type { ErrorRows } from '../database/format/pages.ts'
import type { ReaderContext } from '../database/read/reader-context.ts'
import type { SnapshotView } from '../database/read/snapshot.ts'
import type { CallAccumulator } from './accumulator.ts'
import { SummaryTree } from './summary-tree.ts'
import type { RangeUs } from './time.ts'

export type { RowSpan }

const part = new CallTotals()
const trees = new WeakMap<ReaderContext, SummaryTree>()

/** Adds all calls of a function that start in the range. */
export function addFunction(
  snapshot: SnapshotView,
  functionNumber: number,
  range: RangeUs,
  into: CallAccumulator,
): void {
  const tree = treeOf(snapshot.context)
  for (const index of snapshot.indexes) tree.addFunction(index, functionNumber, range, into)
  forEachRollUp(snapshot, functionNumber, range, (source, chunk) => {
    addRollUp(source, chunk, range, into)
  })
}

/** Calls `visit` for every hour of expired rows of the function of which some may lie in the range. */
export function forEachRollUp(
  snapshot: SnapshotView,
  functionNumber: number,
  range: RangeUs,
  visit: (source: ChunkSource, chunk: number) => void,
): void {
  snapshot.rollUps.forEach(functionNumber, (source, group) => {
    const end = source.firstChunks[group + 1]!
    for (let chunk = source.firstChunks[group]!; chunk < end; chunk++) {
      const firstUs = source.minStartsUs[chunk]!
      if (overlaps(range, firstUs, source.maxStartsUs[chunk]!)) visit(source, chunk)
    }
  })
}

/** Adds an hour of expired rows, as a whole also if only some of them lie in the range. */
export function addRollUp(
  source: ChunkSource,
  chunk: number,
  range: RangeUs,
  into: CallAccumulator,
): void {
  source.chunkSummary(chunk, part)
  into.addSummary(part, source.chunkHistogram(chunk), source.weights[chunk])
  if (!contains(range, part.firstUs, part.lastUs)) {
    into.coarseCalls += source.weights[chunk]! * part.calls
  }
}

function treeOf(context: ReaderContext): SummaryTree {
  let tree = trees.get(context)
  if (tree === undefined) {
    tree = new SummaryTree(context, ({ source }, group, range, into, weight) => {
      addGroup(context, source, group, range, into, weight)
    })
    trees.set(context, tree)
  }
  return tree
}

/** Number of calls of a function that start in the range. */
export function countFunction(
  snapshot: SnapshotView,
  functionNumber: number,
  range: RangeUs,
): number {
  let calls = 0
  forEachRollUp(snapshot, functionNumber, range, (source, chunk) => {
    calls += source.weights[chunk]! * source.rowCounts[chunk]!
  })
  for (const index of snapshot.indexes) {
    index.forEach(functionNumber, (source, group) => {
      if (!overlaps(range, source.groupFirstUs(group), source.groupLastUs(group))) return
      const weight = source.groupWeight(group)
      for (
        let chunk = source.firstChunks[group]!;
        chunk < source.firstChunks[group + 1]!;
        chunk++
      ) {
        const rows = rowsInRange(source, chunk, range)
        if (rows !== undefined) calls += weight * (rows.end - rows.first)
      }
    })
  }
  return calls
}

/**
 * Rows of a chunk that start in the range; decodes the starts only if the chunk lies on an edge.
 *
 * @returns undefined if the starts are damaged
 */
export function rowsInRange(
  source: ChunkSource,
  chunk: number,
  range: RangeUs,
): RowSpan | undefined {
  const count = source.rowCounts[chunk]!
  const firstUs = source.minStartsUs[chunk]!
  const lastUs = source.maxStartsUs[chunk]!
  if (contains(range, firstUs, lastUs)) return { first: 0, end: count }
  if (!overlaps(range, firstUs, lastUs)) return { first: 0, end: 0 }
  const first = firstUs >= range.fromUs ? 0 : source.rowsBefore(chunk, range.fromUs)
  const end = lastUs < range.toUs ? count : source.rowsBefore(chunk, range.toUs)
  return first === undefined || end === undefined ? undefined : { first, end }
}

export function overlaps({ fromUs, toUs }: RangeUs, firstUs: number, lastUs: number): boolean {
  return lastUs >= fromUs && firstUs < toUs
}

export function contains({ fromUs, toUs }: RangeUs, firstUs: number, lastUs: number): boolean {
  return firstUs >= fromUs && lastUs < toUs
}

function addGroup(
  context: ReaderContext,
  source: ChunkSource,
  group: number,
  range: RangeUs,
  into: CallAccumulator,
  weight: number,
): void {
  const firstUs = source.groupFirstUs(group)
  const lastUs = source.groupLastUs(group)
  if (!overlaps(range, firstUs, lastUs)) return
  const histogram = contains(range, firstUs, lastUs) ? source.groupHistogram(group) : 0
  if (histogram !== 0) {
    source.groupSummary(group, part)
    into.addSummary(part, histogram, weight)
    return
  }
  for (let chunk = source.firstChunks[group]!; chunk < source.firstChunks[group + 1]!; chunk++) {
    addChunk(context, source, chunk, range, into, weight)
  }
}

function addChunk(
  context: ReaderContext,
  source: ChunkSource,
  chunk: number,
  range: RangeUs,
  into: CallAccumulator,
  weight: number,
): void {
  const firstUs = source.minStartsUs[chunk]!
  const lastUs = source.maxStartsUs[chunk]!
  if (!overlaps(range, firstUs, lastUs)) return
  const isWhole = contains(range, firstUs, lastUs)
  const histogram = isWhole ? source.chunkHistogram(chunk) : 0
  if (histogram !== 0) {
    source.chunkSummary(chunk, part)
    into.addSummary(part, histogram, weight)
    return
  }
  if (isWhole) {
    addAllRows(context, source, chunk, into, weight)
    return
  }
  const rows = rowsInRange(source, chunk, range)
  if (rows === undefined || rows.first === rows.end) return
  const startUs = startOf(source, chunk, rows.first)
  const endUs = startOf(source, chunk, rows.end - 1)
  if (startUs === undefined || endUs === undefined) return
  addRows(context, source, chunk, rows, startUs, endUs, into, weight)
}

/** Start of a row, undefined if it is damaged; of the first and the last one without decoding, as far as the chunk's bounds are its own. */
export function startOf(source: ChunkSource, chunk: number, row: number): number | undefined {
  if (source.sharesPage[chunk] === 0) {
    if (row === 0) return source.minStartsUs[chunk]
    if (row === source.rowCounts[chunk]! - 1) return source.maxStartsUs[chunk]
  }
  const near = source.startsNear(chunk, row)
  return near?.startsUs[row - near.firstRow]
}

/** Adds all rows of a chunk, decoded. */
export function addAllRows(
  context: ReaderContext,
  source: ChunkSource,
  chunk: number,
  into: CallAccumulator,
  weight = source.weights[chunk]!,
): void {
  const end = source.rowCounts[chunk]!
  let firstUs = source.minStartsUs[chunk]!
  let lastUs = source.maxStartsUs[chunk]!
  // bounds tell nothing new if they lie between starts that are known
  const isKnown = into.firstUs <= firstUs && into.lastUs >= lastUs
  if (source.sharesPage[chunk] === 1 && !isKnown) {
    const startsUs = source.startsOf(chunk)
    if (startsUs === undefined) return
    firstUs = startsUs[0]!
    lastUs = startsUs[end - 1]!
  }
  addRows(context, source, chunk, { first: 0, end }, firstUs, lastUs, into, weight)
}

/**
 * Adds decoded rows of the chunk, the first and last of which start at the instants given. If a page is damaged none of them
 * is added: an answer must not mix calls without durations.
 */
export function addRows(
  context: ReaderContext,
  source: ChunkSource,
  chunk: number,
  { first, end }: RowSpan,
  firstUs: number,
  lastUs: number,
  into: CallAccumulator,
  weight = source.weights[chunk]!,
): void {
  const isWhole = end - first === source.rowCounts[chunk]
  const errors = isWhole ? undefined : source.errorsOf(chunk)
  if (!isWhole && errors === undefined) return
  const isSumKnown = isWhole && source.sharesPage[chunk] === 0
  const childrenNs = isSumKnown
    ? source.childrenSumNs(chunk)
    : childrenOf(source, chunk, first, end)
  if (childrenNs === undefined) return
  const durations = source.durationsOf(chunk)
  if (durations === undefined) return
  if (durations.longs === undefined) {
    into.addDurations(durations.pointer + 4 * first, end - first, weight)
  } else {
    into.addLongDurations(exactDurations(context, durations, first, end), weight)
  }
  into.addStarts(firstUs, lastUs)
  const failed = errors === undefined ? source.errorCounts[chunk]! : countErrors(errors, first, end)
  into.errors += weight * failed
  into.childrenNs += weight * childrenNs
}

/** Time that rows [first, end) spent in calls that they made; undefined if that cannot be read. */
function childrenOf(
  source: ChunkSource,
  chunk: number,
  first: number,
  end: number,
): number | undefined {
  if (source.childrenSumNs(chunk) === 0) return 0
  const childrenNs = source.childrenOf(chunk)
  if (childrenNs === undefined) return undefined
  let sumNs = 0
  for (let row = first; row < end; row++) sumNs += childrenNs[row]!
  return sumNs
}

/** Durations of rows [first, end) with the long ones in full. */
export function exactDurations(
  context: ReaderContext,
  { pointer, longs }: LoadedDurations,
  first: number,
  end: number,
): Float64Array {
  const { u32 } = context.kernels
  const durationsNs = Float64Array.from(u32.subarray(pointer / 4 + first, pointer / 4 + end))
  longs?.rows.forEach((row, i) => {
    if (row >= first && row < end) durationsNs[row - first] = longs.durationsNs[i]!
  })
  return durationsNs
}

function countErrors({ rows }: ErrorRows, first: number, end: number): number {
  return lowerBound(rows, rows.length, end) - lowerBound(rows, rows.length, first)
}
