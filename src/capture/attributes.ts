/**
 * @module capture/attributes
 * What a user's extractor returned, as the JSON text that is stored with the call. The value may be anything at all, and
 * this runs inside the user's call: it never throws, its work is bounded whatever the size of the value (but for the list of
 * an object's keys, which comes in one piece), and no property is read twice.
 *
 * What JSON has no word for is written as text: a Date in ISO form, a bigint in digits, an Error as `Name: message`, NaN
 * and Infinity by name, a Map, Set or typed array by kind and size. Functions, symbols and undefined are left out, and
 * `null` in an array, as in JSON. Text in brackets stands for what is not there: `[redacted]`, `[circular]`, `[error]`
 * (reading it threw), `[object]` and `[array]` (nested too deep), `[too large]`. A key `…` says how many keys are missing.
 */
import * as types from 'node:util/types'
import { createRedaction, REDACTED, type Redact, type Secrecy } from './redaction.ts'

export interface AttributeLimits {
  maxKeys?: number // of an object; further ones are counted under `…` (default: 32)
  maxDepth?: number // objects and arrays within each other, the outermost included (default: 4)
  maxElements?: number // of an array; further ones are counted in a last element (default: 32)
  maxStringLength?: number // UTF-16 units; longer ones are cut, with an ellipsis (default: 256)
  maxBytes?: number // UTF-8 bytes of the whole text, at least 64 (default: 4096)
  redact?: Redact // secrets by name and by form; an array: these names besides (default: true)
}

/** @returns text of a JSON object; undefined if there is nothing to store. Never throws */
export type AttributeEncoder = (value: unknown) => string | undefined

/** The state of one call: an extractor's getter may well end up in another one. */
interface Work {
  values: number // that may still be looked at
  units: number // that may still be written; the text is void once this is negative
  open: object[] // that are being written, outermost first
}

interface KnownKey {
  text: string // with quotes and colon
  secrecy: Secrecy
}

const MAX_VALUES = 4096
/** Keys repeat from call to call; the first ones are kept together with what is known of them. */
const KNOWN_KEYS = 1000
const LONGEST_KNOWN_KEY = 64
/** Longer integers are not turned into digits: the time that takes grows with the square of their length. */
const LONGEST_BIGINT_BITS = 512

