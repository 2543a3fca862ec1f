/**
 * @module database/format/details-page
 * What else is known of a chunk's rows: the page of region X. Format v2; the full text is docs/format/segment.md.
 *
 *   byte 0 codec of the contexts | 1 of the time in children | 2 of the attributes; then, each unless absent:
 *   contexts    constant: varint
 *               dictionary: count varint | varint x count | PFOR of places in that list, base 0
 *               PFOR: base varint | PFOR
 *   childrenNs  constant: varint
 *               PFOR, self PFOR: base varint | PFOR of childrenNs, or of durationNs - childrenNs
 *               varint: varint x rowCount
 *   attributes  columns, see attribute-shredder.ts; in version 1 blocks, see attribute-blocks.ts
 *
 * A page is empty if all rows have the defaults. Every decoder checks that it is used up exactly.
 */
import type { Kernels } from '../kernels/kernels.ts'
import { pforMaxBytes } from '../kernels/sizes.ts'
import {
  AttributeBlocks,
  NO_ATTRIBUTES,
  type AttributeTools,
  type RowAttributes,
} from './attribute-blocks.ts'
import { corruption, type FileBytes } from './file-bytes.ts'
import { decodePfor, pageReader, skipPfor } from './pages.ts'
import { MAX_DURATION_NS } from './rows.ts'
import { ShreddedAttributes } from './shredded-attributes.ts'
import { writeVarint, type VarintReader } from './varint.ts'
import {
  ATTRIBUTES_CODEC_BLOCKS,
  ATTRIBUTES_CODEC_SHREDDED,
  CHILDREN_CODEC_CONSTANT,
  CHILDREN_CODEC_PFOR,
  CHILDREN_CODEC_SELF_PFOR,
  CHILDREN_CODEC_VARINT,
  CONTEXTS_CODEC_CONSTANT,
  CONTEXTS_CODEC_DICTIONARY,
  CONTEXTS_CODEC_PFOR,
  DETAILS_CODEC_ABSENT,
} from './versions.ts'

const HEADER_SIZE_BYTES = 3
const MAX_CONTEXT = 0xffff_ffff
/** More different contexts than this are stored as they are. */
const MAX_DICTIONARY_CONTEXTS = 4096
const WORD = 2 ** 32

/** Details of a chunk's rows, to be stored. */
export interface PageDetails {
  contexts: Uint32Array // [rowCount]
  childrenNs: Float64Array // [rowCount], whole, 0 .. durationNs
  durationsNs: Float64Array // [rowCount], outside of the kernels' memory
  attributes: readonly Uint8Array[] // from AttributeShredder, or none
}

/** Details of rows, as they were stored. */
export interface DecodedDetails {
  contexts: Uint32Array | undefined // see call-context.ts; undefined: all 0
  childrenNs: Float64Array | undefined // undefined: all 0
}

/** Bytes that `encodeDetailsPage` may write. */
export function detailsPageBound({
  attributes,
  contexts: { length: rowCount },
}: PageDetails): number {
  const contexts = 8 + 5 * MAX_DICTIONARY_CONTEXTS + pforMaxBytes(rowCount)
  const children = Math.max(8 * rowCount, 2 * (8 + pforMaxBytes(rowCount)))
  return HEADER_SIZE_BYTES + contexts + children + sizeOf(attributes)
}

/**
 * @param scratch pointer to u32[rowCount], with room to a multiple of 128
 * @returns end of the page; `to` if all rows have the defaults
 */
export function encodeDetailsPage(
  kernels: Kernels,
  details: PageDetails,
  scratch: number,
  to: number,
): number {
  const contexts = encodeContexts(kernels, details.contexts, scratch, to + HEADER_SIZE_BYTES)
  const children = encodeChildren(kernels, details, scratch, contexts.end)
  const { attributes } = details
  const hasAttributes = attributes.length > 0
  const codecs = [
    contexts.codec,
    children.codec,
    hasAttributes ? ATTRIBUTES_CODEC_SHREDDED : DETAILS_CODEC_ABSENT,
  ]
  if (codecs.every((codec) => codec === DETAILS_CODEC_ABSENT)) return to
  kernels.u8.set(codecs, to)
  let { end } = children
  for (const part of attributes) {
    kernels.u8.set(part, end)
    end += part.length
  }
  return end
}

