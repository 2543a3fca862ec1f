/**
 * @module query/row-ids
 * Names of rows that stay the same when their log is sealed and when segments are merged:
 *
 *   <writer's folder>:<function id>:<weight>:<start in microseconds>:<k>
 *
 * k numbers the rows of a writer that are alike in function, weight and start, in the order of their arrival, from 0. That is
 * the order in which they stand, too: in the older file first, and in a file in the order of its chunks and their rows.
 */
import { basename } from 'node:path'
import { lowerBound, type ChunkSource } from '../database/read/chunk-source.ts'
import { isWriterFolder } from '../database/format/directory.ts'
import { MAX_WEIGHT } from '../database/format/rows.ts'
import type { Snapshot, SnapshotView } from '../database/read/snapshot.ts'
import { kindOf } from '../internal/check-options.ts'
import { sequenceOf } from './chunk-list.ts'
import type { RowReference } from './rows.ts'

/** Calls `visit` for all groups of chunks of a function. */
export type Peers = (
  functionName: string,
  visit: (source: ChunkSource, group: number) => void,
) => void

export interface RowId {
  folder: string
  functionId: number
  weight: number
  startUs: number
  rank: number
}

const ROW_ID = /^([^:]{1,64}):(\d{1,10}):(\d{1,10}):(-?\d{1,16}):(\d{1,16})$/

/**
 * @throws {TypeError}  not a string
 * @throws {RangeError} not the id of a row
 */
export function parseRowId(text: unknown, option: string): RowId {
  if (typeof text !== 'string') {
    throw new TypeError(`${option} must be the id of a row, not ${kindOf(text)}`)
  }
  const match = ROW_ID.exec(text)
  const [functionId, weight, startUs, rank] = (match ?? []).slice(2).map(Number)
  const isSound =
    match !== null &&
    isWriterFolder(match[1]!) &&
    functionId! < 2 ** 32 &&
    weight! >= 1 &&
    weight! <= MAX_WEIGHT &&
    Number.isSafeInteger(startUs) &&
    Number.isSafeInteger(rank)
  if (!isSound) {
    const shown = JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text)
    throw new RangeError(`${option} must be the \`id\` of a row that was given, not ${shown}`)
  }
  const folder = match[1]!
  return { folder, functionId: functionId!, weight: weight!, startUs: startUs!, rank: rank! }
}

/** All groups of the functions. */
export function peersIn(snapshot: SnapshotView): Peers {
  return (functionName, visit) => {
    const functionNumber = snapshot.functions.find(functionName)
    if (functionNumber === undefined) return
    for (const index of snapshot.indexes) index.forEach(functionNumber, visit)
  }
}

/** Ids of rows. @param peers all groups of their functions, as far as they have starts that the rows have */
export function rowIdsOf(
  snapshot: Snapshot,
  references: readonly RowReference[],
  peers: Peers,
): string[] {
  const ids = new Array<string>(references.length)
  for (const [functionName, positions] of groupByFunction(references)) {
    const ranks = ranksOf(snapshot, functionName, references, positions, peers)
    let prefix = '' // of the row before: most rows of a function have the same
    let last: RowReference | undefined
    positions.forEach((position, i) => {
      const row = references[position]!
      if (row.source !== last?.source || row.chunk !== last.chunk) prefix = prefixOf(snapshot, row)
      last = row
      ids[position] = `${prefix}:${row.startUs}:${ranks[i]!}`
    })
  }
  return ids
}

/** The row with the id; its duration is NaN. Undefined if there is none any more. */
export function locateRow(snapshot: Snapshot, id: RowId): RowReference | undefined {
  const owner = snapshot.directory(id.folder)
  const functionName = owner?.dictionary.functions.get(id.functionId)
  if (owner === undefined || functionName === undefined) return undefined
  const { startUs, weight } = id
  const groups: { source: ChunkSource; group: number }[] = []
  peersIn(snapshot)(functionName, (source, group) => {
    const isAlike =
      snapshot.ownerOf(source) === owner &&
      source.groupWeight(group) === weight &&
      source.functionIds[source.firstChunks[group]!] === id.functionId
    if (isAlike && mayStart(source, group, startUs)) groups.push({ source, group })
  })
  groups.sort((a, b) => sequenceOf(a.source) - sequenceOf(b.source))
  let left = id.rank
  for (const { group, source } of groups) {
    for (const { chunk, end, first } of spansStarting(source, group, startUs)) {
      if (left < end - first) {
        return { source, chunk, row: first + left, functionName, startUs, durationNs: NaN }
      }
      left -= end - first
    }
  }
  return undefined
}

