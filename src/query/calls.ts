/**
 * @module query/calls
 * All rows that are as asked for, in order, in bounded memory.
 *
 * Every pass chooses the next rows in the order asked for, some thousands, out of all chunks that may hold one of them:
 * those whose smallest key is not beyond the last row chosen so far. By start these are few chunks. By duration they are
 * nearly all, which is why passes grow.
 */
import { lowerBound } from '../database/read/chunk-source.ts'
import type { Snapshot } from '../database/read/snapshot.ts'
import type { CallOrder, CallRow, ScanOptions } from '../types.ts'
import { ChunkFilter, type RowFilter } from './call-filter.ts'
import { ChunkList } from './chunk-list.ts'
import { rowsInRange, type RowSpan } from './range-scan.ts'
import { RowSelection, type RowPosition } from './row-selection.ts'
import { toCallRows, type RowReference } from './rows.ts'
import type { Peers } from './row-ids.ts'
import { groupsInRange, type ScanGroup } from './scan-groups.ts'
import { ScanPace } from './scan-pace.ts'
import type { RangeUs } from './time.ts'

/** Rows of the first pass, so that the first row comes soon, and of later ones. */
const FIRST_PASS_ROWS = 1024
const PASS_ROWS = 65_536
/** Rows that are made at a time. */
const OUTPUT_ROWS = 16_384
const NO_STARTS = new Float64Array(0)

export interface CallsQuestion {
  functionNumbers: readonly number[]
  range: RangeUs
  filter: RowFilter
  order: CallOrder
  limit: number
  after: RowReference | undefined // the row behind which the answer begins
  options: ScanOptions
}

export async function* iterateCalls(
  snapshot: Snapshot,
  question: CallsQuestion,
): AsyncGenerator<CallRow, void, undefined> {
  const { functionNumbers, filter, options, range } = question
  const groups = groupsInRange(snapshot, functionNumbers, range)
  const chunks = new ChunkList(groups, range, filter)
  const pace = new ScanPace(snapshot, options, chunks.totalRows)
  const passes = new Passes(snapshot, question, chunks, pace)
  const peers = peersIn(groups)
  let left = question.limit
  let after = question.after && positionOf(question.after, question.order, chunks)
  for (let size = FIRST_PASS_ROWS; left > 0; size = Math.min(8 * size, PASS_ROWS)) {
    const selection = passes.room(Math.min(size, left))
    await passes.select(selection, after)
    const indices = selection.sorted()
    for (let from = 0; from < indices.length; from += OUTPUT_ROWS) {
      const some = indices.subarray(from, from + OUTPUT_ROWS)
      const references = Array.from(some, (index) => referenceTo(chunks, selection, index))
      for (const row of toCallRows(snapshot, references, peers)) {
        yield row
        pace.check()
      }
    }
    if (indices.length < selection.limit) return
    left -= indices.length
    after = selection.position(indices[indices.length - 1]!)
  }
}

/** Groups by function, of those that there were when the question began. */
function peersIn(groups: readonly ScanGroup[]): Peers {
  const byName = new Map<string, ScanGroup[]>()
  for (const group of groups) {
    const others = byName.get(group.functionName)
    if (others === undefined) byName.set(group.functionName, [group])
    else others.push(group)
  }
  return (functionName, visit) => {
    for (const { group, source } of byName.get(functionName) ?? []) visit(source, group)
  }
}

function positionOf(reference: RowReference, order: CallOrder, chunks: ChunkList): RowPosition {
  const { chunk, durationNs, functionName, row, source, startUs } = reference
  const key = order.endsWith('start') ? startUs : durationNs
  const group = lastAtMost(source.firstChunks, chunk)
  return {
    key: order.startsWith('-') ? -key : key,
    startUs,
    chunk: chunks.placeOf({ source, group, functionName, rows: 0 }, chunk),
    row,
  }
}

/** Index of the last of the ascending values that is not above `value`. */
function lastAtMost(values: Uint32Array, value: number): number {
  return lowerBound(values, values.length, value + 1) - 1
}

function referenceTo(chunks: ChunkList, selection: RowSelection, index: number): RowReference {
  const { chunk, row, startUs } = selection.position(index)
  return {
    source: chunks.source(chunk),
    chunk: chunks.chunk(chunk),
    row,
    functionName: chunks.functionName(chunk),
    startUs,
    durationNs: selection.durationNs(index),
  }
}

