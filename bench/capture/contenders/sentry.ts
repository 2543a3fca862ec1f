/**
 * @module bench/capture/contenders/sentry
 * Sentry's spans, all of them sampled. What is sent is thrown away at the door.
 */
import { requirePeer } from '../../peers/require-peer.ts'
import type { AsyncSubject, SyncSubject } from '../subjects.ts'
import { SPANS_IN_REQUEST, type Contender } from './contender.ts'

interface Sentry {
  init(options: { dsn: string; tracesSampleRate: number; transport: () => Transport }): void
  startSpan<T>(options: { name: string }, run: () => T): T
  flush(): Promise<boolean>
  close(): Promise<boolean>
}

interface Transport {
  send(): Promise<object>
  flush(): Promise<boolean>
}

/** Spans of calls that belong to a request, which has a span itself. */
export function sentrySpan(): Contender {
  const { startSpan } = initialised()
  return {
    ...sentryRootSpan(),
    who: 'sentry-span',
    around: (run) => startSpan({ name: 'request' }, run),
  }
}

/** Spans of calls that belong to nothing: each is a transaction. */
export function sentryRootSpan(): Contender {
  const sentry = initialised()
  return {
    who: 'sentry-root-span',
    maxCalls: SPANS_IN_REQUEST,
    pace: async () => {
      await sentry.flush()
    },
    close: async () => {
      await sentry.close()
    },
    wrap(subject, name, isAsync) {
      const sync = subject as SyncSubject
      const async = subject as AsyncSubject
      return isAsync
        ? function wrapped(this: unknown, i: number, x: number) {
            return sentry.startSpan({ name }, () => async.call(this, i, x))
          }
        : function wrapped(this: unknown, i: number, x: number) {
            return sentry.startSpan({ name }, () => sync.call(this, i, x))
          }
    },
  }
}

let sentry: Sentry | undefined

function initialised(): Sentry {
  if (sentry !== undefined) return sentry
  sentry = requirePeer('@sentry/node') as Sentry
  sentry.init({
    dsn: 'http://key@127.0.0.1/1',
    tracesSampleRate: 1,
    transport: () => ({
      send: () => Promise.resolve({}),
      flush: () => Promise.resolve(true),
    }),
  })
  return sentry
}
