/**
 * Kills a process again and again while it seals, merges and lets rows expire: rows and totals stay complete, and the next
 * process goes on.
 *
 *   KRONICLER_CRASH_KILLS   kills (default 20)
 *   KRONICLER_CRASH_SEED    seed of the moments (default random, printed)
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openDatabase } from '../../src/database.ts'
import { DirectoryWriter } from '../../src/database/write/directory-writer.ts'
import { nodeFiles } from '../../src/database/file.ts'
import { encodeDictionaryEntry } from '../../src/database/format/dictionary.ts'
import { toColumns } from '../support/arbitrary-rows.ts'
import { sortRows, type IdRow } from '../support/read-folder.ts'
import { rolledUp, storedRows } from '../support/stored-rows.ts'

const KILLS = Number(process.env['KRONICLER_CRASH_KILLS'] ?? 20)
const SEED = Number(process.env['KRONICLER_CRASH_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const LOGS = 40
const ROWS = 600
const MOST_OPERATIONS = 1500 // about half of what there is to do

let root: string
let program: string

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'kronicler-crash-'))
  program = join(root, 'tidy-up.mjs')
  await build({
    entryPoints: [fileURLToPath(new URL('fixtures/tidy-up.ts', import.meta.url))],
    outfile: program,
    bundle: true,
    platform: 'node',
    format: 'esm',
  })
})

afterAll(() => {
  rmSync(root, { recursive: true, force: true })
})

function rowsOfLog(log: number): IdRow[] {
  return Array.from({ length: ROWS }, (_, i) => [
    i % 9,
    1e15 + log * 1e7 + i,
    log * ROWS + i,
    i % 11 === 0 ? 1 : 0,
  ])
}

/** The folder of a writer that died before it had sealed its last logs. */
async function leftBehind(number: number): Promise<{ folder: string; rows: IdRow[] }> {
  const writer = DirectoryWriter.create(join(root, `db-${number}`), {})
  for (let id = 0; id < 9; id++) writer.appendNames(encodeDictionaryEntry(0, id, `f${id}`))
  writer.appendNames(encodeDictionaryEntry(1, 1, 'Error'))
  const rows: IdRow[] = []
  for (let log = 0; log < LOGS; log++) {
    writer.append(toColumns(rowsOfLog(log)), { slot: 0, slotSequence: rows.length })
    rows.push(...rowsOfLog(log))
    const sequence = writer.rotate()
    if (log < LOGS - 3) await writer.seal(sequence)
  }
  writer.close()
  return { folder: writer.path, rows }
}

test(`in ${KILLS} kills no row and no total is lost or doubled, and readers see the same all the time`, async () => {
  console.log(`seed ${SEED}: ${KILLS} kills`)
  let state = SEED
  const random = (): number => (state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0) / 2 ** 32
  let databases = 0
  let current: Awaited<ReturnType<typeof leftBehind>> | undefined
  const seen = new Set<string>()
  for (let kill = 0; kill < KILLS; kill++) {
    current ??= await leftBehind(databases++)
    const { folder, rows } = current
    const database = await openDatabase(dirname(folder))
    const operations = Math.floor(random() * MOST_OPERATIONS)
    const child = spawn(process.execPath, [program, folder, String(operations)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let output = ''
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
    const ended = once(child, 'close')
    while (child.exitCode === null && child.signalCode === null) {
      expect(await database.count()).toBe(rows.length)
      await sleep(1)
    }
    await ended
    expect(await database.count()).toBe(rows.length)
    await database.close()
    const left = storedRows(nodeFiles, folder)
    const totals = rolledUp(nodeFiles, folder)
    expect(left.length + totals.reduce((sum, { total }) => sum + total.calls, 0)).toBe(rows.length)
    const sumNs = (all: readonly IdRow[]): number => all.reduce((sum, [, , ns]) => sum + ns, 0)
    const rolledNs = totals.reduce((sum, { total }) => sum + total.sumNs, 0)
    expect(sumNs(left) + rolledNs).toBe(sumNs(rows))
    if (totals.length === 0) expect(sortRows(left)).toEqual(sortRows(rows))
    for (const name of readdirSync(folder)) seen.add(name.replace(/\d+/g, ''))
    if (output.includes('done')) current = undefined
  }
  console.log(`${databases} databases; seen ${[...seen].sort().join(' ')}`)
  expect([...seen]).toEqual(expect.arrayContaining(['seg.-', 'roll.-', 'LOCK.']))
}, 120_000)
