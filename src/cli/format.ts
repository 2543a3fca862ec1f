/**
 * @module cli/format
 * Numbers and instants as people read them: three significant digits, units, thousands separators.
 */

/** From the smallest: what a unit is worth in nanoseconds, and its symbol. */
const DURATION_UNITS: readonly (readonly [number, string])[] = [
  [1, 'ns'],
  [1e3, 'µs'],
  [1e6, 'ms'],
  [1e9, 's'],
  [60e9, 'min'],
  [3600e9, 'h'],
  [86_400e9, 'd'],
]

/** What is printed for a number that does not exist. */
export const NOTHING = '–'

/** `12.3 ms`, `999 ns`, `2.50 h`; NOTHING for NaN. */
export function formatDuration(durationNs: number): string {
  if (!Number.isFinite(durationNs)) return NOTHING
  let position = 0
  while (position + 1 < DURATION_UNITS.length && isAtLeast(durationNs, position + 1)) position++
  const [unitNs, symbol] = DURATION_UNITS[position]!
  const value = durationNs / unitNs
  const text = position === 0 && Number.isInteger(value) ? String(value) : threeDigits(value)
  return `${text} ${symbol}`
}

/** Whether a duration, rounded to three digits, reaches the unit: 999.6 ns is 1.00 µs. */
function isAtLeast(durationNs: number, position: number): boolean {
  const [unitNs] = DURATION_UNITS[position]!
  const [smallerNs] = DURATION_UNITS[position - 1]!
  return Number((durationNs / smallerNs).toPrecision(3)) * smallerNs >= unitNs
}

/** Three significant digits, never in exponential form. */
function threeDigits(value: number): string {
  const rounded = Number(value.toPrecision(3))
  if (Math.abs(rounded) >= 100) return formatCount(rounded)
  if (rounded === 0) return '0'
  return rounded.toFixed(Math.abs(rounded) >= 10 ? 1 : 2)
}

const BYTE_UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB']

/** `12.3 MB`, in powers of a thousand; whole below 1 kB. */
export function formatBytes(bytes: number): string {
  let position = 0
  let value = bytes
  while (position + 1 < BYTE_UNITS.length && Number(value.toPrecision(3)) >= 1000) {
    value /= 1000
    position++
  }
  return `${position === 0 ? String(value) : threeDigits(value)} ${BYTE_UNITS[position]!}`
}

/** `1,234,567`, whole. */
export function formatCount(count: number): string {
  if (!Number.isFinite(count)) return NOTHING
  return String(Math.round(count)).replace(/\B(?=(\d{3})+$)/g, ',')
}

/** `12.3 %` of a share in [0, 1]; what is not nothing is not printed as 0 %, what is not all not as 100 %. */
export function formatShare(share: number): string {
  if (!Number.isFinite(share)) return NOTHING
  if (share === 0) return '0 %'
  if (share === 1) return '100 %'
  if (share < 0.0005) return '<0.1 %'
  return share >= 0.9995 ? '>99.9 %' : `${(share * 100).toFixed(1)} %`
}

/** `12.3 /s` and, where that is less than one, per minute, hour or day. */
export function formatRate(perSecond: number): string {
  if (!Number.isFinite(perSecond)) return NOTHING
  if (perSecond === 0 || perSecond >= 1) return `${threeDigits(perSecond)} /s`
  if (perSecond * 60 >= 1) return `${threeDigits(perSecond * 60)} /min`
  if (perSecond * 3600 >= 1) return `${threeDigits(perSecond * 3600)} /h`
  return `${threeDigits(perSecond * 86_400)} /d`
}

/** `p50`, `p99.9`: the display name of a quantile. */
export function formatQuantile(quantile: number): string {
  return `p${String(Number((quantile * 100).toPrecision(12)))}`
}

/** `2026-01-31 12:00:00.123456` in local time, to the microsecond. */
export function formatInstant(ms: number): string {
  if (!Number.isFinite(ms)) return NOTHING
  const us = Math.round(ms * 1000)
  const date = new Date(Math.floor(us / 1000))
  const micros = us - Math.floor(us / 1000) * 1000
  const day = `${pad(date.getFullYear(), 4)}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`
  const time = `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`
  return `${day} ${time}.${pad(date.getMilliseconds(), 3)}${pad(micros, 3)}`
}

function pad(value: number, digits = 2): string {
  return String(value).padStart(digits, '0')
}
