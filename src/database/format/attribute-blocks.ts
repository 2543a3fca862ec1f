/**
 * @module database/format/attribute-blocks
 * Attributes of a chunk's rows, at the end of its details page, as segments of version 1 have them: blocks of about
 * 64 KiB, each compressed by itself. The full text is docs/format/segment.md.
 *
 *   blockCount varint
 *   blockCount x { rows between the block's first row and the end of the rows before it varint | rowCount varint
 *                  | codec u8 | stored size varint | size varint }
 *   the blocks
 *
 *   block, before it is compressed: gap varint x (rowCount - 1), rows between each and the one before
 *                                   | length varint x rowCount | texts
 *
 * "The end of the rows before it" is the least row that can follow: the first row of the block before plus its rowCount.
 */
import { inflateRawSync } from 'node:zlib'
import { CorruptionError } from '../../errors.ts'
import type { JsonValue } from '../../types.ts'
import { lowerBound } from '../lower-bound.ts'
import { matchTexts } from './attribute-match.ts'
import { corruption, type FileBytes } from './file-bytes.ts'
import { MAX_CHUNK_ROWS, pageReader } from './pages.ts'
import type { PforReader } from './pfor-reader.ts'
import { MAX_ATTRIBUTES_SIZE_BYTES } from './rows.ts'
import { VarintReader } from './varint.ts'
import { BLOCK_CODEC_DEFLATE, BLOCK_CODEC_STORED } from './versions.ts'

/** Attributes by row of a chunk, ascending: UTF-8 text of a JSON object. Rows without any are not in it. */
export interface RowAttributes extends Iterable<[row: number, text: Uint8Array]> {
  get(row: number): Uint8Array | undefined
  /** Rows, ascending, whose attribute `key` is this value; see attribute-match.ts. */
  match(key: string, value: JsonValue): Uint16Array
  /** How many rows match() would tell. */
  count(key: string, value: JsonValue): number
}

/** Of a chunk without any. */
export const NO_ATTRIBUTES: RowAttributes = {
  get: () => undefined,
  match: () => new Uint16Array(0),
  count: () => 0,
  [Symbol.iterator]: () => [][Symbol.iterator](),
}

/** What attributes are decoded with when they are asked for. */
export interface AttributeTools {
  guard: Guard
  pfor: PforReader
  /** Whether the attributes are not used any more once the page is gone, nor after memory is taken: then it is not copied. */
  isBorrowed?: boolean
}

/** Attributes that stand in the kernels' memory. */
export interface AttributeList {
  count: number
  rows: Uint16Array // of the chunk, ascending
  pointers: Uint32Array
  sizes: Uint32Array // 1..MAX_ATTRIBUTES_SIZE_BYTES
}

/** A block takes no more texts once it has so many bytes of them. */
const BLOCK_TEXT_SIZE_BYTES = 65_536
/** Gap and length take three bytes at most. */
const ROW_OVERHEAD_BYTES = 6
const MAX_BLOCK_SIZE_BYTES =
  BLOCK_TEXT_SIZE_BYTES + MAX_ATTRIBUTES_SIZE_BYTES + ROW_OVERHEAD_BYTES * MAX_CHUNK_ROWS

interface Block {
  firstRow: number
  rowCount: number
  codec: number
  at: number // in the bytes
  storedSizeBytes: number
  sizeBytes: number
}

/** Blocks of a page, inflated when their rows are asked for; the one that was inflated last is kept. */
export class AttributeBlocks implements RowAttributes {
  readonly #bytes: Uint8Array // all blocks
  readonly #blocks: readonly Block[]
  readonly #rowCount: number
  readonly #guard: Guard
  readonly #fail: (reason: string) => CorruptionError
  #inflated: { block: Block; rows: Map<number, Uint8Array> } | undefined

  /**
   * @param position of the blocks in the page, which ends with them
   * @param rowCount of the chunk
   * @throws {CorruptionError} the list of the blocks is impossible
   */
  constructor(page: FileBytes, position: number, rowCount: number, tools: AttributeTools) {
    const { blocks, end } = readBlocks(page, position, rowCount)
    this.#blocks = blocks
    this.#bytes = bytesFrom(page, end, tools)
    this.#rowCount = rowCount
    this.#guard = tools.guard
    const { offset, path } = page
    this.#fail = (reason) => new CorruptionError(path, offset + position, reason)
  }

  get(row: number): Uint8Array | undefined {
    const block = this.#blocks.findLast(({ firstRow }) => firstRow <= row)
    return block === undefined ? undefined : this.#rowsOf(block)?.get(row)
  }

  *[Symbol.iterator](): Generator<[row: number, text: Uint8Array], undefined> {
    for (const block of this.#blocks) {
      const rows = this.#rowsOf(block)
      if (rows !== undefined) yield* rows
    }
  }

  match(key: string, value: JsonValue): Uint16Array {
    return matchTexts(this, key, value)
  }

  count(key: string, value: JsonValue): number {
    return this.match(key, value).length
  }

