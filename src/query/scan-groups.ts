/**
 * @module query/scan-groups
 * The groups of chunks that hold the rows of some functions: what a question that gives way to the event loop goes
 * through, one by one.
 */
import type { ChunkSource } from '../database/read/chunk-source.ts'
import type { SnapshotView } from '../database/read/snapshot.ts'
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
  snapshot: SnapshotView,
  functionNumbers: readonly number[],
  range: RangeUs,
): ScanGroup[] {
  const { names } = snapshot.functions
  const groups: ScanGroup[] = []
  for (const functionNumber of functionNumbers) {
    const functionName = names[functionNumber]!
    for (const index of snapshot.indexes) {
      index.forEach(functionNumber, (source, group) => {
        if (!overlaps(range, source.groupFirstUs(group), source.groupLastUs(group))) return
        groups.push({ source, group, functionName, rows: rowsOf(source, group) })
      })
    }
  }
  return groups
}

/** Above this share of all functions going through the files is faster than looking up one function after the other. */
const MANY = 1 / 16

/** Calls `visit` for the same groups, in any order. */
export function forEachGroupInRange(
  { functions, indexes }: SnapshotView,
  functionNumbers: readonly number[],
  range: RangeUs,
  visit: (source: ChunkSource, group: number, functionNumber: number) => void,
): void {
  if (functionNumbers.length < MANY * functions.names.length) {
    for (const functionNumber of functionNumbers) {
      for (const index of indexes) {
        index.forEach(functionNumber, (source, group) => {
          if (!overlaps(range, source.groupFirstUs(group), source.groupLastUs(group))) return
          visit(source, group, functionNumber)
        })
      }
    }
    return
  }
  const isWanted = new Uint8Array(functions.names.length)
  for (const functionNumber of functionNumbers) isWanted[functionNumber] = 1
  for (const { indexedSources } of indexes) {
    for (const {
      firstUs,
      functionNumbers: numbers,
      groupCount,
      lastUs,
      source,
    } of indexedSources) {
      if (!overlaps(range, firstUs, lastUs)) continue
      for (let group = 0; group < groupCount; group++) {
        const functionNumber = numbers[group]!
        if (isWanted[functionNumber] === 0) continue
        if (!overlaps(range, source.groupFirstUs(group), source.groupLastUs(group))) continue
        visit(source, group, functionNumber)
      }
    }
  }
}

function rowsOf(source: ChunkSource, group: number): number {
  let rows = 0
  for (let chunk = source.firstChunks[group]!; chunk < source.firstChunks[group + 1]!; chunk++) {
    rows += source.rowCounts[chunk]!
  }
  return rows
}
