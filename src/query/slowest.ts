/**
 * @module query/slowest
 * The longest calls. The maximum of every chunk is its zone map: chunks are visited from the largest maximum down, and
 * the visit ends as soon as no chunk can hold a call that is longer than those found.
 */
import type { ChunkSource } from '../database/read/chunk-source.ts'
import type { SelectedRows } from '../database/read/duration-filter.ts'
import { MAX_CHUNK_ROWS } from '../database/format/pages.ts'
import type { Snapshot, SnapshotView } from '../database/read/snapshot.ts'
import type { CallRow } from '../types.ts'
import { BestRows } from './best-rows.ts'
import { contains, overlaps, rowsInRange, startOf } from './range-scan.ts'
import { peersIn } from './row-ids.ts'
import { toCallRowsInTurns, type RowReference } from './rows.ts'
import { forEachGroupInRange } from './scan-groups.ts'
import { ScanPace } from './scan-pace.ts'
import type { RangeUs } from './time.ts'

/** The starts of so few are not worth decoding all starts of a chunk. */
const FEW_ROWS = 8

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
  const leastNs = leastDuration(view, functionNumbers, range, limit)
  const selected = {
    rows: new Uint32Array(MAX_CHUNK_ROWS),
    durationsNs: new Float64Array(MAX_CHUNK_ROWS),
  }
  for (const candidate of candidatesOf(view, functionNumbers, range, leastNs)) {
    const { worst } = best
    if (worst !== undefined) {
      if (candidate.maxNs < worst.durationNs) break
      // as long at most, and none of its calls earlier
      if (candidate.maxNs === worst.durationNs && candidate.firstUs > worst.startUs) continue
    }
    visit(candidate, range, leastNs, selected, best)
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
  leastNs: number,
): Candidate[] {
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

/** @param leastNs of the rows that are of interest */
function visit(
  { source, chunk, functionName }: Candidate,
  range: RangeUs,
  leastNs: number,
  selected: SelectedRows,
  best: BestRows<RowReference>,
): void {
  const span = rowsInRange(source, chunk, range)
  if (span === undefined || span.first === span.end) return
  const bounds = { minNs: Math.max(leastNs, best.worst?.durationNs ?? 0), maxNs: Infinity }
  const count = source.selectDurations(chunk, span, bounds, selected) ?? 0
  const startsUs = count > FEW_ROWS ? source.startsOf(chunk) : undefined
  if (count > FEW_ROWS && startsUs === undefined) return
  for (let i = 0; i < count; i++) {
    const durationNs = selected.durationsNs[i]!
    // most rows of a large answer are turned away here, without becoming an object
    if (durationNs < (best.worst?.durationNs ?? 0)) continue
    const row = selected.rows[i]!
    const startUs = startsUs === undefined ? startOf(source, chunk, row) : startsUs[row]
    if (startUs === undefined) return
    best.add({ source, chunk, row, functionName, startUs, durationNs })
  }
}
