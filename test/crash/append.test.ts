/**
 * Kills a writing process again and again, at any moment of appending, rotating and sealing. SIGKILL keeps what the
 * system was handed, so this shows the order of operations; failing-files.test.ts shows what a failing disk does.
 *
 *   KRONICLER_CRASH_KILLS   kills (default 24)
 *   KRONICLER_CRASH_SEED    seed of the batch sizes and of the moments (default random, printed)
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { loadKernels } from '../../src/database/kernels/kernels.ts'
import { readFolder, type IdRow } from '../support/read-folder.ts'
import { crashRow, crashRowNumber } from './fixtures/crash-rows.ts'

const KILLS = Number(process.env['KRONICLER_CRASH_KILLS'] ?? 24)
const SEED = Number(process.env['KRONICLER_CRASH_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const MIN_LIFE_MS = 20
const MAX_LIFE_MS = 220

let root: string
let program: string

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'kronicler-crash-'))
  program = join(root, 'append-forever.mjs')
  await build({
    entryPoints: [fileURLToPath(new URL('fixtures/append-forever.ts', import.meta.url))],
    outfile: program,
    bundle: true,
    platform: 'node',
    format: 'esm',
  })
})

afterAll(() => {
  rmSync(root, { recursive: true, force: true })
})

test(
  `no acknowledged row is lost in ${KILLS} kills, none comes twice, none is invented`,
  async () => {
    console.log(`seed ${SEED}: ${KILLS} kills`)
    let total = 0
    let sealed = 0
    for (let kill = 0; kill < KILLS; kill++) {
      const lifeMs =
        MIN_LIFE_MS + ((SEED + kill * 7919) % 1000) * ((MAX_LIFE_MS - MIN_LIFE_MS) / 1000)
      const { folder, acknowledged } = await runAndKill(SEED + kill, lifeMs)
      const rows = readFolder(folder, loadKernels())
      expect(rows.length).toBeGreaterThanOrEqual(acknowledged)
      expectNumbered(rows)
      total += acknowledged
      sealed += rows.length > 20_000 ? 1 : 0
      rmSync(folder, { recursive: true })
    }
    console.log(`${total} rows acknowledged; ${sealed} of ${KILLS} kills behind the first rotation`)
    expect(total).toBeGreaterThan(0)
  },
  60_000 + KILLS * 5000,
)

async function runAndKill(
  seed: number,
  lifeMs: number,
): Promise<{ folder: string; acknowledged: number }> {
  const child = spawn(process.execPath, [program, join(root, 'db'), String(seed)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  const started = new Promise<void>((resolve) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text
      if (output.includes('\n')) resolve()
    })
  })
  const closed = once(child, 'close')
  await Promise.race([started, closed])
  await sleep(lifeMs)
  child.kill('SIGKILL')
  const [code] = (await closed) as [number | null]
  expect(code, 'the writer ended by itself').toBeNull()
  const lines = output.split('\n').slice(0, -1) // without the line that was cut off
  return {
    folder: lines[0]!.slice('folder '.length),
    acknowledged: lines.length > 1 ? Number(lines.at(-1)) : 0,
  }
}

/** The rows are those numbered from 0 on, each once, each as it was written. */
function expectNumbered(rows: readonly IdRow[]): void {
  const seen = new Uint8Array(rows.length)
  for (const row of rows) {
    const n = crashRowNumber(row)
    if (!(n >= 0 && n < rows.length) || seen[n] === 1) {
      throw new Error(`row ${n} of ${rows.length} is there twice, or one before it is missing`)
    }
    seen[n] = 1
    const expected = crashRow(n)
    if (JSON.stringify(row) !== JSON.stringify(expected)) {
      throw new Error(`row ${n} is ${JSON.stringify(row)}, not ${JSON.stringify(expected)}`)
    }
  }
}
