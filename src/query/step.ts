/**
 * @module query/step
 * A range cut into steps of equal length: buckets of starts.
 */
import type { RangeUs } from './time.ts'

/** Bucket `i` holds the starts in [firstUs + i * stepUs, firstUs + (i + 1) * stepUs) that lie in the range. */
export interface StepBuckets {
  firstUs: number
  stepUs: number
  count: number
  range: RangeUs // neither end is open, if count is not 0
}

/** Every bucket is an object of the answer: more than these are of no use to anybody who looks at them. */
export const MAX_BUCKETS = 100_000

const UNIT_US = {
  ns: 1e-3,
  us: 1,
  µs: 1,
  μs: 1,
  ms: 1e3,
  s: 1e6,
  m: 60e6,
  min: 60e6,
  h: 3600e6,
  d: 86_400e6,
  w: 604_800e6,
} as const
const STEP = /^(\d{1,15}(?:\.\d{1,15})?) ?(ns|[uµμ]s|ms|s|min|m|h|d|w)$/

/**
 * @param step a number is in milliseconds
 * @returns whole microseconds, 1 or more
 * @throws {TypeError | RangeError} it is no length of time, or not one of whole microseconds
 */
export function parseStepUs(step: unknown, option = 'step'): number {
  if (typeof step !== 'number' && typeof step !== 'string') {
    throw new TypeError(
      `${option} must be a length of time such as '5m' or a number of milliseconds, not ${String(step)}`,
    )
  }
  const us = typeof step === 'number' ? step * 1000 : stepOfText(step, option)
  const wholeUs = Math.round(us)
  // milliseconds with three digits behind the point are not always whole when multiplied
  if (wholeUs >= 1 && wholeUs <= Number.MAX_SAFE_INTEGER && Math.abs(us - wholeUs) <= 1e-9 * us) {
    return wholeUs
  }
  throw new RangeError(
    `${option} must be a whole number of microseconds, at least one, not ${JSON.stringify(step)}`,
  )
}

function stepOfText(text: string, option: string): number {
  const match = STEP.exec(text.trim())
  if (match !== null) return Number(match[1]) * UNIT_US[match[2] as keyof typeof UNIT_US]
  throw new RangeError(
    `${option} must be a length of time such as '500us', '30s', '5m', '1h' or '1d', not ${JSON.stringify(text)}`,
  )
}

/**
 * @param range   neither end is open
 * @param aligned whether buckets begin at multiples of the step since the epoch; else the first begins with the range
 * @throws {RangeError} there would be too many
 */
export function cutRange(range: RangeUs, stepUs: number, aligned: boolean): StepBuckets {
  const { fromUs, toUs } = range
  if (!(fromUs < toUs)) return { firstUs: fromUs, stepUs, count: 0, range }
  const firstUs = aligned ? alignDown(fromUs, stepUs) : fromUs
  const count = Math.ceil((toUs - firstUs) / stepUs)
  if (count > MAX_BUCKETS) {
    const leastUs = Math.ceil((toUs - fromUs) / (MAX_BUCKETS - 1))
    throw new RangeError(
      `step is too short: the range has ${count} of them, at most ${MAX_BUCKETS} are possible; ` +
        `take ${leastUs / 1000} ms or more`,
    )
  }
  return { firstUs, stepUs, count, range }
}

/** The part of bucket `index` that lies in the range. */
export function bucketRange({ firstUs, range, stepUs }: StepBuckets, index: number): RangeUs {
  const fromUs = firstUs + index * stepUs
  return {
    fromUs: Math.max(fromUs, range.fromUs),
    toUs: Math.min(fromUs + stepUs, range.toUs),
  }
}

/** Largest multiple of the step that is not above `us`; exact, as the remainder of doubles is. */
function alignDown(us: number, stepUs: number): number {
  const remainder = us % stepUs
  return us - (remainder < 0 ? remainder + stepUs : remainder)
}
