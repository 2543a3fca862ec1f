/**
 * @module bench/capture/contenders/autometrics
 * Autometrics: a counter and a histogram of OpenTelemetry for each function, and its caller through AsyncLocalStorage.
 */
import { requirePeer } from '../../peers/require-peer.ts'
import type { Subject } from '../subjects.ts'
import type { Contender } from './contender.ts'

interface Autometrics {
  autometrics: (options: { functionName: string; moduleName: string }, fn: Subject) => Subject
  registerExporter: (exporter: { metricReader: unknown }) => void
}

/** The version of OpenTelemetry's metrics that Autometrics comes with. */
interface SdkMetrics {
  AggregationTemporality: { CUMULATIVE: number }
  InMemoryMetricExporter: new (temporality: number) => unknown
  PeriodicExportingMetricReader: new (options: {
    exporter: unknown
    exportIntervalMillis: number
  }) => { shutdown(): Promise<void> }
}

export function autometrics(): Contender {
  const peer = requirePeer('@autometrics/autometrics') as Autometrics
  const sdk = requirePeer('@opentelemetry/sdk-metrics') as SdkMetrics
  const exporter = new sdk.InMemoryMetricExporter(sdk.AggregationTemporality.CUMULATIVE)
  const metricReader = new sdk.PeriodicExportingMetricReader({
    exporter,
    exportIntervalMillis: 60_000,
  })
  peer.registerExporter({ metricReader })
  return {
    who: 'autometrics',
    wrap: (subject, name) => peer.autometrics({ functionName: name, moduleName: 'bench' }, subject),
    close: () => metricReader.shutdown(),
  }
}
