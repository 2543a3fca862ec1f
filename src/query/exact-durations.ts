/**
 * @module query/exact-durations
 * Durations of calls by their rank, exact to the nanosecond, without sorting: the histogram tells in which bucket a call
 * lies, and a walk over the rows counts the durations in that bucket only. Where a bucket is wider than there is room for a
 * count of every nanosecond, the walk is repeated with the part of it that the call lies in.
 */
import type { ChunkSource } from '../database/chunk-source.ts'
import { LONG_DURATION_NS } from '../database/format/rows.ts'
import type { Snapshot } from '../database/snapshot.ts'
import { BUCKET_COUNT, BUCKET_UPPER_NS, bucketOf } from '../metrics/histogram.ts'
import type { Distribution } from './quantiles.ts'
import { exactDurations, overlaps, rowsInRange, type RowSpan } from './range-scan.ts'
import type { ScanGroup } from './scan-groups.ts'
import type { ScanPace } from './scan-pace.ts'
import type { RangeUs } from './time.ts'

/** Counts in all windows together: 8 MB. */
const ROOM = 1 << 20

/** Rows to look at, and how to give way meanwhile. */
export interface RowScan {
  snapshot: Snapshot
  groups: readonly ScanGroup[]
  range: RangeUs
  pace: ScanPace
}

/** Durations [lowNs, highNs] that are counted, in bins of equal width. */
interface Window {
  lowNs: number
  highNs: number
  below: number // calls that are shorter than all of them
  binNs: number
  counts: Float64Array
}

/**
 * @param ranks ascending, of all calls, from 0
 * @returns duration of each
 */
export async function durationsAt(
  scan: RowScan,
  distribution: Distribution,
  ranks: readonly number[],
): Promise<Map<number, number>> {
  const found = new Map<number, number>()
  const open = new Map<number, Window>() // by rank; several ranks may share one
  for (const [rank, window] of bucketsOf(distribution, ranks)) {
    if (rank === 0) found.set(rank, distribution.minNs)
    else if (rank === distribution.calls - 1) found.set(rank, distribution.maxNs)
    else if (window.lowNs === window.highNs) found.set(rank, window.lowNs)
    else open.set(rank, window)
  }
  while (open.size > 0) {
    const windows = [...new Set(open.values())]
    const room = Math.floor(ROOM / windows.length)
    for (const window of windows) {
      const width = window.highNs - window.lowNs + 1
      window.binNs = Math.ceil(width / room)
      window.counts = new Float64Array(Math.ceil(width / window.binNs))
    }
    await countInto(scan, windows)
    const narrowed = new Map<string, Window>()
    for (const [rank, window] of open) {
      const bin = narrow(window, rank)
      if (bin.lowNs === bin.highNs) {
        found.set(rank, bin.lowNs)
        open.delete(rank)
      } else {
        const key = `${bin.lowNs}`
        if (!narrowed.has(key)) narrowed.set(key, bin)
        open.set(rank, narrowed.get(key)!)
      }
    }
  }
  return found
}

/** How many calls took longer than the threshold, and how long together. */
export async function callsAbove(
  scan: RowScan,
  thresholdNs: number,
): Promise<{ calls: number; sumNs: number }> {
  let calls = 0
  let sumNs = 0
  await scanLonger(scan, Math.floor(thresholdNs), Infinity, (durationNs, weight) => {
    calls += weight
    sumNs += weight * durationNs
  })
  return { calls, sumNs }
}

/** The bucket of each rank. */
function* bucketsOf(
  { calls, counts, maxNs, minNs }: Distribution,
  ranks: readonly number[],
): Iterable<[number, Window]> {
  let bucket = bucketOf(minNs) - 1
  let below = 0
  let seen = 0
  let window: Window | undefined
  for (const rank of ranks) {
    if (rank >= calls) return
    while (seen <= rank && bucket < BUCKET_COUNT - 1) {
      below = seen
      seen += counts[++bucket]!
      window = undefined
    }
    window ??= {
      lowNs: bucket === 0 ? 0 : Math.max(minNs, BUCKET_UPPER_NS[bucket - 1]! + 1),
      highNs: Math.min(maxNs, BUCKET_UPPER_NS[bucket]!),
      below,
      binNs: 1,
      counts: NO_COUNTS,
    }
    yield [rank, window]
  }
}

