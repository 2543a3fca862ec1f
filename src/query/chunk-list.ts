/**
 * @module query/chunk-list
 * The chunks that a question has to look at row by row, in an order that is that of rows with the same start: by function,
 * writer, weight and age of the file. In columns, because there may be hundreds of thousands.
 */
import { basename, dirname } from 'node:path'
import type { ChunkSource } from '../database/read/chunk-source.ts'
import { parseSegmentFileName, parseWalFileName } from '../database/format/directory.ts'
import { mayPass, type RowFilter } from './call-filter.ts'
import { overlaps } from './range-scan.ts'
import type { ScanGroup } from './scan-groups.ts'
import type { RangeUs } from './time.ts'

export class ChunkList {
  readonly count: number
  readonly totalRows: number
  readonly #groups: readonly ScanGroup[]
  readonly #groupOf: Uint32Array
  readonly #chunkOf: Uint32Array

  /** Those of the groups in which a row of the range may pass the filter. */
  constructor(groups: readonly ScanGroup[], range: RangeUs, filter: RowFilter) {
    this.#groups = [...groups].sort(compareGroups)
    let room = 0
    for (const { group, source } of groups) {
      room += source.firstChunks[group + 1]! - source.firstChunks[group]!
    }
    this.#groupOf = new Uint32Array(room)
    this.#chunkOf = new Uint32Array(room)
    let count = 0
    let totalRows = 0
    this.#groups.forEach(({ group, source }, i) => {
      const end = source.firstChunks[group + 1]!
      for (let chunk = source.firstChunks[group]!; chunk < end; chunk++) {
        if (!overlaps(range, source.minStartsUs[chunk]!, source.maxStartsUs[chunk]!)) continue
        if (!mayPass(filter, source, chunk)) continue
        this.#groupOf[count] = i
        this.#chunkOf[count++] = chunk
        totalRows += source.rowCounts[chunk]!
      }
    })
    this.count = count
    this.totalRows = totalRows
  }

  source(index: number): ChunkSource {
    return this.#groups[this.#groupOf[index]!]!.source
  }

  functionName(index: number): string {
    return this.#groups[this.#groupOf[index]!]!.functionName
  }

  /** Number of the chunk in its source. */
  chunk(index: number): number {
    return this.#chunkOf[index]!
  }

  /** Where a chunk stands in the list, or would stand: then between two indices. */
  placeOf(group: ScanGroup, chunk: number): number {
    for (let index = 0; index < this.count; index++) {
      const other = this.#groups[this.#groupOf[index]!]!
      const order = compareGroups(other, group) || this.#chunkOf[index]! - chunk
      if (order === 0) return index
      if (order > 0) return index - 0.5
    }
    return this.count
  }
}

/** By name, folder and weight, then the older file first, as rows that are alike in all else are ordered. */
function compareGroups(a: ScanGroup, b: ScanGroup): number {
  if (a.functionName !== b.functionName) return a.functionName < b.functionName ? -1 : 1
  if (a.source !== b.source) {
    const folderA = dirname(a.source.path)
    const folderB = dirname(b.source.path)
    if (folderA !== folderB) return folderA < folderB ? -1 : 1
  }
  return (
    a.source.groupWeight(a.group) - b.source.groupWeight(b.group) ||
    sequenceOf(a.source) - sequenceOf(b.source)
  )
}

/** First log that the rows of a source were written to. */
export function sequenceOf({ path }: ChunkSource): number {
  const name = basename(path)
  return parseSegmentFileName(name)?.low ?? parseWalFileName(name) ?? 0
}
