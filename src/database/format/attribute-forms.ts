/**
 * @module database/format/attribute-forms
 * Takes texts of JSON objects apart: which keys there are in which order, the form of an object, and where the text of
 * each value stands. Objects with the same keys in the same order share a form, so keys and their order are stored once
 * for all of them.
 *
 * Only texts that can be put together again byte by byte are taken apart: JSON without white space between its values,
 * without a key that is there twice, with keys escaped as JSON.stringify does it. The others stay whole, as do those
 * that would make the forms too many.
 */
import { decodeUtf8Strictly, encodeUtf8 } from '../../internal/utf8.ts'
import { isEqual } from './attribute-match.ts'
import { parseAttributes } from './attributes.ts'

export const MAX_FORMS = 1024
export const MAX_KEYS = 1024
/** Keys of one object that is taken apart. */
export const MAX_FORM_KEYS = 256
/** Of a key, escaped. */
export const MAX_KEY_SIZE_BYTES = 1024
/** Of one chunk; the objects behind them stay whole. */
export const MAX_VALUES = 1 << 20
/** Different keys that may follow the same keys. */
const MAX_FOLLOWERS = 64
const MAX_BEGINNINGS = 1 << 14

const SPACE = 0x20
const QUOTE = 0x22
const COMMA = 0x2c
const MINUS = 0x2d
const POINT = 0x2e
const ZERO = 0x30
const NINE = 0x39
const COLON = 0x3a
const OPEN_ARRAY = 0x5b
const BACKSLASH = 0x5c
const CLOSE_ARRAY = 0x5d
const LETTER_E = 0x65
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
const FIRST_NON_ASCII = 0x80
const LITERALS = ['true', 'false', 'null'].map((text) => encodeUtf8(text))

// What sizeOfValue answers: the size, and flags above it.
const SIZE_MASK = 0xfffff
/** Only a parser can tell whether it is JSON. */
const UNCHECKED = 1 << 20
/** The same value has other texts, too. */
const AMBIGUOUS = 1 << 21
const NO_VALUE = -1

/** Keys with which objects begin; the beginnings of a chunk's objects are a tree. */
interface Beginning {
  key: number // the last of them
  text: Uint8Array // of that key, in quotes, with the colon
  before: Beginning | undefined
  length: number // keys
  followers: Beginning[] // with one more key
  likely: Beginning | undefined // the follower that was seen last
  form: number // of objects that end here; NO_FORM: none did yet
}

const NO_FORM = -1

/** Of the objects of one chunk. */
export class AttributeForms {
  /** Of each key its text without the quotes. */
  readonly keys: Uint8Array[] = []
  /** Of each key whether some value has other texts, too: strings with escapes, objects, arrays. */
  readonly isAmbiguous: boolean[] = []
  /** Keys of each form, in order. */
  readonly forms: number[][] = []
  // Values of all objects that were taken apart, each object's behind those of the one before.
  pointers = new Uint32Array(4096)
  sizes = new Uint32Array(4096)
  valueCount = 0

  readonly #keyNumbers = new Map<string, number>()
  readonly #root = beginning(-1, new Uint8Array(0), undefined)
  #beginnings = 0

  /**
   * Takes the object at bytes[from .. end) apart, which is at most MAX_ATTRIBUTES_SIZE_BYTES.
   *
   * @returns number of its form; undefined: it must stay whole, and no value was added
   */
  add(bytes: Uint8Array, from: number, end: number): number | undefined {
    const first = this.valueCount
    const keys = this.#walk(bytes, from, end)
    const form = keys === undefined ? undefined : this.#formOf(keys)
    if (form === undefined) this.valueCount = first
    return form
  }

