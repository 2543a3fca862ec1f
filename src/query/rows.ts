/**
 * @module query/rows
 * From references to rows: whatever a question did not need to choose them is decoded last, and only
 * for those that were chosen.
 */
import { lowerBound, type ChunkSource } from '../database/read/chunk-source.ts'
import { parseAttributes } from '../database/format/attributes.ts'
import { depthOf, isAsyncContext, parentIdOf } from '../database/format/call-context.ts'
import type { ErrorRows } from '../database/format/pages.ts'
import type { Snapshot } from '../database/read/snapshot.ts'
import { CorruptionError } from '../errors.ts'
import type { CallRow } from '../types.ts'
import { exactDurations } from './range-scan.ts'
import { peersIn, rowIdsOf, type Peers } from './row-ids.ts'
import type { ScanPace } from './scan-pace.ts'

/** Rows that are made without giving way: some milliseconds. */
const TURN_ROWS = 1024
const NO_ERRORS: ErrorRows = { rows: new Uint16Array(0), types: new Uint16Array(0) }

export interface RowReference {
  source: ChunkSource
  chunk: number
  row: number
  functionName: string
  startUs: number
  durationNs: number
}

/** What is known of a call beside its function, start and duration, still in the numbers of its writer. */
export interface EncodedDetails {
  id: string | undefined
  error: string | undefined
  context: number // see database/format/call-context.ts
  childrenNs: number
  weight: number
  attributes: Uint8Array | undefined
  offset: number // byte in the file at which the attributes stand, or something before them
}

/** Turns the numbers of one file into rows. */
export class RowDecoder {
  readonly #path: string
  readonly #functionName: (id: number) => string
  readonly #report: (fault: CorruptionError) => void

  /**
   * @param path   of the file, for reports
   * @param report told of attributes that cannot be read; the row is made without them
   */
  constructor(
    path: string,
    functionName: (id: number) => string,
    report: (fault: CorruptionError) => void,
  ) {
    this.#path = path
    this.#functionName = functionName
    this.#report = report
  }

  row(name: string, startUs: number, durationNs: number, details: EncodedDetails): CallRow {
    const { attributes, childrenNs, context, error, id, offset, weight } = details
    const parentId = parentIdOf(context)
    return {
      id,
      function: name,
      startMs: startUs / 1000,
      durationNs,
      selfNs: durationNs - childrenNs,
      error,
      parent: parentId === 0 ? undefined : this.#functionName(parentId),
      depth: depthOf(context),
      async: isAsyncContext(context),
      weight,
      attributes: attributes === undefined ? undefined : this.#parse(attributes, offset),
    }
  }

  #parse(text: Uint8Array, offset: number): CallRow['attributes'] {
    const attributes = parseAttributes(text)
    if (attributes === undefined) {
      // does not name the row: there may be thousands of them, and a fault is told once
      const reason = 'attributes of a call are no JSON object'
      this.#report(new CorruptionError(this.#path, offset, reason))
    }
    return attributes
  }
}

/**
 * Adds what is missing of each row.
 *
 * @param peers all groups of their functions, as far as they have starts that the rows have
 * @returns the rows in the same order; without those that turn out to stand on a damaged page
 */
export function toCallRows(
  snapshot: Snapshot,
  references: readonly RowReference[],
  peers = peersIn(snapshot),
): CallRow[] {
  const { faults } = snapshot.context
  const ids = rowIdsOf(snapshot, references, peers)
  const rows = new Array<CallRow | undefined>(references.length)
  for (const [source, chunks] of groupByChunk(references)) {
    const owner = snapshot.ownerOf(source)
    const decoder = new RowDecoder(
      source.path,
      (id) => owner.functionName(id),
      (fault) => {
        faults.add(fault)
      },
    )
    for (const [chunk, positions] of chunks) {
      const errors = source.errorCounts[chunk] === 0 ? NO_ERRORS : source.errorsOf(chunk)
      const rowsOfChunk = positions.map((position) => references[position]!.row)
      const durationsNs = positions.map((position) => references[position]!.durationNs)
      const details = source.detailsOfRows(chunk, rowsOfChunk, durationsNs)
      const attributes = source.attributesOf(chunk)
      if (errors === undefined || details === undefined || attributes === undefined) continue
      positions.forEach((position, i) => {
        const { durationNs, functionName, row, startUs } = references[position]!
        const type = errorTypeOf(errors, row)
        const error = type === 0 ? undefined : owner.errorName(type)
        rows[position] = decoder.row(functionName, startUs, durationNs, {
          id: ids[position],
          error,
          context: details.contexts?.[i] ?? 0,
          childrenNs: details.childrenNs?.[i] ?? 0,
          weight: source.weights[chunk]!,
          attributes: attributes.get(row),
          offset: source.detailsOffset(chunk),
        })
      })
    }
  }
  faults.flush()
  return rows.filter((row) => row !== undefined)
}

/** The same, giving way to the event loop in between. */
export async function toCallRowsInTurns(
  snapshot: Snapshot,
  references: readonly RowReference[],
  peers: Peers,
  pace: ScanPace,
): Promise<CallRow[]> {
  const rows: CallRow[] = []
  for (let first = 0; first < references.length; first += TURN_ROWS) {
    if (pace.isDue) await pace.pause()
    const some = references.slice(first, first + TURN_ROWS)
    for (const row of toCallRows(snapshot, some, peers)) rows.push(row)
  }
  return rows
}

/** 0: no error. */
function errorTypeOf({ rows, types }: ErrorRows, row: number): number {
  const at = lowerBound(rows, rows.length, row)
  return rows[at] === row ? types[at]! : 0
}

/** Positions of the references to each chunk, so that every chunk is decoded once. */
export function groupByChunk(
  references: readonly RowReference[],
): Map<ChunkSource, Map<number, number[]>> {
  const groups = new Map<ChunkSource, Map<number, number[]>>()
  references.forEach(({ chunk, source }, position) => {
    let chunks = groups.get(source)
    if (chunks === undefined) {
      chunks = new Map<number, number[]>()
      groups.set(source, chunks)
    }
    const positions = chunks.get(chunk)
    if (positions === undefined) chunks.set(chunk, [position])
    else positions.push(position)
  })
  return groups
}

/** The rows with their durations, which were not needed to choose them; without those on damaged pages. */
export function withDurations(snapshot: Snapshot, rows: RowReference[]): RowReference[] {
  for (const [source, chunks] of groupByChunk(rows)) {
    for (const [chunk, positions] of chunks) {
      const durations = source.durationsOf(chunk)
      if (durations === undefined) continue
      for (const position of positions) {
        const reference = rows[position]!
        const { row } = reference
        reference.durationNs = exactDurations(snapshot.context, durations, row, row + 1)[0]!
      }
    }
  }
  return rows.filter(({ durationNs }) => !Number.isNaN(durationNs))
}
