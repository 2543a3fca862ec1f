/**
 * @module database/page-rows
 * Rows of a page that is being gathered: those of one chunk, or of the groups that will share the page.
 */
import type { AttributeList } from './format/attribute-blocks.ts'
import type { GroupEntry } from './format/directory-builder.ts'
import { MAX_CHUNK_ROWS } from './format/pages.ts'
import type { Kernels } from './kernels/kernels.ts'
import { Scratch } from './scratch.ts'

/** Rows of one function and weight to be stored, ascending by start, among others of the same columns. */
export interface GroupRows {
  /** Asked for again whenever the kernels' memory may have grown, because the columns may stand in it. */
  columns(): {
    startsUs: Float64Array
    durationsNs: Float64Array
    errorTypes: Uint16Array // 0: none
  }
  details: GroupDetails | undefined // undefined: all rows have the defaults
}

/** Details of rows, by the index that they have in the columns. */
export interface GroupDetails {
  /** Writes those of rows [first, end) to `contexts` and `childrenNs`, from index `to` on. */
  copy(
    first: number,
    end: number,
    contexts: Uint32Array,
    childrenNs: Float64Array,
    to: number,
  ): void
  /** JSON text, which is copied at once; undefined: none. */
  attributesOf(row: number): Uint8Array | undefined
}

export class PageRows {
  readonly startsUs: number // f64[MAX_CHUNK_ROWS] in the kernels' memory
  readonly #durationsNs: number // the same
  readonly errorTypes = new Uint16Array(MAX_CHUNK_ROWS)
  readonly contexts = new Uint32Array(MAX_CHUNK_ROWS)
  readonly childrenNs = new Float64Array(MAX_CHUNK_ROWS)
  /** The texts stand in the kernels' memory; pointers change when rows are added. */
  readonly attributes: AttributeList = {
    count: 0,
    rows: new Uint16Array(MAX_CHUNK_ROWS),
    pointers: new Uint32Array(MAX_CHUNK_ROWS),
    sizes: new Uint32Array(MAX_CHUNK_ROWS),
  }
  groups: GroupEntry[] = []
  count = 0
  textSizeBytes = 0
  readonly #kernels: Kernels
  readonly #texts: Scratch
  #textsPointer = 0

  constructor(kernels: Kernels) {
    this.#kernels = kernels
    this.startsUs = kernels.allocate(8 * MAX_CHUNK_ROWS)
    this.#durationsNs = kernels.allocate(8 * MAX_CHUNK_ROWS)
    this.#texts = new Scratch(kernels)
  }

  clear(): void {
    this.count = 0
    this.textSizeBytes = 0
    this.attributes.count = 0
    this.groups = []
  }

  /** Of all rows; a view, which lives until the kernels' memory grows. */
  starts(): Float64Array {
    const first = this.startsUs / 8
    return this.#kernels.f64.subarray(first, first + this.count)
  }

  durations(): Float64Array {
    const first = this.#durationsNs / 8
    return this.#kernels.f64.subarray(first, first + this.count)
  }

  /** The rows that follow belong to another group, which has at least one of them. */
  beginGroup(functionId: number, weight: number): void {
    this.groups.push({ functionId, weight, rowCount: 0, errorCount: 0 })
  }

  /** Copies rows [first, end); there must be room for them. */
  add(rows: GroupRows, first: number, end: number): void {
    const { f64 } = this.#kernels
    const { count } = this
    const { durationsNs, errorTypes, startsUs } = rows.columns()
    f64.set(startsUs.subarray(first, end), this.startsUs / 8 + count)
    f64.set(durationsNs.subarray(first, end), this.#durationsNs / 8 + count)
    this.errorTypes.set(errorTypes.subarray(first, end), count)
    const group = this.groups.at(-1)!
    group.rowCount += end - first
    for (let row = count; row < count + end - first; row++) {
      if (this.errorTypes[row] !== 0) group.errorCount++
    }
    this.count += end - first
    const { details } = rows
    if (details === undefined) {
      this.contexts.fill(0, count, this.count)
      this.childrenNs.fill(0, count, this.count)
      return
    }
    details.copy(first, end, this.contexts, this.childrenNs, count)
    for (let row = first; row < end; row++) {
      const text = details.attributesOf(row)
      if (text !== undefined) this.#addText(count + row - first, text)
    }
  }

  #addText(row: number, text: Uint8Array): void {
    const { attributes, textSizeBytes: at } = this
    const end = at + text.length
    if (end > this.#texts.sizeBytes) text = this.#growTexts(end, text)
    const pointer = this.#textsPointer + at
    this.#kernels.u8.set(text, pointer)
    attributes.rows[attributes.count] = row
    attributes.pointers[attributes.count] = pointer
    attributes.sizes[attributes.count++] = text.length
    this.textSizeBytes = end
  }

  /** @returns `text` at a place that outlives the kernels' views */
  #growTexts(sizeBytes: number, text: Uint8Array): Uint8Array {
    const copy = text.slice()
    const from = this.#textsPointer
    const to = this.#texts.reserve(sizeBytes)
    this.#kernels.u8.copyWithin(to, from, from + this.textSizeBytes)
    const { count, pointers } = this.attributes
    for (let i = 0; i < count; i++) pointers[i]! += to - from
    this.#textsPointer = to
    return copy
  }
}
