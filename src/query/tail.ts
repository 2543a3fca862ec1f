/**
 * @module query/tail
 * The calls that started last. The last start of every chunk is its zone map, as its maximum is for the longest calls.
 */
import type { ChunkSource } from '../database/read/chunk-source.ts'
import type { Snapshot, SnapshotView } from '../database/read/snapshot.ts'
import { HEALTH_FUNCTION } from '../internal/health-function.ts'
import type { CallRow } from '../types.ts'
import { BestRows } from './best-rows.ts'
import { peersIn } from './row-ids.ts'
import { toCallRowsInTurns, withDurations, type RowReference } from './rows.ts'
import { ScanPace } from './scan-pace.ts'

interface Candidate {
  source: ChunkSource
  chunk: number
  functionName: string
  lastUs: number
}

/**
 * The latest `count` calls, in ascending order of start; rows of Kronicler's own health are none. Gives way to the event loop
 * where it takes long.
 */
export async function latestCalls(snapshot: Snapshot, count: number): Promise<CallRow[]> {
  const view = snapshot.view()
  const pace = new ScanPace(snapshot)
  const best = new BestRows(count, isLater)
  for (const candidate of candidatesOf(view, count)) {
    if (candidate.lastUs < (best.worst?.startUs ?? -Infinity)) break
    visit(candidate, best)
    if (pace.isDue) await pace.pause()
  }
  const rows = withDurations(snapshot, best.sorted().reverse())
  return toCallRowsInTurns(snapshot, rows, peersIn(view), pace)
}

/** By start, then by name; rows that are alike in both in the order they are stored. */
function isLater(a: RowReference, b: RowReference): boolean {
  if (a.startUs !== b.startUs) return a.startUs > b.startUs
  if (a.functionName !== b.functionName) return a.functionName > b.functionName
  if (a.source !== b.source) return a.source.path > b.source.path
  return a.chunk - b.chunk > 0 || (a.chunk === b.chunk && a.row > b.row)
}

/** Chunks that may hold one of the rows, the one that ends last first. */
function candidatesOf({ functions, indexes }: SnapshotView, count: number): Candidate[] {
  const health = functions.find(HEALTH_FUNCTION)
  const floor = new BestRows<number>(count, (a, b) => a > b)
  const candidates: Candidate[] = []
  // the latest first, so that the others need not be looked at
  for (const { indexedSources } of [...indexes].reverse()) {
    for (const { functionNumbers, groupCount, source } of [...indexedSources].reverse()) {
      const { firstChunks, maxStartsUs, sharesPage } = source
      const sharedLastsUs = new Map<number, number>() // by page: some row of the page starts then
      for (let group = 0; group < groupCount; group++) {
        const functionNumber = functionNumbers[group]!
        const functionName = functions.names[functionNumber]!
        const isHealth = functionNumber === health
        const end = firstChunks[group + 1]!
        for (let chunk = firstChunks[group]!; chunk < end; chunk++) {
          const lastUs = maxStartsUs[chunk]!
          if (lastUs < (floor.worst ?? -Infinity)) continue
          if (sharesPage[chunk] === 1) {
            const page = source.pageOf(chunk)
            if (isHealth) sharedLastsUs.set(page, -Infinity)
            else if (!sharedLastsUs.has(page)) sharedLastsUs.set(page, lastUs)
          } else if (!isHealth) floor.add(lastUs)
          if (!isHealth) candidates.push({ source, chunk, functionName, lastUs })
        }
      }
      for (const lastUs of sharedLastsUs.values()) floor.add(lastUs)
    }
  }
  const least = floor.worst ?? -Infinity
  return candidates.filter(({ lastUs }) => lastUs >= least).sort((a, b) => b.lastUs - a.lastUs)
}

function visit({ source, chunk, functionName }: Candidate, best: BestRows<RowReference>): void {
  for (let row = source.rowCounts[chunk]! - 1; row >= 0;) {
    const near = source.startsNear(chunk, row)
    if (near === undefined) return
    const { firstRow, startsUs } = near
    for (; row >= firstRow; row--) {
      const startUs = startsUs[row - firstRow]!
      if (startUs < (best.worst?.startUs ?? -Infinity)) return
      best.add({ source, chunk, row, functionName, startUs, durationNs: NaN })
    }
  }
}
