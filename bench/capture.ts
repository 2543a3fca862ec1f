/**
 * @module bench/capture
 * What does a captured call cost? Time above the bare call, next to two clock reads and to other tools; memory; and
 * how many calls per second are all stored. Peers that slow down a whole process have one of their own, with the
 * same baselines.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { ChildOptions, Group } from './capture/child.ts'
import { HEAP_FLAGS } from './capture/heap.ts'
import { progress } from './harness/report.ts'
import type { BenchRow } from './harness/result.ts'
import type { Suite, SuiteOptions } from './harness/suite.ts'

const DEFAULT_ROUNDS = 200
const GROUPS: readonly Group[] = ['main', 'otel-span', 'otel-histogram', 'heap', 'sustained']

export const captureSuite: Suite = {
  peers: [
    'hdr-histogram-js',
    'prom-client',
    '@opentelemetry/api',
    '@opentelemetry/sdk-trace-node',
    '@opentelemetry/sdk-metrics',
  ],
  async run(options) {
    const rows: BenchRow[] = []
    for (const group of GROUPS.filter((name) => !options.skip.includes(name))) {
      const known = new Set(rows.map(({ name }) => name)) // the first group's baselines are kept
      rows.push(...(await runGroup(group, options)).filter(({ name }) => !known.has(name)))
    }
    return rows
  },
}

async function runGroup(group: Group, options: SuiteOptions): Promise<BenchRow[]> {
  progress(group)
  const { rounds = DEFAULT_ROUNDS, skip, folder } = options
  const childOptions: ChildOptions = { group, rounds, skip, folder }
  const child = fork(
    fileURLToPath(new URL('./capture/child.ts', import.meta.url)),
    [JSON.stringify(childOptions)],
    { execArgv: [...process.execArgv, ...(group === 'heap' ? HEAP_FLAGS : [])] },
  )
  let rows: BenchRow[] | undefined
  child.on('message', (message) => {
    rows = message as BenchRow[]
  })
  const [code] = (await once(child, 'exit')) as [number | null]
  if (rows === undefined || code !== 0) throw new Error(`${group} ended with exit code ${code}`)
  return rows
}
