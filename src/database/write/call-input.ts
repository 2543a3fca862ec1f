/**
 * @module database/write/call-input
 * One call as a program hands it to `DatabaseWriter.insert`, checked and turned into the numbers of a row.
 */
import { checkOptionNames, kindOf } from '../../internal/check-options.ts'
import { encodeUtf8 } from '../../internal/utf8.ts'
import type { JsonValue } from '../../types.ts'
import { parseAttributes } from '../format/attributes.ts'
import {
  MAX_ATTRIBUTES_SIZE_BYTES,
  MAX_DURATION_NS,
  MAX_START_US,
  MAX_WEIGHT,
} from '../format/rows.ts'

/** One call, as insert() takes it. */
export interface CallInput {
  function: string
  startMs: number // since the Unix epoch, at least 0; kept to the microsecond
  durationNs: number // rounded to a whole number, 0 .. 2^53 - 1
  error?: string | undefined // class name of the error (default: none)
  parent?: string | undefined // function that called (default: none known)
  depth?: number | undefined // calls around it, whole, at least 0; kept up to 2047 (default: 1 with a parent, else 0)
  async?: boolean | undefined // whether it was asynchronous (default: false)
  selfNs?: number | undefined // of the duration, what was not spent in other calls that are stored (default: all of it)
  weight?: number | undefined // calls that this one stands for, whole, 1 .. 2^31 - 1 (default: 1)
  attributes?: { readonly [key: string]: JsonValue | undefined } | undefined // at most 64 KiB as JSON (default: none)
}

/** Numbers of a checked call; names are not replaced by ids yet. */
export interface CheckedCall {
  startUs: number
  durationNs: number
  depth: number
  isAsync: boolean
  childrenNs: number
  weight: number
  attributes: Uint8Array | undefined // UTF-8 text of a JSON object
}

const FIELDS = [
  ...['function', 'startMs', 'durationNs', 'error', 'parent', 'depth', 'async', 'selfNs'],
  ...['weight', 'attributes'],
]

/**
 * @throws {TypeError}  a field is missing, unknown or of the wrong type
 * @throws {RangeError} a number is out of range, or the attributes are too large
 */
export function checkCall(call: CallInput): CheckedCall {
  checkOptionNames(call, 'call', FIELDS)
  const { error, parent, selfNs } = call
  checkText(call.function, 'function')
  if (error !== undefined) checkText(error, 'error')
  if (parent !== undefined) checkText(parent, 'parent')
  checkNumber(call.startMs, 'startMs')
  checkNumber(call.durationNs, 'durationNs')
  const startUs = Math.round(call.startMs * 1000)
  if (!(startUs >= 0 && startUs <= MAX_START_US)) throw new RangeError(`startMs is ${call.startMs}`)
  const durationNs = Math.round(call.durationNs)
  if (!(durationNs >= 0 && durationNs <= MAX_DURATION_NS)) {
    throw new RangeError(`durationNs is ${call.durationNs}`)
  }
  return {
    startUs,
    durationNs,
    depth: checkWhole(call.depth ?? (parent === undefined ? 0 : 1), 'depth', 0, Infinity),
    isAsync: checkBoolean(call.async ?? false, 'async'),
    childrenNs: selfNs === undefined ? 0 : durationNs - checkSelf(selfNs, durationNs),
    weight: checkWhole(call.weight ?? 1, 'weight', 1, MAX_WEIGHT),
    attributes: call.attributes === undefined ? undefined : encodeAttributes(call.attributes),
  }
}

/** @throws {TypeError} it is no text */
export function checkText(value: unknown, what: string): void {
  if (typeof value !== 'string') {
    throw new TypeError(`${what} must be a string, not ${kindOf(value)}`)
  }
}

function checkNumber(value: unknown, what: string): void {
  if (typeof value !== 'number') {
    throw new TypeError(`${what} must be a number, not ${kindOf(value)}`)
  }
}

function checkWhole(value: number, what: string, min: number, max: number): number {
  checkNumber(value, what)
  if (!(value >= min && value <= max && Number.isInteger(value))) {
    const range = max === Infinity ? `at least ${min}` : `from ${min} to ${max}`
    throw new RangeError(`${what} must be a whole number, ${range}, not ${value}`)
  }
  return value
}

function checkBoolean(value: unknown, what: string): boolean {
  if (typeof value !== 'boolean') {
    throw new TypeError(`${what} must be true or false, not ${kindOf(value)}`)
  }
  return value
}

function checkSelf(selfNs: number, durationNs: number): number {
  checkNumber(selfNs, 'selfNs')
  const wholeNs = Math.round(selfNs)
  if (!(wholeNs >= 0 && wholeNs <= durationNs)) {
    throw new RangeError(
      `selfNs must be from 0 to durationNs, which is ${durationNs}, not ${selfNs}`,
    )
  }
  return wholeNs
}

function encodeAttributes(attributes: object): Uint8Array {
  if (!isPlainObject(attributes)) {
    throw new TypeError(`attributes must be a plain object, not ${kindOf(attributes)}`)
  }
  let text: unknown // toJSON may make anything of it
  try {
    text = JSON.stringify(attributes)
  } catch (cause) {
    throw new TypeError('attributes must be what JSON can hold', { cause })
  }
  const bytes = encodeUtf8(String(text))
  if (bytes.length > MAX_ATTRIBUTES_SIZE_BYTES) {
    const limit = `at most ${MAX_ATTRIBUTES_SIZE_BYTES} bytes`
    throw new RangeError(`attributes take ${bytes.length} bytes as JSON, there may be ${limit}`)
  }
  if (parseAttributes(bytes) === undefined) {
    throw new TypeError('attributes must be an object as JSON, not nested deeper than 500 times')
  }
  return bytes
}

/** Not of a class: what such an object holds is often not what JSON makes of it. Objects of another realm are plain. */
function isPlainObject(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}
