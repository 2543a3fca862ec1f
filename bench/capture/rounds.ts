/**
 * @module bench/capture/rounds
 * Runs contenders in turn, many short rounds each, and compares every round with the bare calls of the same round:
 * a machine that slows down for a while then slows all of them.
 */
import type { BenchRow } from '../harness/result.ts'
import { percentiles, quantile } from '../harness/statistics.ts'
import type { Contender } from './contenders/contender.ts'
import { createLoop, createSubjects, isAsync, ITEMS, type Kind, type Subject } from './subjects.ts'

const ROUND_NS = 2e6 // long against the clock, short against the system's time slices
const MIN_CALLS = 256
const MAX_CALLS = 16_384
const WARM_UP_CALLS = 40_000
const WARM_UP_MS = 500 // of the slow ones, if they have been called often enough to be compiled
const MIN_WARM_UP_CALLS = 4000

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
    (subject, k) => contender.wrap?.(subject, name(k), isAsync(kind)) ?? subject,
  )
  const run = createRun(kind, contender, functions)
  const maxCalls = contender.maxCalls ?? MAX_CALLS
  let perCallNs = 0
  const start = performance.now()
  for (let calls = 0; calls < WARM_UP_CALLS;) {
    const count = Math.floor(Math.min(maxCalls, MIN_WARM_UP_CALLS) / ITEMS) * ITEMS
    perCallNs = await run(count)
    calls += count
    if (calls >= MIN_WARM_UP_CALLS && performance.now() - start > WARM_UP_MS) break
  }
  const calls = Math.min(maxCalls, Math.max(MIN_CALLS, ROUND_NS / perCallNs))
  return { contender, run, calls: Math.floor(calls / ITEMS) * ITEMS, perCallNs: [] }
}

function createRun(
  kind: Kind,
  contender: Contender,
  functions: readonly Subject[],
): (calls: number) => Promise<number> {
  const loop = createLoop(kind, contender.clocked ?? false)
  return async (calls) => {
    await contender.pace?.(calls)
    const { around } = contender
    const start = process.hrtime.bigint()
    const result =
      around === undefined ? loop(functions, calls) : around(() => loop(functions, calls))
    if (typeof result !== 'number') await result
    return Number(process.hrtime.bigint() - start) / calls
  }
}

/**
 * Medians are of the differences to the bare call of the same round. The 10th percentiles are taken before the
 * subtraction: they are what each needs while the machine is quiet, in whatever round that was.
 */
function toRows(kind: Kind, runners: readonly Runner[]): BenchRow[] {
  const samples = new Map(runners.map(({ contender, perCallNs }) => [contender.who, perCallNs]))
  const bareNs = samples.get('bare')!
  const overhead = (who: string) => {
    const ownNs = samples.get(who)!
    const aboveNs = ownNs.map((ns, round) => ns - bareNs[round]!)
    return { ...percentiles(aboveNs), p10: quantile(ownNs, 0.1) - quantile(bareNs, 0.1) }
  }
  const limit = overhead('limit')
  const rows: BenchRow[] = []
  for (const who of samples.keys()) {
    const own = who === 'bare' ? percentiles(bareNs) : overhead(who)
    const name = who === 'bare' ? `limit/bare-${kind}` : `${who}/${kind}`
    const row: BenchRow = { name, value: own.p50, unit: 'ns', n: bareNs.length, ...own }
    if (who !== 'bare' && who !== 'limit') {
      row.ratio = own.p50 / limit.p50
      row.ratioP10 = own.p10 / limit.p10
      row.baseline = `limit/${kind}`
    }
    rows.push(row)
  }
  return rows
}
