/**
 * @module bench/capture/contenders/dd-trace
 * Datadog's tracer with an agent (peers/agent.ts) that throws away what it is sent.
 */
import { requirePeer } from '../../peers/require-peer.ts'
import type { Subject } from '../subjects.ts'
import { SPANS_IN_REQUEST, type Contender } from './contender.ts'

interface Tracer {
  init(options: { service: string; startupLogs: boolean; url: string }): Tracer
  wrap(name: string, fn: Subject): Subject
  trace(name: string, run: () => unknown): unknown
}

/** @param agentUrl where spans are sent */
export function ddTrace(agentUrl: string): Contender {
  // neither belongs to measuring calls, and both want more from an agent than ours can
  process.env['DD_INSTRUMENTATION_TELEMETRY_ENABLED'] = 'false'
  process.env['DD_REMOTE_CONFIGURATION_ENABLED'] = 'false'
  const tracer = (requirePeer('dd-trace') as Tracer).init({
    service: 'bench',
    startupLogs: false,
    url: agentUrl,
  })
  return {
    who: 'dd-trace',
    maxCalls: SPANS_IN_REQUEST,
    around: (run) => tracer.trace('request', run),
    wrap: (subject, name) => tracer.wrap(name, subject),
  }
}
