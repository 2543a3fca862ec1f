/**
 * @module bench/capture/contenders/prom-client
 * Prometheus histograms, in both ways that prom-client has of timing a function.
 */
import type { AsyncSubject, SyncSubject } from '../subjects.ts'
import type { Contender } from './contender.ts'

/** `observe` on a child that was looked up beforehand: the fastest that prom-client has. */
export async function promClient(): Promise<Contender> {
  const { Histogram, Registry } = await import('prom-client')
  const histogram = new Histogram({
    name: 'call_seconds',
    help: 'Duration of a call',
    labelNames: ['function'],
    registers: [new Registry()],
  })
  return {
    who: 'prom-client',
    wrap(subject, name, isAsync) {
      const child = histogram.labels(name)
      const sync = subject as SyncSubject
      const async = subject as AsyncSubject
      return isAsync
        ? async function wrapped(this: unknown, i: number, x: number) {
            const start = performance.now()
            try {
              return await async.call(this, i, x)
            } finally {
              child.observe((performance.now() - start) / 1000)
            }
          }
        : function wrapped(this: unknown, i: number, x: number) {
            const start = performance.now()
            try {
              return sync.call(this, i, x)
            } finally {
              child.observe((performance.now() - start) / 1000)
            }
          }
    },
  }
}

/** `startTimer`, as prom-client's documentation shows it. */
export async function promClientTimer(): Promise<Contender> {
  const { Histogram, Registry } = await import('prom-client')
  const histogram = new Histogram({
    name: 'timer_seconds',
    help: 'Duration of a call',
    labelNames: ['function'],
    registers: [new Registry()],
  })
  return {
    who: 'prom-client-timer',
    wrap(subject, name, isAsync) {
      const labels = { function: name }
      const sync = subject as SyncSubject
      const async = subject as AsyncSubject
      return isAsync
        ? async function wrapped(this: unknown, i: number, x: number) {
            const end = histogram.startTimer(labels)
            try {
              return await async.call(this, i, x)
            } finally {
              end()
            }
          }
        : function wrapped(this: unknown, i: number, x: number) {
            const end = histogram.startTimer(labels)
            try {
              return sync.call(this, i, x)
            } finally {
              end()
            }
          }
    },
  }
}
