/**
 * @module database/format/shredded-attributes
 * Attributes of a chunk's rows from their columns: what attribute-shredder.ts writes, where the bytes are told.
 */
import { CorruptionError } from '../../errors.ts'
import { encodeUtf8 } from '../../internal/utf8.ts'
import type { JsonValue } from '../../types.ts'
import { bytesFrom, type AttributeTools, type RowAttributes } from './attribute-blocks.ts'
import { openColumn, type ColumnTools, type ValueColumn } from './attribute-columns.ts'
import {
  MAX_FORM_KEYS,
  MAX_FORMS,
  MAX_KEY_SIZE_BYTES,
  MAX_KEYS,
  MAX_VALUES,
} from './attribute-forms.ts'
import { isEqual, matchTexts, ValueMatcher } from './attribute-match.ts'
import { groupByPlace, PLACE_FORMS, PLACE_NONE, PLACE_WHOLE } from './attribute-places.ts'
import { TextsReader } from './attribute-texts.ts'
import { MAX_TEMPLATE_SIZE_BYTES } from './attribute-values.ts'
import type { FileBytes } from './file-bytes.ts'
import { MAX_CHUNK_ROWS } from './pages.ts'
import { MAX_ATTRIBUTES_SIZE_BYTES } from './rows.ts'
import { VarintReader } from './varint.ts'
import { PLACES_CODEC_CONSTANT, PLACES_CODEC_PFOR } from './versions.ts'

const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
const MAX_CODEC = 0xff
const MAX_TEXTS = MAX_VALUES + MAX_CHUNK_ROWS
const NO_ROWS = new Uint16Array(0)
/** What may be written before it is looked whether a row's text became too long. */
const MAX_PART_SIZE_BYTES =
  4 + MAX_KEY_SIZE_BYTES + Math.max(MAX_ATTRIBUTES_SIZE_BYTES, 3 * MAX_TEMPLATE_SIZE_BYTES)

/** Text that is put together, and copied as soon as it is complete. */
let textOfRow: Uint8Array | undefined
/** Values of a column that were found, and 1 for each row they stand in, until these are told in ascending order. */
let valuesFound: Uint16Array | undefined
let isRowFound: Uint8Array | undefined
/** Order of rows that all have the same form. */
const ALL_ROWS = Uint16Array.from({ length: MAX_CHUNK_ROWS }, (_, row) => row)

interface Column {
  codec: number
  bytes: Uint8Array
  forms: number[] // that have the key, ascending
  opened: ValueColumn | undefined
}

/** The i-th of a form's keys. */
interface FormKey {
  key: number
  use: number // which of the forms that have the key this one is
}

/** Which form each row has, and where its values stand. */
interface Rows {
  placeOf: (row: number) => number
  positions: Uint16Array // of the row among those with the same place
  order: Uint16Array // rows by place
  firsts: Uint32Array // of each place in the order
  firstValues: Uint32Array[] // of each key: where the values of each form that has it begin, and their end
}

export class ShreddedAttributes implements RowAttributes {
  readonly #rowCount: number
  readonly #guard: AttributeTools['guard']
  readonly #tools: ColumnTools
  readonly #keys: Uint8Array[]
  readonly #forms: FormKey[][]
  readonly #wholeCount: number
  readonly #constantPlace: number | undefined
  readonly #placesPage: Uint8Array
  readonly #columns: Column[]
  #rows: Rows | undefined

