/**
 * @module database/format/attribute-columns
 * Columns of attribute-values.ts, read: the text of any value, and which values are a wanted one. Nothing is decoded
 * before it is asked for.
 */
import { Buffer } from 'node:buffer'
import type { CorruptionError } from '../../errors.ts'
import { isEqual, type ValueMatcher } from './attribute-match.ts'
import {
  MAX_DECIMALS,
  MAX_WHOLE,
  readDecimal,
  writeDecimal,
  type Decimal,
} from './attribute-numbers.ts'
import type { TextsReader } from './attribute-texts.ts'
import { digitOf, digitsOf, MAX_TEMPLATE_SIZE_BYTES, packDigits } from './attribute-values.ts'
import type { PforReader, ValueBounds } from './pfor-reader.ts'
import { pforValue } from './pfor-value.ts'
import { VarintReader } from './varint.ts'
import {
  VALUES_CODEC_CONSTANT,
  VALUES_CODEC_DICTIONARY,
  VALUES_CODEC_HEX,
  VALUES_CODEC_NUMBERS,
  VALUES_CODEC_TEXTS,
  VALUES_CODEC_WIDE_NUMBERS,
} from './versions.ts'

const QUOTE = 0x22
const BACKSLASH = 0x5c
const WORD = 2 ** 32
/** Rows that are read alone before the whole column is decoded. */
const MAX_SINGLE_READS = 32
const HEX_DIGITS = Buffer.from('0123456789abcdef')

export interface ValueColumn {
  /**
   * Writes the JSON text of value i, at most MAX_ATTRIBUTES_SIZE_BYTES.
   *
   * @returns its end
   * @throws {CorruptionError}
   */
  write(i: number, bytes: Uint8Array, to: number): number

  /**
   * Finds the values that are the wanted one.
   *
   * @param into their numbers, ascending: room for all of the column; undefined: only how many there are is wanted
   * @returns how many there are
   * @throws {CorruptionError}
   */
  find(matcher: ValueMatcher, into: Uint16Array | undefined): number
}

/** What columns are read with. */
export interface ColumnTools {
  texts: TextsReader
  pfor: PforReader
  fail: (reason: string) => CorruptionError
}

/**
 * @param bytes   exactly the column
 * @param countOf how many values it has; finding that out takes a moment
 * @throws {CorruptionError}
 */
export function openColumn(
  tools: ColumnTools,
  codec: number,
  bytes: Uint8Array,
  countOf: () => number,
): ValueColumn {
  const reader = new VarintReader(bytes, 0, bytes.length, (_, reason) => tools.fail(reason))
  switch (codec) {
    case VALUES_CODEC_CONSTANT:
      return new ConstantColumn(tools, reader, countOf)
    case VALUES_CODEC_DICTIONARY:
      return new DictionaryColumn(tools, reader, bytes, countOf)
    case VALUES_CODEC_NUMBERS:
    case VALUES_CODEC_WIDE_NUMBERS:
      return new NumberColumn(tools, reader, bytes, codec === VALUES_CODEC_WIDE_NUMBERS, countOf)
    case VALUES_CODEC_HEX:
      return new HexColumn(tools, reader, bytes, countOf)
    case VALUES_CODEC_TEXTS:
      return new TextColumn(tools, reader, countOf)
    default:
      throw tools.fail(`unknown codec of attributes' values ${codec}`)
  }
}

class ConstantColumn implements ValueColumn {
  readonly #texts: TextsReader
  readonly #text: number
  readonly #countOf: () => number

  constructor({ texts, fail }: ColumnTools, reader: VarintReader, countOf: () => number) {
    this.#texts = texts
    this.#text = reader.next(texts.count)
    this.#countOf = countOf
    if (!reader.done) throw fail('a column of attributes is longer than its data')
  }

