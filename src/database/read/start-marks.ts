/**
 * @module database/read/start-marks
 * Places inside coded start pages, so that finding a few rows of a chunk decodes a thousand starts, not sixteen thousand. They are
 * made when a question first looks into a page, and are small: those of 130 million rows take 3.3 MB, and no more are kept.
 */
import type { Arena } from '../arena.ts'
import { MAX_CHUNK_ROWS } from '../format/pages.ts'
import {
  HUFFMAN_MARK_SIZE_BYTES,
  HUFFMAN_MARK_VALUES,
  huffmanMarksBytes,
} from '../kernels/sizes.ts'

/** Pages with fewer rows are decoded as a whole. */
export const MIN_MARKED_ROWS = 2 * HUFFMAN_MARK_VALUES
const MAX_MARKED_PAGES = 8000
/** Room is taken for so many pages at a time. */
const PAGES_OF_AREA = 320
const SLOT_SIZE_BYTES = huffmanMarksBytes(MAX_CHUNK_ROWS)

export class StartMarks {
  readonly #arena: Arena
  readonly #areas: number[] = []
  readonly #keys: number[] = [] // of the page in each slot
  readonly #slots = new Map<number, number>() // by key
  #next = 0 // slot to be used for something else: the oldest

  constructor(arena: Arena) {
    this.#arena = arena
  }

  /** Address of the marks of a page; 0 if there are none. */
  find(key: number): number {
    const slot = this.#slots.get(key)
    return slot === undefined ? 0 : this.#addressOf(slot)
  }

  /** Keeps the marks that `write` writes at the address; nothing if it throws. */
  add(key: number, write: (address: number) => void): number {
    const slot = this.#next
    if (slot % PAGES_OF_AREA === 0 && this.#areas.length === slot / PAGES_OF_AREA) {
      this.#areas.push(this.#arena.take(PAGES_OF_AREA * SLOT_SIZE_BYTES).pointer)
    }
    this.#slots.delete(this.#keys[slot]!)
    this.#keys[slot] = NaN
    const address = this.#addressOf(slot)
    write(address)
    this.#keys[slot] = key
    this.#slots.set(key, slot)
    this.#next = (slot + 1) % MAX_MARKED_PAGES
    return address
  }

  #addressOf(slot: number): number {
    return this.#areas[Math.floor(slot / PAGES_OF_AREA)]! + (slot % PAGES_OF_AREA) * SLOT_SIZE_BYTES
  }
}

/**
 * The last mark before which all rows start earlier than `offsetUs` after the page's first start; the first row that does not
 * stands behind it and at most HUFFMAN_MARK_VALUES rows further.
 */
export function markBefore(
  f64: Float64Array,
  marks: number,
  rowCount: number,
  offsetUs: number,
): number {
  let low = 0
  let high = Math.ceil(rowCount / HUFFMAN_MARK_VALUES) - 1
  while (low < high) {
    const middle = (low + high + 1) >>> 1
    if (sumBefore(f64, marks, middle) < offsetUs) low = middle
    else high = middle - 1
  }
  return low
}

/** Sum of all gaps before a mark: the start of the row before it, less the page's first. */
export function sumBefore(f64: Float64Array, marks: number, mark: number): number {
  return f64[(marks + mark * HUFFMAN_MARK_SIZE_BYTES) / 8 + 2]!
}