const ELLIPSIS = '…'
const TOO_LARGE = '"[too large]"'
const FAILED = '"[error]"'
const WITHHELD = `"${REDACTED}"`
/** Most texts; the test takes a fraction of the time that JSON.stringify does. */
const NEEDS_NO_ESCAPE = /^[\w .,:;/@#?&=+()-]*$/
/** Bytes for `{`, `}` and the count of missing keys. */
const FRAME_BYTES = 32

const { isAnyArrayBuffer, isBoxedPrimitive, isDate, isMap, isNativeError } = types
const { isPromise, isRegExp, isSet, isTypedArray } = types
const { getPrototypeOf, keys: keysOf, prototype: objectPrototype } = Object
const thenOf = Promise.prototype.then // eslint-disable-line @typescript-eslint/unbound-method -- applied to a promise

export function createAttributeEncoder(limits: AttributeLimits = {}): AttributeEncoder {
  const { maxKeys = 32, maxDepth = 4, maxElements = 32, maxStringLength = 256 } = limits
  const { maxBytes = 4096, redact = true } = limits
  const redaction = createRedaction(redact)
  /** How much of a text is looked at: more than is kept, so that the beginning of a secret is recognised as one. */
  const window = redaction === undefined ? maxStringLength + 1 : maxStringLength * 4
  const knownKeys = new Map<string, KnownKey>()

  function encode(given: unknown): string | undefined {
    if (given === undefined || given === null) return undefined
    try {
      const work: Work = { values: MAX_VALUES, units: maxBytes, open: [] }
      const value = typeof given === 'object' ? simplify(given) : given
      if (isObject(value) && !Array.isArray(value)) return encodeOutermost(value, work)
      const text = encodeValue(value, 1, work)
      if (text === undefined) return undefined
      const fits = work.units >= 0 && Buffer.byteLength(text) <= maxBytes - FRAME_BYTES
      return `{"value":${fits ? text : TOO_LARGE}}`
    } catch {
      return `{"value":${FAILED}}` // a hostile object, or no stack left
    }
  }

  /** One value that is too large does not take the others with it. */
  function encodeOutermost(object: object, work: Work): string | undefined {
    const keys = keysOf(object)
    const texts: string[] = []
    work.open.push(object)
    for (let i = 0; i < keys.length && i < maxKeys; i++) {
      const known = knowKey(keys[i]!)
      work.units = maxBytes
      const text = encodeMember(object, keys[i]!, known.secrecy, 1, work)
      if (text !== undefined) texts.push(known.text, work.units < 0 ? TOO_LARGE : text)
    }
    const dropped = dropWhatDoesNotFit(texts)
    const missing = dropped + Math.max(0, keys.length - maxKeys)
    let all = ''
    for (let i = 0; i < texts.length; i += 2)
      all += `${i === 0 ? '' : ','}${texts[i]}${texts[i + 1]}`
    if (missing > 0) all += `${all === '' ? '' : ','}"${ELLIPSIS}":${missing}`
    return all === '' ? undefined : `{${all}}`
  }

  /** @param texts key, value, key, value ... @returns how many of the pairs are left out */
  function dropWhatDoesNotFit(texts: string[]): number {
    let units = 0
    for (const text of texts) units += text.length + 1
    // hardly ever is it worth counting the bytes: no UTF-16 unit takes more than three
    if (units * 3 <= maxBytes - FRAME_BYTES) return 0
    const all = texts.splice(0)
    let bytesLeft = maxBytes - FRAME_BYTES
    for (let i = 0; i < all.length; i += 2) {
      const keyBytes = Buffer.byteLength(all[i]!) + 1
      const fitting = [all[i + 1]!, TOO_LARGE].find(
        (text) => keyBytes + Buffer.byteLength(text) <= bytesLeft,
      )
      if (fitting === undefined) continue
      texts.push(all[i]!, fitting)
      bytesLeft -= keyBytes + Buffer.byteLength(fitting)
    }
    return (all.length - texts.length) / 2
  }

  /** @returns undefined if the member is left out */
  function encodeMember(
    holder: object,
    key: string,
    secrecy: Secrecy,
    depth: number,
    work: Work,
  ): string | undefined {
    if (secrecy === 'secret') return WITHHELD
    let value: unknown
    try {
      value = (holder as Record<string, unknown>)[key]
    } catch {
      return FAILED
    }
    if (secrecy === 'count' && typeof value !== 'number') return WITHHELD
    return encodeValue(value, depth + 1, work)
  }

  /**
   * @param depth that an object has here; the outermost has 1
   * @returns undefined if the value is left out
   */
  function encodeValue(value: unknown, depth: number, work: Work): string | undefined {
    if (--work.values < 0) work.units = -1
    switch (typeof value) {
      case 'string':
        return quote(value)
      case 'number':
        return Number.isFinite(value) ? `${value}` : `"${value}"`
      case 'boolean':
        return value ? 'true' : 'false'
      case 'bigint':
        return BigInt.asIntN(LONGEST_BIGINT_BITS, value) === value ? `"${value}"` : TOO_LARGE
      case 'object':
        return value === null ? 'null' : encodeObject(value, depth, work)
      default:
        return undefined
    }
  }

  function encodeObject(object: object, depth: number, work: Work): string | undefined {
    const height = work.open.length
    try {
      if (work.open.includes(object)) return '"[circular]"'
      const value = simplify(object)
      if (!isObject(value)) return encodeValue(value, depth, work)
      const isArray = Array.isArray(value)
      if (depth > maxDepth) return isArray ? '"[array]"' : '"[object]"'
      work.open.push(object)
      return isArray ? encodeElements(value, depth, work) : encodeMembers(value, depth, work)
    } catch {
      return FAILED
    } finally {
      work.open.length = height
    }
  }

  function encodeMembers(object: object, depth: number, work: Work): string {
    const keys = keysOf(object)
    let text = ''
    for (let i = 0; i < keys.length && i < maxKeys && work.units >= 0; i++) {
      const known = knowKey(keys[i]!)
      const member = encodeMember(object, keys[i]!, known.secrecy, depth, work)
      if (member === undefined) continue
      text += `${text === '' ? '' : ','}${known.text}${member}`
      work.units -= known.text.length + member.length
    }
    if (keys.length > maxKeys) {
      text += `${text === '' ? '' : ','}"${ELLIPSIS}":${keys.length - maxKeys}`
    }
    return `{${text}}`
  }

  function encodeElements(array: readonly unknown[], depth: number, work: Work): string {
    const { length } = array
    const elements: string[] = []
    for (let i = 0; i < length && i < maxElements && work.units >= 0; i++) {
      const element = encodeValue(array[i], depth + 1, work) ?? 'null'
      elements.push(element)
      work.units -= element.length
    }
    if (length > maxElements) elements.push(`"${ELLIPSIS} ${length - maxElements} more"`)
    return `[${elements.join(',')}]`
  }

  function quote(text: string): string {
    const seen = text.length > window ? text.slice(0, window) : text
    const goesOn = seen.length < text.length
    const shown = redaction === undefined ? seen : redaction.redactText(seen, goesOn)
    if (goesOn || shown.length > maxStringLength) {
      return JSON.stringify(shorten(shown, maxStringLength))
    }
    return NEEDS_NO_ESCAPE.test(shown) ? `"${shown}"` : JSON.stringify(shown)
  }

  function knowKey(key: string): KnownKey {
    const known = knownKeys.get(key)
    if (known !== undefined) return known
    const secrecy = redaction === undefined ? 'public' : redaction.secrecyOf(key)
    const fresh: KnownKey = { text: `${quote(key)}:`, secrecy }
    if (knownKeys.size < KNOWN_KEYS && key.length <= LONGEST_KNOWN_KEY) knownKeys.set(key, fresh)
    return fresh
  }

  return encode
}

/**
 * @returns a primitive that says it all, or an object or array whose members are to be written: the object itself, or
 * what its `toJSON` gives
 */
function simplify(object: object): unknown {
  if (Array.isArray(object)) return object
  const prototype: unknown = getPrototypeOf(object)
  if (prototype !== objectPrototype && prototype !== null) {
    const text = describe(object)
    if (text !== undefined) return text
  }
  const { toJSON } = object as { toJSON?: unknown }
  return typeof toJSON === 'function' ? Reflect.apply(toJSON, object, ['']) : object
}

/** @returns undefined for an object that is no more than its members */
function describe(object: object): unknown {
  if (isDate(object)) return Number.isNaN(object.getTime()) ? String(object) : object.toISOString()
  if (isNativeError(object) || object instanceof Error) {
    return object.message === '' ? object.name : `${object.name}: ${object.message}`
  }
  if (isMap(object)) return `Map(${object.size})`
  if (isSet(object)) return `Set(${object.size})`
  if (Buffer.isBuffer(object)) return `Buffer(${object.length})`
  if (isTypedArray(object)) return `${object[Symbol.toStringTag]}(${object.length})`
  if (isAnyArrayBuffer(object)) return `ArrayBuffer(${object.byteLength})`
  if (isRegExp(object)) return `${object}`
  if (isBoxedPrimitive(object)) return object.valueOf()
  if (isPromise(object)) {
    // an async extractor is a mistake, and what it rejects with must not end the program
    void Reflect.apply(thenOf, object, [undefined, () => undefined])
    return '[promise]'
  }
  return undefined
}

function shorten(text: string, length: number): string {
  const last = text.charCodeAt(length - 1)
  const isHalfPair = last >= 0xd800 && last < 0xdc00
  return text.slice(0, isHalfPair ? length - 1 : length) + ELLIPSIS
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}
