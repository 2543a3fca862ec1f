/**
 * @module cli/time-scale
 * Steps of time that people count in, and how instants are written beside each other.
 */

const SECOND_MS = 1000
const MINUTE_MS = 60 * SECOND_MS
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

const STEPS_MS = [
  ...[0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500],
  ...[1, 2, 5, 10, 15, 30].map((count) => count * SECOND_MS),
  ...[1, 2, 5, 10, 15, 30].map((count) => count * MINUTE_MS),
  ...[1, 2, 3, 6, 12].map((count) => count * HOUR_MS),
  ...[1, 2, 7, 14, 28, 91, 365, 3650].map((count) => count * DAY_MS),
] as const

/** The smallest step of which at most `count` cover the span, wherever they begin. */
export function stepFor(spanMs: number, count: number): number {
  return STEPS_MS.find((stepMs) => spanMs / stepMs + 1 <= count) ?? STEPS_MS.at(-1)!
}

/** `15 min`, `500 ms`, `1 d`: as it is counted, not as it is measured. */
export function formatStep(stepMs: number): string {
  const units = [
    [DAY_MS, 'd'],
    [HOUR_MS, 'h'],
    [MINUTE_MS, 'min'],
    [SECOND_MS, 's'],
    [1, 'ms'],
  ] as const
  const [unitMs, symbol] = units.find(([ms]) => stepMs >= ms && stepMs % ms === 0) ?? [0.001, 'µs']
  return `${String(Number((stepMs / unitMs).toPrecision(6)))} ${symbol}`
}

/** How instants are written that are `stepMs` apart: as short as tells them apart, in local time. */
export function instantFormat(stepMs: number): (ms: number) => string {
  if (stepMs >= DAY_MS) return (ms) => dayOf(new Date(ms))
  if (stepMs >= MINUTE_MS) return (ms) => `${dayOf(new Date(ms)).slice(5)} ${clockOf(ms, 0)}`
  if (stepMs >= SECOND_MS) return (ms) => clockOf(ms, 1)
  return (ms) => clockOf(ms, stepMs >= 1 ? 2 : 3)
}

/** The shortest form, for an axis: the day or the time of day. */
export function axisFormat(stepMs: number, spanMs: number): (ms: number) => string {
  if (spanMs >= 4 * DAY_MS) return (ms) => dayOf(new Date(ms)).slice(5)
  if (spanMs >= 4 * MINUTE_MS && stepMs >= SECOND_MS) return (ms) => clockOf(ms, 0)
  return (ms) => clockOf(ms, spanMs >= 4 * SECOND_MS ? 1 : 2)
}

function dayOf(date: Date): string {
  return `${pad(date.getFullYear(), 4)}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`
}

/** @param precision 0: minutes; 1: seconds; 2: milliseconds; 3: microseconds */
function clockOf(ms: number, precision: 0 | 1 | 2 | 3): string {
  const us = Math.round(ms * 1000)
  const date = new Date(Math.floor(us / 1000))
  const minutes = `${pad(date.getHours())}:${pad(date.getMinutes())}`
  if (precision === 0) return minutes
  const seconds = `${minutes}:${pad(date.getSeconds())}`
  if (precision === 1) return seconds
  const thousandths = `${seconds}.${pad(date.getMilliseconds(), 3)}`
  return precision === 2 ? thousandths : thousandths + pad(us - Math.floor(us / 1000) * 1000, 3)
}

function pad(value: number, digits = 2): string {
  return String(value).padStart(digits, '0')
}
