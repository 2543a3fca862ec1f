/**
 * @module bench
 * Runs one suite: npm run bench -- <suite> [options].
 */
import os from 'node:os'
import { parseArgs } from 'node:util'
import { DATA_SET_NAME } from './datasets.ts'
import { printTable } from './harness/report.ts'
import { benchResult, writeResult } from './harness/result.ts'
import type { Suite, SuiteOptions } from './harness/suite.ts'

/** Loaded when asked for: a suite's peers must not disturb another suite. */
const SUITES: Record<string, () => Promise<Suite>> = {
  capture: async () => (await import('./capture.ts')).captureSuite,
  ingest: async () => (await import('./ingest.ts')).ingestSuite,
  merge: async () => (await import('./merge.ts')).mergeSuite,
  storage: async () => (await import('./storage.ts')).storageSuite,
  codecs: async () => (await import('./codecs.ts')).codecsSuite,
  query: async () => (await import('./query.ts')).querySuite,
  scale: async () => (await import('./scale.ts')).scaleSuite,
  service: async () => (await import('./service.ts')).serviceSuite,
  soak: async () => (await import('./soak.ts')).soakSuite,
  outputs: async () => (await import('./outputs.ts')).outputsSuite,
}

const HELP = `Usage: npm run bench -- <suite> [options]

Suites
  capture   what a captured call costs, in time and memory
  ingest    rows per second into the database
  merge     rows per second when segments are merged, and how long that holds up the thread
  storage   bytes a row takes, everything counted
  codecs    how fast the database's inner loops are, and how small its pages
  query     how long questions take
  scale     how long they take as rows and functions grow: 10M, 100M, 1G rows
  service   what capturing costs a web service under load
  soak      whether memory grows over very many calls
  outputs   what saving summaries to SQLite and PostgreSQL costs

Options
  --json FILE      write the result there, too; in a folder it is named after date and suite
  --rows N[,N]     rows of the database, such as 100k,10M (default: the suite's own)
  --sets A[,B]     data sets, of A, B and C; B20k: B with 20,000 functions (ingest, storage, scale)
  --calls N        calls to make (soak: 200M)
  --rounds N       how often everything is measured (capture: 200, ingest: 3, service: 6, outputs: 5)
  --seconds N      how long one question is asked of one contender, or load lasts (query, service: 3, scale: 1)
  --skip WHO[,..]  contenders to leave out
  --dir FOLDER     where data is written (default: the system's temporary folder)
  --help
`

class UsageError extends Error {}

try {
  await main()
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  console.error(`${error.message}\n\n${HELP}`)
  process.exitCode = 2
}

async function main(): Promise<void> {
  const { positionals, values } = parseCommandLine()
  if (values.help === true) {
    console.log(HELP)
    return
  }
  const name = positionals[0] ?? ''
  const load = Object.hasOwn(SUITES, name) ? SUITES[name] : undefined
  if (load === undefined || positionals.length > 1) {
    throw new UsageError(
      name === '' ? 'Which suite?' : `There is no suite ${positionals.join(' ')}.`,
    )
  }
  const options: SuiteOptions = {
    rows: list(values.rows)?.map((text) => count(text, 'rows')),
    calls: values.calls === undefined ? undefined : count(values.calls, 'calls'),
    sets: list(values.sets)?.map(setName),
    rounds: values.rounds === undefined ? undefined : count(values.rounds, 'rounds'),
    seconds: values.seconds === undefined ? undefined : count(values.seconds, 'seconds'),
    skip: list(values.skip) ?? [],
    folder: values.dir ?? os.tmpdir(),
  }
  const suite = await load()
  const result = benchResult(name, suite.peers, await suite.run(options))
  printTable(result)
  if (values.json !== undefined) console.log(writeResult(values.json, result))
}

function parseCommandLine() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        json: { type: 'string' },
        rows: { type: 'string' },
        calls: { type: 'string' },
        sets: { type: 'string' },
        rounds: { type: 'string' },
        seconds: { type: 'string' },
        skip: { type: 'string' },
        dir: { type: 'string' },
        help: { type: 'boolean' },
      },
    })
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

function list(text: string | undefined): string[] | undefined {
  return text?.split(',').filter((part) => part !== '')
}

function setName(text: string): string {
  if (!DATA_SET_NAME.test(text)) throw new UsageError(`There is no data set ${text}.`)
  return text
}

/** 100k, 10M, 1G or plain digits. */
function count(text: string, option: string): number {
  const [, digits, unit = ''] = /^(\d+(?:\.\d+)?)([kMG]?)$/.exec(text) ?? []
  const value = Math.round(Number(digits) * { '': 1, k: 1e3, M: 1e6, G: 1e9 }[unit as '' | 'k'])
  if (!(value >= 1)) throw new UsageError(`--${option} must be a number such as 100k, not ${text}`)
  return value
}