  /**
   * @param position of the attributes in the page, which ends with them
   * @param rowCount of the chunk
   * @throws {CorruptionError} what is told of the columns is impossible
   */
  constructor(page: FileBytes, position: number, rowCount: number, tools: AttributeTools) {
    const { guard, pfor } = tools
    const { offset, path } = page
    const fail = (reason: string) => new CorruptionError(path, offset + position, reason)
    const bytes = bytesFrom(page, position, tools)
    const reader = new VarintReader(bytes, 0, bytes.length, (_, reason) => fail(reason))
    const nextBytes = (size: number): Uint8Array => {
      const at = reader.position
      reader.position += size
      if (reader.position > bytes.length) throw fail('attributes are cut off')
      return bytes.subarray(at, reader.position)
    }
    this.#rowCount = rowCount
    this.#guard = guard
    this.#keys = repeat(reader.next(MAX_KEYS), () => nextBytes(reader.next(MAX_KEY_SIZE_BYTES)))
    const columns = this.#keys.map((): Column => {
      return { codec: 0, bytes, forms: [], opened: undefined }
    })
    this.#forms = repeat(reader.next(MAX_FORMS), (form) =>
      repeat(reader.next(MAX_FORM_KEYS), () => {
        const key = reader.next(MAX_KEYS)
        const column = columns[key]
        if (column === undefined) throw fail('a form with an unknown key')
        return { key, use: column.forms.push(form) - 1 }
      }),
    )
    this.#wholeCount = reader.next(rowCount)
    if (reader.next(PLACES_CODEC_PFOR) === PLACES_CODEC_CONSTANT) {
      this.#constantPlace = reader.next(PLACE_FORMS + MAX_FORMS)
      this.#placesPage = bytes.subarray(0, 0)
    } else {
      this.#placesPage = nextBytes(reader.next(bytes.length))
    }
    const sizes = columns.map((column) => {
      column.codec = reader.next(MAX_CODEC)
      return reader.next(bytes.length)
    })
    columns.forEach((column, key) => (column.bytes = nextBytes(sizes[key]!)))
    this.#columns = columns
    const texts = new TextsReader(bytes, reader.position, MAX_TEXTS, fail)
    if (texts.count < this.#wholeCount) throw fail('attributes without a text')
    this.#tools = { texts, pfor, fail }
  }

  get(row: number): Uint8Array | undefined {
    if (!(row >= 0 && row < this.#rowCount)) return undefined
    return this.#guard(() => this.#textOf(row))
  }

  *[Symbol.iterator](): Generator<[row: number, text: Uint8Array], undefined> {
    for (let row = 0; row < this.#rowCount; row++) {
      const text = this.get(row)
      if (text !== undefined) yield [row, text]
    }
  }

  match(key: string, value: JsonValue): Uint16Array {
    return this.#guard(() => this.#match(key, value)) ?? NO_ROWS
  }

  count(key: string, value: JsonValue): number {
    if (this.#wholeCount > 0) return this.match(key, value).length
    const count = this.#guard(() => {
      const number = this.#numberOf(key)
      return number < 0 ? 0 : this.#columnOf(number).find(new ValueMatcher(value), undefined)
    })
    return count ?? 0
  }

  #textOf(row: number): Uint8Array | undefined {
    const { firstValues, placeOf, positions } = this.#decodeRows()
    const place = placeOf(row)
    if (place === PLACE_NONE) return undefined
    const position = positions[row]!
    if (place === PLACE_WHOLE) return this.#wholeText(position)
    textOfRow ??= new Uint8Array(MAX_ATTRIBUTES_SIZE_BYTES + MAX_PART_SIZE_BYTES)
    const text = textOfRow
    let at = 0
    text[at++] = OPEN_OBJECT
    for (const { key, use } of this.#forms[place - PLACE_FORMS]!) {
      if (at > 1) text[at++] = COMMA
      text[at++] = QUOTE
      const name = this.#keys[key]!
      for (let i = 0; i < name.length; i++) text[at++] = name[i]!
      text[at++] = QUOTE
      text[at++] = COLON
      at = this.#columnOf(key).write(firstValues[key]![use]! + position, text, at)
      if (at >= MAX_ATTRIBUTES_SIZE_BYTES) throw this.#tools.fail('attributes are too long')
    }
    text[at++] = CLOSE_OBJECT
    return text.slice(0, at)
  }

  /** @param i counts the rows whose attributes stayed one text */
  #wholeText(i: number): Uint8Array {
    const { texts } = this.#tools
    texts.locate(texts.count - this.#wholeCount + i)
    return texts.bytes.slice(texts.from, texts.end)
  }

  #match(key: string, value: JsonValue): Uint16Array {
    const number = this.#numberOf(key)
    const rows = number < 0 ? NO_ROWS : this.#matchColumn(number, new ValueMatcher(value))
    if (this.#wholeCount === 0) return rows
    return ascending([rows, this.#matchWhole(key, value)])
  }

  /** Of the key; -1: no row has it, but for those whose attributes stayed one text. */
  #numberOf(key: string): number {
    const name = encodeUtf8(JSON.stringify(key).slice(1, -1))
    return this.#keys.findIndex((other) => {
      return other.length === name.length && isEqual(other, 0, name)
    })
  }

  #matchColumn(key: number, matcher: ValueMatcher): Uint16Array {
    const values = (valuesFound ??= new Uint16Array(MAX_CHUNK_ROWS))
    const count = this.#columnOf(key).find(matcher, values)
    if (count === 0) return NO_ROWS
    const { firsts, firstValues, order } = this.#decodeRows()
    const { forms } = this.#columns[key]!
    const begins = firstValues[key]!
    const rows = new Uint16Array(count)
    let i = 0
    forms.forEach((form, use) => {
      const end = begins[use + 1]!
      const shift = firsts[PLACE_FORMS + form]! - begins[use]!
      for (; i < count && values[i]! < end; i++) rows[i] = order[shift + values[i]!]!
    })
    return forms.length === 1 ? rows : ascending([rows])
  }

  #matchWhole(key: string, value: JsonValue): Uint16Array {
    const { firsts, order } = this.#decodeRows()
    const rows = order.subarray(firsts[PLACE_WHOLE], firsts[PLACE_WHOLE + 1])
    const texts = Array.from(rows, (row, i): [number, Uint8Array] => [row, this.#wholeText(i)])
    return matchTexts(texts, key, value)
  }

  #columnOf(key: number): ValueColumn {
    const column = this.#columns[key]!
    column.opened ??= openColumn(this.#tools, column.codec, column.bytes, () => {
      return this.#decodeRows().firstValues[key]!.at(-1)!
    })
    return column.opened
  }

  #decodeRows(): Rows {
    if (this.#rows !== undefined) return this.#rows
    const { fail } = this.#tools
    const placeCount = PLACE_FORMS + this.#forms.length
    const rows =
      this.#constantPlace === undefined
        ? this.#decodePlaces(placeCount)
        : this.#samePlaces(this.#constantPlace, placeCount)
    const { firsts } = rows
    if (firsts[PLACE_WHOLE + 1]! - firsts[PLACE_WHOLE]! !== this.#wholeCount) {
      throw fail('another number of attributes stayed one text')
    }
    const firstValues = this.#columns.map(({ forms }) => {
      const begins = new Uint32Array(forms.length + 1)
      forms.forEach((form, use) => {
        const place = PLACE_FORMS + form
        begins[use + 1] = begins[use]! + firsts[place + 1]! - firsts[place]!
      })
      return begins
    })
    return (this.#rows = { ...rows, firstValues })
  }

  #samePlaces(place: number, placeCount: number): Omit<Rows, 'firstValues'> {
    if (place >= placeCount) throw this.#tools.fail('attributes of no form')
    const rows = ALL_ROWS.subarray(0, this.#rowCount)
    const firsts = new Uint32Array(placeCount + 1).fill(this.#rowCount, place + 1)
    return { placeOf: () => place, positions: rows, order: rows, firsts }
  }

  #decodePlaces(placeCount: number): Omit<Rows, 'firstValues'> {
    const { fail, pfor } = this.#tools
    const places = pfor.decode(this.#placesPage, this.#rowCount)
    if (places === undefined) throw fail('the list of the forms is malformed')
    for (const place of places) if (place >= placeCount) throw fail('attributes of no form')
    const { firsts, order } = groupByPlace(places, placeCount)
    const positions = new Uint16Array(this.#rowCount)
    for (let place = 0; place < placeCount; place++) {
      const first = firsts[place]!
      for (let i = first; i < firsts[place + 1]!; i++) positions[order[i]!] = i - first
    }
    return { placeOf: (row) => places[row]!, positions, order, firsts }
  }
}

/** Rows of all the lists, none of which is in two, in order; faster than sorting them. */
function ascending(lists: readonly Uint16Array[]): Uint16Array {
  const isFound = (isRowFound ??= new Uint8Array(MAX_CHUNK_ROWS))
  let end = 0
  let count = 0
  for (const rows of lists) {
    count += rows.length
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i]!
      isFound[row] = 1
      if (row >= end) end = row + 1
    }
  }
  const sorted = new Uint16Array(count)
  let at = 0
  for (let row = 0; row < end; row++) {
    if (isFound[row] === 1) sorted[at++] = row
  }
  isFound.fill(0, 0, end)
  return sorted
}

function repeat<T>(count: number, make: (i: number) => T): T[] {
  return Array.from({ length: count }, (_, i) => make(i))
}
