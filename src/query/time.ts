/**
 * @module query/time
 * What people write for an instant or a range, turned into whole microseconds since the Unix epoch: the unit in
 * which the database stores the start of a call.
 */
import type { TimeInput, TimeRange } from '../types.ts'

/** A half-open range of starts: `fromUs` is inside, `toUs` is not. Open ends are infinite. */
export interface RangeUs {
  fromUs: number
  toUs: number
}

/** Every call. */
export const ALL_TIME: RangeUs = { fromUs: -Infinity, toUs: Infinity }

const UNIT_MS = { ms: 1, s: 1e3, m: 60e3, h: 3600e3, d: 86_400e3, w: 604_800e3 } as const
const AGO = /^-(\d+(?:\.\d+)?)(ms|s|m|h|d|w)$/
const ISO_8601 =
  /^[+-]?\d{4,6}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,](\d{1,9}))?)?(Z|[+-]\d\d:?\d\d)?)?$/i

/** Beyond it an instant in microseconds is no longer a whole number that a double holds (the year 2255). */
const MAX_MS = Number.MAX_SAFE_INTEGER / 1000

/**
 * @param range the options `from` and `to` of a question
 * @param nowMs what `'now'` and times ago refer to
 * @throws {TypeError} neither a Date, a number nor a string
 * @throws {RangeError} not an instant, or `from` lies after `to`
 */
export function resolveRange(range: TimeRange | undefined, nowMs = Date.now()): RangeUs {
  const { from, to } = range ?? {}
  const fromUs = from === undefined ? -Infinity : parseTimeUs(from, 'from', nowMs)
  const toUs = to === undefined ? Infinity : parseTimeUs(to, 'to', nowMs)
  if (fromUs > toUs) {
    throw new RangeError(`from must not lie after to: ${describe(from)} is after ${describe(to)}`)
  }
  return { fromUs, toUs }
}

/**
 * An instant in whole microseconds. Fractions of a microsecond are rounded to the nearest, so that a call's
 * `startMs`, given back as `from`, finds that call.
 *
 * @param option name for the error message
 */
export function parseTimeUs(input: TimeInput, option: string, nowMs = Date.now()): number {
  const ms = parseTimeMs(input, option, nowMs)
  if (!(Math.abs(ms) <= MAX_MS)) {
    throw new RangeError(
      `${option} must be an instant before the year 2255, not ${describe(input)}`,
    )
  }
  const us =
    typeof input === 'string' ? Math.round(ms * 1000) + extraMicroseconds(input) : ms * 1000
  return Math.round(us)
}

function parseTimeMs(input: TimeInput, option: string, nowMs: number): number {
  if (input instanceof Date) return requireInstant(input.getTime(), input, option)
  if (typeof input === 'number') return requireInstant(input, input, option)
  if (typeof input !== 'string') {
    throw new TypeError(`${option} must be a Date, a number or a string, not ${describe(input)}`)
  }
  const text = input.trim()
  if (text === 'now') return nowMs
  const ago = AGO.exec(text)
  if (ago !== null) return nowMs - Number(ago[1]) * UNIT_MS[ago[2] as keyof typeof UNIT_MS]
  // anything else would be left to Date.parse, which takes '5' for the month of May
  if (!ISO_8601.test(text)) throw notAnInstant(input, option)
  return requireInstant(Date.parse(text.replace(' ', 'T').replace(',', '.')), input, option)
}

/** Microseconds below the millisecond of an ISO 8601 string; `Date` drops them. */
function extraMicroseconds(input: string): number {
  const fraction = ISO_8601.exec(input.trim())?.[1]
  return fraction === undefined
    ? 0
    : Math.round(Number(`0.${fraction.slice(3).padEnd(1, '0')}`) * 1000)
}

function requireInstant(ms: number, input: unknown, option: string): number {
  if (!Number.isFinite(ms)) throw notAnInstant(input, option)
  return ms
}

function notAnInstant(input: unknown, option: string): RangeError {
  return new RangeError(
    `${option} must be an instant such as '2026-01-31T12:00:00Z', 'now', '-15m', '-7d' or milliseconds ` +
      `since the epoch, not ${describe(input)}`,
  )
}

function describe(input: unknown): string {
  if (typeof input === 'string') return JSON.stringify(input)
  return input instanceof Date ? `Date(${String(input.getTime())})` : String(input)
}
