/**
 * @module query/slowest
 * The longest calls. The maximum of every chunk is its zone map: chunks are visited from the largest maximum down, and
 * the visit ends as soon as no chunk can hold a call that is longer than those found.
 */
import type { ChunkSource } from '../database/chunk-source.ts'
import type { ReaderContext } from '../database/reader-context.ts'
import type { Snapshot, SnapshotView } from '../database/snapshot.ts'
import type { CallRow } from '../types.ts'
import { BestRows } from './best-rows.ts'
import { contains, exactDurations, overlaps, rowsInRange } from './range-scan.ts'
import { peersIn } from './row-ids.ts'
import { toCallRowsInTurns, type RowReference } from './rows.ts'
import { forEachGroupInRange } from './scan-groups.ts'
import { ScanPace } from './scan-pace.ts'
import type { RangeUs } from './time.ts'

const MAX_U32 = 0xffff_ffff

interface Candidate {
  source: ChunkSource
  chunk: number
  functionName: string
  maxNs: number
  firstUs: number
}

/**
 * Gives way to the event loop where it takes long.
 *
 * @param functionNumbers of the functions asked for
 */
export async function slowestCalls(
  snapshot: Snapshot,
  functionNumbers: readonly number[],
  range: RangeUs,
  limit: number,
): Promise<CallRow[]> {
  const view = snapshot.view()
  const pace = new ScanPace(snapshot)
  const best = new BestRows(limit, isSlower)
  for (const candidate of candidatesOf(view, functionNumbers, range, limit)) {
    const { worst } = best
    if (worst !== undefined) {
      if (candidate.maxNs < worst.durationNs) break
      // as long at most, and none of its calls earlier
      if (candidate.maxNs === worst.durationNs && candidate.firstUs > worst.startUs) continue
    }
    visit(view.context, candidate, range, best)
    if (pace.isDue) await pace.pause()
  }
  return toCallRowsInTurns(snapshot, best.sorted(), peersIn(view), pace)
}

/** Longest first, then by start, then by name; rows that are alike in all of that in the order they are stored. */
function isSlower(a: RowReference, b: RowReference): boolean {
  if (a.durationNs !== b.durationNs) return a.durationNs > b.durationNs
  if (a.startUs !== b.startUs) return a.startUs < b.startUs
  if (a.functionName !== b.functionName) return a.functionName < b.functionName
  if (a.source !== b.source) return a.source.path < b.source.path
  return a.chunk - b.chunk < 0 || (a.chunk === b.chunk && a.row < b.row)
}

/** Chunks that may hold one of the rows, the most promising first. */
function candidatesOf(
  snapshot: SnapshotView,
  functionNumbers: readonly number[],
  range: RangeUs,
  limit: number,
): Candidate[] {
  const leastNs = leastDuration(snapshot, functionNumbers, range, limit)
  const { names } = snapshot.functions
  const candidates: Candidate[] = []
  forEachGroupInRange(snapshot, functionNumbers, range, (source, group, functionNumber) => {
    const { firstChunks, maxDurationsNs, maxStartsUs, minStartsUs } = source
    const end = firstChunks[group + 1]!
    for (let chunk = firstChunks[group]!; chunk < end; chunk++) {
      const maxNs = maxDurationsNs[chunk]!
      if (maxNs < leastNs) continue
      const firstUs = minStartsUs[chunk]!
      if (!overlaps(range, firstUs, maxStartsUs[chunk]!)) continue
      candidates.push({ source, chunk, functionName: names[functionNumber]!, maxNs, firstUs })
    }
  })
  return candidates.sort((a, b) => b.maxNs - a.maxNs || a.firstUs - b.firstUs)
}

/** A whole chunk holds a call as long as its maximum, so what `limit` of them reach is a lower bound. */
function leastDuration(
  snapshot: SnapshotView,
  functionNumbers: readonly number[],
  range: RangeUs,
  limit: number,
): number {
  const longest = new BestRows<number>(limit, (a, b) => a > b)
  let leastNs = 0
  forEachGroupInRange(snapshot, functionNumbers, range, (source, group) => {
    const { firstChunks, maxDurationsNs, maxStartsUs, minStartsUs, sharesPage } = source
    const end = firstChunks[group + 1]!
    for (let chunk = firstChunks[group]!; chunk < end; chunk++) {
      const maxNs = maxDurationsNs[chunk]!
      if (maxNs <= leastNs || sharesPage[chunk] === 1) continue
      if (!contains(range, minStartsUs[chunk]!, maxStartsUs[chunk]!)) continue
      longest.add(maxNs)
      leastNs = longest.worst ?? 0
    }
  })
  return leastNs
}

function visit(
  context: ReaderContext,
  { source, chunk, functionName }: Candidate,
  range: RangeUs,
  best: BestRows<RowReference>,
): void {
  const rows = rowsInRange(source, chunk, range)
  if (rows === undefined || rows.first === rows.end) return
  const durations = source.durationsOf(chunk)
  if (durations === undefined) return
  const { first, end } = rows
  const durationsNs =
    durations.longs === undefined ? undefined : exactDurations(context, durations, first, end)
  const count = end - first
  const pointer = durations.pointer + 4 * first
  const selected = selectRows(context, pointer, count, best.worst?.durationNs ?? 0)
  if (selected === 0) return
  const startsUs = source.startsOf(chunk)
  if (startsUs === undefined) return
  const { u32 } = context.kernels
  for (let i = 0; i < selected; i++) {
    const row = u32[context.selection / 4 + i]!
    const durationNs = durationsNs?.[row] ?? u32[pointer / 4 + row]!
    const startUs = startsUs[first + row]!
    const { worst } = best
    // most rows of a large answer are turned away here, without becoming an object
    if (worst !== undefined && durationNs < worst.durationNs) continue
    best.add({ source, chunk, row: first + row, functionName, startUs, durationNs })
  }
}

/** Writes the rows of at least `leastNs` to the context's selection; returns how many. */
function selectRows(
  context: ReaderContext,
  pointer: number,
  count: number,
  leastNs: number,
): number {
  const { kernels, selection } = context
  const threshold = Math.min(leastNs, MAX_U32) - 1
  if (threshold >= 0) return kernels.filterGreater(pointer, count, threshold, selection)
  for (let row = 0; row < count; row++) kernels.u32[selection / 4 + row] = row
  return count
}
