/**
 * @module capture/options
 * What may be given to `capture`, checked where it is given.
 */
import { checkOptionNames, kindOf } from '../internal/check-options.ts'

export interface CaptureOptions {
  name?: string // under which the calls are recorded (default: the function's own, or Class.method)
  skip?: readonly (string | symbol)[] // of a class: methods that are not captured (default: none)
}

const CHECKS: Record<keyof CaptureOptions, (value: unknown) => void> = {
  name: checkName,
  skip: checkSkip,
}

/**
 * @throws {TypeError}  an option is unknown or of the wrong type; the message names it
 * @throws {RangeError} the name is empty
 */
export function checkCaptureOptions(options: unknown): CaptureOptions {
  checkOptionNames(options, 'capture: options', Object.keys(CHECKS))
  for (const [key, value] of Object.entries(options as CaptureOptions)) {
    if (value !== undefined) CHECKS[key as keyof CaptureOptions](value)
  }
  return options as CaptureOptions
}

export function checkName(name: unknown): asserts name is string {
  if (typeof name !== 'string') {
    throw new TypeError(`capture: name must be a string, not ${kindOf(name)}`)
  }
  if (name === '') throw new RangeError('capture: name must not be empty')
}

function checkSkip(skip: unknown): void {
  const valid =
    Array.isArray(skip) && skip.every((key) => typeof key === 'string' || typeof key === 'symbol')
  if (!valid) throw new TypeError('capture: skip must be an array of method names')
}
