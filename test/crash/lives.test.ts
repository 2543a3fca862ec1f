/**
 * Writers are killed one after the other, and with them whoever was merging what the dead had left, while another process
 * reads all the time: nothing that was acknowledged is lost, and every snapshot that the reader takes is whole.
 *
 *   KRONICLER_CRASH_KILLS   kills (default 8)
 *   KRONICLER_CRASH_SEED    seed of the moments (default random, printed)
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { compactDatabase, openDatabase, type CorruptionError } from '../../src/database.ts'
import { parseSegmentFileName } from '../../src/database/format/directory.ts'
import { randomFrom } from '../support/random-calls.ts'

const KILLS = Number(process.env['KRONICLER_CRASH_KILLS'] ?? 8)
const SEED = Number(process.env['KRONICLER_CRASH_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const MIN_LIFE_MS = 60 // as long as it takes a program to begin
const MAX_LIFE_MS = 400
const PROGRAMS = ['write-life', 'read-forever', 'compact-forever']

let root: string

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'kronicler-lives-'))
  await build({
    entryPoints: PROGRAMS.map((name) =>
      fileURLToPath(new URL(`fixtures/${name}.ts`, import.meta.url)),
    ),
    outdir: root,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    format: 'esm',
  })
})

afterAll(() => {
  rmSync(root, { recursive: true, force: true })
})

test(
  `${KILLS} kills with a reader: no acknowledged row is lost, no snapshot is inconsistent`,
  async () => {
    const random = randomFrom(SEED)
    const directory = join(root, 'db')
    const acknowledged: number[] = []
    let reader: ChildProcess | undefined
    let report: Promise<string> | undefined
    for (let life = 0; life < KILLS; life++) {
      const writer = start('write-life', directory, String(life))
      let rows = 0
      const lines = createInterface({ input: writer.stdout! })
      lines.on('line', (line) => (rows = Number(line)))
      const closed = once(writer, 'close')
      await Promise.race([once(lines, 'line'), closed])
      if (reader === undefined) {
        reader = start('read-forever', directory)
        report = outputOf(reader)
      }
      const compactor = start('compact-forever', directory)
      const compactorClosed = once(compactor, 'close')
      await sleep(MIN_LIFE_MS + MAX_LIFE_MS * random() ** 2)
      for (const [child, end] of [
        [writer, closed],
        [compactor, compactorClosed],
      ] as const) {
        child.kill('SIGKILL')
        const [code] = (await end) as [number | null]
        expect(code, 'it ended by itself').toBeNull()
      }
      acknowledged.push(rows)
    }
    reader!.stdin!.end()
    const { snapshots, wrong } = JSON.parse(await report!) as { snapshots: number; wrong: string[] }
    const total = acknowledged.reduce((sum, rows) => sum + rows, 0)
    console.log(`seed ${SEED}: ${KILLS} kills, ${total} rows acknowledged, ${snapshots} snapshots`)
    expect(wrong).toEqual([])
    expect(snapshots).toBeGreaterThan(KILLS)
    await expectAll(directory, acknowledged)
    await compactDatabase(directory)
    await expectAll(directory, acknowledged)
    expect(intervals(directory).some(([low, high]) => low < high)).toBe(true)
  },
  60_000 + KILLS * 5000,
)

async function expectAll(directory: string, acknowledged: readonly number[]): Promise<void> {
  const faults: CorruptionError[] = []
  const database = await openDatabase(directory, { onFault: (fault) => faults.push(fault) })
  for (const [life, rows] of acknowledged.entries()) {
    const { calls, sumNs } = await database.stats({ function: `life.${life}` })
    expect(calls, `life ${life}`).toBeGreaterThanOrEqual(rows)
    expect(sumNs, `life ${life}`).toBe((calls * (calls - 1)) / 2)
  }
  await database.close()
  expect(faults.filter(({ code }) => code !== 'KRONICLER_TORN')).toEqual([])
}

/** Logs in each segment: first and last. */
function intervals(directory: string): [number, number][] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' }).flatMap((path) => {
    const interval = parseSegmentFileName(basename(path))
    return interval === undefined ? [] : [[interval.low, interval.high] satisfies [number, number]]
  })
}

function start(name: string, ...args: string[]): ChildProcess {
  return spawn(process.execPath, [join(root, `${name}.mjs`), ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
}

async function outputOf(child: ChildProcess): Promise<string> {
  let text = ''
  child.stdout!.setEncoding('utf8').on('data', (part: string) => (text += part))
  await once(child, 'close')
  return text
}
