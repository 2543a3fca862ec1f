/**
 * Verifying and repairing a database while other processes write, seal, merge and let expire in it.
 *
 *   KRONICLER_LIVE_MS   how long (default 4000)
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { repairDatabase, verifyDatabase } from '../../src/database.ts'
import { isWriterFolder, parseSegmentFileName } from '../../src/database/format/directory.ts'
import { readFolder } from '../support/read-folder.ts'

const LIVE_MS = Number(process.env['KRONICLER_LIVE_MS'] ?? 4000)
const SEGMENT_ROWS = 3000

let root: string
let writeForever: string
let tendForever: string
const children: ChildProcess[] = []

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'kronicler-live-'))
  const bundle = async (source: string): Promise<string> => {
    const outfile = join(root, source.replace(/.*\/(.*)\.ts$/, '$1.mjs'))
    const entry = fileURLToPath(new URL(source, import.meta.url))
    await build({ entryPoints: [entry], outfile, bundle: true, platform: 'node', format: 'esm' })
    return outfile
  }
  writeForever = await bundle('../support/write-forever.ts')
  tendForever = await bundle('fixtures/tend-forever.ts')
})

afterEach(async () => {
  await Promise.all(children.splice(0).map(kill))
})

afterAll(() => {
  rmSync(root, { recursive: true, force: true })
})

interface Running {
  child: ChildProcess
  lines: () => string[]
}

/** Starts a program, and waits until it has printed something. */
async function start(program: string, ...args: string[]): Promise<Running> {
  const child = spawn(process.execPath, [program, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  await once(child.stdout, 'data')
  return { child, lines: () => output.trimEnd().split('\n') }
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGKILL')
  await once(child, 'close')
}

test('a sound database has no fault, and there is nothing to repair, whatever others do to it', async () => {
  const directory = join(root, 'sound')
  const writer = await start(writeForever, directory, String(SEGMENT_ROWS))
  const caretaker = await start(tendForever, directory)
  let verified = 0
  let mostFiles = 0
  for (const end = Date.now() + LIVE_MS; Date.now() < end; verified++) {
    const acknowledged = Number(writer.lines().at(-1))
    const { faults, files, rows } = await verifyDatabase(directory)
    expect(faults).toEqual([])
    expect(rows).toBeGreaterThanOrEqual(acknowledged)
    mostFiles = Math.max(mostFiles, files)
    if (verified % 3 === 0) {
      expect(await repairDatabase(directory)).toEqual({ repaired: [], refused: [], faults: [] })
    }
  }
  expect(writer.child.exitCode ?? caretaker.child.exitCode).toBeNull()
  console.log(
    `${verified} times, up to ${mostFiles} files; ${caretaker.lines().length} folders were merged and expired`,
  )
  expect(verified).toBeGreaterThan(3)
}, 60_000)

test('a damaged file of a process that runs is reported and left alone; once the process is gone it is repaired', async () => {
  const directory = join(root, 'damaged')
  const writer = await start(writeForever, directory, String(SEGMENT_ROWS))
  while (findSegments(directory).length < 4) await new Promise((done) => setTimeout(done, 20))
  const path = findSegments(directory)[1]!
  const damaged = readFileSync(path)
  damaged[damaged.length >> 1]! ^= 4
  writeFileSync(path, damaged)
  const folder = dirname(path)

  const { faults } = await verifyDatabase(directory)
  expect(faults.map((fault) => fault.path)).toEqual(faults.map(() => path))
  expect(faults.length).toBeGreaterThan(0)
  const refused = await repairDatabase(directory)
  expect(refused.repaired).toEqual([])
  expect(refused.refused).toMatchObject([{ path: folder }])
  expect(refused.faults).toEqual(faults)
  expect(readFileSync(path).equals(damaged)).toBe(true)
  const acknowledged = Number(writer.lines().at(-1))
  while (Number(writer.lines().at(-1)) < acknowledged + SEGMENT_ROWS) {
    await new Promise((done) => setTimeout(done, 20)) // it goes on
  }

  await kill(writer.child)
  const repaired = await repairDatabase(directory)
  expect(repaired.repaired.length).toBeGreaterThan(0)
  expect(repaired.refused).toEqual([])
  expect(repaired.faults).toEqual([])
  expect((await verifyDatabase(directory)).faults).toEqual([])
  expect(readFolder(folder).length).toBeGreaterThan(acknowledged - SEGMENT_ROWS)
}, 60_000)

function findSegments(directory: string): string[] {
  return readdirSync(directory)
    .filter(isWriterFolder)
    .flatMap((folder) =>
      readdirSync(join(directory, folder))
        .filter((name) => parseSegmentFileName(name) !== undefined)
        .map((name) => join(directory, folder, name)),
    )
}
