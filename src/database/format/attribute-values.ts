/**
 * @module database/format/attribute-values
 * Values of one attribute → a column. Format v2; the full text is docs/format/segment.md.
 *
 *   constant         text varint
 *   dictionary       first text varint | count varint | PFOR page of places among these texts, base 0
 *   numbers          prefix size varint | prefix | suffix size varint | suffix | decimals u8 | sign of the base u8
 *                    | size of the base varint | PFOR page of what is left without the base
 *                    value: prefix, (base + rest) * 10^-decimals as a decimal number, suffix
 *   wide numbers     the same, with the size varint of a PFOR page of floor(rest / 2^32), that page, and one of the low halves
 *   hex              size varint | template: 0 where a lower-case hexadecimal digit stands
 *                    | 4 bits for each of them, the first the high ones, each value in whole bytes
 *   texts            first text varint
 *
 * Only a dictionary, a constant and texts hold values that have other texts, too.
 */
import { readDecimal, MAX_WHOLE, type Decimal } from './attribute-numbers.ts'
import type { TextsWriter } from './attribute-texts.ts'
import type { Kernels } from '../kernels/kernels.ts'
import { MAX_CHUNK_ROWS } from './pages.ts'
import { MAX_VARINT_SIZE_BYTES, writeVarint } from './varint.ts'
import {
  VALUES_CODEC_CONSTANT,
  VALUES_CODEC_DICTIONARY,
  VALUES_CODEC_HEX,
  VALUES_CODEC_NUMBERS,
  VALUES_CODEC_WIDE_NUMBERS,
} from './versions.ts'

const QUOTE = 0x22
const POINT = 0x2e
const ZERO = 0x30
const NINE = 0x39
const WORD = 2 ** 32
/** Longest prefix, suffix and template. */
export const MAX_TEMPLATE_SIZE_BYTES = 1024
/** Fewer digits are as well compressed as text. */
const MIN_HEX_DIGITS = 6
/** Bytes that an entry of a dictionary is guessed to take for each byte of its text. */
const ENTRY_COMPRESSION = 0.4
/** Larger dictionaries keep the order in which the values were seen first. */
const MAX_SORTED_ENTRIES = 4096

/** Values of hexadecimal digits by character; -1: none. */
const DIGITS = new Int8Array(256).fill(-1)
for (let digit = 0; digit < 16; digit++) DIGITS[digit.toString(16).charCodeAt(0)] = digit

/** Texts of one key's values in the kernels' memory, at most MAX_CHUNK_ROWS. */
export interface Values {
  count: number // 1 or more
  pointers: Uint32Array
  sizes: Uint32Array
  isAmbiguous: boolean // some value has other texts, too
}

export interface EncodedValues {
  codec: number
  bytes: Uint8Array
}

/** Makes a PFOR page with base 0. */
export type Pack = (values: Uint32Array) => Uint8Array

/** @returns undefined: the column should be texts */
export function encodeValues(
  kernels: Kernels,
  values: Values,
  entries: ValueEntries,
  texts: TextsWriter,
  pack: Pack,
): EncodedValues | undefined {
  const { u8 } = kernels
  const isRepeating = entries.fill(u8, values)
  if (isRepeating && entries.count === 1) {
    const bytes = varints(texts.count)
    texts.add(u8, values.pointers[0]!, values.sizes[0]!)
    return { codec: VALUES_CODEC_CONSTANT, bytes }
  }
  const numbers = values.isAmbiguous ? undefined : numbersOf(u8, values)
  const dictionarySize = isRepeating ? entries.sizeBytes(values) : Infinity
  if (numbers !== undefined && numbers.sizeBytes <= dictionarySize) {
    return encodeNumbers(numbers, pack)
  }
  if (isRepeating) return encodeDictionary(kernels, values, entries, texts, pack)
  return values.isAmbiguous ? undefined : encodeHex(u8, values)
}

/** The different values of a column. Reused. */
export class ValueEntries {
  count = 0
  readonly entryOf = new Uint16Array(MAX_CHUNK_ROWS) // of each value
  readonly values = new Uint16Array(MAX_CHUNK_ROWS) // of each entry the first value that is it
  readonly uses = new Uint32Array(MAX_CHUNK_ROWS) // of each entry
  readonly #hashes = new Int32Array(MAX_CHUNK_ROWS)
  readonly #table = new Uint16Array(4 * MAX_CHUNK_ROWS) // entry + 1; 0: empty

