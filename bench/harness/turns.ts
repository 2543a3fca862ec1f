/**
 * @module bench/harness/turns
 * Asks several databases the same question over and over, in turns.
 */
import { createRandom, type Random } from './random.ts'
import type { BenchRow } from './result.ts'
import { percentiles } from './statistics.ts'

const MAX_SAMPLES = 1000
const MIN_SAMPLES = 3
const WARM_UP_SAMPLES = 20
const SEED = 4

export interface Contender {
  who: string
  /** Asks one random question. */
  ask(random: Random): Promise<unknown>
}

/**
 * Contenders take turns; one whose time is up drops out. All get the same sequence of questions, but for those left out
 * of a slow one's warm-up.
 */
export async function takeTurns(
  what: string,
  contenders: readonly Contender[],
  budgetMs: number,
): Promise<BenchRow[]> {
  const runs = contenders.map((contender) => ({
    contender,
    random: createRandom(SEED),
    samplesMs: [] as number[],
    leftMs: budgetMs,
  }))
  for (const { contender, random } of runs) {
    const start = performance.now()
    for (let i = 0; i < WARM_UP_SAMPLES && performance.now() - start < budgetMs / 4; i++) {
      await contender.ask(random)
    }
  }
  let active = runs
  while (active.length > 0) {
    for (const run of active) {
      const start = performance.now()
      await run.contender.ask(run.random)
      const elapsedMs = performance.now() - start
      run.samplesMs.push(elapsedMs)
      run.leftMs -= elapsedMs
    }
    active = runs.filter(
      ({ samplesMs, leftMs }) =>
        samplesMs.length < MIN_SAMPLES || (leftMs > 0 && samplesMs.length < MAX_SAMPLES),
    )
  }
  return runs.map(({ contender, samplesMs }) => rowOf(contender.who, what, samplesMs))
}

/** The median of the samples, in ms. */
export function rowOf(who: string, what: string, samplesMs: readonly number[]): BenchRow {
  const shares = percentiles(samplesMs)
  const best = Math.min(...samplesMs)
  return {
    name: `${who}/${what}`,
    value: shares.p50,
    unit: 'ms',
    n: samplesMs.length,
    ...shares,
    best,
  }
}
