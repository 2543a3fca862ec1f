/**
 * @module bench/capture/rounds
 * Runs contenders in turn, many short rounds each, and compares every round with the bare calls of the same round:
 * a machine that slows down for a while then slows all of them.
 */
import type { BenchRow } from '../harness/result.ts'
import { median, percentiles, quantile } from '../harness/statistics.ts'
import type { Contender } from './contenders.ts'
import { createLoop, createSubjects, type Kind, type Subject } from './subjects.ts'

const ROUND_NS = 2e6 // long against the clock, short against the system's time slices
const MIN_CALLS = 256
const MAX_CALLS = 16_384
const WARM_UP_CALLS = 40_000

interface Runner {
  contender: Contender
  run: (calls: number) => Promise<number> // ns per call
  calls: number // in a round
  perCallNs: number[] // one a round
}

/** One row for each contender: median ns per call above the bare call; for `bare` the call itself. */
export async function measureRounds(
  kind: Kind,
  contenders: readonly Contender[],
  rounds: number,
): Promise<BenchRow[]> {
  const runners: Runner[] = []
  for (const contender of contenders) runners.push(await prepare(kind, contender))
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? runners : [...runners].reverse()
    for (const runner of order) runner.perCallNs.push(await runner.run(runner.calls))
  }
  return toRows(kind, runners)
}

async function prepare(kind: Kind, contender: Contender): Promise<Runner> {
  const subjects = createSubjects(kind)
  const name = (k: number): string => `bench.${kind}.${k}`
  const functions = subjects.map(
    (subject, k) => contender.wrap?.(subject, name(k), kind === 'async') ?? subject,
  )
  const run = createRun(kind, contender, functions)
  const maxCalls = contender.maxCalls ?? MAX_CALLS
  let perCallNs = 0
  for (let calls = 0; calls < WARM_UP_CALLS; calls += maxCalls) perCallNs = await run(maxCalls)
  const calls = Math.round(Math.min(maxCalls, Math.max(MIN_CALLS, ROUND_NS / perCallNs)))
  return { contender, run, calls, perCallNs: [] }
}

function createRun(
  kind: Kind,
  contender: Contender,
  functions: readonly Subject[],
): (calls: number) => Promise<number> {
  const loop = createLoop(kind, contender.clocked ?? false)
  return async (calls) => {
    await contender.pace?.(calls)
    const start = process.hrtime.bigint()
    const result = loop(functions, calls)
    if (typeof result !== 'number') await result
    return Number(process.hrtime.bigint() - start) / calls
  }
}

function toRows(kind: Kind, runners: readonly Runner[]): BenchRow[] {
  const perCallNs = (who: string): number[] =>
    runners.find(({ contender }) => contender.who === who)!.perCallNs
  const bareNs = perCallNs('bare')
  const overheads = (own: readonly number[]): number[] => own.map((ns, i) => ns - bareNs[i]!)
  const limitNs = overheads(perCallNs('limit'))
  return runners.map(({ contender: { who } }) => {
    const name = who === 'bare' ? `limit/bare-${kind}` : `${who}/${kind}`
    if (who === 'bare') return row(name, bareNs)
    const ownNs = overheads(perCallNs(who))
    if (who === 'limit') return row(name, ownNs)
    return {
      ...row(name, ownNs),
      ratio: median(ownNs.map((ns, i) => ns / limitNs[i]!)),
      ratioP10: quantile(ownNs, 0.1) / quantile(limitNs, 0.1),
      baseline: `limit/${kind}`,
    }
  })
}

function row(name: string, values: readonly number[]): BenchRow {
  return { name, value: median(values), unit: 'ns', n: values.length, ...percentiles(values) }
}
