/**
 * @module integrations/flush-after
 * For serverless platforms, which freeze a program as soon as it has answered, and may never let it go on: an invocation is
 * over only when what it has recorded is stored.
 */
import { disguise } from '../capture/disguise.ts'
import type { AnyFunction } from '../capture/wrap.ts'
import { checkOptionNames, kindOf } from '../internal/check-options.ts'

export interface FlushAfterOptions {
  timeoutMs?: number // that an invocation waits for its rows at most, 1 to 60,000 (default 1,000)
}

/**
 * @typeParam F the handler's type, which is that of the result
 * @throws {TypeError}  the handler is no function, or an option is unknown or of the wrong type
 * @throws {RangeError} `timeoutMs` is not in [1, 60,000]
 */
export type FlushAfter = <F extends AnyFunction>(handler: F, options?: FlushAfterOptions) => F

/** What stores rows. Neither throws, nor takes longer than it is given. */
export interface Storing {
  flush: (timeoutMs: number) => Promise<unknown>
  storeNow: (timeoutMs: number) => void
}

const DEFAULT_TIMEOUT_MS = 1000
const LONGEST_TIMEOUT_MS = 60_000

/** @param storing how rows are stored; undefined while recording is switched off */
export function createFlushAfter(storing: () => Storing | undefined): FlushAfter {
  return function flushAfter<F extends AnyFunction>(
    handler: F,
    options: FlushAfterOptions = {},
  ): F {
    if (typeof handler !== 'function') {
      throw new TypeError(`flushAfter takes a function, not ${kindOf(handler)}`)
    }
    checkOptionNames(options, 'options', ['timeoutMs'])
    const timeoutMs = checkedTimeout(options.timeoutMs ?? DEFAULT_TIMEOUT_MS)

    // eslint-disable-next-line @typescript-eslint/unbound-method -- takes any receiver
    const { wrapper } = {
      wrapper(this: unknown, ...args: unknown[]): unknown {
        let result: unknown
        try {
          result = Reflect.apply(handler, this, args)
        } catch (error) {
          storing()?.storeNow(timeoutMs)
          throw error
        }
        if (isThenable(result)) return settleAfter(result, () => storing()?.flush(timeoutMs))
        storing()?.storeNow(timeoutMs)
        return result
      },
    }
    return disguise(wrapper, handler)
  }
}

/** Settles as `promise` does, once `flush` has. */
async function settleAfter(
  promise: PromiseLike<unknown>,
  flush: () => Promise<unknown> | undefined,
): Promise<unknown> {
  try {
    return await promise
  } finally {
    await flush()
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    ((typeof value === 'object' && value !== null) || typeof value === 'function') &&
    typeof (value as { then?: unknown }).then === 'function'
  )
}

function checkedTimeout(timeoutMs: unknown): number {
  if (typeof timeoutMs !== 'number') {
    throw new TypeError(`timeoutMs must be a number, not ${kindOf(timeoutMs)}`)
  }
  if (!(timeoutMs >= 1 && timeoutMs <= LONGEST_TIMEOUT_MS)) {
    throw new RangeError(`timeoutMs must be from 1 to ${LONGEST_TIMEOUT_MS}, not ${timeoutMs}`)
  }
  return timeoutMs
}
