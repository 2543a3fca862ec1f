/**
 * @module capture/wrap-callback
 * Functions in Node's callback style: the call lasts until its callback is called, and has failed if the callback's
 * first argument is an error.
 */
import type { Producer } from '../queue/producer.ts'
import { attributesOf, errorTypeOf, type CallDetails, type DetailHooks } from './call-details.ts'
import { disguise } from './disguise.ts'
import type { AnyFunction } from './wrap.ts'

export type WrapCallback = <F extends AnyFunction>(
  fn: F,
  functionId: number,
  details?: CallDetails,
) => F

const { apply } = Reflect

export function createWrapCallback(producer: Producer, hooks: DetailHooks): WrapCallback {
  const { annotate, begin, end, fail, finish: finishAt, hold, leave, time } = producer
  const { endAsync, failAsync } = producer

  return function wrapCallback<F extends AnyFunction>(
    fn: F,
    functionId: number,
    details?: CallDetails,
  ): F {
    function callWithCallback(self: unknown, args: unknown[], callback: AnyFunction): unknown {
      const level = begin(functionId)
      const place = hold(level)
      let ended = false

      /** At the callback's first call, or when the function throws before. */
      function finish(error: unknown, result?: unknown): void {
        if (ended) return
        ended = true
        if (details !== undefined) finishDetailed(error, result, details)
        else if (error === undefined || error === null) endAsync(functionId, place)
        else failAsync(functionId, place, hooks.errorType(error))
      }

      function finishDetailed(error: unknown, result: unknown, asked: CallDetails): void {
        const endNs = time()
        const failed = error !== undefined && error !== null
        const outcome = { failed, value: failed ? error : result }
        const errorType = errorTypeOf(asked, outcome, hooks)
        const attributes = attributesOf(asked, args, outcome)
        if (attributes !== undefined) annotate(NaN, attributes)
        finishAt(functionId, place, endNs, true, errorType)
      }

      function observed(this: unknown, ...results: unknown[]): unknown {
        finish(results[0], results[1])
        return apply(callback, this, results as never[])
      }
      disguise(observed, callback)
      args[args.lastIndexOf(callback)] = observed
      try {
        return apply(fn, self, args as never[])
      } catch (error) {
        finish(error)
        throw error
      } finally {
        leave(level)
      }
    }

    /** Called without a callback it is a function like any other. */
    function callPlain(self: unknown, args: unknown[]): unknown {
      const level = begin(functionId)
      try {
        const result = apply(fn, self, args as never[])
        end(functionId, level)
        return result
      } catch (error) {
        fail(functionId, level, hooks.errorType(error))
        throw error
      }
    }

    const wrapper = function (this: unknown, ...args: unknown[]): unknown {
      if (hooks.off[functionId] === 1) return apply(fn, this, args as never[])
      const callback = args.findLast((arg) => typeof arg === 'function')
      return callback === undefined
        ? callPlain(this, args)
        : callWithCallback(this, args, callback as AnyFunction)
    }
    disguise(wrapper, fn)
    return wrapper as unknown as F
  }
}