  write(_i: number, bytes: Uint8Array, to: number): number {
    return writeText(this.#texts, this.#text, bytes, to)
  }

  find(matcher: ValueMatcher, into: Uint16Array | undefined): number {
    if (this.#texts.find(matcher, this.#text, 1).length === 0) return 0
    const count = this.#countOf()
    if (into !== undefined) for (let i = 0; i < count; i++) into[i] = i
    return count
  }
}

class TextColumn implements ValueColumn {
  readonly #tools: ColumnTools
  readonly #first: number
  readonly #countOf: () => number

  constructor(tools: ColumnTools, reader: VarintReader, countOf: () => number) {
    this.#tools = tools
    this.#first = reader.next(tools.texts.count)
    this.#countOf = countOf
    if (!reader.done) throw tools.fail('a column of attributes is longer than its data')
  }

  write(i: number, bytes: Uint8Array, to: number): number {
    return writeText(this.#tools.texts, this.#first + i, bytes, to)
  }

  find(matcher: ValueMatcher, into: Uint16Array | undefined): number {
    const found = this.#tools.texts.find(matcher, this.#first, this.#countOf())
    if (into !== undefined) found.forEach((text, i) => (into[i] = text - this.#first))
    return found.length
  }
}

class DictionaryColumn implements ValueColumn {
  readonly #tools: ColumnTools
  readonly #first: number
  readonly #count: number
  readonly #page: Uint8Array
  readonly #countOf: () => number
  #reads = 0
  #loaded: Uint32Array | undefined

  constructor(tools: ColumnTools, reader: VarintReader, bytes: Uint8Array, countOf: () => number) {
    this.#tools = tools
    this.#first = reader.next(tools.texts.count)
    this.#count = reader.next(tools.texts.count - this.#first)
    this.#page = bytes.subarray(reader.position)
    this.#countOf = countOf
  }

  write(i: number, bytes: Uint8Array, to: number): number {
    const place = this.#reads++ < MAX_SINGLE_READS ? this.#placeOf(i) : this.#places()[i]!
    return writeText(this.#tools.texts, this.#first + place, bytes, to)
  }

  find(matcher: ValueMatcher, into: Uint16Array | undefined): number {
    const wanted = this.#tools.texts.find(matcher, this.#first, this.#count)
    if (wanted.length === 0) return 0
    if (wanted.length === 1) {
      const place = wanted[0]! - this.#first
      return findBetween(this.#tools, this.#page, this.#countOf(), equalTo(place), into)
    }
    const isWanted = new Uint8Array(this.#count)
    for (const text of wanted) isWanted[text - this.#first] = 1
    const places = this.#places()
    let found = 0
    for (let i = 0; i < places.length; i++) {
      if (into !== undefined) into[found] = i
      found += isWanted[places[i]!]!
    }
    return found
  }

  #placeOf(i: number): number {
    const place = unpackOne(this.#tools, this.#page, this.#countOf(), i)
    if (place >= this.#count) throw this.#tools.fail('an attribute that is not in its dictionary')
    return place
  }

  #places(): Uint32Array {
    if (this.#loaded !== undefined) return this.#loaded
    const places = unpack(this.#tools, this.#page, this.#countOf())
    for (const place of places) {
      if (place >= this.#count) throw this.#tools.fail('an attribute that is not in its dictionary')
    }
    return (this.#loaded = places)
  }
}

class NumberColumn implements ValueColumn {
  readonly #tools: ColumnTools
  readonly #prefix: Uint8Array
  readonly #suffix: Uint8Array
  readonly #decimals: number
  readonly #base: number
  readonly #pages: Uint8Array[] // of the rests; of a wide one: of the high parts, of the low ones
  readonly #countOf: () => number
  #reads = 0
  #loaded: Float64Array | Uint32Array | undefined // [count], above the base

  constructor(
    tools: ColumnTools,
    reader: VarintReader,
    bytes: Uint8Array,
    isWide: boolean,
    countOf: () => number,
  ) {
    this.#tools = tools
    this.#countOf = countOf
    this.#prefix = nextBytes(reader, bytes)
    this.#suffix = nextBytes(reader, bytes)
    this.#decimals = reader.next(MAX_DECIMALS)
    const isNegative = reader.next(1) === 1
    const base = reader.next(MAX_WHOLE)
    this.#base = isNegative ? -base : base
    const middle = isWide ? reader.next(bytes.length) + reader.position : bytes.length
    this.#pages = [bytes.subarray(reader.position, middle)]
    if (isWide) this.#pages.push(bytes.subarray(middle))
    const isText = this.#prefix[0] === QUOTE && this.#suffix.at(-1) === QUOTE
    if (this.#prefix.length + this.#suffix.length > 0 && !isText) throw noTemplate(tools)
    if (this.#prefix.includes(BACKSLASH) || this.#suffix.includes(BACKSLASH))
      throw noTemplate(tools)
  }

  write(i: number, bytes: Uint8Array, to: number): number {
    const rest = this.#reads++ < MAX_SINGLE_READS ? this.#restOf(i) : this.#rests()[i]!
    const whole = this.#base + rest
    if (!(Math.abs(whole) < MAX_WHOLE)) throw this.#tools.fail('an attribute that is no number')
    bytes.set(this.#prefix, to)
    const end = writeDecimal(bytes, to + this.#prefix.length, whole, this.#decimals)
    bytes.set(this.#suffix, end)
    return end + this.#suffix.length
  }

  find(matcher: ValueMatcher, into: Uint16Array | undefined): number {
    const whole = this.#wholeOf(matcher)
    if (whole === undefined || whole < this.#base) return 0
    const rest = whole - this.#base
    const [page, lowPage] = this.#pages
    if (lowPage === undefined) {
      if (rest >= WORD) return 0
      return findBetween(this.#tools, page!, this.#countOf(), equalTo(rest), into)
    }
    const rests = this.#rests()
    let found = 0
    for (let at = rests.indexOf(rest); at >= 0; at = rests.indexOf(rest, at + 1)) {
      if (into !== undefined) into[found] = at
      found++
    }
    return found
  }

  /** The wanted value as this column has it; undefined: it cannot have it. */
  #wholeOf({ text, value }: ValueMatcher): number | undefined {
    const prefix = this.#prefix
    const suffix = this.#suffix
    if (prefix.length === 0) {
      if (typeof value !== 'number') return undefined
      const whole = Math.round(value * 10 ** this.#decimals)
      if (!(Math.abs(whole) < MAX_WHOLE)) return undefined
      const said = Buffer.alloc(32)
      return Number(said.toString('latin1', 0, writeDecimal(said, 0, whole, this.#decimals))) ===
        value
        ? whole
        : undefined
    }
    const number: Decimal = { whole: 0, decimals: 0 }
    const end = text.length - suffix.length
    const isOfColumn =
      end > prefix.length &&
      isEqual(text, 0, prefix) &&
      isEqual(text, end, suffix) &&
      readDecimal(text, prefix.length, end, number)
    if (!isOfColumn || number.decimals > this.#decimals) return undefined
    return number.whole * 10 ** (this.#decimals - number.decimals)
  }

  #restOf(i: number): number {
    const count = this.#countOf()
    return this.#pages.reduce((high, page) => {
      return high * WORD + unpackOne(this.#tools, page, count, i)
    }, 0)
  }

  #rests(): Float64Array | Uint32Array {
    if (this.#loaded !== undefined) return this.#loaded
    const count = this.#countOf()
    const [first, second] = this.#pages.map((page) => unpack(this.#tools, page, count))
    this.#loaded =
      second === undefined
        ? first!
        : Float64Array.from(first!, (high, i) => high * WORD + second[i]!)
    return this.#loaded
  }
}

class HexColumn implements ValueColumn {
  readonly #tools: ColumnTools
  readonly #template: Uint8Array
  readonly #digits: readonly number[]
  readonly #valueSize: number
  readonly #values: Buffer
  readonly #countOf: () => number

  constructor(tools: ColumnTools, reader: VarintReader, bytes: Uint8Array, countOf: () => number) {
    this.#tools = tools
    this.#countOf = countOf
    const template = nextBytes(reader, bytes)
    this.#template = template
    this.#digits = digitsOf(template)
    this.#valueSize = Math.ceil(this.#digits.length / 2)
    const { buffer, byteOffset, byteLength } = bytes.subarray(reader.position)
    this.#values = Buffer.from(buffer, byteOffset, byteLength)
    const isText = template[0] === QUOTE && template.at(-1) === QUOTE && template.length > 1
    if (!isText || template.includes(BACKSLASH) || this.#valueSize === 0) throw noTemplate(tools)
  }

  write(i: number, bytes: Uint8Array, to: number): number {
    const digits = this.#digits
    const values = this.#values
    const from = i * this.#valueSize
    if (from + this.#valueSize > values.length) throw this.#tools.fail('attributes are cut off')
    bytes.set(this.#template, to)
    for (let n = 0; n < digits.length; n++) {
      const byte = values[from + (n >>> 1)]!
      bytes[to + digits[n]!] = HEX_DIGITS[n % 2 === 0 ? byte >>> 4 : byte & 15]!
    }
    return to + this.#template.length
  }

  find({ text }: ValueMatcher, into: Uint16Array | undefined): number {
    const size = this.#valueSize
    const values = this.#values
    const template = this.#template
    if (text.length !== template.length) return 0
    for (let at = 0; at < text.length; at++) {
      if (template[at] === 0 ? digitOf(text[at]!) < 0 : text[at] !== template[at]) return 0
    }
    if (values.length !== this.#countOf() * size) throw this.#tools.fail('attributes are cut off')
    const wanted = Buffer.alloc(size)
    packDigits(text, 0, this.#digits, wanted, 0)
    let found = 0
    for (let at = values.indexOf(wanted); at >= 0; at = values.indexOf(wanted, at + 1)) {
      if (at % size !== 0) continue
      if (into !== undefined) into[found] = at / size
      found++
    }
    return found
  }
}

function writeText(texts: TextsReader, text: number, to: Uint8Array, at: number): number {
  texts.locate(text)
  const { bytes, end, from } = texts
  for (let i = from; i < end; i++) to[at++] = bytes[i]!
  return at
}

function unpack({ fail, pfor }: ColumnTools, page: Uint8Array, count: number): Uint32Array {
  const values = pfor.decode(page, count)
  if (values === undefined) throw fail('a column of attributes is malformed')
  return values
}

function unpackOne({ fail }: ColumnTools, page: Uint8Array, count: number, i: number): number {
  const value = pforValue(page, count, i)
  if (value === undefined) throw fail('a column of attributes is malformed')
  return value
}

function findBetween(
  { fail, pfor }: ColumnTools,
  page: Uint8Array,
  count: number,
  bounds: ValueBounds,
  into: Uint16Array | undefined,
): number {
  const found = pfor.find(page, count, bounds, into)
  if (found === undefined) throw fail('a column of attributes is malformed')
  return found
}

function equalTo(value: number): ValueBounds {
  return { least: value, most: value }
}

/** A size and so many bytes. */
function nextBytes(reader: VarintReader, bytes: Uint8Array): Uint8Array {
  const size = reader.next(Math.min(MAX_TEMPLATE_SIZE_BYTES, bytes.length))
  const at = reader.position
  reader.position += size // the reader's end, if it is behind that, is found by whoever reads on
  return bytes.subarray(at, at + size)
}

function noTemplate({ fail }: ColumnTools): CorruptionError {
  return fail('an impossible template of attributes')
}
