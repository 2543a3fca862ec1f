/**
 * @module query/call-filter
 * Conditions on single rows. What a chunk's directory entry says of all its rows is asked first, then the durations,
 * then errors and attributes, each only where it is needed. Where all rows take what is asked for those with the error or the
 * attributes come first: mostly they are few.
 */
import { lowerBound, type ChunkSource } from '../database/read/chunk-source.ts'
import type { SelectedRows } from '../database/read/duration-filter.ts'
import { MAX_CHUNK_ROWS } from '../database/format/pages.ts'
import type { Snapshot } from '../database/read/snapshot.ts'
import { checkOptionNames, kindOf } from '../internal/check-options.ts'
import type { CallFilter, JsonValue } from '../types.ts'
import type { RowSpan } from './range-scan.ts'

/** Conditions that have been checked. */
export interface RowFilter {
  minNs: number // inside
  maxNs: number // not inside; Infinity: none
  error: boolean | string | undefined
  attributes: readonly [string, JsonValue][]
}

/**
 * @throws {TypeError}  a condition is of the wrong type, or not known
 * @throws {RangeError} there are no such durations
 */
export function checkFilter(where: CallFilter | undefined): RowFilter {
  if (where === undefined) return { minNs: 0, maxNs: Infinity, error: undefined, attributes: [] }
  checkOptionNames(where, 'where', ['duration', 'error', 'attributes'])
  const { attributes, duration, error } = where
  if (duration !== undefined) checkOptionNames(duration, 'where.duration', ['min', 'max'])
  if (error !== undefined && typeof error !== 'boolean' && typeof error !== 'string') {
    throw new TypeError(`where.error must be a boolean or a class name, not ${kindOf(error)}`)
  }
  const given: unknown = attributes
  if (
    given !== undefined &&
    (typeof given !== 'object' || given === null || Array.isArray(given))
  ) {
    throw new TypeError(`where.attributes must be an object, not ${kindOf(given)}`)
  }
  const minNs = checkDuration(duration?.min, 'where.duration.min') ?? 0
  const maxNs = checkDuration(duration?.max, 'where.duration.max') ?? Infinity
  if (minNs > maxNs) {
    throw new RangeError(`where.duration.min must not be above max: ${minNs} is above ${maxNs}`)
  }
  return { minNs, maxNs, error, attributes: Object.entries(attributes ?? {}) }
}

function checkDuration(ns: unknown, option: string): number | undefined {
  if (ns === undefined) return undefined
  if (typeof ns !== 'number') {
    throw new TypeError(`${option} must be a number of nanoseconds, not ${kindOf(ns)}`)
  }
  if (!(ns >= 0)) throw new RangeError(`${option} must be at least 0 ns, not ${ns}`)
  return Math.ceil(ns) // durations are whole
}

/** Whether all rows pass, whatever they are. */
export function passesAll({ attributes, error, maxNs, minNs }: RowFilter): boolean {
  return minNs === 0 && maxNs === Infinity && error === undefined && attributes.length === 0
}

/** Whether some row of the chunk may pass. */
export function mayPass(filter: RowFilter, source: ChunkSource, chunk: number): boolean {
  const { attributes, error, maxNs, minNs } = filter
  if (source.maxDurationsNs[chunk]! < minNs || source.minDurationsNs[chunk]! >= maxNs) return false
  const errors = source.errorCounts[chunk]!
  if (error === false ? errors === source.rowCounts[chunk] : error !== undefined && errors === 0) {
    return false
  }
  return attributes.length === 0 || source.hasDetails[chunk] === 1
}

/** Rows of a chunk that passed a filter, until the next one is filtered. */
export interface PassedRows extends SelectedRows {
  count: number
}

/** Rows with an error, ascending. */
interface ListedErrors {
  rows: Uint16Array
  isWanted: Uint8Array // of each of them: 1 if its error is one that was asked for
}

