/**
 * @module bench/service
 * What does it cost a web service to have its functions captured? A real HTTP application under load from another process:
 * how many requests it can answer, what they need of the processor, and how long they take, one by one and all together.
 */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { progress } from './harness/report.ts'
import type { BenchRow } from './harness/result.ts'
import { inFolder, type Suite } from './harness/suite.ts'
import { median, percentiles, quantile } from './harness/statistics.ts'
import type { LoadRequest, LoadResult } from './service/load.ts'
import { WHOS, type Who } from './service/measures.ts'
import type { ServerRequest } from './service/server.ts'

const DEFAULT_ROUNDS = 6
const DEFAULT_SECONDS = 3 // of each measurement
const CONNECTIONS = 16
const WARM_UPS = 2

/** What is measured in a round. */
interface Round {
  requests: number // per second, over all connections
  fullP50: number // ms, meanwhile
  fullP99: number
  cpu: number // processor time of all threads, µs per request, meanwhile
  loopDelay: number // p99, ms, meanwhile
  p50: number // ms, one request at a time
  p99: number
}

interface Contender {
  who: Who
  process: ChildProcess
  url: string
  rounds: Round[]
}

const COLUMNS: Record<keyof Round, { name: string; unit: string }> = {
  requests: { name: 'requests', unit: 'requests/s' },
  fullP50: { name: 'p50-at-full-load', unit: 'ms' },
  fullP99: { name: 'p99-at-full-load', unit: 'ms' },
  cpu: { name: 'cpu', unit: 'µs' },
  loopDelay: { name: 'loop-delay-p99', unit: 'ms' },
  p50: { name: 'p50', unit: 'ms' },
  p99: { name: 'p99', unit: 'ms' },
}

export const serviceSuite: Suite = {
  peers: ['fastify', 'autocannon', '@opentelemetry/api', '@opentelemetry/sdk-trace-node'],
  async run({ rounds = DEFAULT_ROUNDS, seconds = DEFAULT_SECONDS, skip, folder }) {
    const left = skip.filter((name) => name !== 'bare') // everybody is compared with it
    const rows = await inFolder(folder, async (path) => {
      const load = start('./service/load.ts', {})
      const contenders: Contender[] = []
      try {
        for (const who of WHOS) {
          if (!left.includes(who)) contenders.push(await startServer(who, path))
        }
        await measure(contenders, load, rounds, seconds)
        return [
          ...contenders.flatMap((one) => rowsOf(one, contenders[0]!)),
          ...(await end(contenders)),
        ]
      } finally {
        for (const child of [load, ...contenders.map((one) => one.process)]) child.kill()
      }
    })
    return {
      rows,
      notMeasured: Object.fromEntries(left.map((who) => [who, 'left out on request'])),
    }
  },
}

async function measure(
  contenders: Contender[],
  load: ChildProcess,
  rounds: number,
  seconds: number,
): Promise<void> {
  const ask = async (url: string, connections: number): Promise<LoadResult> =>
    tell<LoadResult>(load, { url, seconds, connections })
  for (const { who, url } of contenders) {
    progress(`${who}: warming up`)
    for (let time = 0; time < WARM_UPS; time++) await ask(url, CONNECTIONS)
  }
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? contenders : [...contenders].reverse()
    for (const contender of order) {
      await tell(contender.process, 'begin' satisfies ServerRequest)
      const full = await ask(contender.url, CONNECTIONS)
      const usage = await tell<{ cpuMs: number; loopDelayMs: number }>(
        contender.process,
        'end' satisfies ServerRequest,
      )
      const alone = await ask(contender.url, 1)
      contender.rounds.push({
        requests: full.requestsPerSecond,
        fullP50: quantile(full.durationsMs, 0.5),
        fullP99: quantile(full.durationsMs, 0.99),
        cpu: (usage.cpuMs * 1000) / full.durationsMs.length,
        loopDelay: usage.loopDelayMs,
        p50: quantile(alone.durationsMs, 0.5),
        p99: quantile(alone.durationsMs, 0.99),
      })
    }
    progress(`round ${round + 1}: ${contenders.map(summary).join(', ')}`)
  }
}

function summary({ who, rounds }: Contender): string {
  const { requests, p99, cpu } = rounds.at(-1)!
  return `${who} ${requests.toFixed(0)} requests/s, p99 ${p99.toFixed(2)} ms, ${cpu.toFixed(0)} µs`
}

/** Ratios are medians of those to the bare application of the same round. */
function rowsOf({ who, rounds }: Contender, bare: Contender): BenchRow[] {
  return (Object.keys(COLUMNS) as (keyof Round)[]).map((column) => {
    const { name, unit } = COLUMNS[column]
    const values = rounds.map((round) => round[column])
    const row: BenchRow = {
      name: `${who}/${name}`,
      value: median(values),
      unit,
      n: values.length,
      ...percentiles(values),
    }
    if (who === 'bare') return row
    const ratios = values.map((value, round) => value / bare.rounds[round]![column])
    return { ...row, ratio: median(ratios), baseline: `bare/${name}` }
  })
}

/** Each server checks what it has counted: an error ends the suite. */
async function end(contenders: Contender[]): Promise<BenchRow[]> {
  const rows: BenchRow[] = []
  for (const { who, process: server } of contenders) {
    const { calls, dropped } = await tell<{ calls: number; dropped: number }>(
      server,
      'close' satisfies ServerRequest,
    )
    if (who === 'bare') continue
    const unit = who === 'otel' ? 'spans' : 'rows'
    rows.push({ name: `${who}/dropped`, value: dropped, unit, n: calls })
  }
  return rows
}

async function startServer(who: Who, folder: string): Promise<Contender> {
  const server = start('./service/server.ts', { who, folder: join(folder, who) })
  const { url } = await nextMessage<{ url: string }>(server)
  return { who, process: server, url, rounds: [] }
}

function start(file: string, options: object): ChildProcess {
  return fork(fileURLToPath(new URL(file, import.meta.url)), [JSON.stringify(options)])
}

async function tell<T>(child: ChildProcess, message: LoadRequest | ServerRequest): Promise<T> {
  const answer = nextMessage<T>(child)
  child.send(message)
  return answer
}

/** @throws {Error} the process has ended */
async function nextMessage<T>(child: ChildProcess): Promise<T> {
  const stop = new AbortController()
  try {
    return await Promise.race([
      once(child, 'message', { signal: stop.signal }).then(([message]) => message as T),
      once(child, 'exit', { signal: stop.signal }).then(([code]) => {
        throw new Error(`a process of the service ended with exit code ${code}`)
      }),
    ])
  } finally {
    stop.abort()
  }
}
