/**
 * @module query/slowest
 * The longest calls. The maximum of every chunk is its zone map: chunks are visited from the largest maximum down, and
 * the visit ends as soon as no chunk can hold a call that is longer than those found.
 */
import type { ChunkSource } from '../database/chunk-source.ts'
import type { Snapshot } from '../database/snapshot.ts'
import type { CallRow } from '../types.ts'
import { BestRows } from './best-rows.ts'
import { exactDurations, overlaps, rowsInRange } from './range-scan.ts'
import { toCallRows, type RowReference } from './rows.ts'
import type { RangeUs } from './time.ts'

const MAX_U32 = 0xffff_ffff

interface Candidate {
  source: ChunkSource
  chunk: number
  functionName: string
  maxNs: number
  firstUs: number
}

/** @param functionNumbers of the functions asked for */
export function slowestCalls(
  snapshot: Snapshot,
  functionNumbers: Iterable<number>,
  range: RangeUs,
  limit: number,
): CallRow[] {
  const best = new BestRows(limit, isSlower)
  for (const candidate of candidatesOf(snapshot, functionNumbers, range, limit)) {
    const { worst } = best
    if (worst !== undefined) {
      if (candidate.maxNs < worst.durationNs) break
      // as long at most, and none of its calls earlier
      if (candidate.maxNs === worst.durationNs && candidate.firstUs > worst.startUs) continue
    }
    visit(snapshot, candidate, range, best)
  }
  return toCallRows(snapshot, best.sorted())
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
  snapshot: Snapshot,
  functionNumbers: Iterable<number>,
  range: RangeUs,
  limit: number,
): Candidate[] {
  const floor = new BestRows<number>(limit, (a, b) => a > b)
  const candidates: Candidate[] = []
  for (const functionNumber of functionNumbers) {
    const functionName = snapshot.functions.names[functionNumber]!
    for (const index of snapshot.indexes) {
      index.forEach(functionNumber, (source, group) => {
        if (!overlaps(range, source.groupFirstUs(group), source.groupLastUs(group))) return
        const end = source.firstChunks[group + 1]!
        for (let chunk = source.firstChunks[group]!; chunk < end; chunk++) {
          const firstUs = source.minStartsUs[chunk]!
          const lastUs = source.maxStartsUs[chunk]!
          const maxNs = source.maxDurationsNs[chunk]!
          if (!overlaps(range, firstUs, lastUs) || maxNs < (floor.worst ?? 0)) continue
          candidates.push({ source, chunk, functionName, maxNs, firstUs })
          // a whole chunk holds a call as long as its maximum, so `limit` of them are a lower bound
          const isExact = source.sharesPage[chunk] === 0
          if (isExact && firstUs >= range.fromUs && lastUs < range.toUs) floor.add(maxNs)
        }
      })
    }
  }
  const least = floor.worst ?? 0
  return candidates
    .filter(({ maxNs }) => maxNs >= least)
    .sort((a, b) => b.maxNs - a.maxNs || a.firstUs - b.firstUs)
}

function visit(
  snapshot: Snapshot,
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
    durations.longs === undefined ? undefined : exactDurations(snapshot, durations, first, end)
  const { context } = snapshot
  const count = end - first
  const pointer = durations.pointer + 4 * first
  const selected = selectRows(snapshot, pointer, count, best.worst?.durationNs ?? 0)
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
function selectRows(snapshot: Snapshot, pointer: number, count: number, leastNs: number): number {
  const { kernels, selection } = snapshot.context
  const threshold = Math.min(leastNs, MAX_U32) - 1
  if (threshold >= 0) return kernels.filterGreater(pointer, count, threshold, selection)
  for (let row = 0; row < count; row++) kernels.u32[selection / 4 + row] = row
  return count
}