function sizeOf(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, { length }) => sum + length, 0)
}

/** Exact sum of whole numbers below 2^53, at most 2^20 of them: high * 2^32 + low, with low in [0, 2^32). */
export function sumOf(values: Float64Array): { high: number; low: number } {
  let sum = 0
  for (const value of values) sum += value
  if (sum <= Number.MAX_SAFE_INTEGER) {
    const high = Math.floor(sum / WORD)
    return { high, low: sum - high * WORD }
  }
  let high = 0
  let low = 0
  for (const value of values) {
    const highPart = Math.floor(value / WORD)
    high += highPart
    low += value - highPart * WORD
  }
  const carry = Math.floor(low / WORD)
  return { high: high + carry, low: low - carry * WORD }
}

/**
 * Details of all rows of a chunk, attributes apart.
 *
 * @param page        exactly the page, not empty; its checksum has been verified by whoever read it
 * @param durationsNs exact, of the chunk's rows: [rowCount]
 * @param sumNs       of the time in children, as the directory has it
 * @param scratch     multiple of 16 in the kernels' memory, decodedSizeBytes(rowCount, 4) bytes of room
 * @throws {CorruptionError}
 */
export function decodeDetailsPage(
  page: FileBytes,
  durationsNs: Float64Array,
  sumNs: number,
  scratch: number,
): DecodedDetails {
  const all: Selection = { rowCount: durationsNs.length, rows: undefined, durationsNs }
  const codecs = codecsOf(page)
  const contexts = decodeContexts(page, codecs.contexts, all, scratch)
  const children = decodeChildren(page, codecs.children, contexts.end, all, scratch)
  checkChildren(page, children.values, durationsNs, sumNs)
  return { contexts: contexts.values, childrenNs: children.values }
}

/**
 * Details of some rows of a chunk, attributes apart. Does not notice if those of the other rows are impossible.
 *
 * @param rows        of the chunk, 0 .. rowCount - 1
 * @param durationsNs exact, of these rows: [rows.length], as are the arrays in the answer
 * @throws {CorruptionError}
 */
export function decodeDetailsOfRows(
  page: FileBytes,
  rowCount: number,
  rows: ArrayLike<number>,
  durationsNs: ArrayLike<number>,
  scratch: number,
): DecodedDetails {
  const some: Selection = { rowCount, rows, durationsNs }
  const codecs = codecsOf(page)
  const contexts = decodeContexts(page, codecs.contexts, some, scratch)
  const children = decodeChildren(page, codecs.children, contexts.end, some, scratch)
  checkPossible(page, children.values, durationsNs)
  return { contexts: contexts.values, childrenNs: children.values }
}

/**
 * Only the time in children, [rowCount]: what numbers of a range need. Parameters as of decodeDetailsPage.
 *
 * @returns undefined: all 0
 * @throws {CorruptionError}
 */
export function decodeChildrenColumn(
  page: FileBytes,
  durationsNs: Float64Array,
  sumNs: number,
  scratch: number,
): Float64Array | undefined {
  const all: Selection = { rowCount: durationsNs.length, rows: undefined, durationsNs }
  const codecs = codecsOf(page)
  const position = skipContexts(page, codecs.contexts, all.rowCount)
  const { values } = decodeChildren(page, codecs.children, position, all, scratch)
  checkChildren(page, values, durationsNs, sumNs)
  return values
}

/**
 * Attributes of a chunk's rows: a copy of the bytes, of which nothing is decoded before it is asked for.
 *
 * @param tools of what is decoded later
 * @throws {CorruptionError}
 */
