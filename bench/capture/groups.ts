/**
 * @module bench/capture/groups
 * What is measured in one process.
 */

/** Tools that would disturb each other, or everybody: each has a process of its own, with the same baselines. */
export const PEER_GROUPS = [
  'otel-span',
  'otel-active-span',
  'otel-histogram',
  'autometrics',
  'sentry-span',
  'sentry-root-span',
  'dd-trace',
] as const
export type PeerGroup = (typeof PEER_GROUPS)[number]

/** Those of them whose packages are in bench/peers, not in the project's own. */
export const INSTALLED_ON_DEMAND: ReadonlySet<Group> = new Set<Group>([
  'autometrics',
  'sentry-span',
  'sentry-root-span',
  'dd-trace',
])

export const OWN_GROUPS = [
  'main',
  'heap',
  'options',
  'options-heap',
  'parent',
  'parent-heap',
  'generators',
  'sustained',
  'paced',
  'unpaced',
  'unpaced-block',
  'in-flight',
  'fresh-queue',
  'startup',
] as const
export type Group = PeerGroup | (typeof OWN_GROUPS)[number]

export interface ChildOptions {
  group: Group
  heap: boolean // of a peer: measures bytes, not time
  rounds: number
  skip: string[]
  folder: string
  agentUrl: string
}
