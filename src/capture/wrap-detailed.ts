/**
 * @module capture/wrap-detailed
 * The wrapper of a function whose calls say more than how long they took: attributes, what counts as a failure, who
 * called it across an asynchronous gap. It behaves like the plain wrapper (capture/wrap) and costs some hundred
 * nanoseconds more. The user's functions run after the clock has been read, and nothing that they throw gets out.
 */
/* eslint-disable prefer-rest-params -- as the plain wrapper has it: no formal parameters of its own */
import type { Producer } from '../queue/producer.ts'
import type { AsyncParents, Ancestry } from './async-parents.ts'
import { attributesOf, errorTypeOf, type CallDetails, type DetailHooks } from './call-details.ts'
import { disguise, isConstructor, targetOf } from './disguise.ts'
import { isSettling } from './settling.ts'
import { shareOutcome, type Outcome } from './share-outcome.ts'
import type { AnyFunction, IdAtFirstCall } from './wrap.ts'

export type WrapDetailed = <F extends AnyFunction>(
  fn: F,
  id: number | IdAtFirstCall,
  details: CallDetails,
) => F

const { apply, construct } = Reflect
const UNKNOWN_ID = -1
export interface DetailedHooks extends DetailHooks {
  parents: AsyncParents
}

export function createWrapDetailed(producer: Producer, hooks: DetailedHooks): WrapDetailed {
  const { begin, park, annotate, finish, stack, time } = producer
  const { off, parents } = hooks

  return function wrapDetailed<F extends AnyFunction>(
    fn: F,
    id: number | IdAtFirstCall,
    details: CallDetails,
  ): F {
    let functionId = typeof id === 'number' ? id : UNKNOWN_ID

    function call(self: unknown, args: IArguments, newTarget: AnyFunction | undefined): unknown {
      const invoke = (): unknown =>
        newTarget === undefined
          ? apply(fn, self, args as never)
          : construct(fn, args as never, targetOf(newTarget, wrapper, fn))
      if (functionId === UNKNOWN_ID) functionId = (id as IdAtFirstCall)(self)
      if (off[functionId] === 1) return invoke()
      const ancestry = details.parent === true ? parents.enter(functionId) : undefined
      const level = begin(functionId)
      let failed = false
      let value: unknown
      try {
        value = ancestry === undefined ? invoke() : ancestry.run(invoke)
      } catch (error) {
        // at the end of the stack not even an object can be made here
        failed = true
        value = error
      }
      stack.top = level - 1
      let result = value
      try {
        result = finishCall(level, { failed, value }, args, ancestry)
      } catch {
        stack.lost[0]!++ // no stack left for what comes after the call
      }
      if (failed) {
        const thrownByCapturedFunction = value
        throw thrownByCapturedFunction
      }
      return result
    }

    /** @returns what the caller gets */
    function finishCall(
      level: number,
      outcome: Outcome,
      args: IArguments,
      ancestry: Ancestry | undefined,
    ): unknown {
      const endNs = time()
      const place = park(level)
      ancestry?.adopt(place)
      if (!outcome.failed && isSettling(outcome.value)) {
        let isLater = false // a promise of several callers may have settled long ago
        const promise = shareOutcome(outcome.value, (settled) => {
          try {
            endAt(place, true, time(), settled, args, ancestry, isLater)
          } catch {
            stack.lost[0]!++ // the outcome is the caller's, whatever happens in here
          }
        })
        isLater = true
        return promise
      }
      endAt(place, false, endNs, outcome, args, ancestry, false)
      return outcome.value
    }

    function endAt(
      place: number,
      asynchronous: boolean,
      endNs: bigint,
      outcome: Outcome,
      args: IArguments,
      ancestry: Ancestry | undefined,
      hasStack: boolean, // all of it, as a promise's reaction begins with
    ): void {
      const childrenNs = ancestry?.leave(endNs, asynchronous) ?? NaN
      const errorType = errorTypeOf(details, outcome, hooks, hasStack)
      const attributes = attributesOf(details, Array.from(args), outcome, hasStack)
      if (attributes !== undefined || !Number.isNaN(childrenNs)) annotate(childrenNs, attributes)
      finish(functionId, place, endNs, asynchronous, errorType)
    }

    function constructible(this: unknown): unknown {
      return call(this, arguments, new.target)
    }

    // eslint-disable-next-line @typescript-eslint/unbound-method -- takes any receiver
    const { plain } = {
      plain(this: unknown): unknown {
        return call(this, arguments, undefined)
      },
    }

    const wrapper: AnyFunction = isConstructor(fn) ? constructible : plain
    return disguise(wrapper, fn)
  }
}
