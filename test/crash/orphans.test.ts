/**
 * Writers that were killed: whoever comes next seals their logs, two of them at once, and readers see the same rows
 * before, meanwhile and afterwards.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { compactDatabase, DatabaseWriter, openDatabase, type Database } from '../../src/database.ts'
import { nodeFiles } from '../../src/database/file.ts'
import { isWriterFolder } from '../../src/database/format/directory.ts'
import { rolledUp } from '../support/stored-rows.ts'

const LOCKS = /^LOCK/
let root: string
let writeForever: string
let compact: string

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'kronicler-orphans-'))
  const bundle = async (source: string): Promise<string> => {
    const outfile = join(root, source.replace(/.*\/(.*)\.ts$/, '$1.mjs'))
    const entry = fileURLToPath(new URL(source, import.meta.url))
    await build({ entryPoints: [entry], outfile, bundle: true, platform: 'node', format: 'esm' })
    return outfile
  }
  writeForever = await bundle('../support/write-forever.ts')
  compact = await bundle('fixtures/compact.ts')
})

afterAll(() => {
  rmSync(root, { recursive: true, force: true })
})

/** Writes for a moment, and is killed. @returns rows that it had acknowledged */
async function writeAndDie(directory: string, segmentRows: number): Promise<number> {
  const child = spawn(process.execPath, [writeForever, directory, String(segmentRows)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  await once(child.stdout, 'data')
  await new Promise((resolve) => setTimeout(resolve, 200))
  child.kill('SIGKILL')
  await once(child, 'close')
  return Number(output.trimEnd().split('\n').at(-1))
}

function compactInProcess(directory: string): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, [compact, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  return new Promise((resolve) => {
    child.on('close', (code) => {
      resolve({ code, output })
    })
  })
}

function writersIn(directory: string): string[] {
  return readdirSync(directory).filter(isWriterFolder)
}

async function answers(database: Database) {
  const { calls, maxNs, sumNs } = await database.stats()
  const functions = await database.functions()
  return { calls, maxNs, sumNs, byFunction: functions.map((one) => [one.function, one.calls]) }
}

test('two processes tidy up after three that were killed, while somebody reads', async () => {
  const directory = join(root, 'killed')
  let acknowledged = 0
  for (const segmentRows of [2000, 100_000, 3000]) {
    acknowledged += await writeAndDie(directory, segmentRows)
  }
  const database = await openDatabase(directory, { onFault: () => {} })
  const before = await answers(database)
  expect(before.calls).toBeGreaterThanOrEqual(acknowledged)
  let busy = 2
  const both = [1, 2].map(() => compactInProcess(directory).finally(() => busy--))
  while (busy > 0) {
    expect(await answers(database)).toEqual(before)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  for (const { code } of await Promise.all(both)) expect(code).toBe(0)
  await compactDatabase(directory) // what one had while the other was looking
  expect(await answers(database)).toEqual(before)
  await database.close()
  for (const writer of writersIn(directory)) {
    const files = readdirSync(join(directory, writer))
    // without a log, a lock, or anything unfinished
    expect(files.filter((name) => !/^(dict|seg\.\d+-\d+|wal\.\d+)$/.test(name))).toEqual([])
    expect(files.filter((name) => name.startsWith('wal.')).length).toBeLessThanOrEqual(1)
    expect(files.filter((name) => name.startsWith('seg.'))).toHaveLength(1)
  }
  const reopened = await openDatabase(directory)
  expect(await answers(reopened)).toEqual(before)
  await reopened.close()
})

test('the background thread of a program seals what another one has left, and lets expire what is asked for', async () => {
  const directory = join(root, 'thread')
  const acknowledged = await writeAndDie(directory, 100_000)
  const program = fileURLToPath(new URL('fixtures/live-for-a-while.mjs', import.meta.url))
  const child = spawn(process.execPath, [program, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, KRONICLER_RETENTION_AGE: '20000d' },
  })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  await once(child, 'close')
  expect(output).toBe('stored 1\n')
  const [left] = writersIn(directory).filter((name) => !name.includes(`-${child.pid}-`))
  const files = readdirSync(join(directory, left!))
  expect(files.filter((name) => /^(LOCK|wal)/.test(name))).toEqual([])
  // its rows are of the year 1970
  expect(files.filter((name) => name.startsWith('roll.'))).toEqual(['roll.000000-000000'])
  const rows = rolledUp(nodeFiles, join(directory, left!)).map(({ total }) => total.calls)
  expect(rows.reduce((sum, calls) => sum + calls, 0)).toBeGreaterThanOrEqual(acknowledged)
})

test('a live writer keeps its folder, and what it has written is left to it', async () => {
  const directory = join(root, 'alive')
  await writeAndDie(directory, 2000)
  const writer = DatabaseWriter.open(directory)
  writer.insert({ function: 'here', startMs: 1, durationNs: 2 })
  writer.flush()
  const { folders } = await compactDatabase(directory)
  expect(folders.map(({ state }) => state).sort()).toEqual(['alive', 'compacted'])
  const own = readdirSync(writer.path)
  expect(own.filter((name) => LOCKS.test(name))).toEqual(['LOCK'])
  writer.insert({ function: 'here', startMs: 2, durationNs: 2 })
  await writer.close()
  const after = await compactDatabase(directory)
  expect(after.folders.map(({ state }) => state)).toEqual(['compacted', 'compacted'])
  const database = await openDatabase(directory)
  expect(await database.count({ function: 'here' })).toBe(2)
  await database.close()
})

test('the directories of two machines are copied into one, also those of processes with one number', async () => {
  const [first, second, both] = ['first', 'second', 'both'].map((name) => join(root, name)) as [
    string,
    string,
    string,
  ]
  const identity = { bootId: null, processStart: null, node: 'v', kronicler: '0', createdMs: 5e11 }
  for (const [i, directory] of [first, second].entries()) {
    const writer = DatabaseWriter.open(directory, {
      identity: { ...identity, pid: 77, hostname: `machine-${i}` },
      random: i,
    })
    for (let row = 0; row < 100; row++) {
      writer.insert({ function: `of ${i}`, startMs: row, durationNs: i })
      writer.insert({ function: 'of both', startMs: row, durationNs: i })
    }
    await writer.close()
    cpSync(directory, both, { recursive: true })
  }
  expect(writersIn(both)).toHaveLength(2)
  const check = async (): Promise<void> => {
    const database = await openDatabase(both)
    expect(await database.count()).toBe(400)
    expect(await database.stats({ function: 'of both' })).toMatchObject({ calls: 200, sumNs: 100 })
    expect(await database.count({ function: 'of 1' })).toBe(100)
    await database.close()
  }
  await check()
  const { folders } = await compactDatabase(both)
  expect(folders.map(({ state }) => state)).toEqual(['compacted', 'compacted'])
  await check()
})