/** Filters chunks of one database; what it needs for that is allocated once. */
export class ChunkFilter {
  readonly #snapshot: Snapshot
  readonly #filter: RowFilter
  readonly #passed: PassedRows = {
    count: 0,
    rows: new Uint32Array(MAX_CHUNK_ROWS),
    durationsNs: new Float64Array(MAX_CHUNK_ROWS),
  }
  readonly #isListed = new Uint8Array(MAX_CHUNK_ROWS) // zeros, but while rows are dropped

  constructor(snapshot: Snapshot, filter: RowFilter) {
    this.#snapshot = snapshot
    this.#filter = filter
  }

  /**
   * Rows of the span that pass and take [minNs, maxNs), which may be narrower than the filter's own.
   *
   * @returns undefined if a page is damaged
   */
  apply(
    source: ChunkSource,
    chunk: number,
    span: RowSpan,
    minNs = this.#filter.minNs,
    maxNs = this.#filter.maxNs,
  ): PassedRows | undefined {
    if (this.#isFoundByMatching && allTake(source, chunk, minNs, maxNs)) {
      if (!this.#matchRows(source, chunk, span)) return undefined
      return this.#takeDurations(source, chunk) ? this.#passed : undefined
    }
    const count = source.selectDurations(chunk, span, { minNs, maxNs }, this.#passed)
    if (count === undefined) return undefined
    this.#passed.count = count
    if (this.#filter.error !== undefined && !this.#applyError(source, chunk)) return undefined
    this.#applyAttributes(source, chunk, span, this.#filter.attributes)
    return this.#passed
  }

  /**
   * How many rows of the span pass; without their durations, where these do not matter. Unless errors matter, the span may go
   * on in the chunks behind that share the page.
   */
  count(source: ChunkSource, chunk: number, span: RowSpan): number | undefined {
    const { attributes, error, maxNs, minNs } = this.#filter
    if (this.#isFoundByMatching && allTake(source, chunk, minNs, maxNs)) {
      const rowCount = rowsUpTo(span, source, chunk)
      if (
        error === undefined &&
        attributes.length === 1 &&
        span.first === 0 &&
        span.end === rowCount
      ) {
        return source.countAttribute(chunk, rowCount, ...attributes[0]!)
      }
      return this.#matchRows(source, chunk, span) ? this.#passed.count : undefined
    }
    return this.apply(source, chunk, span)?.count
  }

  /** Whether the rows with an error, or an attribute, are listed: then the others need not be looked at. */
  get #isFoundByMatching(): boolean {
    const { attributes, error } = this.#filter
    return attributes.length > 0 || (error !== undefined && error !== false)
  }

  /** Rows of the span that pass, whatever they take. @returns false if a page is damaged */
  #matchRows(source: ChunkSource, chunk: number, span: RowSpan): boolean {
    const { attributes, error } = this.#filter
    const [first, ...others] = attributes
    if (first === undefined) {
      const errors = this.#errorsOf(source, chunk)
      if (errors === undefined) return false
      this.#takeErrors(errors, span)
      return true
    }
    this.#takeRows(source.matchAttribute(chunk, rowsUpTo(span, source, chunk), ...first), span)
    if (this.#passed.count === 0) return true
    if (error !== undefined && !this.#applyError(source, chunk)) return false
    this.#applyAttributes(source, chunk, span, others)
    return true
  }

  /** Begins with the ascending rows, as far as they lie in the span. */
  #takeRows(listed: Uint16Array, { end, first }: RowSpan): void {
    const from = lowerBound(listed, listed.length, first)
    const to = lowerBound(listed, listed.length, end)
    this.#passed.rows.set(listed.subarray(from, to))
    this.#passed.count = to - from
  }

  /** The same with those that have an error that was asked for. */
  #takeErrors({ isWanted, rows: listed }: ListedErrors, { end, first }: RowSpan): void {
    const { rows } = this.#passed
    let count = 0
    for (let i = lowerBound(listed, listed.length, first); i < listed.length; i++) {
      if (listed[i]! >= end) break
      if (isWanted[i] === 1) rows[count++] = listed[i]!
    }
    this.#passed.count = count
  }

  /** Adds what the rows take. @returns false if the page is damaged */
  #takeDurations(source: ChunkSource, chunk: number): boolean {
    const { count, durationsNs, rows } = this.#passed
    if (count === 0) return true
    const loaded = source.durationsOf(chunk)
    if (loaded === undefined) return false
    const { u32 } = this.#snapshot.context.kernels
    const { longs, pointer } = loaded
    for (let i = 0; i < count; i++) durationsNs[i] = u32[pointer / 4 + rows[i]!]!
    if (longs === undefined) return true
    for (let i = 0; i < count; i++) {
      const at = lowerBound(longs.rows, longs.rows.length, rows[i]!)
      if (longs.rows[at] === rows[i]) durationsNs[i] = longs.durationsNs[at]!
    }
    return true
  }

  /** Rows with an error, and whether it is one that was asked for; undefined if the page is damaged. */
  #errorsOf(source: ChunkSource, chunk: number): ListedErrors | undefined {
    const { error } = this.#filter
    const errors = source.errorsOf(chunk)
    if (errors === undefined) return undefined
    const owner = this.#snapshot.ownerOf(source)
    const isWanted = Uint8Array.from(errors.types, (type) =>
      typeof error === 'boolean' || owner.errorName(type) === error ? 1 : 0,
    )
    return { rows: errors.rows, isWanted }
  }

  #applyError(source: ChunkSource, chunk: number): boolean {
    const errors = this.#errorsOf(source, chunk)
    if (errors === undefined) return false
    const { isWanted, rows } = errors
    let at = 0
    this.#keep((row) => {
      while (at < rows.length && rows[at]! < row) at++
      const failed = rows[at] === row
      return this.#filter.error === false ? !failed : failed && isWanted[at] === 1
    })
    return true
  }

  #applyAttributes(
    source: ChunkSource,
    chunk: number,
    span: RowSpan,
    conditions: readonly [string, JsonValue][],
  ): void {
    const rowCount = rowsUpTo(span, source, chunk)
    for (const condition of conditions) {
      if (this.#passed.count === 0) return
      this.#keepListed(source.matchAttribute(chunk, rowCount, ...condition))
    }
  }

  /** Drops the rows that are not listed; both ascend. Nothing depends on what is found, so that nothing is guessed wrong. */
  #keepListed(listed: Uint16Array): void {
    const { count, durationsNs, rows } = this.#passed
    if (count === 0) return
    const isListed = this.#isListed
    const first = lowerBound(listed, listed.length, rows[0]!)
    const end = lowerBound(listed, listed.length, rows[count - 1]! + 1)
    for (let i = first; i < end; i++) isListed[listed[i]!] = 1
    let kept = 0
    for (let i = 0; i < count; i++) {
      const row = rows[i]!
      rows[kept] = row
      durationsNs[kept] = durationsNs[i]!
      kept += isListed[row]!
    }
    for (let i = first; i < end; i++) isListed[listed[i]!] = 0
    this.#passed.count = kept
  }

  /** Drops the rows that do not pass; asked in ascending order. */
  #keep(passes: (row: number) => boolean): void {
    const { count, durationsNs, rows } = this.#passed
    let kept = 0
    for (let i = 0; i < count; i++) {
      if (!passes(rows[i]!)) continue
      rows[kept] = rows[i]!
      durationsNs[kept++] = durationsNs[i]!
    }
    this.#passed.count = kept
  }
}

/** Rows from the chunk's first to the end of the span, which may lie behind the chunk's: see ScanChunks. */
function rowsUpTo({ end }: RowSpan, source: ChunkSource, chunk: number): number {
  return Math.max(end, source.rowCounts[chunk]!)
}

/** Whether every row of the chunk takes [minNs, maxNs), as its bounds tell. */
export function allTake(source: ChunkSource, chunk: number, minNs: number, maxNs: number): boolean {
  return source.minDurationsNs[chunk]! >= minNs && source.maxDurationsNs[chunk]! < maxNs
}