class Passes {
  readonly #question: CallsQuestion
  readonly #chunks: ChunkList
  readonly #pace: ScanPace
  readonly #filter: ChunkFilter
  readonly #least: Float64Array // keys of each chunk's first and last row in the order asked for
  readonly #most: Float64Array
  readonly #order: Uint32Array // of the chunks, by least key
  readonly #visited: Uint8Array
  #selection: RowSelection | undefined

  constructor(snapshot: Snapshot, question: CallsQuestion, chunks: ChunkList, pace: ScanPace) {
    this.#question = question
    this.#chunks = chunks
    this.#pace = pace
    this.#filter = new ChunkFilter(snapshot, question.filter)
    const { count } = chunks
    const least = new Float64Array(count)
    const most = new Float64Array(count)
    for (let i = 0; i < count; i++) {
      const source = chunks.source(i)
      const chunk = chunks.chunk(i)
      const low = this.#byStart ? source.minStartsUs[chunk]! : source.minDurationsNs[chunk]!
      const high = this.#byStart ? source.maxStartsUs[chunk]! : source.maxDurationsNs[chunk]!
      least[i] = this.#descends ? -high : low
      most[i] = this.#descends ? -low : high
    }
    this.#least = least
    this.#most = most
    this.#order = new Uint32Array(count)
    for (let i = 0; i < count; i++) this.#order[i] = i
    this.#order.sort((a, b) => least[a]! - least[b]! || a - b)
    this.#visited = new Uint8Array(count)
  }

  get #byStart(): boolean {
    return this.#question.order.endsWith('start')
  }

  get #descends(): boolean {
    return this.#question.order.startsWith('-')
  }

  /** Room for so many rows; the one of the last pass, if it was for as many. */
  room(limit: number): RowSelection {
    if (this.#selection?.limit !== limit) {
      this.#selection = new RowSelection(limit, this.#question.order === '-start')
    }
    return this.#selection
  }

  /** Chooses the first rows behind a position. */
  async select(selection: RowSelection, after: RowPosition | undefined): Promise<void> {
    selection.clear(after)
    for (const index of this.#order) {
      if (this.#least[index]! > selection.bound) break
      if (after !== undefined && this.#most[index]! < after.key) continue
      this.#visit(index, selection, after)
      if (this.#pace.isDue) await this.#pace.pause()
    }
    this.#pace.report()
  }

  #visit(index: number, selection: RowSelection, after: RowPosition | undefined): void {
    const source = this.#chunks.source(index)
    const chunk = this.#chunks.chunk(index)
    if (this.#visited[index] === 0) {
      this.#visited[index] = 1
      this.#pace.add(source.rowCounts[chunk]!)
    }
    const { filter, range } = this.#question
    const searchedUs = this.#byStart ? source.startsOf(chunk) : NO_STARTS // first: then the range needs nothing else
    const all = rowsInRange(source, chunk, range)
    if (all === undefined || searchedUs === undefined) return
    const span = this.#byStart ? this.#narrow(all, searchedUs, selection, after) : all
    if (span.first >= span.end) return
    let { maxNs, minNs } = filter
    if (!this.#byStart) {
      const [first, last] = [after?.key ?? -Infinity, selection.bound]
      const [low, high] = this.#descends ? [-last, -first] : [first, last]
      minNs = Math.max(minNs, low)
      maxNs = Math.min(maxNs, high + 1)
    }
    const passed = this.#filter.apply(source, chunk, span, minNs, maxNs)
    if (passed === undefined || passed.count === 0) return
    const startsUs = source.startsOf(chunk) // only now: the kernels' memory may have grown
    if (startsUs === undefined) return
    const { count, durationsNs, rows } = passed
    const sign = this.#descends ? -1 : 1
    for (let i = 0; i < count; i++) {
      const row = rows[i]!
      const startUs = startsUs[row]!
      const durationNs = durationsNs[i]!
      selection.add(sign * (this.#byStart ? startUs : durationNs), startUs, durationNs, index, row)
    }
  }

  /** Rows of the span whose starts are between the last row given out and the last that may be chosen. */
  #narrow(
    { end, first }: RowSpan,
    startsUs: Float64Array,
    selection: RowSelection,
    after: RowPosition | undefined,
  ): RowSpan {
    const fromUs = this.#descends ? -selection.bound : (after?.key ?? -Infinity)
    const toUs = this.#descends ? -(after?.key ?? -Infinity) : selection.bound
    return {
      first: Math.max(first, lowerBound(startsUs, startsUs.length, fromUs)),
      end: Math.min(end, lowerBound(startsUs, startsUs.length, toUs + 1)), // they are whole
    }
  }
}
