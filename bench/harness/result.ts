/**
 * @module bench/harness/result
 * The form in which results are kept in bench/results/, from which the documents are generated.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import { join } from 'node:path'

const MODULE_FOLDERS = [
  '../../node_modules',
  '../peers/node_modules',
  '../peers/clickhouse/node_modules',
]

/** One figure. Percentiles are over its `n` samples, in its unit. */
export interface BenchRow {
  name: string // who/what: kronicler, a peer, or limit; what it did
  value: number
  unit: string
  ratio?: number // to the row named `baseline`
  ratioP10?: number // of the 10th percentiles: what remains when other programs disturb least
  baseline?: string
  n: number // samples
  p10?: number
  p50?: number
  p99?: number
  best?: number
}

/** What a suite found. */
export interface Measurements {
  rows: BenchRow[]
  notMeasured?: Record<string, string> // who, or a row's name, and why: nothing is left out silently
}

export interface BenchResult extends Measurements {
  suite: string
  machine: { cpu: string; cores: number; memoryGb: number; node: string; os: string }
  commit: string
  date: string // ISO 8601
  versions: Record<string, string> // of the peers
}

export function benchResult(
  suite: string,
  peers: string[],
  { rows, notMeasured = {} }: Measurements,
): BenchResult {
  return {
    suite,
    machine: {
      cpu: os.cpus()[0]?.model.trim() ?? 'unknown',
      cores: os.availableParallelism(),
      memoryGb: Math.round(os.totalmem() / 2 ** 30),
      node: process.version,
      os: `${os.type()} ${os.release()} ${os.arch()}`,
    },
    commit: commit(),
    date: new Date().toISOString(),
    versions: Object.fromEntries(
      peers.flatMap((name) => {
        const version = versionOf(name)
        return version === undefined ? [] : [[name, version]]
      }),
    ),
    ...(Object.keys(notMeasured).length === 0 ? {} : { notMeasured }),
    rows: rows.map(rounded),
  }
}

/** @param path of a file, or of a folder, in which the file is named after date and suite */
export function writeResult(path: string, result: BenchResult): string {
  const isFolder = existsSync(path) && statSync(path).isDirectory()
  const stamp = result.date.slice(0, 16).replace(':', '')
  const file = isFolder ? join(path, `${stamp}-${result.suite}.json`) : path
  writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`)
  return file
}

/** Adds ratio and baseline to every row of the same question, the name after the slash, if it is one of `whats`. */
export function withRatios(rows: BenchRow[], baselineWho: string, whats = /./): BenchRow[] {
  return rows.map((row) => {
    const [who, what] = row.name.split('/')
    if (!whats.test(what!)) return row
    const baseline = rows.find(({ name }) => name === `${baselineWho}/${what}`)
    if (baseline === undefined || who === baselineWho) return row
    return { ...row, ratio: row.value / baseline.value, baseline: baseline.name }
  })
}

/** Four significant digits: more would pretend. */
function rounded(row: BenchRow): BenchRow {
  const entries = Object.entries(row).map(([key, value]: [string, unknown]) => [
    key,
    typeof value === 'number' && key !== 'n' ? Number(value.toPrecision(4)) : value,
  ])
  return Object.fromEntries(entries) as BenchRow
}

function commit(): string {
  try {
    const args = ['describe', '--always', '--dirty', '--exclude=*']
    return execFileSync('git', args, { encoding: 'utf8' }).trim()
  } catch {
    return 'unknown' // not a clone
  }
}

/** Of the project's own packages, or of those in bench/peers; undefined: not installed. */
function versionOf(name: string): string | undefined {
  for (const folder of MODULE_FOLDERS) {
    const manifest = new URL(`${folder}/${name}/package.json`, import.meta.url)
    if (!existsSync(manifest)) continue
    return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version
  }
  return undefined
}
