/**
 * @module bench/capture/startup
 * How long a program waits for the tool to load, and for the first of everything. A new process for each sample.
 */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { progress } from '../harness/report.ts'
import type { BenchRow, Measurements } from '../harness/result.ts'
import { median, percentiles } from '../harness/statistics.ts'

const SAMPLES = 15
const PROGRAM = fileURLToPath(new URL('./startup.mjs', import.meta.url))

/** By who, what is loaded. */
const TOOLS: Readonly<Record<string, string>> = {
  kronicler: 'kronicler',
  'hdr-histogram-js': 'hdr-histogram-js',
  'prom-client': 'prom-client',
  'otel-span': '@opentelemetry/sdk-trace-node',
  'otel-histogram': '@opentelemetry/sdk-metrics',
}

/** @param folder where Kronicler writes */
export async function measureStartup(
  folder: string,
  skip: readonly string[],
): Promise<Measurements> {
  const samples = new Map<string, number[]>()
  const tools = Object.entries(TOOLS).filter(([who]) => !skip.includes(who))
  progress(`startup: ${tools.map(([who]) => who).join(', ')}`)
  for (let sample = 0; sample < SAMPLES; sample++) {
    for (const [who, specifier] of sample % 2 === 0 ? tools : [...tools].reverse()) {
      for (const [what, ms] of Object.entries(await start(specifier, folder))) {
        const name = `${who}/${what}`
        samples.set(name, [...(samples.get(name) ?? []), ms])
      }
    }
  }
  const rows: BenchRow[] = [...samples].map(([name, values]) => ({
    name,
    value: median(values),
    unit: 'ms',
    n: values.length,
    ...percentiles(values),
  }))
  return { rows }
}

async function start(specifier: string, folder: string): Promise<Record<string, number>> {
  const { stdout } = await promisify(execFile)(process.execPath, [PROGRAM, specifier], {
    env: { ...process.env, NODE_OPTIONS: '', KRONICLER_DIR: folder },
  })
  return JSON.parse(stdout) as Record<string, number>
}
