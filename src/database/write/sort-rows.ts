/**
 * @module database/write/sort-rows
 * Stable sort of one function's rows by start. Rows arrive in the order in which calls end, so they are nearly
 * sorted by start: an insertion sort costs 3 ns a row then. With many calls at a time it would cost hundreds, and a
 * radix sort takes over.
 */

/** Rows in columns, inside larger arrays. */
export interface SortColumns {
  startsUs: Float64Array
  durationsNs: Float64Array
  tags: Uint16Array | Uint32Array // what else moves with a row: its error type, or its number
}

/** Moves per row after which the insertion sort gives up. */
const MAX_MOVES_PER_ROW = 4
const MIN_RADIX_ROWS = 64
const DIGIT_BITS = 11
const DIGITS = 1 << DIGIT_BITS
const WORD = 2 ** 32

/** Sorts rows [from, end) by start; rows that start together keep their order. */
export function sortRows(columns: SortColumns, from: number, end: number): void {
  const sorted = sortedPrefix(columns.startsUs, from, end)
  if (sorted === end) return
  if (!insertionSort(columns, from, sorted, end)) radixSort(columns, from, end)
}

/** Index of the first row that starts before its predecessor; `end` if there is none. */
function sortedPrefix(startsUs: Float64Array, from: number, end: number): number {
  let previousUs = -Infinity
  for (let row = from; row < end; row++) {
    const startUs = startsUs[row]!
    if (startUs < previousUs) return row
    previousUs = startUs
  }
  return end
}

/** @returns false if it gave up: then the rows are in another order, equal starts still in theirs */
function insertionSort(columns: SortColumns, from: number, sorted: number, end: number): boolean {
  const { startsUs, durationsNs, tags } = columns
  const count = end - from
  let moves = count < MIN_RADIX_ROWS ? Infinity : count * MAX_MOVES_PER_ROW
  for (let row = sorted; row < end; row++) {
    const startUs = startsUs[row]!
    if (startsUs[row - 1]! <= startUs) continue
    const durationNs = durationsNs[row]!
    const tag = tags[row]!
    let hole = row
    while (hole > from && startsUs[hole - 1]! > startUs) {
      startsUs[hole] = startsUs[hole - 1]!
      durationsNs[hole] = durationsNs[hole - 1]!
      tags[hole] = tags[hole - 1]!
      hole--
    }
    startsUs[hole] = startUs
    durationsNs[hole] = durationNs
    tags[hole] = tag
    moves -= row - hole
    if (moves < 0) return false
  }
  return true
}

/** Least significant digit first, on the start's distance to the earliest one. */
function radixSort(columns: SortColumns, from: number, end: number): void {
  const count = end - from
  const { startsUs } = columns
  let minUs = Infinity
  let maxUs = -Infinity
  for (let row = from; row < end; row++) {
    minUs = Math.min(minUs, startsUs[row]!)
    maxUs = Math.max(maxUs, startsUs[row]!)
  }
  const keys = new Uint32Array(count)
  let order = Uint32Array.from({ length: count }, (_, i) => i)
  let spare = new Uint32Array(count)
  sortByWord((distance) => distance >>> 0, Math.min(maxUs - minUs, WORD - 1))
  if (maxUs - minUs >= WORD) {
    sortByWord((distance) => Math.floor(distance / WORD), (maxUs - minUs) / WORD)
  }
  permute(columns.startsUs, order, from)
  permute(columns.durationsNs, order, from)
  permute(columns.tags, order, from)

  function sortByWord(wordOf: (distance: number) => number, max: number): void {
    for (let i = 0; i < count; i++) keys[i] = wordOf(startsUs[from + i]! - minUs)
    for (let shift = 0; shift < 32 && max >= 2 ** shift; shift += DIGIT_BITS) {
      sortByDigit(keys, order, spare, shift)
      const swap = order
      order = spare
      spare = swap
    }
  }
}

function sortByDigit(
  keys: Uint32Array,
  order: Uint32Array,
  into: Uint32Array,
  shift: number,
): void {
  const next = new Uint32Array(DIGITS + 1)
  const mask = DIGITS - 1
  for (const key of keys) next[((key >>> shift) & mask) + 1]!++
  for (let digit = 0; digit < DIGITS; digit++) next[digit + 1]! += next[digit]!
  for (const row of order) into[next[(keys[row]! >>> shift) & mask]!++] = row
}

function permute(
  column: Float64Array | SortColumns['tags'],
  order: Uint32Array,
  from: number,
): void {
  const copy = column.slice(from, from + order.length)
  for (let i = 0; i < order.length; i++) column[from + i] = copy[order[i]!]!
}
