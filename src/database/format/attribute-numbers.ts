/**
 * @module database/format/attribute-numbers
 * Decimal numbers as whole ones: 12.5 with two decimals is 1250. Only texts of which the number and the decimals of the
 * others leave no doubt are taken: no exponent, no zero that could be left out, 15 digits at most, not -0.
 */
const MINUS = 0x2d
const POINT = 0x2e
const ZERO = 0x30
const MAX_DIGITS = 15
export const MAX_DECIMALS = MAX_DIGITS
/** What is stored is less than this. */
export const MAX_WHOLE = 10 ** MAX_DIGITS
/** Longest text of such a number. */
export const MAX_NUMBER_SIZE_BYTES = MAX_DIGITS + 3

/** A number that was read: whole * 10^-decimals. */
export interface Decimal {
  whole: number
  decimals: number
}

/** @returns whether bytes[from .. end) are such a number */
export function readDecimal(bytes: Uint8Array, from: number, end: number, into: Decimal): boolean {
  const isNegative = bytes[from] === MINUS
  const first = isNegative ? from + 1 : from
  if (end <= first || end - first > MAX_DIGITS + 1) return false
  let whole = 0
  let point = -1
  let at = first
  for (; at < end; at++) {
    const digit = bytes[at]! - ZERO
    if (digit >= 0 && digit <= 9) whole = whole * 10 + digit
    else if (bytes[at] === POINT && point < 0) point = at
    else return false
  }
  const wholeEnd = point < 0 ? end : point
  const digits = end - first - (point < 0 ? 0 : 1)
  if (wholeEnd === first || digits > MAX_DIGITS) return false
  if (bytes[first] === ZERO && wholeEnd > first + 1) return false
  if (point >= 0 && (point === end - 1 || bytes[end - 1] === ZERO)) return false
  if (isNegative && whole === 0) return false
  into.whole = isNegative ? -whole : whole
  into.decimals = point < 0 ? 0 : end - point - 1
  return true
}

/**
 * Writes whole * 10^-decimals as it was read.
 *
 * @param whole of an absolute value below 2^53
 * @returns end of the text
 */
export function writeDecimal(
  bytes: Uint8Array,
  to: number,
  whole: number,
  decimals: number,
): number {
  if (whole < 0) bytes[to++] = MINUS
  let rest = Math.abs(whole)
  let left = decimals
  while (left > 0 && rest % 10 === 0) {
    rest /= 10
    left--
  }
  let digits = 1
  for (let limit = 10; rest >= limit; limit *= 10) digits++
  digits = Math.max(digits, left + 1)
  const end = to + digits + (left > 0 ? 1 : 0)
  let at = end
  for (let i = 0; i < digits; i++) {
    if (i === left && left > 0) bytes[--at] = POINT
    const tenth = Math.floor(rest / 10)
    bytes[--at] = ZERO + rest - tenth * 10
    rest = tenth
  }
  return end
}
