/**
 * @module query/call-filter
 * Conditions on single rows. What a chunk's directory entry says of all its rows is asked first, then the durations,
 * then errors and attributes, each only where it is needed.
 */
import type { ChunkSource } from '../database/read/chunk-source.ts'
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

/** Filters chunks of one database; what it needs for that is allocated once. */
export class ChunkFilter {
  readonly #snapshot: Snapshot
  readonly #filter: RowFilter
  readonly #passed: PassedRows = {
    count: 0,
    rows: new Uint32Array(MAX_CHUNK_ROWS),
    durationsNs: new Float64Array(MAX_CHUNK_ROWS),
  }

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
    const count = source.selectDurations(chunk, span, { minNs, maxNs }, this.#passed)
    if (count === undefined) return undefined
    this.#passed.count = count
    if (this.#filter.error !== undefined && !this.#applyError(source, chunk)) return undefined
    if (this.#filter.attributes.length > 0 && !this.#applyAttributes(source, chunk)) {
      return undefined
    }
    return this.#passed
  }

  #applyError(source: ChunkSource, chunk: number): boolean {
    const { error } = this.#filter
    const errors = source.errorsOf(chunk)
    if (errors === undefined) return false
    const owner = this.#snapshot.ownerOf(source)
    const wanted = Uint8Array.from(errors.types, (type) =>
      typeof error === 'boolean' || owner.errorName(type) === error ? 1 : 0,
    )
    let at = 0
    this.#keep((row) => {
      while (at < errors.rows.length && errors.rows[at]! < row) at++
      const failed = errors.rows[at] === row
      return error === false ? !failed : failed && wanted[at] === 1
    })
    return true
  }

  #applyAttributes(source: ChunkSource, chunk: number): boolean {
    if (this.#passed.count === 0) return true
    const attributes = source.attributesOf(chunk)
    if (attributes === undefined) return false
    for (const [key, value] of this.#filter.attributes) {
      const matching = attributes.match(key, value)
      let at = 0
      this.#keep((row) => {
        while (at < matching.length && matching[at]! < row) at++
        return matching[at] === row
      })
    }
    return true
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
