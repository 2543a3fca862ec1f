/**
 * @module query/options
 * Checks of what callers pass. Every message names the option and the value.
 */
import { kindOf } from '../internal/check-options.ts'
import type { CallOrder, FunctionChoice, ScanOptions } from '../types.ts'

export const DEFAULT_QUANTILES: readonly number[] = [0.5, 0.9, 0.95, 0.99, 0.999]
export const DEFAULT_LIMIT = 10
export const MAX_LIMIT = 100_000
const MAX_QUANTILES = 1000

/**
 * @returns the quantiles asked for, or the default ones
 * @throws {TypeError | RangeError} not an array of numbers in [0, 1]
 */
export function checkQuantiles(quantiles: readonly number[] | undefined): readonly number[] {
  if (quantiles === undefined) return DEFAULT_QUANTILES
  const given: unknown = quantiles
  if (!Array.isArray(given)) {
    throw new TypeError(`quantiles must be an array of numbers in [0, 1], not ${String(given)}`)
  }
  if (quantiles.length > MAX_QUANTILES) {
    throw new RangeError(`quantiles must be at most ${MAX_QUANTILES}, not ${quantiles.length}`)
  }
  for (const quantile of quantiles as readonly unknown[]) {
    if (typeof quantile !== 'number') {
      throw new TypeError(`quantiles must hold numbers in [0, 1], not ${String(quantile)}`)
    }
    if (!(quantile >= 0 && quantile <= 1)) {
      throw new RangeError(`quantiles must lie in [0, 1], not ${String(quantile)}: p99 is 0.99`)
    }
  }
  return quantiles
}

/** @throws {TypeError | RangeError} not a whole number from 1 to 100,000 */
export function checkLimit(limit: number | undefined, option = 'limit'): number {
  if (limit === undefined) return DEFAULT_LIMIT
  if (typeof limit !== 'number')
    throw new TypeError(`${option} must be a number, not ${String(limit)}`)
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT) {
    throw new RangeError(
      `${option} must be a whole number from 1 to ${MAX_LIMIT}, not ${String(limit)}`,
    )
  }
  return limit
}

/**
 * @returns the confidence asked for, or 0.95
 * @throws {TypeError | RangeError} not a number in (0, 1)
 */
export function checkConfidence(confidence: number | undefined): number {
  if (confidence === undefined) return 0.95
  if (typeof confidence !== 'number') {
    throw new TypeError(`confidence must be a number, not ${kindOf(confidence)}`)
  }
  if (!(confidence > 0 && confidence < 1)) {
    throw new RangeError(`confidence must lie between 0 and 1, not ${confidence}: 95 % is 0.95`)
  }
  return confidence
}

/** @throws {TypeError} neither true nor false */
export function checkFlag(value: boolean | undefined, option: string, fallback: boolean): boolean {
  if (value === undefined) return fallback
  if (typeof value !== 'boolean') throw new TypeError(`${option} must be true or false`)
  return value
}

/**
 * @param most     largest number there may be
 * @param fallback what undefined means
 * @throws {TypeError | RangeError} not a whole number from 1 to `most`
 */
export function checkWhole(
  value: number | undefined,
  option: string,
  most: number,
  fallback: number,
): number {
  if (value === undefined) return fallback
  if (typeof value !== 'number') {
    throw new TypeError(`${option} must be a number, not ${kindOf(value)}`)
  }
  if (!Number.isInteger(value) || value < 1 || value > most) {
    throw new RangeError(`${option} must be a whole number from 1 to ${most}, not ${value}`)
  }
  return value
}

/**
 * @returns the names; undefined: all functions
 * @throws {TypeError} neither a string nor an array of strings
 */
export function checkFunctions(choice: FunctionChoice | undefined): string[] | undefined {
  if (choice === undefined) return undefined
  const names: unknown[] = Array.isArray(choice) ? choice : [choice]
  for (const name of names) {
    if (typeof name !== 'string') {
      throw new TypeError(`function must be the name of a function, or names, not ${String(name)}`)
    }
  }
  return names as string[]
}

/** @throws {TypeError} not a string */
export function checkName(name: string): void {
  if (typeof name !== 'string') {
    throw new TypeError(`name must be the name of a function, not ${kindOf(name)}`)
  }
}

const ORDERS: readonly string[] = ['start', '-start', 'duration', '-duration']

/** @throws {RangeError} there is no such order */
export function checkOrder(order: CallOrder | undefined): CallOrder {
  if (order === undefined) return 'start'
  if (ORDERS.includes(order)) return order
  throw new RangeError(`order must be one of ${ORDERS.join(', ')}, not ${JSON.stringify(order)}`)
}

/** @throws {TypeError} `signal` or `onProgress` is not what it must be */
export function checkScan({ onProgress, signal }: ScanOptions): void {
  const given: unknown = signal
  if (given !== undefined && !(given instanceof AbortSignal)) {
    throw new TypeError('signal must be an AbortSignal')
  }
  if (onProgress !== undefined && typeof onProgress !== 'function') {
    throw new TypeError('onProgress must be a function')
  }
}

/** @throws {TypeError | RangeError} not a number of milliseconds from 1 to one hour */
export function checkPollMs(pollMs: number | undefined): number {
  if (pollMs === undefined) return 100
  if (typeof pollMs !== 'number')
    throw new TypeError(`pollMs must be a number, not ${String(pollMs)}`)
  if (!(pollMs >= 1 && pollMs <= 3_600_000)) {
    throw new RangeError(`pollMs must be from 1 to 3,600,000 milliseconds, not ${String(pollMs)}`)
  }
  return pollMs
}
