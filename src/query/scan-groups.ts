/**
 * @module query/scan-groups
 * The groups of chunks that hold the rows of some functions: what a question that gives way to the event loop goes
 * through, one by one.
 */
import type { ChunkSource } from '../database/chunk-source.ts'
import type { Snapshot } from '../database/snapshot.ts'
import { overlaps } from './range-scan.ts'
import type { RangeUs } from './time.ts'

export interface ScanGroup {
  source: ChunkSource
  group: number
  functionName: string
  rows: number
}

/** All groups of the functions with rows that may start in the range. */
export function groupsInRange(
  snapshot: Snapshot,
  functionNumbers: Iterable<number>,
  range: RangeUs,
): ScanGroup[] {
  const groups: ScanGroup[] = []
  for (const functionNumber of functionNumbers) {
    const functionName = snapshot.functions.names[functionNumber]!
    for (const index of snapshot.indexes) {
      index.forEach(functionNumber, (source, group) => {
        if (!overlaps(range, source.groupFirstUs(group), source.groupLastUs(group))) return
        groups.push({ source, group, functionName, rows: rowsOf(source, group) })
      })
    }
  }
  return groups
}

function rowsOf(source: ChunkSource, group: number): number {
  let rows = 0
  for (let chunk = source.firstChunks[group]!; chunk < source.firstChunks[group + 1]!; chunk++) {
    rows += source.rowCounts[chunk]!
  }
  return rows
}
