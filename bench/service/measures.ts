/**
 * @module bench/service/measures
 * The ways in which the application's functions are measured: not at all, by Kronicler, or by OpenTelemetry's spans.
 */
import assert from 'node:assert/strict'
import type { Measure } from './application.ts'

export const WHOS = ['bare', 'kronicler', 'kronicler-parent', 'otel'] as const
export type Who = (typeof WHOS)[number]

export interface Measuring {
  measure: Measure
  /**
   * Ends it, and checks that it has counted every call.
   *
   * @param requests that the application has answered, by the name of the function that does
   * @returns calls measured, and rows that were not stored
   */
  close(requests: ReadonlyMap<string, number>): Promise<{ calls: number; dropped: number }>
}

/** @param folder where Kronicler writes */
export async function createMeasuring(who: Who, folder: string): Promise<Measuring> {
  switch (who) {
    case 'bare':
      return {
        measure: (_name, fn) => fn,
        close: () => Promise.resolve({ calls: 0, dropped: 0 }),
      }
    case 'kronicler':
      return kronicler(folder, false)
    case 'kronicler-parent':
      return kronicler(folder, true)
    case 'otel':
      return openTelemetry()
  }
}

async function kronicler(directory: string, parent: boolean): Promise<Measuring> {
  const { capture, close, configure, health, metrics } = await import('kronicler')
  const { openDatabase } = await import('kronicler/database')
  configure({ directory })
  return {
    measure: (name, fn) => capture(fn, parent ? { name, parent } : { name }),
    async close(requests) {
      await close()
      const counted = new Map([...metrics()].map(([name, { calls }]) => [name, calls]))
      for (const [name, calls] of requests) assert.equal(counted.get(name), calls, name)
      const calls = [...counted.values()].reduce((sum, one) => sum + one, 0)
      const { stored, dropped } = health()
      assert.equal(stored + dropped, calls, 'stored + dropped = calls')
      const database = await openDatabase(directory)
      assert.equal(await database.count(), stored, 'what is stored is in the files')
      await database.close()
      return { calls, dropped }
    },
  }
}

/** Active spans, as its documentation recommends, in batches to an exporter that does nothing. */
async function openTelemetry(): Promise<Measuring> {
  const { BatchSpanProcessor, NodeTracerProvider } = await import('@opentelemetry/sdk-trace-node')
  const { SpanStatusCode, trace } = await import('@opentelemetry/api')
  let exported = 0
  const exporter = {
    export: (spans: unknown[], done: (result: { code: number }) => void) => {
      exported += spans.length
      done({ code: 0 })
    },
    shutdown: () => Promise.resolve(),
  }
  const provider = new NodeTracerProvider({ spanProcessors: [new BatchSpanProcessor(exporter)] })
  provider.register()
  const tracer = trace.getTracer('shop')
  let started = 0
  const measure = (name: string, fn: (...args: unknown[]) => unknown) =>
    function measured(this: unknown, ...args: unknown[]): unknown {
      started++
      return tracer.startActiveSpan(name, (span) => {
        const failed = (error: unknown): never => {
          span.recordException(error as Error)
          span.setStatus({ code: SpanStatusCode.ERROR })
          span.end()
          throw error
        }
        let result: unknown
        try {
          result = fn.apply(this, args)
        } catch (error) {
          return failed(error)
        }
        if (!(result instanceof Promise)) {
          span.end()
          return result
        }
        return result.then((value: unknown) => {
          span.end()
          return value
        }, failed)
      })
    }
  return {
    measure: measure as unknown as Measure,
    async close() {
      await provider.shutdown()
      return { calls: started, dropped: started - exported }
    },
  }
}
