/**
 * @module query/exact-durations
 * Durations of calls by their rank, exact to the nanosecond, without sorting: the histogram tells in which bucket a call
 * lies, and a walk over the rows counts the durations in that bucket only. Where a bucket is wider than there is room for a
 * count of every nanosecond, the walk is repeated with the part of it that the call lies in.
 */
import { MAX_CHUNK_ROWS } from '../database/format/pages.ts'
import { BUCKET_COUNT, BUCKET_UPPER_NS, bucketOf } from '../metrics/histogram.ts'
import type { Distribution } from './sorted-calls.ts'
import type { ScanChunks } from './scan-chunks.ts'
import type { ScanPace } from './scan-pace.ts'

/** Counts in all windows together: 8 MB. */
const ROOM = 1 << 20

/** Rows to look at, and how to give way meanwhile. */
export interface RowScan {
  chunks: ScanChunks
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
  await scanBetween(scan, Math.floor(thresholdNs) + 1, Infinity, (durationNs, weight) => {
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
  await scanBetween(scan, lowNs, highNs + 1, (durationNs, weight) => {
    const candidates = table[bucketOf(durationNs) - first]
    if (candidates === undefined) return
    for (const { binNs, counts, highNs: endNs, lowNs: fromNs } of candidates) {
      if (durationNs < fromNs || durationNs > endNs) continue
      const bin = Math.floor((durationNs - fromNs) / binNs)
      counts[bin] = counts[bin]! + weight
    }
  })
}

/** Visits all rows that took from `minNs` up to, but without, `maxNs`. */
async function scanBetween(
  { chunks, pace }: RowScan,
  minNs: number,
  maxNs: number,
  visit: (durationNs: number, weight: number) => void,
): Promise<void> {
  const selected = {
    rows: new Uint32Array(MAX_CHUNK_ROWS),
    durationsNs: new Float64Array(MAX_CHUNK_ROWS),
  }
  for (let i = 0; i < chunks.count; i++) {
    const source = chunks.source(i)
    const chunk = chunks.chunk(i)
    if (source.maxDurationsNs[chunk]! < minNs || source.minDurationsNs[chunk]! >= maxNs) continue
    const span = chunks.span(i)
    if (span === undefined || span.first === span.end) continue
    const count = source.selectDurations(chunk, span, { minNs, maxNs }, selected)
    const weight = source.weights[chunk]!
    for (let k = 0; k < (count ?? 0); k++) visit(selected.durationsNs[k]!, weight)
    pace.add(span.end - span.first)
    if (pace.isDue) await pace.pause()
  }
}
