/**
 * @module database/format/attribute-match
 * Which rows have an attribute with a certain value. Two values are the same if they are as JSON: objects whatever the
 * order of their keys, numbers however they are written.
 */
import { Buffer } from 'node:buffer'
import type { JsonValue } from '../../types.ts'
import { parseAttributes } from './attributes.ts'

const BACKSLASH = 0x5c

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