  /** @returns the object's keys; undefined: it cannot be taken apart */
  #walk(bytes: Uint8Array, from: number, end: number): Beginning | undefined {
    if (end - from < 2 || bytes[from] !== OPEN_OBJECT || bytes[end - 1] !== CLOSE_OBJECT) {
      return undefined
    }
    let keys = this.#root
    if (end - from === 2) return keys
    let at = from + 1
    let flags = 0
    for (;;) {
      const { likely } = keys
      if (likely !== undefined && isEqual(bytes, at, likely.text)) {
        keys = likely
      } else {
        const next = this.#follow(keys, bytes, at, end)
        if (next === undefined) return undefined
        keys.likely = next
        keys = next
      }
      at += keys.text.length
      const value = sizeOfValue(bytes, at, end)
      if (value === NO_VALUE || this.valueCount === MAX_VALUES) return undefined
      const size = value & SIZE_MASK
      flags |= value
      if ((value & AMBIGUOUS) !== 0) this.isAmbiguous[keys.key] = true
      if (this.valueCount === this.pointers.length) this.#grow()
      this.pointers[this.valueCount] = at
      this.sizes[this.valueCount++] = size
      at += size
      const next = bytes[at++]
      if (next === CLOSE_OBJECT && at === end) break
      if (next !== COMMA) return undefined
    }
    if ((flags & UNCHECKED) === 0) return keys
    return parseAttributes(bytes.subarray(from, end)) === undefined ? undefined : keys
  }

  /** The beginning with the key at bytes[at] as one more. */
  #follow(keys: Beginning, bytes: Uint8Array, at: number, end: number): Beginning | undefined {
    for (const follower of keys.followers) if (isEqual(bytes, at, follower.text)) return follower
    const size = bytes[at] === QUOTE ? sizeOfString(bytes, at, end) : NO_VALUE
    if (size === NO_VALUE || keys.length === MAX_FORM_KEYS) return undefined
    if (keys.followers.length === MAX_FOLLOWERS || this.#beginnings === MAX_BEGINNINGS) {
      return undefined
    }
    const colon = at + (size & SIZE_MASK)
    if (bytes[colon] !== COLON) return undefined
    const key = this.#keyOf(bytes.subarray(at, colon))
    if (key === undefined || hasKey(keys, key)) return undefined
    const follower = beginning(key, bytes.slice(at, colon + 1), keys)
    keys.followers.push(follower)
    this.#beginnings++
    return follower
  }

  /** @param quoted the key as it stands in the object */
  #keyOf(quoted: Uint8Array): number | undefined {
    if (quoted.length - 2 > MAX_KEY_SIZE_BYTES) return undefined
    let text: string
    try {
      text = decodeUtf8Strictly(quoted)
      if (JSON.stringify(JSON.parse(text)) !== text) return undefined
    } catch {
      return undefined
    }
    const known = this.#keyNumbers.get(text)
    if (known !== undefined || this.keys.length === MAX_KEYS) return known
    this.#keyNumbers.set(text, this.keys.length)
    this.isAmbiguous.push(false)
    return this.keys.push(quoted.slice(1, -1)) - 1
  }

  #formOf(keys: Beginning): number | undefined {
    if (keys.form !== NO_FORM) return keys.form
    if (this.forms.length === MAX_FORMS) return undefined
    const form: number[] = []
    for (let last = keys; last.before !== undefined; last = last.before) form.push(last.key)
    keys.form = this.forms.push(form.reverse()) - 1
    return keys.form
  }

  #grow(): void {
    const { pointers, sizes } = this
    this.pointers = new Uint32Array(2 * pointers.length)
    this.sizes = new Uint32Array(2 * sizes.length)
    this.pointers.set(pointers)
    this.sizes.set(sizes)
  }
}

function beginning(key: number, text: Uint8Array, before: Beginning | undefined): Beginning {
  const length = before === undefined ? 0 : before.length + 1
  return { key, text, before, length, followers: [], likely: undefined, form: NO_FORM }
}

function hasKey(keys: Beginning, key: number): boolean {
  for (let last = keys; last.before !== undefined; last = last.before) {
    if (last.key === key) return true
  }
  return false
}

/**
 * Size of the JSON value at bytes[at], and flags. Reads no further than a few bytes behind `end`, which stands behind
 * the object's closing brace.
 */
function sizeOfValue(bytes: Uint8Array, at: number, end: number): number {
  const first = bytes[at]!
  if (first === QUOTE) return sizeOfString(bytes, at, end)
  if (first === MINUS || (first >= ZERO && first <= NINE)) return sizeOfNumber(bytes, at)
  if (first === OPEN_OBJECT || first === OPEN_ARRAY) return sizeOfNested(bytes, at, end)
  for (const literal of LITERALS) if (isEqual(bytes, at, literal)) return literal.length
  return NO_VALUE
}

function sizeOfString(bytes: Uint8Array, from: number, end: number): number {
  let flags = 0
  for (let at = from + 1; at < end; at++) {
    const byte = bytes[at]!
    if (byte === QUOTE) return (at + 1 - from) | flags
    if (byte < SPACE) return NO_VALUE
    if (byte === BACKSLASH) {
      flags |= UNCHECKED | AMBIGUOUS
      at++
    } else if (byte >= FIRST_NON_ASCII) {
      flags |= UNCHECKED
    }
  }
  return NO_VALUE
}

/** One with an exponent is left to the parser. */
function sizeOfNumber(bytes: Uint8Array, from: number): number {
  let at = bytes[from] === MINUS ? from + 1 : from
  const whole = at
  while (isDigit(bytes[at]!)) at++
  if (at === whole || (bytes[whole] === ZERO && at > whole + 1)) return NO_VALUE
  if (bytes[at] === POINT) {
    const decimals = ++at
    while (isDigit(bytes[at]!)) at++
    if (at === decimals) return NO_VALUE
  }
  if ((bytes[at]! | SPACE) !== LETTER_E) return at - from
  while (isDigit(bytes[at]!) || '+-eE'.includes(String.fromCharCode(bytes[at]!))) at++
  return (at - from) | UNCHECKED
}

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= NINE
}

/** Whether it is JSON at all is left to the parser, which then agrees on where it ends. */
function sizeOfNested(bytes: Uint8Array, from: number, end: number): number {
  let depth = 0
  for (let at = from; at < end; at++) {
    const byte = bytes[at]!
    if (byte === QUOTE) {
      const size = sizeOfString(bytes, at, end)
      if (size === NO_VALUE) return NO_VALUE
      at += (size & SIZE_MASK) - 1
    } else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
      depth++
    } else if ((byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) && --depth === 0) {
      return (at + 1 - from) | UNCHECKED | AMBIGUOUS
    }
  }
  return NO_VALUE
}
