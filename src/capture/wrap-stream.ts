/**
 * @module capture/wrap-stream
 * The wrapper of a function that returns a stream, or a promise of one, and is asked to be recorded until the stream is
 * over. The caller gets the very stream.
 */
/* eslint-disable prefer-rest-params -- as the plain wrapper has it: no formal parameters of its own */
import type { Producer } from '../queue/producer.ts'
import type { StepClock } from '../queue/step-clock.ts'
import type { AsyncParents } from './async-parents.ts'
import { attributesOf, errorTypeOf, type CallDetails, type DetailHooks } from './call-details.ts'
import { disguise, isConstructor, targetOf } from './disguise.ts'
import { isStream } from './observe-stream.ts'
import { isSettling } from './settling.ts'
import { shareOutcome, type Outcome } from './share-outcome.ts'
import { createStreamCalls, type StreamCall, type StreamEnd } from './stream-call.ts'
import type { AnyFunction, IdAtFirstCall } from './wrap.ts'

export interface StreamHooks extends DetailHooks {
  parents: AsyncParents
}

export interface StreamWrapping {
  wrapStream: <F extends AnyFunction>(
    fn: F,
    id: number | IdAtFirstCall,
    details: CallDetails | undefined,
  ) => F
  /**
   * Records a stream from now on.
   *
   * @param attributes text of a JSON object
   */
  followStream: (stream: object, functionId: number, attributes: string | undefined) => void
}

const { apply, construct } = Reflect
const UNKNOWN_ID = -1

export function createStreamWrapping(
  producer: Producer,
  clock: StepClock,
  hooks: StreamHooks,
): StreamWrapping {
  const { stack } = producer
  const { off, parents } = hooks
  const calls = createStreamCalls(producer, clock)

  function endOf(
    details: CallDetails | undefined,
    args: ArrayLike<unknown>,
    outcome: Outcome,
    abandoned: boolean,
  ): StreamEnd {
    if (details === undefined) {
      const errorType = outcome.failed ? hooks.errorType(outcome.value) : 0
      return { errorType, abandoned, attributes: undefined }
    }
    const errorType = errorTypeOf(details, outcome, hooks)
    return { errorType, abandoned, attributes: attributesOf(details, Array.from(args), outcome) }
  }

  function followStream(stream: object, functionId: number, attributes: string | undefined): void {
    if (off[functionId] === 1) return
    const call = calls.begin(functionId, undefined)
    stack.top = call.level - 1
    calls.park(call)
    calls.follow(call, stream, ({ failed, error, abandoned }) => {
      return { errorType: failed ? hooks.errorType(error) : 0, abandoned, attributes }
    })
  }

  function wrapStream<F extends AnyFunction>(
    fn: F,
    id: number | IdAtFirstCall,
    details: CallDetails | undefined,
  ): F {
    let functionId = typeof id === 'number' ? id : UNKNOWN_ID

    function call(self: unknown, args: IArguments, newTarget: AnyFunction | undefined): unknown {
      const invoke = (): unknown =>
        newTarget === undefined
          ? apply(fn, self, args as never)
          : construct(fn, args as never, targetOf(newTarget, wrapper, fn))
      if (functionId === UNKNOWN_ID) functionId = (id as IdAtFirstCall)(self)
      if (off[functionId] === 1) return invoke()
      const ancestry = details?.parent === true ? parents.enter(functionId) : undefined
      const open = calls.begin(functionId, ancestry)
      let failed = false
      let value: unknown
      try {
        value = ancestry === undefined ? invoke() : ancestry.run(invoke)
      } catch (error) {
        failed = true
        value = error
      }
      stack.top = open.level - 1
      let result = value
      try {
        calls.park(open)
        result = finishCall(open, { failed, value }, args)
      } catch {
        stack.lost[0]!++ // no stack left for what comes after the call
      }
      if (failed) throw value
      return result
    }

    /** @returns what the caller gets, unless the call has failed */
    function finishCall(open: StreamCall, outcome: Outcome, args: IArguments): unknown {
      const { value } = outcome
      if (outcome.failed || !isSettling(value)) {
        finishWith(open, outcome, args, false)
        return value
      }
      return shareOutcome(value, (settled) => {
        try {
          finishWith(open, settled, args, true)
        } catch {
          stack.lost[0]!++ // the outcome is the caller's, whatever happens in here
        }
      })
    }

    function finishWith(
      open: StreamCall,
      outcome: Outcome,
      args: IArguments,
      asynchronous: boolean,
    ): void {
      const { failed, value } = outcome
      if (failed || !isStream(value)) {
        calls.end(open, endOf(details, args, outcome, false), asynchronous)
        return
      }
      calls.follow(open, value, (over) => {
        const end: Outcome = over.failed ? { failed: true, value: over.error } : outcome
        return endOf(details, args, end, over.abandoned)
      })
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

  return { wrapStream, followStream }
}
