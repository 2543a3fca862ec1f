/**
 * @module internal/duration
 * Durations as people write them in options: '250us', '5ms', '1.5s', '2m', or a number of milliseconds.
 */
import { kindOf } from './check-options.ts'

/** What a unit is worth in nanoseconds. Both signs for micro are in use: U+00B5 and the Greek letter. */
const UNIT_NS = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  min: 60e9,
  h: 3600e9,
} as const

const DURATION = /^(\d{1,20}(?:\.\d{1,20})?) ?(ns|[uµμ]s|ms|s|min|m|h)$/
const ZERO = /^0{1,20}(?:\.0{1,20})?$/

/**
 * @param value  a number is in milliseconds; a text has a unit, unless it is zero
 * @param option name for the message
 * @returns whole nanoseconds, from 0 to 2^53 - 1
 * @throws {TypeError}  neither a number nor a text
 * @throws {RangeError} negative, too long, or no duration at all
 */
export function parseDurationNs(value: unknown, option: string): number {
  if (typeof value !== 'number' && typeof value !== 'string') {
    const expected = "a duration such as '5ms' or a number of milliseconds"
    throw new TypeError(`${option} must be ${expected}, not ${kindOf(value)}`)
  }
  const ns = Math.round(typeof value === 'number' ? value * UNIT_NS.ms : nsOfText(value, option))
  if (ns >= 0 && ns <= Number.MAX_SAFE_INTEGER) return ns
  const most = 'from 0 to 2^53 - 1 nanoseconds (104 days)'
  throw new RangeError(`${option} must be ${most}, not ${describe(value)}`)
}

function nsOfText(text: string, option: string): number {
  const trimmed = text.trim()
  if (ZERO.test(trimmed)) return 0
  const match = DURATION.exec(trimmed)
  if (match !== null) return Number(match[1]) * UNIT_NS[match[2] as keyof typeof UNIT_NS]
  const example = "such as '250us', '5ms', '1.5s' or '2m'"
  const reason = /^\d+(?:\.\d+)?$/.test(trimmed)
    ? `needs a unit, ${example}`
    : `must be a duration ${example}`
  throw new RangeError(`${option} ${reason}, not ${describe(text)}`)
}

/** For messages; what a user has pasted by mistake may be long. */
function describe(value: string | number): string {
  if (typeof value === 'number') return String(value)
  return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value)
}
