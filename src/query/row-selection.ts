/**
 * @module query/row-selection
 * Chooses the first `limit` of any number of rows by a key, in memory for twice as many: rows are taken in as they
 * come; whenever the room is used up, those that cannot be among the first are dropped.
 *
 * Rows with equal keys are ordered by start, then by their chunk and place in it, so that the order is total.
 */

/** Where a row stands in the order. */
export interface RowPosition {
  key: number
  startUs: number
  chunk: number
  row: number
}

export class RowSelection {
  readonly #limit: number
  readonly #tieSign: 1 | -1
  readonly #keys: Float64Array
  readonly #startsUs: Float64Array
  readonly #durationsNs: Float64Array
  readonly #chunks: Uint32Array
  readonly #rows: Uint16Array
  #count = 0
  #bound = Infinity
  #after: RowPosition | undefined

  /**
   * @param limit        rows to choose
   * @param tiesDescend  whether equal keys are ordered the other way around
   */
  constructor(limit: number, tiesDescend: boolean) {
    const room = 2 * limit
    this.#limit = limit
    this.#tieSign = tiesDescend ? -1 : 1
    this.#keys = new Float64Array(room)
    this.#startsUs = new Float64Array(room)
    this.#durationsNs = new Float64Array(room)
    this.#chunks = new Uint32Array(room)
    this.#rows = new Uint16Array(room)
  }

  get limit(): number {
    return this.#limit
  }

  /** The largest key that a row may have which is among the first. */
  get bound(): number {
    return this.#bound
  }

  /** Begins anew, with the rows behind a position. */
  clear(after: RowPosition | undefined): void {
    this.#count = 0
    this.#bound = Infinity
    this.#after = after
  }

  add(key: number, startUs: number, durationNs: number, chunk: number, row: number): void {
    if (key > this.#bound || !this.#isBehind(key, startUs, chunk, row)) return
    if (this.#count === this.#keys.length) {
      this.#shrink()
      if (key > this.#bound) return
    }
    const at = this.#count++
    this.#keys[at] = key
    this.#startsUs[at] = startUs
    this.#durationsNs[at] = durationNs
    this.#chunks[at] = chunk
    this.#rows[at] = row
  }

  /** Indices of the first rows, in order; until `clear`. */
  sorted(): Uint32Array {
    if (this.#count > this.#limit) this.#shrink()
    return indices(this.#count).sort((a, b) => this.#compare(a, b))
  }

  position(index: number): RowPosition {
    return {
      key: this.#keys[index]!,
      startUs: this.#startsUs[index]!,
      chunk: this.#chunks[index]!,
      row: this.#rows[index]!,
    }
  }

  durationNs(index: number): number {
    return this.#durationsNs[index]!
  }

  #isBehind(key: number, startUs: number, chunk: number, row: number): boolean {
    const after = this.#after
    if (after === undefined || key > after.key) return true
    if (key < after.key) return false
    const tie = startUs - after.startUs || chunk - after.chunk || row - after.row
    return tie * this.#tieSign > 0
  }

  #compare(a: number, b: number): number {
    return this.#keys[a]! - this.#keys[b]! || this.#compareTie(a, b)
  }

  #compareTie(a: number, b: number): number {
    const tie =
      this.#startsUs[a]! - this.#startsUs[b]! ||
      this.#chunks[a]! - this.#chunks[b]! ||
      this.#rows[a]! - this.#rows[b]!
    return tie * this.#tieSign
  }

  /** Keeps the first `limit` rows, in no order. There are more than that. */
  #shrink(): void {
    const keys = this.#keys
    const bound = keys.slice(0, this.#count).sort()[this.#limit - 1]!
    const ties: number[] = []
    let kept = 0
    for (let i = 0; i < this.#count; i++) {
      if (keys[i]! < bound) kept++
      else if (keys[i] === bound) ties.push(i)
    }
    const chosen = new Set(ties.sort((a, b) => this.#compareTie(a, b)).slice(0, this.#limit - kept))
    let to = 0
    for (let i = 0; i < this.#count; i++) {
      if (keys[i]! < bound || (keys[i] === bound && chosen.has(i))) this.#move(i, to++)
    }
    this.#count = to
    this.#bound = bound
  }

  #move(from: number, to: number): void {
    this.#keys[to] = this.#keys[from]!
    this.#startsUs[to] = this.#startsUs[from]!
    this.#durationsNs[to] = this.#durationsNs[from]!
    this.#chunks[to] = this.#chunks[from]!
    this.#rows[to] = this.#rows[from]!
  }
}

function indices(count: number): Uint32Array {
  const all = new Uint32Array(count)
  for (let i = 0; i < count; i++) all[i] = i
  return all
}
