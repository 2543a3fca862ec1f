/**
 * @module database/format/attribute-match
 * Which rows have an attribute with a certain value. Two values are the same if they are as JSON: objects whatever the
 * order of their keys, numbers however they are written.
 */
import { Buffer } from 'node:buffer'
import type { JsonValue } from '../../types.ts'
import { parseAttributes } from './attributes.ts'

const BACKSLASH = 0x5c
const QUOTE = 0x22
const NINE = 0x39
/** Searching for more can take time that grows with the square of it. */
const MAX_SEARCHED_SIZE_BYTES = 1024
/** More than most questions have conditions. */
const MAX_KEPT_MATCHES = 8

/** @param texts by row, ascending */
export function matchTexts(
  texts: Iterable<[row: number, text: Uint8Array]>,
  key: string,
  value: JsonValue,
): Uint16Array {
  const needles = [Buffer.from(JSON.stringify(key))]
  if (typeof value === 'string') needles.push(Buffer.from(JSON.stringify(value)))
  const rows: number[] = []
  for (const [row, text] of texts) {
    if (!mayContain(text, needles)) continue
    const attributes = parseAttributes(text)
    if (attributes === undefined || !Object.hasOwn(attributes, key)) continue
    if (isSameJson(attributes[key]!, value)) rows.push(row)
  }
  return Uint16Array.from(rows)
}

/** Most rows are told apart without being parsed. Where something is escaped, the same string has many texts. */
function mayContain(text: Uint8Array, needles: readonly Buffer[]): boolean {
  const bytes = Buffer.from(text.buffer, text.byteOffset, text.byteLength)
  return bytes.includes(BACKSLASH) || needles.every((needle) => bytes.includes(needle))
}

export function isSameJson(a: JsonValue, b: JsonValue): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b
  if (Array.isArray(a) !== Array.isArray(b)) return false
  const [keysOfA, keysOfB] = [Object.keys(a), Object.keys(b)]
  if (keysOfA.length !== keysOfB.length) return false
  const [left, right] = [a, b] as Record<string, JsonValue>[]
  return keysOfA.every((key) => Object.hasOwn(right!, key) && isSameJson(left![key]!, right![key]!))
}

/** Rows of a page that had certain values. Functions that share the page are asked one after the other. */
export class KeptMatches {
  readonly #byKey = new Map<string, { value: JsonValue; rows: Uint16Array }>()

  get(key: string, value: JsonValue, match: () => Uint16Array): Uint16Array {
    const kept = this.#byKey.get(key)
    if (kept !== undefined && Object.is(kept.value, value)) return kept.rows
    const rows = match()
    if (this.#byKey.size >= MAX_KEPT_MATCHES) this.#byKey.clear()
    this.#byKey.set(key, { value, rows })
    return rows
  }
}

/** Compares the text of one value with a wanted one. */
export class ValueMatcher {
  readonly value: JsonValue
  /** The wanted value as JSON.stringify writes it. */
  readonly text: Buffer

  constructor(value: JsonValue) {
    this.value = value
    this.text = Buffer.from(JSON.stringify(value))
  }

  /** Whether `bytes`, which hold texts of values, can say the wanted value in no other way than `text`. */
  hasOneText(bytes: Buffer): boolean {
    const { text, value } = this
    if (text.length > MAX_SEARCHED_SIZE_BYTES) return false
    if (typeof value === 'string') return !bytes.includes(BACKSLASH)
    return typeof value === 'boolean' || value === null
  }

  /** @param bytes of which [from, end) are JSON */
  matches(bytes: Uint8Array, from: number, end: number): boolean {
    const { text, value } = this
    if (text.length === end - from && isEqual(bytes, from, text)) return true
    if (!this.#isLikely(bytes[from]!)) return false
    const found = Buffer.from(bytes.buffer, bytes.byteOffset + from, end - from)
    if (typeof value === 'string' && !found.includes(BACKSLASH)) return false
    try {
      return isSameJson(JSON.parse(found.toString()) as JsonValue, value)
    } catch {
      return false // forged: no text of a value
    }
  }

  /** Whether a value that begins with this byte may be the wanted one in other words. */
  #isLikely(first: number): boolean {
    switch (typeof this.value) {
      case 'string':
        return first === QUOTE
      case 'number':
        return first <= NINE && first !== QUOTE
      case 'object':
        return this.value !== null && first === this.text[0]
      default:
        return false
    }
  }
}

/** Whether `wanted` stands at bytes[from]. */
export function isEqual(bytes: Uint8Array, from: number, wanted: Uint8Array): boolean {
  for (let i = 0; i < wanted.length; i++) if (bytes[from + i] !== wanted[i]) return false
  return true
}
