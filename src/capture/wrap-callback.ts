/**
 * @module capture/wrap-callback
 * Functions in Node's callback style: the call lasts until its callback is called, and has failed if the callback's
 * first argument is an error.
 */
import * as types from 'node:util/types'
import type { Producer } from '../queue/producer.ts'
import { attributesOf, errorTypeOf, type CallDetails, type DetailHooks } from './call-details.ts'
import { disguise, imitate, isConstructor, targetOf } from './disguise.ts'
import type { AnyFunction } from './wrap.ts'

export type WrapCallback = <F extends AnyFunction>(
  fn: F,
  functionId: number,
  details?: CallDetails,
) => F

/** What the wrapper was called with. */
interface Call {
  self: unknown
  args: unknown[]
  newTarget: AnyFunction | undefined
}

const { apply, construct } = Reflect
const { isProxy } = types

/** @param wrapOther wraps what is called without a callback: a function like any other, which may return a promise */
export function createWrapCallback(
  producer: Producer,
  hooks: DetailHooks,
  wrapOther: WrapCallback,
): WrapCallback {
  const { annotate, begin, endAsync, failAsync, finish: finishAt, hold, stack, time } = producer

  return function wrapCallback<F extends AnyFunction>(
    fn: F,
    functionId: number,
    details?: CallDetails,
  ): F {
    const other = wrapOther(fn, functionId, details)

    function callWithCallback(call: Call, callback: AnyFunction): unknown {
      const { self, args, newTarget } = call
      const level = begin(functionId)
      let place: number
      try {
        place = hold(level)
      } catch {
        stack.top = level - 1
        stack.lost[0]!++ // no stack left
        return callUnobserved(call)
      }
      let ended = false

      /** At the callback's first call, or when the function throws before. */
      function finish(error: unknown, result?: unknown): void {
        if (ended) return
        ended = true
        try {
          if (details !== undefined) finishDetailed(error, result, details)
          else if (error === undefined || error === null) endAsync(functionId, place)
          else failAsync(functionId, place, hooks.errorType(error))
        } catch {
          stack.lost[0]!++ // no stack left for what comes after the call
        }
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

      args[args.lastIndexOf(callback)] = inFrontOf(callback, finish)
      try {
        return newTarget === undefined
          ? apply(fn, self, args as never[])
          : construct(fn, args as never[], targetOf(newTarget, wrapper, fn))
      } catch (thrownByCapturedFunction) {
        stack.top = level - 1
        finish(thrownByCapturedFunction)
        throw thrownByCapturedFunction
      } finally {
        stack.top = level - 1
      }
    }

    function callUnobserved({ self, args, newTarget }: Call): unknown {
      return newTarget === undefined
        ? apply(fn, self, args as never[])
        : construct(fn, args as never[], targetOf(newTarget, wrapper, fn))
    }

    function observedCallbackIn(args: unknown[]): AnyFunction | undefined {
      return hooks.off[functionId] === 1 ? undefined : callbackIn(args)
    }

    /** For a function that can be a constructor. */
    function constructible(this: unknown, ...args: unknown[]): unknown {
      const newTarget = new.target as AnyFunction | undefined
      const callback = observedCallbackIn(args)
      if (callback !== undefined) return callWithCallback({ self: this, args, newTarget }, callback)
      if (newTarget === undefined) return apply(other, this, args as never[])
      const target = targetOf(newTarget, wrapper, fn)
      return construct(other, args as never[], target === fn ? other : target)
    }

    /** For one that cannot. */
    // eslint-disable-next-line @typescript-eslint/unbound-method -- takes any receiver
    const { plain } = {
      plain(this: unknown, ...args: unknown[]): unknown {
        const callback = observedCallbackIn(args)
        return callback === undefined
          ? apply(other, this, args as never[])
          : callWithCallback({ self: this, args, newTarget: undefined }, callback)
      },
    }

    const wrapper: AnyFunction = isConstructor(fn) ? constructible : plain
    return disguise(wrapper, fn)
  }
}

/** What the function gets in place of the callback: calls it, after `finish`. */
function inFrontOf(
  callback: AnyFunction,
  finish: (error: unknown, result?: unknown) => void,
): AnyFunction {
  if (isProxy(callback)) {
    // its traps answer to what the function asks it, and to nobody else: any of them may throw
    return new Proxy(callback, {
      apply(_, self, results: unknown[]): unknown {
        finish(results[0], results[1])
        return apply(callback, self, results as never[])
      },
    })
  }
  // a method, which has no prototype of its own: the callback may have none
  // eslint-disable-next-line @typescript-eslint/unbound-method -- takes any receiver
  const { observed } = {
    observed(this: unknown, ...results: unknown[]): unknown {
      finish(results[0], results[1])
      return apply(callback, this, results as never[])
    },
  }
  imitate(observed, callback)
  return observed
}

function callbackIn(args: unknown[]): AnyFunction | undefined {
  return args.findLast((arg): arg is AnyFunction => typeof arg === 'function')
}