const NO_COUNTS = new Float64Array(0)

/** The bin that the call with the rank lies in. */
function narrow({ below, binNs, counts, highNs, lowNs }: Window, rank: number): Window {
  let bin = 0
  while (bin < counts.length - 1 && below + counts[bin]! <= rank) below += counts[bin++]!
  const fromNs = lowNs + bin * binNs
  const toNs = Math.min(highNs, fromNs + binNs - 1)
  return { lowNs: fromNs, highNs: toNs, below, binNs: 1, counts: NO_COUNTS }
}

async function countInto(scan: RowScan, windows: readonly Window[]): Promise<void> {
  const lowNs = windows.reduce((low, window) => Math.min(low, window.lowNs), Infinity)
  const highNs = windows.reduce((high, window) => Math.max(high, window.highNs), 0)
  // every window lies in one bucket of the histogram, and a bucket may hold several
  const byBucket = new Map<number, Window[]>()
  for (const window of windows) {
    const bucket = bucketOf(window.lowNs)
    byBucket.set(bucket, [...(byBucket.get(bucket) ?? []), window])
  }
  const first = bucketOf(lowNs)
  const table = Array.from({ length: bucketOf(highNs) - first + 1 }, (_, i) =>
    byBucket.get(first + i),
  )
  await scanLonger(scan, lowNs - 1, highNs, (durationNs, weight) => {
    const candidates = table[bucketOf(durationNs) - first]
    if (candidates === undefined) return
    for (const { binNs, counts, highNs: endNs, lowNs: fromNs } of candidates) {
      if (durationNs < fromNs || durationNs > endNs) continue
      const bin = Math.floor((durationNs - fromNs) / binNs)
      counts[bin] = counts[bin]! + weight
    }
  })
}

/** Visits all rows that took longer than `aboveNs` and at most `highNs`. */
async function scanLonger(
  { groups, pace, range, snapshot }: RowScan,
  aboveNs: number,
  highNs: number,
  visit: (durationNs: number, weight: number) => void,
): Promise<void> {
  for (const { group, source } of groups) {
    const end = source.firstChunks[group + 1]!
    for (let chunk = source.firstChunks[group]!; chunk < end; chunk++) {
      if (source.maxDurationsNs[chunk]! <= aboveNs || source.minDurationsNs[chunk]! > highNs) {
        continue
      }
      if (!overlaps(range, source.minStartsUs[chunk]!, source.maxStartsUs[chunk]!)) continue
      const rows = rowsInRange(source, chunk, range)
      if (rows === undefined || rows.first === rows.end) continue
      scanChunk(snapshot, source, chunk, rows, aboveNs, highNs, visit)
      pace.add(rows.end - rows.first)
      if (pace.isDue) await pace.pause()
    }
  }
}

function scanChunk(
  snapshot: Snapshot,
  source: ChunkSource,
  chunk: number,
  { end, first }: RowSpan,
  aboveNs: number,
  highNs: number,
  visit: (durationNs: number, weight: number) => void,
): void {
  const durations = source.durationsOf(chunk)
  if (durations === undefined) return
  const weight = source.weights[chunk]!
  if (durations.longs !== undefined && highNs >= LONG_DURATION_NS) {
    for (const durationNs of exactDurations(snapshot, durations, first, end)) {
      if (durationNs > aboveNs && durationNs <= highNs) visit(durationNs, weight)
    }
    return
  }
  const { kernels, selection } = snapshot.context
  const values = durations.pointer / 4 + first
  const { u32 } = kernels
  if (aboveNs < 0) {
    for (let i = values; i < values + end - first; i++) {
      if (u32[i]! <= highNs) visit(u32[i]!, weight)
    }
    return
  }
  const threshold = Math.min(aboveNs, LONG_DURATION_NS)
  const count = kernels.filterGreater(4 * values, end - first, threshold, selection)
  for (let i = 0; i < count; i++) {
    const durationNs = u32[values + u32[selection / 4 + i]!]!
    if (durationNs <= highNs) visit(durationNs, weight)
  }
}
