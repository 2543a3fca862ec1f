/**
 * @module bench/capture/contenders/opentelemetry
 * OpenTelemetry's SDK: spans, and a histogram. Exporting costs nothing here and is not measured.
 */
import type { AsyncSubject, SyncSubject } from '../subjects.ts'
import type { Contender } from './contender.ts'

const MAX_QUEUE_SIZE = 2048 // the default; a round must not fill it

/** `startSpan` and `end`. */
export async function otelSpan(): Promise<Contender> {
  const provider = await tracerProvider()
  const tracer = provider.getTracer('bench')
  return {
    who: 'otel-span',
    maxCalls: MAX_QUEUE_SIZE - 1,
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

/** `startActiveSpan`, which its documentation recommends: what is called within becomes its child. */
export async function otelActiveSpan(): Promise<Contender> {
  const provider = await tracerProvider()
  const tracer = provider.getTracer('bench')
  return {
    who: 'otel-active-span',
    maxCalls: MAX_QUEUE_SIZE - 1,
    pace: () => provider.forceFlush(),
    close: () => provider.shutdown(),
    wrap(subject, name, isAsync) {
      const sync = subject as SyncSubject
      const async = subject as AsyncSubject
      return isAsync
        ? function wrapped(this: unknown, i: number, x: number) {
            return tracer.startActiveSpan(name, async (span) => {
              try {
                return await async.call(this, i, x)
              } finally {
                span.end()
              }
            })
          }
        : function wrapped(this: unknown, i: number, x: number) {
            return tracer.startActiveSpan(name, (span) => {
              try {
                return sync.call(this, i, x)
              } finally {
                span.end()
              }
            })
          }
    },
  }
}

async function tracerProvider() {
  const { BatchSpanProcessor, NodeTracerProvider } = await import('@opentelemetry/sdk-trace-node')
  const exporter = {
    export: (_spans: unknown, done: (result: { code: number }) => void) => {
      done({ code: 0 })
    },
    shutdown: () => Promise.resolve(),
  }
  const provider = new NodeTracerProvider({
    spanProcessors: [new BatchSpanProcessor(exporter, { maxQueueSize: MAX_QUEUE_SIZE })],
  })
  provider.register()
  return provider
}

/** `record` with the attributes of the function. */
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
