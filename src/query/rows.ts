/**
 * @module query/rows
 * References to rows, turned into rows: whatever a question did not need to choose them is decoded last, and only
 * for those that were chosen.
 */
import { lowerBound, type ChunkSource } from '../database/chunk-source.ts'
import type { Snapshot } from '../database/snapshot.ts'
import type { CallRow } from '../types.ts'

export interface RowReference {
  source: ChunkSource
  chunk: number
  row: number
  functionName: string
  startUs: number
  durationNs: number
}

/**
 * Adds what is missing of each row.
 *
 * @returns the rows in the same order; without those that turn out to stand on a damaged page
 */
export function toCallRows(snapshot: Snapshot, references: readonly RowReference[]): CallRow[] {
  const errors = errorsOfAll(snapshot, references)
  return references.flatMap((reference) => {
    const error = errors.get(reference)
    if (error === null) return []
    const { functionName, startUs, durationNs } = reference
    return [{ function: functionName, startMs: startUs / 1000, durationNs, error }]
  })
}

/** Error names of the rows that failed; null where that cannot be read. */
function errorsOfAll(
  snapshot: Snapshot,
  references: readonly RowReference[],
): Map<RowReference, string | null> {
  const errors = new Map<RowReference, string | null>()
  for (const [source, chunks] of groupByChunk(references)) {
    const owner = snapshot.ownerOf(source)
    for (const [chunk, members] of chunks) {
      if (source.errorCounts[chunk] === 0) continue
      const found = source.errorsOf(chunk)
      for (const member of members) {
        if (found === undefined) {
          errors.set(member, null)
          continue
        }
        const at = lowerBound(found.rows, found.rows.length, member.row)
        if (found.rows[at] === member.row) errors.set(member, owner.errorName(found.types[at]!))
      }
    }
  }
  return errors
}

/** So that every chunk is decoded once. */
export function groupByChunk(
  references: readonly RowReference[],
): Map<ChunkSource, Map<number, RowReference[]>> {
  const groups = new Map<ChunkSource, Map<number, RowReference[]>>()
  for (const reference of references) {
    let chunks = groups.get(reference.source)
    if (chunks === undefined) {
      chunks = new Map<number, RowReference[]>()
      groups.set(reference.source, chunks)
    }
    const members = chunks.get(reference.chunk)
    if (members === undefined) chunks.set(reference.chunk, [reference])
    else members.push(reference)
  }
  return groups
}
