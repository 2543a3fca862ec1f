/**
 * @module database/write/page-rows
 * Rows of a page that is being gathered: those of one chunk, or of the groups that will share the page. Rows that stand
 * one after the other in the kernels' memory, and stay there, are not copied.
 */
import type { AttributeList } from '../format/attribute-blocks.ts'
import type { GroupEntry } from '../format/directory-builder.ts'
import { MAX_CHUNK_ROWS } from '../format/pages.ts'
import type { Kernels } from '../kernels/kernels.ts'
import { Scratch } from '../scratch.ts'

/** Rows of one function and weight to be stored, ascending by start, among others of the same columns. */
export interface GroupRows {
  /** Where the columns stand if it is the kernels' memory; another object when they stand elsewhere. */
  readonly place?: ColumnsPlace | undefined
  /** The columns; only asked for without a place. */
  columns?(): {
    startsUs: Float64Array
    durationsNs: Float64Array
    errorTypes: Uint16Array // 0: none
  }
  details: GroupDetails | undefined // undefined: all rows have the defaults
}

/** Addresses of columns in the kernels' memory. */
export interface ColumnsPlace {
  startsUs: number // f64[]
  durationsNs: number // f64[]
  errorTypes: number // u16[]
  isFixed: boolean // they stand there unchanged until the segment is finished
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

/** Up to so many rows are copied one by one: views of a part of a column cost more. */
const FEW_ROWS = 48

export class PageRows {
  // Addresses of the columns, valid from settle() to clear().
  startsUs = 0
  durationsNs = 0
  errorTypes = 0
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
  readonly #own: ColumnsPlace // for copied rows
  #copied = 0
  // rows behind the copied ones that have not been copied yet: [first, end) of the columns there
  #lent: ColumnsPlace | undefined
  #lentFirst = 0
  #lentEnd = 0
  #detailed = 0 // rows whose contexts and time in children are set; the others have the defaults
  readonly #texts: Scratch
  #textsPointer = 0
  #durationsCopy: Float64Array | undefined // [MAX_CHUNK_ROWS]

  constructor(kernels: Kernels) {
    this.#kernels = kernels
    this.#own = {
      startsUs: kernels.allocate(8 * MAX_CHUNK_ROWS),
      durationsNs: kernels.allocate(8 * MAX_CHUNK_ROWS),
      errorTypes: kernels.allocate(2 * MAX_CHUNK_ROWS),
      isFixed: false,
    }
    this.#texts = new Scratch(kernels)
  }

  clear(): void {
    this.count = 0
    this.textSizeBytes = 0
    this.attributes.count = 0
    this.groups = []
    this.#copied = 0
    this.#lent = undefined
    this.#detailed = 0
  }

  /** Of all rows, settled; a view, which lives until the kernels' memory grows. */
  starts(): Float64Array {
    const first = this.startsUs / 8
    return this.#kernels.f64.subarray(first, first + this.count)
  }

  durations(): Float64Array {
    const first = this.durationsNs / 8
    return this.#kernels.f64.subarray(first, first + this.count)
  }

  /** The same where they stay when the kernels' memory grows, until the next copy is asked for. */
  copyDurations(): Float64Array {
    const copy = (this.#durationsCopy ??= new Float64Array(MAX_CHUNK_ROWS))
    copy.set(this.durations())
    return copy.subarray(0, this.count)
  }

  errors(): Uint16Array {
    const first = this.errorTypes / 2
    return this.#kernels.u16.subarray(first, first + this.count)
  }

  /** The rows that follow belong to another group, which has at least one of them. */
  beginGroup(functionId: number, weight: number): void {
    this.groups.push({ functionId, weight, rowCount: 0, errorCount: 0 })
  }

  /** Adds rows [first, end); there must be room for them. */
  add(rows: GroupRows, first: number, end: number): void {
    const { details, place } = rows
    const { count } = this
    this.groups.at(-1)!.rowCount += end - first
    this.count += end - first
    if (place?.isFixed === true) this.#lend(place, first, end)
    else {
      this.#copyLent()
      if (place === undefined) this.#copyFrom(rows, first, end)
      else this.#copy(place, first, end)
    }
    if (details === undefined) return
    this.#setDefaults(count)
    details.copy(first, end, this.contexts, this.childrenNs, count)
    this.#detailed = this.count
    for (let row = first; row < end; row++) {
      const text = details.attributesOf(row)
      if (text !== undefined) this.#addText(count + row - first, text)
    }
  }

  /** All rows have been added. @param withDetails whether contexts and time in children are wanted */
  settle(withDetails: boolean): void {
    let place = this.#own
    let first = 0
    if (this.#lent !== undefined && this.#copied === 0) {
      place = this.#lent
      first = this.#lentFirst
    } else this.#copyLent()
    this.startsUs = place.startsUs + 8 * first
    this.durationsNs = place.durationsNs + 8 * first
    this.errorTypes = place.errorTypes + 2 * first
    if (withDetails) this.#setDefaults(this.count)
  }

  #lend(place: ColumnsPlace, first: number, end: number): void {
    if (this.#lent !== place || this.#lentEnd !== first) {
      this.#copyLent()
      this.#lent = place
      this.#lentFirst = first
    }
    this.#lentEnd = end
  }

  #copyLent(): void {
    if (this.#lent === undefined) return
    this.#copy(this.#lent, this.#lentFirst, this.#lentEnd)
    this.#lent = undefined
  }

  #copy(place: ColumnsPlace, first: number, end: number): void {
    const { f64, u16 } = this.#kernels
    const own = this.#own
    copy(f64, place.startsUs / 8 + first, end - first, own.startsUs / 8 + this.#copied)
    copy(f64, place.durationsNs / 8 + first, end - first, own.durationsNs / 8 + this.#copied)
    copy(u16, place.errorTypes / 2 + first, end - first, own.errorTypes / 2 + this.#copied)
    this.#copied += end - first
  }

  #copyFrom(rows: GroupRows, first: number, end: number): void {
    const { f64, u16 } = this.#kernels
    const { durationsNs, errorTypes, startsUs } = rows.columns!()
    const own = this.#own
    f64.set(startsUs.subarray(first, end), own.startsUs / 8 + this.#copied)
    f64.set(durationsNs.subarray(first, end), own.durationsNs / 8 + this.#copied)
    u16.set(errorTypes.subarray(first, end), own.errorTypes / 2 + this.#copied)
    this.#copied += end - first
  }

  /** Rows before `end` of which nothing has been said. */
  #setDefaults(end: number): void {
    this.contexts.fill(0, this.#detailed, end)
    this.childrenNs.fill(0, this.#detailed, end)
    this.#detailed = end
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

function copy(column: Float64Array | Uint16Array, from: number, count: number, to: number): void {
  if (count > FEW_ROWS) column.copyWithin(to, from, from + count)
  else for (let i = 0; i < count; i++) column[to + i] = column[from + i]!
}