export function openAttributes(
  page: FileBytes,
  rowCount: number,
  tools: AttributeTools,
): RowAttributes {
  const codecs = codecsOf(page)
  const contexts = skipContexts(page, codecs.contexts, rowCount)
  const position = skipChildren(page, codecs.children, contexts, rowCount)
  switch (codecs.attributes) {
    case DETAILS_CODEC_ABSENT:
      if (position === page.sizeBytes) return NO_ATTRIBUTES
      throw corruption(page, position, 'the details page is longer than its data')
    case ATTRIBUTES_CODEC_BLOCKS:
      return new AttributeBlocks(page, position, rowCount, tools)
    case ATTRIBUTES_CODEC_SHREDDED:
      return new ShreddedAttributes(page, position, rowCount, tools)
    default:
      throw corruption(page, 2, `unknown codec of attributes ${codecs.attributes}`)
  }
}

interface EncodedColumn {
  codec: number
  end: number
}

function encodeContexts(
  kernels: Kernels,
  contexts: Uint32Array,
  scratch: number,
  to: number,
): EncodedColumn {
  const { u8, u32 } = kernels
  const first = contexts[0]!
  if (contexts.every((context) => context === first)) {
    if (first === 0) return { codec: DETAILS_CODEC_ABSENT, end: to }
    return { codec: CONTEXTS_CODEC_CONSTANT, end: writeVarint(u8, to, first) }
  }
  const places = placesByFrequency(contexts)
  if (places === undefined) {
    u32.set(contexts, scratch / 4)
    const base = smallest(contexts)
    const end = writeVarint(u8, to, base)
    return {
      codec: CONTEXTS_CODEC_PFOR,
      end: kernels.pforEncode(scratch, contexts.length, base, end),
    }
  }
  let at = writeVarint(u8, to, places.size)
  for (const context of places.keys()) at = writeVarint(u8, at, context)
  contexts.forEach((context, row) => {
    u32[scratch / 4 + row] = places.get(context)!
  })
  const end = kernels.pforEncode(scratch, contexts.length, 0, at)
  return { codec: CONTEXTS_CODEC_DICTIONARY, end }
}

/** Place of every context in a list of all, the most frequent first; undefined if there are too many. */
function placesByFrequency(contexts: Uint32Array): Map<number, number> | undefined {
  const counts = new Map<number, number>()
  for (const context of contexts) {
    counts.set(context, (counts.get(context) ?? 0) + 1)
    if (counts.size > MAX_DICTIONARY_CONTEXTS) return undefined
  }
  const sorted = [...counts].sort(([a, countA], [b, countB]) => countB - countA || a - b)
  return new Map(sorted.map(([context], place) => [context, place]))
}

function encodeChildren(
  kernels: Kernels,
  { childrenNs, durationsNs }: PageDetails,
  scratch: number,
  to: number,
): EncodedColumn {
  const { u8 } = kernels
  const first = childrenNs[0]!
  if (childrenNs.every((ns) => ns === first)) {
    if (first === 0) return { codec: DETAILS_CODEC_ABSENT, end: to }
    return { codec: CHILDREN_CODEC_CONSTANT, end: writeVarint(u8, to, first) }
  }
  const end = encodeNarrow(kernels, childrenNs, undefined, scratch, to)
  const selfAt = end ?? to
  const selfEnd = encodeNarrow(kernels, childrenNs, durationsNs, scratch, selfAt)
  if (selfEnd !== undefined && (end === undefined || selfEnd - selfAt < end - to)) {
    u8.copyWithin(to, selfAt, selfEnd)
    return { codec: CHILDREN_CODEC_SELF_PFOR, end: to + selfEnd - selfAt }
  }
  if (end !== undefined) return { codec: CHILDREN_CODEC_PFOR, end }
  let at = to
  for (const ns of childrenNs) at = writeVarint(u8, at, ns)
  return { codec: CHILDREN_CODEC_VARINT, end: at }
}

/**
 * Base and PFOR of the values, or of what they leave of `wholes`.
 *
 * @returns their end; undefined if one does not fit 32 bits
 */