  #rowsOf(block: Block): Map<number, Uint8Array> | undefined {
    if (this.#inflated?.block === block) return this.#inflated.rows
    const rows = this.#guard(() => this.#decode(block))
    this.#inflated = rows === undefined ? undefined : { block, rows }
    return rows
  }

  #decode(block: Block): Map<number, Uint8Array> {
    const { firstRow, rowCount, sizeBytes } = block
    const bytes = this.#inflate(block)
    if (bytes.length !== sizeBytes) throw this.#fail('a block of attributes is of another size')
    const reader = new VarintReader(bytes, 0, sizeBytes, (_, reason) => this.#fail(reason))
    const numbers = new Uint32Array(rowCount)
    let row = firstRow
    for (let i = 0; i < rowCount; i++) {
      if (i > 0) row += 1 + reader.next(this.#rowCount)
      if (row >= this.#rowCount) throw this.#fail('attributes of an impossible row')
      numbers[i] = row
    }
    const sizes = Array.from(numbers, () => reader.next(MAX_ATTRIBUTES_SIZE_BYTES))
    let at = reader.position
    const rows = new Map<number, Uint8Array>()
    sizes.forEach((size, i) => {
      if (size === 0) throw this.#fail('attributes without a text')
      rows.set(numbers[i]!, bytes.subarray(at, at + size))
      at += size
    })
    if (at !== sizeBytes) throw this.#fail('the texts do not fill their block of attributes')
    return rows
  }

  #inflate({ at, codec, sizeBytes, storedSizeBytes }: Block): Uint8Array {
    const stored = this.#bytes.subarray(at, at + storedSizeBytes)
    if (codec === BLOCK_CODEC_STORED) return stored
    try {
      return inflateRawSync(stored, { maxOutputLength: sizeBytes })
    } catch {
      throw this.#fail('a block of attributes cannot be inflated')
    }
  }
}

/** Attributes of rows [firstRow, firstRow + rowCount) of a page, counted from there. */
export class AttributesOfRows implements RowAttributes {
  readonly #page: RowAttributes
  readonly #firstRow: number
  readonly #rowCount: number

  constructor(page: RowAttributes, firstRow: number, rowCount: number) {
    this.#page = page
    this.#firstRow = firstRow
    this.#rowCount = rowCount
  }

  get(row: number): Uint8Array | undefined {
    return row < this.#rowCount ? this.#page.get(this.#firstRow + row) : undefined
  }

  match(key: string, value: JsonValue): Uint16Array {
    return rowsWithin(this.#page.match(key, value), this.#firstRow, this.#rowCount)
  }

  count(key: string, value: JsonValue): number {
    return this.match(key, value).length
  }

  *[Symbol.iterator](): Generator<[row: number, text: Uint8Array], undefined> {
    for (let row = 0; row < this.#rowCount; row++) {
      const text = this.get(row)
      if (text !== undefined) yield [row, text]
    }
  }
}

/** Those of the ascending rows that lie in [firstRow, firstRow + rowCount), counted from there. */
export function rowsWithin(rows: Uint16Array, firstRow: number, rowCount: number): Uint16Array {
  const first = lowerBound(rows, rows.length, firstRow)
  const within = rows.slice(first, lowerBound(rows, rows.length, firstRow + rowCount))
  for (let i = 0; i < within.length; i++) within[i]! -= firstRow
  return within
}

/** What stands in a page from a position on, for as long as the tools say. */
export function bytesFrom(
  { kernels, pointer, sizeBytes }: FileBytes,
  position: number,
  { isBorrowed = false }: AttributeTools,
): Uint8Array {
  const { u8 } = kernels
  const [from, end] = [pointer + position, pointer + sizeBytes]
  return isBorrowed ? u8.subarray(from, end) : u8.slice(from, end)
}

/** Runs a decoder; answers undefined if it throws a CorruptionError, which whoever made the guard reports. */
export type Guard = <T>(decode: () => T) => T | undefined

/** @returns the blocks, and where the first of them stands in the page */
function readBlocks(
  page: FileBytes,
  position: number,
  rowCount: number,
): { blocks: Block[]; end: number } {
  const reader = pageReader(page, position)
  const count = reader.next(rowCount)
  const blocks: Block[] = []
  let nextRow = 0
  let at = 0
  for (let i = 0; i < count; i++) {
    const firstRow = nextRow + reader.next(rowCount)
    const rows = reader.next(rowCount)
    const codec = reader.next(BLOCK_CODEC_DEFLATE)
    const storedSizeBytes = reader.next(MAX_BLOCK_SIZE_BYTES)
    const sizeBytes = reader.next(MAX_BLOCK_SIZE_BYTES)
    nextRow = firstRow + rows
    const isPossible = rows > 0 && nextRow <= rowCount && sizeBytes > 0
    if (!isPossible) throw corruption(page, position, 'an impossible block of attributes')
    blocks.push({ firstRow, rowCount: rows, codec, at, storedSizeBytes, sizeBytes })
    at += storedSizeBytes
  }
  const end = reader.position - page.pointer
  if (count === 0 || end + at !== page.sizeBytes) {
    throw corruption(page, position, 'the blocks of attributes do not end with their page')
  }
  return { blocks, end }
}
