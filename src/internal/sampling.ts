/**
 * @module internal/sampling
 * Sampling as people write it, a rate, and as it is done: one in n.
 */
import { kindOf } from './check-options.ts'

/** Calls that one stored row may stand for: its weight in the files is below 2^31. */
const MOST_PER_ROW = 2 ** 31 - 1

/**
 * @param rate   share of the calls to keep, above 0 and at most 1
 * @param option name for the message
 * @returns n of "one in n", the whole number nearest to 1 / rate, at most 2^31 - 1: 0.1 is one in 10, 0.3 one in 3
 * @throws {TypeError}  not a number
 * @throws {RangeError} not in (0, 1]
 */
export function oneInOf(rate: unknown, option: string): number {
  if (typeof rate !== 'number') {
    throw new TypeError(`${option} must be a number, not ${kindOf(rate)}`)
  }
  if (!(rate > 0 && rate <= 1)) {
    throw new RangeError(`${option} must be above 0 and at most 1, not ${rate}`)
  }
  return Math.min(Math.round(1 / rate), MOST_PER_ROW)
}
