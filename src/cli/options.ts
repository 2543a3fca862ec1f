/**
 * @module cli/options
 * Parsers of command line values, with messages that say what is allowed.
 */
import { InvalidArgumentError } from 'commander'
import { parseDurationNs } from '../internal/duration.ts'
import { MAX_LIMIT } from '../query/options.ts'
import { parseStepUs } from '../query/step.ts'

export const parseCount = parseCountUpTo(MAX_LIMIT)

/** A parser of whole numbers from 1 on. */
export function parseCountUpTo(most: number): (text: string) => number {
  return (text) => {
    const count = Number(text)
    if (!/^\d+$/.test(text) || count < 1 || count > most) {
      throw new InvalidArgumentError(`It must be a whole number from 1 to ${most}.`)
    }
    return count
  }
}

/** `5m`; checked, and left as it is written. */
export function parseStep(text: string): string {
  try {
    parseStepUs(text, 'It')
  } catch (error) {
    throw new InvalidArgumentError(`${error instanceof Error ? error.message : String(error)}.`)
  }
  return text.trim()
}

/** `0.5,0.99` or `p50,p99`. */
export function parseQuantiles(text: string): number[] {
  return text.split(',').map((item) => {
    const match = /^(p?)(\d+(?:\.\d+)?)$/i.exec(item.trim())
    const value = match === null ? NaN : Number(match[2])
    // p99.9 is 0.999, not 0.9990000000000001
    const quantile = match?.[1] === '' ? value : Number((value / 100).toPrecision(12))
    if (!(quantile >= 0 && quantile <= 1)) {
      throw new InvalidArgumentError('It must be a list such as 0.5,0.99 or p50,p99.')
    }
    return quantile
  })
}

/** `5ms`; checked, and left as it is written. */
export function parseThreshold(text: string): string {
  try {
    parseDurationNs(text, 'It')
  } catch (error) {
    throw new InvalidArgumentError(`${error instanceof Error ? error.message : String(error)}.`)
  }
  return text.trim()
}

/** `0.1` */
export function parseRate(text: string): number {
  const rate = Number(text)
  if (!/^[\d.e-]+$/i.test(text) || !(rate > 0 && rate <= 1)) {
    throw new InvalidArgumentError('It must be a number above 0 and at most 1, such as 0.1.')
  }
  return rate
}
