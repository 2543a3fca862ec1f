/**
 * @module query/best-rows
 * Keeps the best `limit` of many rows: a binary heap with the worst kept row on top.
 */

export class BestRows<T> {
  readonly #limit: number
  readonly #isBetter: (a: T, b: T) => boolean
  readonly #heap: T[] = []

  /** @param isBetter a strict total order, so that the outcome does not depend on the order of arrival */
  constructor(limit: number, isBetter: (a: T, b: T) => boolean) {
    this.#limit = limit
    this.#isBetter = isBetter
  }

  get isFull(): boolean {
    return this.#heap.length === this.#limit
  }

  /** The row that the next better one replaces; undefined while there is room. */
  get worst(): T | undefined {
    return this.isFull ? this.#heap[0] : undefined
  }

  add(row: T): void {
    const heap = this.#heap
    if (heap.length < this.#limit) {
      heap.push(row)
      this.#rise(heap.length - 1)
    } else if (this.#isBetter(row, heap[0]!)) {
      heap[0] = row
      this.#sink()
    }
  }

  /** Best first. */
  sorted(): T[] {
    return [...this.#heap].sort((a, b) =>
      this.#isBetter(a, b) ? -1 : this.#isBetter(b, a) ? 1 : 0,
    )
  }

  #rise(at: number): void {
    const heap = this.#heap
    while (at > 0) {
      const parent = (at - 1) >>> 1
      if (!this.#isBetter(heap[parent]!, heap[at]!)) return
      this.#swap(at, parent)
      at = parent
    }
  }

  #sink(): void {
    const heap = this.#heap
    for (let at = 0; ;) {
      let child = 2 * at + 1
      if (child >= heap.length) return
      if (child + 1 < heap.length && this.#isBetter(heap[child]!, heap[child + 1]!)) child++
      if (!this.#isBetter(heap[at]!, heap[child]!)) return
      this.#swap(at, child)
      at = child
    }
  }

  #swap(a: number, b: number): void {
    const row = this.#heap[a]!
    this.#heap[a] = this.#heap[b]!
    this.#heap[b] = row
  }
}