  /** @returns false: more than half of the values are different */
  fill(u8: Uint8Array, { count, pointers, sizes }: Values): boolean {
    const limit = Math.max(1, count >>> 1)
    const tableSize = 2 ** Math.ceil(Math.log2(4 * limit))
    const table = this.#table.fill(0, 0, tableSize)
    this.count = 0
    for (let i = 0; i < count; i++) {
      const pointer = pointers[i]!
      const size = sizes[i]!
      const hash = hashOf(u8, pointer, size)
      let slot = hash & (tableSize - 1)
      let entry = table[slot]! - 1
      while (entry >= 0 && !this.#is(entry, hash, u8, pointer, size, pointers, sizes)) {
        slot = (slot + 1) & (tableSize - 1)
        entry = table[slot]! - 1
      }
      if (entry < 0) {
        if (this.count === limit) return false
        entry = this.count++
        table[slot] = entry + 1
        this.#hashes[entry] = hash
        this.values[entry] = i
        this.uses[entry] = 0
      }
      this.entryOf[i] = entry
      this.uses[entry]!++
    }
    return true
  }

  /** A guess of what a dictionary takes. */
  sizeBytes({ count, sizes }: Values): number {
    let textSize = 0
    for (let entry = 0; entry < this.count; entry++) textSize += sizes[this.values[entry]!]!
    return (count * Math.ceil(Math.log2(this.count))) / 8 + ENTRY_COMPRESSION * textSize
  }

  #is(
    entry: number,
    hash: number,
    u8: Uint8Array,
    pointer: number,
    size: number,
    pointers: Uint32Array,
    sizes: Uint32Array,
  ): boolean {
    if (this.#hashes[entry] !== hash) return false
    const value = this.values[entry]!
    if (sizes[value] !== size) return false
    const other = pointers[value]!
    for (let i = 0; i < size; i++) if (u8[other + i] !== u8[pointer + i]) return false
    return true
  }
}

/** FNV-1a, and a last step that spreads it over the low bits. */
function hashOf(u8: Uint8Array, pointer: number, size: number): number {
  let hash = 0x811c9dc5 | 0
  for (let i = 0; i < size; i++) hash = Math.imul(hash ^ u8[pointer + i]!, 0x01000193)
  return hash ^ (hash >>> 15)
}

function encodeDictionary(
  kernels: Kernels,
  { count, pointers, sizes }: Values,
  entries: ValueEntries,
  texts: TextsWriter,
  pack: Pack,
): EncodedValues {
  const order = Uint16Array.from({ length: entries.count }, (_, entry) => entry)
  if (entries.count <= MAX_SORTED_ENTRIES) {
    order.sort((a, b) => entries.uses[b]! - entries.uses[a]! || a - b) // so that most places are small
  }
  const head = varints(texts.count, entries.count)
  const places = new Uint16Array(entries.count)
  order.forEach((entry, place) => {
    places[entry] = place
    const value = entries.values[entry]!
    texts.add(kernels.u8, pointers[value]!, sizes[value]!) // whose view the end of a block may replace
  })
  texts.endKind()
  const placeOf = Uint32Array.from({ length: count }, (_, i) => places[entries.entryOf[i]!]!)
  return { codec: VALUES_CODEC_DICTIONARY, bytes: concatenated([head, pack(placeOf)]) }
}

interface Numbers {
  prefix: Uint8Array
  suffix: Uint8Array
  decimals: number
  base: number
  rests: Float64Array // what they are above the base
  isWide: boolean
  sizeBytes: number // a guess of what they take
}

/** @returns undefined: the values are not all numbers, or strings that differ in a number only */
function numbersOf(u8: Uint8Array, values: Values): Numbers | undefined {
  const { count, pointers, sizes } = values
  const isText = u8[pointers[0]!] === QUOTE
  const { prefixSize, suffixSize } = isText
    ? surroundingsOf(u8, values)
    : { prefixSize: 0, suffixSize: 0 }
  const number: Decimal = { whole: 0, decimals: 0 }
  const wholes = new Float64Array(count)
  const decimals = new Uint8Array(count)
  let most = 0
  for (let i = 0; i < count; i++) {
    const from = pointers[i]! + prefixSize
    if (!readDecimal(u8, from, pointers[i]! + sizes[i]! - suffixSize, number)) return undefined
    wholes[i] = number.whole
    decimals[i] = number.decimals
    if (number.decimals > most) most = number.decimals
  }
  let least = Infinity
  let greatest = -Infinity
  for (let i = 0; i < count; i++) {
    const whole = wholes[i]! * 10 ** (most - decimals[i]!)
    if (Math.abs(whole) >= MAX_WHOLE) return undefined
    wholes[i] = whole
    if (whole < least) least = whole
    if (whole > greatest) greatest = whole
  }
  for (let i = 0; i < count; i++) wholes[i]! -= least
  const first = pointers[0]!
  const end = first + sizes[0]!
  return {
    prefix: u8.slice(first, first + prefixSize),
    suffix: u8.slice(end - suffixSize, end),
    decimals: most,
    base: least,
    rests: wholes,
    isWide: greatest - least >= WORD,
    sizeBytes: (count * Math.ceil(Math.log2(greatest - least + 1))) / 8,
  }
}