function prefixOf(snapshot: Snapshot, { chunk, source }: RowReference): string {
  const folder = basename(snapshot.ownerOf(source).path)
  return `${folder}:${source.functionIds[chunk]!}:${source.weights[chunk]!}`
}

function groupByFunction(references: readonly RowReference[]): Map<string, number[]> {
  const groups = new Map<string, number[]>()
  references.forEach(({ functionName }, position) => {
    const positions = groups.get(functionName)
    if (positions === undefined) groups.set(functionName, [position])
    else positions.push(position)
  })
  return groups
}

/** How many rows that are alike stand before each. */
function ranksOf(
  snapshot: Snapshot,
  functionName: string,
  references: readonly RowReference[],
  positions: readonly number[],
  peers: Peers,
): Float64Array {
  const ranks = new Float64Array(positions.length)
  const order = Uint32Array.from(positions.keys()).sort(
    (a, b) => references[positions[a]!]!.startUs - references[positions[b]!]!.startUs,
  )
  const startsUs = Float64Array.from(order, (i) => references[positions[i]!]!.startUs)
  peers(functionName, (source, group) => {
    const fromUs = source.groupFirstUs(group)
    const lastUs = source.groupLastUs(group)
    let counted: { startUs: number; spans: ChunkSpan[] } | undefined
    for (let at = lowerBound(startsUs, startsUs.length, fromUs); at < order.length; at++) {
      const i = order[at]!
      const row = references[positions[i]!]!
      if (row.startUs > lastUs) break
      if (!standsBefore(snapshot, source, group, row)) continue
      if (counted?.startUs !== row.startUs) {
        counted = { startUs: row.startUs, spans: spansStarting(source, group, row.startUs) }
      }
      for (const { chunk, end, first } of counted.spans) {
        if (source !== row.source || chunk < row.chunk) ranks[i]! += end - first
        else if (chunk === row.chunk) ranks[i]! += row.row - first
      }
    }
  })
  return ranks
}

/** Whether the group has rows of the same writer, function id and weight, and stands in the same file or an older one. */
function standsBefore(
  snapshot: Snapshot,
  source: ChunkSource,
  group: number,
  row: RowReference,
): boolean {
  const chunk = source.firstChunks[group]!
  if (source.weights[chunk] !== row.source.weights[row.chunk]) return false
  if (source.functionIds[chunk] !== row.source.functionIds[row.chunk]) return false
  if (source === row.source) return true
  return (
    snapshot.ownerOf(source) === snapshot.ownerOf(row.source) &&
    sequenceOf(source) < sequenceOf(row.source)
  )
}

function mayStart(source: ChunkSource, group: number, startUs: number): boolean {
  return source.groupFirstUs(group) <= startUs && startUs <= source.groupLastUs(group)
}

/** Rows [first, end) of a chunk. */
interface ChunkSpan {
  chunk: number
  first: number
  end: number
}

/** The rows of a group that start at the instant. */
function spansStarting(source: ChunkSource, group: number, startUs: number): ChunkSpan[] {
  const spans: ChunkSpan[] = []
  for (let chunk = source.firstChunks[group]!; chunk < source.firstChunks[group + 1]!; chunk++) {
    if (source.maxStartsUs[chunk]! < startUs) continue
    if (source.minStartsUs[chunk]! > startUs) break
    const first = source.rowsBefore(chunk, startUs)
    const end = source.rowsBefore(chunk, startUs + 1) // they are whole
    if (first === undefined || end === undefined) continue
    if (first < end) spans.push({ chunk, first, end })
  }
  return spans
}
