/**
 * @module database/format/attributes
 * What a program attached to a call, from the text in the file. That text may be damaged, forged, or written by
 * somebody who does not keep to the format.
 */
import type { JsonValue } from '../../types.ts'
import { decodeUtf8Strictly } from '../../internal/utf8.ts'

/** Objects and arrays inside each other. Walking through any number of them would overflow the stack. */
const MAX_NESTING = 500

const QUOTE = 0x22
const BACKSLASH = 0x5c
const CLOSES = new Set([0x5d, 0x7d]) // ] }
const OPENS = new Set([0x5b, 0x7b]) // [ {

/**
 * A key named `__proto__` is a property like others: nothing inherits from what it holds.
 *
 * @param bytes UTF-8 text of a JSON object
 * @returns undefined if they are anything else, or more than 500 objects and arrays stand inside each other
 */
export function parseAttributes(bytes: Uint8Array): Record<string, JsonValue> | undefined {
  if (bytes.length > 2 * MAX_NESTING && nesting(bytes) > MAX_NESTING) return undefined
  let value: unknown
  try {
    value = JSON.parse(decodeUtf8Strictly(bytes))
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  return value as Record<string, JsonValue>
}

/** How many objects and arrays stand inside each other, if the bytes are JSON. */
function nesting(bytes: Uint8Array): number {
  let depth = 0
  let deepest = 0
  let inString = false
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!
    if (inString) {
      if (byte === BACKSLASH) i++
      else if (byte === QUOTE) inString = false
    } else if (byte === QUOTE) {
      inString = true
    } else if (OPENS.has(byte)) {
      deepest = Math.max(deepest, ++depth)
    } else if (CLOSES.has(byte)) {
      depth--
    }
  }
  return deepest
}