/** How much all values begin and end with, digits apart. */
function surroundingsOf(
  u8: Uint8Array,
  { count, pointers, sizes }: Values,
): { prefixSize: number; suffixSize: number } {
  const first = pointers[0]!
  const firstSize = sizes[0]!
  let prefixSize = Math.min(firstSize, MAX_TEMPLATE_SIZE_BYTES)
  let suffixSize = prefixSize
  for (let i = 1; i < count && prefixSize > 0; i++) {
    const pointer = pointers[i]!
    const size = sizes[i]!
    if (size < prefixSize) prefixSize = size
    if (size < suffixSize) suffixSize = size
    let same = 0
    while (same < prefixSize && u8[pointer + same] === u8[first + same]) same++
    prefixSize = same
    same = 0
    while (same < suffixSize && u8[pointer + size - same - 1] === u8[first + firstSize - same - 1])
      same++
    suffixSize = same
  }
  while (prefixSize > 0 && isOfNumber(u8[first + prefixSize - 1]!)) prefixSize--
  while (suffixSize > 0 && isOfNumber(u8[first + firstSize - suffixSize]!)) suffixSize--
  return { prefixSize, suffixSize }
}

function isOfNumber(byte: number): boolean {
  return (byte >= ZERO && byte <= NINE) || byte === POINT
}

function encodeNumbers(numbers: Numbers, pack: Pack): EncodedValues {
  const { base, decimals, isWide, prefix, rests, suffix } = numbers
  const head = [
    varints(prefix.length),
    prefix,
    varints(suffix.length),
    suffix,
    Uint8Array.of(decimals, base < 0 ? 1 : 0),
    varints(Math.abs(base)),
  ]
  if (!isWide) {
    const page = pack(Uint32Array.from(rests))
    return { codec: VALUES_CODEC_NUMBERS, bytes: concatenated([...head, page]) }
  }
  const high = pack(Uint32Array.from(rests, (rest) => Math.floor(rest / WORD)))
  const low = pack(Uint32Array.from(rests, (rest) => rest % WORD))
  const bytes = concatenated([...head, varints(high.length), high, low])
  return { codec: VALUES_CODEC_WIDE_NUMBERS, bytes }
}

/** @returns undefined: the values are no strings of one length that differ in hexadecimal digits only */
function encodeHex(u8: Uint8Array, { count, pointers, sizes }: Values): EncodedValues | undefined {
  const size = sizes[0]!
  const first = pointers[0]!
  if (size > MAX_TEMPLATE_SIZE_BYTES || u8[first] !== QUOTE) return undefined
  const template = u8.slice(first, first + size)
  for (let i = 1; i < count; i++) {
    const pointer = pointers[i]!
    if (sizes[i] !== size) return undefined
    for (let at = 0; at < size; at++) {
      const byte = u8[pointer + at]!
      const expected = template[at]!
      if (byte === expected || (expected === 0 && DIGITS[byte]! >= 0)) continue
      if (DIGITS[byte]! < 0 || DIGITS[u8[first + at]!]! < 0) return undefined
      template[at] = 0
    }
  }
  const digits = digitsOf(template)
  if (digits.length < MIN_HEX_DIGITS) return undefined
  const valueSize = Math.ceil(digits.length / 2)
  const head = concatenated([varints(size), template])
  const bytes = new Uint8Array(head.length + count * valueSize)
  bytes.set(head)
  for (let i = 0, to = head.length; i < count; i++, to += valueSize) {
    packDigits(u8, pointers[i]!, digits, bytes, to)
  }
  return { codec: VALUES_CODEC_HEX, bytes }
}

/** Where digits stand in a template. */
export function digitsOf(template: Uint8Array): number[] {
  return [...template.keys()].filter((at) => template[at] === 0)
}

/** Half a byte for each of the digits of the text at `from`. */
export function packDigits(
  text: Uint8Array,
  from: number,
  digits: readonly number[],
  bytes: Uint8Array,
  to: number,
): void {
  for (let i = 0; i < digits.length; i += 2) {
    const high = digitOf(text[from + digits[i]!]!)
    const low = i + 1 < digits.length ? digitOf(text[from + digits[i + 1]!]!) : 0
    bytes[to++] = (high << 4) | low
  }
}

/** -1: no lower-case hexadecimal digit */
export function digitOf(byte: number): number {
  return DIGITS[byte]!
}

function varints(...values: number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * MAX_VARINT_SIZE_BYTES)
  return bytes.subarray(
    0,
    values.reduce((at, value) => writeVarint(bytes, at, value), 0),
  )
}

export function concatenated(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}
