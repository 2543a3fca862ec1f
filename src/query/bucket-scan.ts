/**
 * @module query/bucket-scan
 * Adds up calls bucket by bucket. Whole nodes of the summary tree are merged, as for a single range; a chunk with a
 * border inside is decoded once for all buckets that it reaches into.
 */
import { CallTotals } from '../database/call-totals.ts'
import { lowerBound, type ChunkSource } from '../database/read/chunk-source.ts'
import type { Snapshot } from '../database/read/snapshot.ts'
import { CallAccumulator } from './accumulator.ts'
import { addAllRows, addRows, contains, overlaps, rowsInRange } from './range-scan.ts'
import type { ScanGroup } from './scan-groups.ts'
import type { ScanPace } from './scan-pace.ts'
import { bucketRange, type StepBuckets } from './step.ts'
import type { RangeUs } from './time.ts'

/** Buckets that are added up at a time; each takes about 100 KB. */
const BATCH_BUCKETS = 64

const part = new CallTotals()

/** Accumulators for the buckets of a batch, to be used again: the kernels give no memory back. */
export class AccumulatorPool {
  readonly #snapshot: Snapshot
  readonly #free: CallAccumulator[] = []

  constructor(snapshot: Snapshot) {
    this.#snapshot = snapshot
  }

  take(count: number): CallAccumulator[] {
    const { kernels, pool } = this.#snapshot.context
    return Array.from({ length: count }, () => {
      const accumulator = this.#free.pop() ?? new CallAccumulator(kernels, pool)
      accumulator.clear()
      return accumulator
    })
  }

  give(accumulators: readonly CallAccumulator[]): void {
    this.#free.push(...accumulators)
  }
}

/** Some neighbouring buckets, and what is being added up for each. */
interface Batch {
  snapshot: Snapshot
  buckets: StepBuckets
  first: number // index of the bucket of accumulators[0]
  range: RangeUs
  accumulators: readonly CallAccumulator[]
}

/**
 * @param groups of the functions asked for, in the range of the buckets
 * @param visit  is given every bucket in order, those without calls too; the accumulator is used again afterwards
 */
export async function scanBuckets(
  snapshot: Snapshot,
  groups: readonly ScanGroup[],
  buckets: StepBuckets,
  pool: AccumulatorPool,
  pace: ScanPace,
  visit: (index: number, accumulator: CallAccumulator) => void,
): Promise<void> {
  const rows = groups.reduce((sum, group) => sum + group.rows, 0)
  const accumulators = pool.take(Math.min(BATCH_BUCKETS, buckets.count))
  try {
    for (let first = 0; first < buckets.count; first += BATCH_BUCKETS) {
      const end = Math.min(buckets.count, first + BATCH_BUCKETS)
      const { fromUs } = bucketRange(buckets, first)
      const { toUs } = bucketRange(buckets, end - 1)
      const batch = { snapshot, buckets, first, range: { fromUs, toUs }, accumulators }
      for (const { group, source } of groups) {
        addGroup(batch, source, group)
        if (pace.isDue) await pace.pause()
      }
      pace.add((rows * (end - first)) / buckets.count)
      for (let index = first; index < end; index++) {
        const accumulator = accumulators[index - first]!
        visit(index, accumulator)
        accumulator.clear()
      }
    }
  } finally {
    pool.give(accumulators)
  }
}

function addGroup(batch: Batch, source: ChunkSource, group: number): void {
  const firstUs = source.groupFirstUs(group)
  const lastUs = source.groupLastUs(group)
  const { range } = batch
  if (!overlaps(range, firstUs, lastUs)) return
  const whole = contains(range, firstUs, lastUs) ? accumulatorOf(batch, firstUs, lastUs) : undefined
  const histogram = whole === undefined ? 0 : source.groupHistogram(group)
  if (whole !== undefined && histogram !== 0) {
    source.groupSummary(group, part)
    whole.addSummary(part, histogram, source.groupWeight(group))
    return
  }
  for (let chunk = source.firstChunks[group]!; chunk < source.firstChunks[group + 1]!; chunk++) {
    addChunk(batch, source, chunk)
  }
}

function addChunk(batch: Batch, source: ChunkSource, chunk: number): void {
  const firstUs = source.minStartsUs[chunk]!
  const lastUs = source.maxStartsUs[chunk]!
  const { range, snapshot } = batch
  if (!overlaps(range, firstUs, lastUs)) return
  const whole = contains(range, firstUs, lastUs) ? accumulatorOf(batch, firstUs, lastUs) : undefined
  if (whole !== undefined) {
    const histogram = source.chunkHistogram(chunk)
    if (histogram !== 0) {
      source.chunkSummary(chunk, part)
      whole.addSummary(part, histogram, source.weights[chunk])
    } else {
      addAllRows(snapshot.context, source, chunk, whole)
    }
    return
  }
  addParts(batch, source, chunk)
}

/** Adds the rows of a chunk that reaches into several buckets, or out of the range. */
function addParts(batch: Batch, source: ChunkSource, chunk: number): void {
  if (source.startsOf(chunk) === undefined) return // all of them will be looked at
  const rows = rowsInRange(source, chunk, batch.range)
  if (rows === undefined) return
  const { end } = rows
  for (let first = rows.first; first < end;) {
    const startsUs = source.startsOf(chunk)
    if (startsUs === undefined) return
    const firstUs = startsUs[first]!
    const index = bucketOf(batch.buckets, firstUs)
    const { toUs } = bucketRange(batch.buckets, index)
    const partEnd = Math.min(end, lowerBound(startsUs, source.rowCounts[chunk]!, toUs))
    const accumulator = batch.accumulators[index - batch.first]!
    const lastUs = startsUs[partEnd - 1]!
    addRows(
      batch.snapshot.context,
      source,
      chunk,
      { first, end: partEnd },
      firstUs,
      lastUs,
      accumulator,
    )
    first = partEnd
  }
}

/** The accumulator of the one bucket in which both instants lie. */
function accumulatorOf(batch: Batch, firstUs: number, lastUs: number): CallAccumulator | undefined {
  const index = bucketOf(batch.buckets, firstUs)
  return bucketOf(batch.buckets, lastUs) === index
    ? batch.accumulators[index - batch.first]
    : undefined
}

/** The quotient of whole numbers below 2^53 is never rounded up to the next whole number. */
function bucketOf({ firstUs, stepUs }: StepBuckets, us: number): number {
  return Math.floor((us - firstUs) / stepUs)
}
