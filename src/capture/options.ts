/**
 * @module capture/options
 * What may be given to `capture`, checked where it is given.
 */
import { checkOptionNames, kindOf } from '../internal/check-options.ts'
import { parseDurationNs } from '../internal/duration.ts'
import { oneInOf } from '../internal/sampling.ts'

/** @typeParam F the function that the options are for, if it is known; else arguments and result are unknown */
export interface CaptureOptions<F = unknown> {
  name?: string // under which the calls are recorded (default: the function's own, or Class.method)
  skip?: readonly (string | symbol)[] // of a class: methods that are not captured (default: none)
  /**
   * What to store with each call: called after it, with its arguments and its outcome, and may return anything that JSON
   * can say. Secrets are blotted out and long values cut. Never called in the time that is measured; what it throws is
   * ignored. Default: nothing is stored.
   */
  attributes?: AttributeExtractor<F>
  redact?: Redaction // attributes that are blotted out: by the usual names of secrets, none, or these names too (default true)
  /** Whether the call has failed, in place of "it threw or rejected": `(result) => result.status >= 500`. */
  isError?: (result: ResultOf<F> | undefined, error: unknown) => unknown
  slowerThan?: number | string // shorter calls are counted in the metrics only: '5ms', or milliseconds (default 0)
  sample?: number // share of the calls to store, above 0 and at most 1; failed and slow ones are always stored (default 1)
  stream?: boolean // a call lasts until the stream that it returns is over (default false: until it returns)
  parent?: boolean // knows its caller across `await`, and its callees know it (default false: from the stack only)
}

/** `error` is what was thrown or rejected, and `result` is then undefined. */
export type AttributeExtractor<F = unknown> = (
  args: ArgumentsOf<F>,
  result: ResultOf<F> | undefined,
  error: unknown,
) => unknown

type ArgumentsOf<F> = F extends (this: never, ...args: infer A) => unknown ? A : unknown[]

type ResultOf<F> = F extends (this: never, ...args: never[]) => infer R ? EndOf<R> : unknown

/** What an async function's promise is fulfilled with, what a generator's last result has. */
type EndOf<R> =
  R extends Generator<unknown, infer Last, never>
    ? Last
    : R extends AsyncGenerator<unknown, infer Last, never>
      ? Last
      : Awaited<R>

export type Redaction = boolean | readonly string[]

const CHECKS: Record<keyof CaptureOptions, (value: unknown) => void> = {
  name: (value) => {
    checkName(value)
  },
  skip: checkSkip,
  attributes: checkFunction('attributes'),
  redact: checkRedaction,
  isError: checkFunction('isError'),
  slowerThan: (value) => parseDurationNs(value, 'capture: slowerThan'),
  sample: (value) => oneInOf(value, 'capture: sample'),
  stream: checkBoolean('stream'),
  parent: checkBoolean('parent'),
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

/** @param of the function that the name was given to, for the message */
export function checkName(name: unknown, of = 'capture'): asserts name is string {
  if (typeof name !== 'string') {
    throw new TypeError(`${of}: name must be a string, not ${kindOf(name)}`)
  }
  if (name === '') throw new RangeError(`${of}: name must not be empty`)
}

function checkSkip(skip: unknown): void {
  const valid =
    Array.isArray(skip) && skip.every((key) => typeof key === 'string' || typeof key === 'symbol')
  if (!valid) throw new TypeError('capture: skip must be an array of method names')
}

function checkFunction(name: string) {
  return (value: unknown): void => {
    if (typeof value !== 'function') {
      throw new TypeError(`capture: ${name} must be a function, not ${kindOf(value)}`)
    }
  }
}

function checkBoolean(name: string) {
  return (value: unknown): void => {
    if (typeof value !== 'boolean') {
      throw new TypeError(`capture: ${name} must be true or false, not ${kindOf(value)}`)
    }
  }
}

function checkRedaction(redact: unknown): void {
  const valid =
    typeof redact === 'boolean' ||
    (Array.isArray(redact) && redact.every((name) => typeof name === 'string'))
  if (!valid) throw new TypeError('capture: redact must be true, false or an array of names')
}