function encodeNarrow(
  kernels: Kernels,
  values: Float64Array,
  wholes: Float64Array | undefined,
  scratch: number,
  to: number,
): number | undefined {
  const { u8, u32 } = kernels
  let base = WORD
  for (let row = 0; row < values.length; row++) {
    const value = wholes === undefined ? values[row]! : wholes[row]! - values[row]!
    if (value >= WORD) return undefined
    if (value < base) base = value
    u32[scratch / 4 + row] = value
  }
  return kernels.pforEncode(scratch, values.length, base, writeVarint(u8, to, base))
}

function smallest(values: Uint32Array): number {
  let min = Infinity
  for (const value of values) if (value < min) min = value
  return min
}

/** Rows whose details are wanted. */
interface Selection {
  rowCount: number // of the chunk
  rows: ArrayLike<number> | undefined // undefined: all
  durationsNs: ArrayLike<number> // of the rows that are wanted
}

function codecsOf(page: FileBytes) {
  if (page.sizeBytes < HEADER_SIZE_BYTES) throw corruption(page, 0, 'the details page is cut off')
  const [contexts, children, attributes] = page.kernels.u8.subarray(page.pointer)
  return { contexts: contexts!, children: children!, attributes: attributes! }
}

interface DecodedColumn<Values> {
  values: Values | undefined
  end: number // position in the page
}

function decodeContexts(
  page: FileBytes,
  codec: number,
  selection: Selection,
  scratch: number,
): DecodedColumn<Uint32Array> {
  const reader = pageReader(page, HEADER_SIZE_BYTES)
  switch (codec) {
    case DETAILS_CODEC_ABSENT:
      return { values: undefined, end: HEADER_SIZE_BYTES }
    case CONTEXTS_CODEC_CONSTANT: {
      const context = reader.next(MAX_CONTEXT)
      const values = new Uint32Array(selection.durationsNs.length).fill(context)
      return { values, end: reader.position - page.pointer }
    }
    case CONTEXTS_CODEC_DICTIONARY: {
      const count = reader.next(MAX_DICTIONARY_CONTEXTS)
      const contexts = new Uint32Array(count)
      for (let i = 0; i < count; i++) contexts[i] = reader.next(MAX_CONTEXT)
      const { values, end } = decodeSelected(page, reader, 0, selection, scratch)
      for (let i = 0; i < values.length; i++) {
        const place = values[i]!
        if (place >= count) throw corruption(page, 0, 'a context that is not in the list')
        values[i] = contexts[place]!
      }
      return { values, end }
    }
    case CONTEXTS_CODEC_PFOR:
      return decodeSelected(page, reader, reader.next(MAX_CONTEXT), selection, scratch)
    default:
      throw corruption(page, 0, `unknown codec of contexts ${codec}`)
  }
}

/** PFOR from the reader's position on. */
function decodeSelected(
  page: FileBytes,
  reader: VarintReader,
  base: number,
  { rowCount, rows }: Selection,
  scratch: number,
): { values: Uint32Array; end: number } {
  const { kernels, pointer } = page
  const end = decodePfor(page, reader.position - pointer, rowCount, base, scratch)
  const all = kernels.u32.subarray(scratch / 4, scratch / 4 + rowCount)
  return { values: rows === undefined ? all.slice() : pick(all, rows), end }
}

function pick(values: Uint32Array, rows: ArrayLike<number>): Uint32Array {
  const picked = new Uint32Array(rows.length)
  for (let i = 0; i < picked.length; i++) picked[i] = values[rows[i]!]!
  return picked
}

