/**
 * @module database/format/pfor-value
 * One value of a PFOR page (docs/format/segment.md), without decoding the others.
 */
import { PFOR_BLOCK_VALUES } from '../kernels/sizes.ts'

const LANES = 4
const ROW_SIZE_BYTES = 16 // a word of each lane
const MAX_WIDTH = 32
const MAX_HIGH_BYTES_LOG2 = 2

/**
 * @param page  with base 0
 * @param count of values in the page
 * @param index of the wanted one, less than `count`
 * @returns undefined: the page is malformed, as far as this value shows
 */
export function pforValue(page: Uint8Array, count: number, index: number): number | undefined {
  const block = Math.floor(index / PFOR_BLOCK_VALUES)
  const blocks = Math.ceil(count / PFOR_BLOCK_VALUES)
  if (2 * blocks > page.length) return undefined
  let at = 2 * blocks
  for (let i = 0; i < block; i++) at += blockSize(page, i, PFOR_BLOCK_VALUES)
  const values = Math.min(PFOR_BLOCK_VALUES, count - block * PFOR_BLOCK_VALUES)
  const width = page[2 * block]!
  const end = at + blockSize(page, block, values)
  if (width > MAX_WIDTH || !(end <= page.length)) return undefined
  const place = index % PFOR_BLOCK_VALUES
  return lowBits(page, at, width, place) + highPart(page, block, end, place) * 2 ** width
}

function blockSize(page: Uint8Array, block: number, values: number): number {
  const width = page[2 * block]!
  const { bytes, count } = exceptionsOf(page, block)
  const rows = Math.ceil((Math.ceil(values / LANES) * width) / 32)
  return ROW_SIZE_BYTES * rows + count * (1 + bytes)
}

function exceptionsOf(page: Uint8Array, block: number): { count: number; bytes: number } {
  const header = page[2 * block + 1]!
  return { count: header & 63, bytes: 2 ** Math.min(header >>> 6, MAX_HIGH_BYTES_LOG2) }
}

function lowBits(page: Uint8Array, block: number, width: number, place: number): number {
  if (width === 0) return 0
  const bit = Math.floor(place / LANES) * width
  const word = block + ROW_SIZE_BYTES * (bit >>> 5) + 4 * (place % LANES)
  const shift = bit & 31
  let value = wordAt(page, word) >>> shift
  if (shift + width > 32) value |= wordAt(page, word + ROW_SIZE_BYTES) << (32 - shift)
  return (width === 32 ? value : value & (2 ** width - 1)) >>> 0
}

/** @param end of the block, whose high parts are the last of it */
function highPart(page: Uint8Array, block: number, end: number, place: number): number {
  const { bytes, count } = exceptionsOf(page, block)
  const highParts = end - count * bytes
  for (let i = 0; i < count; i++) {
    if (page[highParts - count + i] !== place) continue
    let high = 0
    for (let byte = bytes - 1; byte >= 0; byte--) {
      high = high * 256 + page[highParts + i * bytes + byte]!
    }
    return high
  }
  return 0
}

function wordAt(page: Uint8Array, at: number): number {
  return page[at]! | (page[at + 1]! << 8) | (page[at + 2]! << 16) | (page[at + 3]! << 24)
}
