/**
 * @module bench/capture/contenders/tracing-channel
 * Node's diagnostics channels, with a subscriber that adds up durations: without one they record nothing.
 */
import { tracingChannel as createTracingChannel } from 'node:diagnostics_channel'
import type { AsyncSubject, SyncSubject } from '../subjects.ts'
import type { Contender } from './contender.ts'

interface Context {
  start?: number
}

/** A channel for each function. */
export function tracingChannel(): Contender {
  return {
    who: 'tracing-channel',
    wrap(subject, name, isAsync) {
      const channel = createTracingChannel<unknown, Context>(
        `${name}.${isAsync ? 'async' : 'sync'}`,
      )
      const sums = { calls: 0, ms: 0 }
      const ended = (context: Context): void => {
        sums.calls++
        sums.ms += performance.now() - context.start!
      }
      channel.subscribe({
        start(context: Context) {
          context.start = performance.now()
        },
        end: isAsync ? nothing : ended,
        asyncStart: nothing,
        asyncEnd: isAsync ? ended : nothing,
        error: nothing,
      })
      const sync = subject as SyncSubject
      const async = subject as AsyncSubject
      return isAsync
        ? function wrapped(this: unknown, i: number, x: number) {
            return channel.tracePromise(async, {}, this, i, x)
          }
        : function wrapped(this: unknown, i: number, x: number) {
            return channel.traceSync(sync, {}, this, i, x)
          }
    },
  }
}

function nothing(): void {
  // a subscriber has all five
}
