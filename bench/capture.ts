/**
 * @module bench/capture
 * What does a captured call cost? Time above the bare call, next to two clock reads and to other tools; memory; and
 * how many calls per second are all stored. Peers that slow down a whole process have one of their own, with the
 * same baselines.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import {
  INSTALLED_ON_DEMAND,
  OWN_GROUPS,
  PEER_GROUPS,
  type ChildOptions,
  type Group,
  type PeerGroup,
} from './capture/groups.ts'
import { HEAP_FLAGS } from './capture/heap.ts'
import { progress } from './harness/report.ts'
import type { Measurements } from './harness/result.ts'
import type { Suite, SuiteOptions } from './harness/suite.ts'
import { startAgent } from './peers/agent.ts'
import { installPeers } from './peers/install.ts'

const DEFAULT_ROUNDS = 200
const TIMEOUT_MS = 300_000 // of one process

export const captureSuite: Suite = {
  peers: [
    'hdr-histogram-js',
    'prom-client',
    '@opentelemetry/api',
    '@opentelemetry/sdk-trace-node',
    '@opentelemetry/sdk-metrics',
    '@autometrics/autometrics',
    '@sentry/node',
    'dd-trace',
  ],
  async run(options) {
    const agent = await startAgent()
    const all: Measurements = { rows: [], notMeasured: {} }
    const add = ({ rows, notMeasured }: Measurements): void => {
      const known = new Set(all.rows.map(({ name }) => name)) // the first group's baselines are kept
      all.rows.push(...rows.filter(({ name }) => !known.has(name)))
      Object.assign(all.notMeasured!, notMeasured)
    }
    try {
      for (const name of options.skip) all.notMeasured![name] = 'left out on request'
      for (const group of OWN_GROUPS) add(await runGroup(group, false, options, agent.url))
      for (const group of PEER_GROUPS) add(await runPeer(group, options, agent.url))
    } finally {
      agent.close()
    }
    return all
  },
}

/** A peer that cannot be had, or fails, is told; nobody else's figures are lost with it. */
async function runPeer(
  group: PeerGroup,
  options: SuiteOptions,
  agentUrl: string,
): Promise<Measurements> {
  const missing =
    INSTALLED_ON_DEMAND.has(group) && !options.skip.includes(group) ? installPeers() : undefined
  if (missing !== undefined) return { rows: [], notMeasured: { [group]: missing } }
  try {
    const time = await runGroup(group, false, options, agentUrl)
    const heap = await runGroup(group, true, options, agentUrl)
    return {
      rows: [...time.rows, ...heap.rows],
      notMeasured: { ...time.notMeasured, ...heap.notMeasured },
    }
  } catch (error) {
    return { rows: [], notMeasured: { [group]: (error as Error).message } }
  }
}

/** @throws {Error} the process failed, or counted wrong */
async function runGroup(
  group: Group,
  heap: boolean,
  options: SuiteOptions,
  agentUrl: string,
): Promise<Measurements> {
  const { rounds = DEFAULT_ROUNDS, skip, folder } = options
  if (skip.includes(group)) return { rows: [] }
  progress(heap ? `${group}: heap` : group)
  const childOptions: ChildOptions = { group, heap, rounds, skip, folder, agentUrl }
  const needsHeapFlags = heap || group === 'heap'
  const child = fork(
    fileURLToPath(new URL('./capture/child.ts', import.meta.url)),
    [JSON.stringify(childOptions)],
    {
      execArgv: [...process.execArgv, ...(needsHeapFlags ? HEAP_FLAGS : [])],
      timeout: TIMEOUT_MS,
    },
  )
  let found: Measurements | undefined
  child.on('message', (message) => {
    found = message as Measurements
  })
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null]
  if (found === undefined || code !== 0) {
    throw new Error(`${group} ended with ${signal ?? `exit code ${code}`}`)
  }
  return found
}