/** @returns position of the next column */
function skipContexts(page: FileBytes, codec: number, rowCount: number): number {
  const reader = pageReader(page, HEADER_SIZE_BYTES)
  switch (codec) {
    case DETAILS_CODEC_ABSENT:
      return HEADER_SIZE_BYTES
    case CONTEXTS_CODEC_CONSTANT:
      reader.next(MAX_CONTEXT)
      return reader.position - page.pointer
    case CONTEXTS_CODEC_DICTIONARY: {
      const count = reader.next(MAX_DICTIONARY_CONTEXTS)
      for (let i = 0; i < count; i++) reader.next(MAX_CONTEXT)
      break
    }
    case CONTEXTS_CODEC_PFOR:
      reader.next(MAX_CONTEXT)
      break
    default:
      throw corruption(page, 0, `unknown codec of contexts ${codec}`)
  }
  return skipPfor(page, reader.position - page.pointer, rowCount)
}

function decodeChildren(
  page: FileBytes,
  codec: number,
  position: number,
  selection: Selection,
  scratch: number,
): DecodedColumn<Float64Array> {
  const { pointer } = page
  const { durationsNs, rowCount, rows } = selection
  const reader = pageReader(page, position)
  const decode = () => {
    const base = reader.next(WORD - 1)
    const end = decodePfor(page, reader.position - pointer, rowCount, base, scratch)
    const all = page.kernels.u32.subarray(scratch / 4, scratch / 4 + rowCount)
    const values = new Float64Array(rows === undefined ? all : pick(all, rows))
    return { values, end }
  }
  switch (codec) {
    case DETAILS_CODEC_ABSENT:
      return { values: undefined, end: position }
    case CHILDREN_CODEC_CONSTANT: {
      const values = new Float64Array(durationsNs.length).fill(reader.next(MAX_DURATION_NS))
      return { values, end: reader.position - pointer }
    }
    case CHILDREN_CODEC_PFOR:
      return decode()
    case CHILDREN_CODEC_SELF_PFOR: {
      const { values, end } = decode()
      for (let i = 0; i < values.length; i++) values[i] = durationsNs[i]! - values[i]!
      return { values, end }
    }
    case CHILDREN_CODEC_VARINT: {
      const all = new Float64Array(rowCount)
      for (let row = 0; row < rowCount; row++) all[row] = reader.next(MAX_DURATION_NS)
      const values = rows === undefined ? all : Float64Array.from(rows, (row) => all[row]!)
      return { values, end: reader.position - pointer }
    }
    default:
      throw corruption(page, 1, `unknown codec of the time in children ${codec}`)
  }
}

/** @returns position of the next column */
function skipChildren(page: FileBytes, codec: number, position: number, rowCount: number): number {
  const reader = pageReader(page, position)
  switch (codec) {
    case DETAILS_CODEC_ABSENT:
      break
    case CHILDREN_CODEC_CONSTANT:
      reader.next(MAX_DURATION_NS)
      break
    case CHILDREN_CODEC_PFOR:
    case CHILDREN_CODEC_SELF_PFOR:
      reader.next(WORD - 1)
      return skipPfor(page, reader.position - page.pointer, rowCount)
    case CHILDREN_CODEC_VARINT:
      for (let row = 0; row < rowCount; row++) reader.next(MAX_DURATION_NS)
      break
    default:
      throw corruption(page, 1, `unknown codec of the time in children ${codec}`)
  }
  return reader.position - page.pointer
}

/** No call spends more time in its children than it takes, and the directory knows the sum. */
function checkChildren(
  page: FileBytes,
  childrenNs: Float64Array | undefined,
  durationsNs: Float64Array,
  sumNs: number,
): void {
  checkPossible(page, childrenNs, durationsNs)
  const { high, low } = childrenNs === undefined ? { high: 0, low: 0 } : sumOf(childrenNs)
  if (high * WORD + low !== sumNs) {
    throw corruption(page, 1, 'the time in children does not add up')
  }
}

function checkPossible(
  page: FileBytes,
  childrenNs: Float64Array | undefined,
  durationsNs: ArrayLike<number>,
): void {
  if (childrenNs === undefined) return
  for (let i = 0; i < childrenNs.length; i++) {
    const ns = childrenNs[i]!
    if (!(ns >= 0 && ns <= durationsNs[i]!)) {
      throw corruption(page, 1, 'an impossible time in children')
    }
  }
}
