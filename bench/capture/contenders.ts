/**
 * @module bench/capture/contenders
 * Everybody who measures calls, each as its makers advise: one histogram for a function, made beforehand. The sync
 * and the async form of a wrapper are written out for each, so that none shares code, and what V8 knows about it,
 * with another.
 *
 * A peer's package is loaded by its own function: some slow down the whole process.
 */
import { createHistogram, performance as nodePerformance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import type { AsyncSubject, Subject, SyncSubject } from './subjects.ts'

export interface Contender {
  who: string
  /** Undefined: the bare function is called. */
  wrap?: (subject: Subject, name: string, isAsync: boolean) => Subject
  clocked?: boolean // the loop reads the clock around the bare call
  maxCalls?: number // in one round (default as many as take a few ms)
  /** Waits, unmeasured, until nothing of the next round will be refused. */
  pace?: (calls: number) => Promise<void>
  /** Rows refused so far, of rows offered. */
  refused?: () => { dropped: number; offered: number }
  close?: () => Promise<void>
}

export const bare: Contender = { who: 'bare' }

/** Two clock reads around the call: what measuring costs at least, if the result is thrown away. */
export const limit: Contender = { who: 'limit', clocked: true }

/** A wrapper that records nothing. */
export const noop: Contender = {
  who: 'noop',
  wrap(subject) {
    const sync = subject as SyncSubject
    return function wrapped(this: unknown, i: number, x: number) {
      return sync.call(this, i, x)
    }
  },
}

/** Every call becomes a row in `directory`; the background thread writes while the functions are called. */
export async function kronicler(directory: string, queueCapacity = 65_536): Promise<Contender> {
  const { capture, close, configure, health } = await import('kronicler')
  configure({ directory, queueCapacity })
  return {
    who: 'kronicler',
    wrap: (subject, name) => capture(name, subject),
    pace: async (calls) => {
      while (health().queued + calls > queueCapacity) await sleep(1)
    },
    refused: () => {
      const { dropped, queued, stored } = health()
      return { dropped, offered: stored + queued + dropped }
    },
    close,
  }
}

export async function hdrHistogram(): Promise<Contender> {
  const { build } = await import('hdr-histogram-js')
  return {
    who: 'hdr-histogram-js',
    wrap(subject, _name, isAsync) {
      const histogram = build({ highestTrackableValue: 3600e9, numberOfSignificantValueDigits: 3 })
      const sync = subject as SyncSubject
      const async = subject as AsyncSubject
      return isAsync
        ? async function wrapped(this: unknown, i: number, x: number) {
            const start = performance.now()
            try {
              return await async.call(this, i, x)
            } finally {
              histogram.recordValue(Math.round((performance.now() - start) * 1e6))
            }
          }
        : function wrapped(this: unknown, i: number, x: number) {
            const start = performance.now()
            try {
              return sync.call(this, i, x)
            } finally {
              histogram.recordValue(Math.round((performance.now() - start) * 1e6))
            }
          }
    },
  }
}

export const timerify: Contender = {
  who: 'timerify',
  wrap: (subject) => nodePerformance.timerify(subject, { histogram: createHistogram() }),
}

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

/** A span for each call; exporting costs nothing here and is not measured. */
export async function otelSpan(): Promise<Contender> {
  const { BatchSpanProcessor, NodeTracerProvider } = await import('@opentelemetry/sdk-trace-node')
  const maxQueueSize = 2048 // the default; a round must not fill it
  const exporter = {
    export: (_spans: unknown, done: (result: { code: number }) => void) => {
      done({ code: 0 })
    },
    shutdown: () => Promise.resolve(),
  }
  const provider = new NodeTracerProvider({
    spanProcessors: [new BatchSpanProcessor(exporter, { maxQueueSize })],
  })
  provider.register()
  const tracer = provider.getTracer('bench')
  return {
    who: 'otel-span',
    maxCalls: maxQueueSize - 1,
    pace: () => provider.forceFlush(),
    close: () => provider.shutdown(),
    wrap(subject, name, isAsync) {
      const sync = subject as SyncSubject
      const async = subject as AsyncSubject
      return isAsync
        ? async function wrapped(this: unknown, i: number, x: number) {
            const span = tracer.startSpan(name)
            try {
              return await async.call(this, i, x)
            } finally {
              span.end()
            }
          }
        : function wrapped(this: unknown, i: number, x: number) {
            const span = tracer.startSpan(name)
            try {
              return sync.call(this, i, x)
            } finally {
              span.end()
            }
          }
    },
  }
}

export async function otelHistogram(): Promise<Contender> {
  const sdk = await import('@opentelemetry/sdk-metrics')
  const exporter = new sdk.InMemoryMetricExporter(sdk.AggregationTemporality.CUMULATIVE)
  const reader = new sdk.PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 60_000 })
  const provider = new sdk.MeterProvider({ readers: [reader] })
  const histogram = provider.getMeter('bench').createHistogram('call', { unit: 's' })
  return {
    who: 'otel-histogram',
    close: () => provider.shutdown(),
    wrap(subject, name, isAsync) {
      const attributes = { function: name }
      const sync = subject as SyncSubject
      const async = subject as AsyncSubject
      return isAsync
        ? async function wrapped(this: unknown, i: number, x: number) {
            const start = performance.now()
            try {
              return await async.call(this, i, x)
            } finally {
              histogram.record((performance.now() - start) / 1000, attributes)
            }
          }
        : function wrapped(this: unknown, i: number, x: number) {
            const start = performance.now()
            try {
              return sync.call(this, i, x)
            } finally {
              histogram.record((performance.now() - start) / 1000, attributes)
            }
          }
    },
  }
}
