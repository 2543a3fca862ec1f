/**
 * Real programs that save to SQLite, end in every way, and are disturbed in every way: afterwards the table equals the truth.
 */
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { openSqlite } from '../../src/outputs/sqlite/connection.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { runChild, type ChildResult } from './run-child.ts'

interface Place {
  directory: string
  path: string
}

function place(): Place {
  const directory = temporaryDirectory()
  return { directory, path: join(directory, 'metrics.db') }
}

function run(
  { directory, path }: Place,
  way: string,
  calls = 200,
  options: Partial<Parameters<typeof runChild>[2]> = {},
): Promise<ChildResult> {
  const env = {
    KRONICLER_DIR: join(directory, 'kronicler'),
    KRONICLER_SQLITE: path,
    ...options.env,
  }
  return runChild('outputs.mjs', [way, String(calls)], { ...options, env })
}

function madeBy({ stdout }: ChildResult): number {
  return (JSON.parse(stdout.trim().split('\n').at(-1)!) as { made: number }).made
}

function totals(path: string): Record<string, number[]> {
  const connection = openSqlite(path, undefined)
  const rows = connection.prepare('SELECT function_name, calls, errors FROM metrics').all() as {
    function_name: string
    calls: number
    errors: number
  }[]
  connection.close()
  return Object.fromEntries(
    rows.map(({ function_name, calls, errors }) => [function_name, [calls, errors]]),
  )
}

/** Of so many rounds of the program. */
function truth(rounds: number): Record<string, number[]> {
  return { often: [8 * rounds, 0], seldom: [rounds, 0], failing: [rounds, rounds] }
}

function spools({ directory }: Place): string[] {
  const folder = join(directory, 'kronicler', 'outputs')
  return existsSync(folder) ? readdirSync(folder) : []
}

describe('a program that ends', () => {
  test.each(['natural end', 'close'])('by %s has saved everything', async (way) => {
    const at = place()
    const result = await run(at, way)
    expect(result).toMatchObject({ code: 0, stderr: '' })
    expect(totals(at.path)).toEqual(truth(200))
    expect(spools(at)).toEqual([])
  })

  test.each([
    ['process.exit', 0, null],
    ['SIGTERM', null, 'SIGTERM'],
    ['exception', 1, null],
  ])('by %s leaves the rest to the next one', async (way, code, signal) => {
    const at = place()
    // so long an interval that nothing is saved before
    const result = await run(at, way, 200, { env: { OUTPUT_INTERVAL: '60000' } })
    expect(result).toMatchObject({ code, signal })
    const made = madeBy(result)
    expect(spools(at)).toHaveLength(1)
    const next = await run(at, 'inherit')
    expect(next.stderr).toBe('')
    expect(totals(at.path)).toEqual(truth(made + 1))
    expect(spools(at)).toEqual([])
  })
})

test('programs that are all short leave nothing behind: the next one that ends by itself brings the calls of all', async () => {
  const at = place()
  let made = 0
  for (let program = 0; program < 3; program++) {
    made += madeBy(await run(at, 'process.exit', 200, { env: { OUTPUT_INTERVAL: '60000' } }))
  }
  expect(spools(at)).toHaveLength(3)
  await run(at, 'natural end', 200, { env: { OUTPUT_INTERVAL: '60000' } })
  expect(totals(at.path)).toEqual(truth(made + 200))
  expect(spools(at)).toEqual([])
})

test('the environment is enough', async () => {
  const at = place()
  const program = `
    import { capture } from 'kronicler'
    const f = capture('f', () => 1)
    for (let i = 0; i < 10; i++) f()`
  execFileSync(process.execPath, ['--input-type=module', '-e', program], {
    env: { ...process.env, KRONICLER_SQLITE: at.path, KRONICLER_DIR: join(at.directory, 'k') },
  })
  expect(totals(at.path)).toEqual({ f: [10, 0] })
})

test('eight processes write the same functions at once, and again after a restart', async () => {
  const at = place()
  const eight = (): Promise<ChildResult[]> =>
    Promise.all(Array.from({ length: 8 }, () => run(at, 'close', 200)))
  const results = [...(await eight()), ...(await eight())]
  for (const result of results) expect(result).toMatchObject({ code: 0 })
  // what was busy for too long at the end is left to the next one
  if (spools(at).length > 0) results.push(await run(at, 'inherit'))
  const made = results.reduce((sum, result) => sum + madeBy(result), 0)
  expect(totals(at.path)).toEqual(truth(made))
})

test('killed at any moment: what was flushed is saved, and once', async () => {
  const at = place()
  let made = 0
  let flushed = 0
  for (let kill = 0; kill < 3; kill++) {
    const child = await run(at, 'flush and go on', 0, {
      onOutput: (stdout, process) => {
        if (stdout.split('\n').length > 2 + kill)
          void sleep(kill * 7).then(() => process.kill('SIGKILL'))
      },
    })
    const lines = child.stdout
      .trim()
      .split('\n')
      .filter((line) => line.endsWith('}'))
    const said = lines.map((line) => JSON.parse(line) as { made: number; flushed: boolean })
    flushed += said.filter((line) => line.flushed).at(-1)?.made ?? 0
    made += (said.at(-1)?.made ?? 0) + 20 // of the round that it was killed in
  }
  await run(at, 'inherit')
  const { often, seldom, failing } = totals(at.path)
  expect(seldom![0]).toBeGreaterThanOrEqual(flushed + 1)
  expect(seldom![0]).toBeLessThanOrEqual(made + 1)
  expect(often![0]).toBeGreaterThanOrEqual(8 * (flushed + 1))
  expect(failing).toEqual([failing![1], failing![1]])
  expect(flushed).toBeGreaterThan(0)
})

test('another program that keeps the database locked is waited for', async () => {
  const at = place()
  await run(at, 'close', 10)
  const holder = openSqlite(at.path, undefined)
  holder.exec('BEGIN IMMEDIATE')
  const result = await run(at, 'for a while', 800, {
    onStart: () => void sleep(3500).then(() => holder.exec('COMMIT')),
  })
  holder.close()
  expect(result.code).toBe(0)
  const said = result.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Said)
  expect(said.some(({ state, waiting }) => state === 'failing' && waiting > 1)).toBe(true)
  expect(said.at(-1)).toMatchObject({ state: 'closed', waiting: 0, lastError: /locked|busy/ })
  expect(totals(at.path)).toEqual(truth(810))
})

interface Said {
  state: string
  waiting: number
  failures: number
  lastError?: string
}

test('a full disk loses nothing: what does not fit waits until there is room', async () => {
  const at = place()
  const mount = join(at.directory, 'small')
  const mounted = mountSmall(mount)
  if (mounted === undefined) return // not allowed here
  try {
    const path = join(mount, 'metrics.db')
    const filler = join(mount, 'filler')
    await run({ ...at, path }, 'close', 10)
    execFileSync('sh', ['-c', `dd if=/dev/zero of=${filler} bs=4096 2>/dev/null; true`])
    const result = await run({ ...at, path }, 'for a while', 500, {
      onStart: () => void sleep(1500).then(() => execFileSync('rm', [filler])),
    })
    expect(result.code).toBe(0)
    const said = result.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Said)
    expect(said.at(-1)!.failures).toBeGreaterThan(0)
    expect(said.at(-1)!.lastError).toMatch(/full|disk/)
    if (spools(at).length > 0) await run({ ...at, path }, 'inherit')
    expect(totals(path)['often']![0]).toBeGreaterThanOrEqual(8 * 510)
    expect(totals(path)['seldom']![0]! * 8).toBe(totals(path)['often']![0])
  } finally {
    mounted()
  }
})

/** A file system of 1 MiB. @returns what unmounts it; undefined if that is not allowed */
function mountSmall(path: string): (() => void) | undefined {
  try {
    execFileSync('mkdir', ['-p', path])
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', path], { stdio: 'ignore' })
    return () => {
      execFileSync('umount', ['-l', path]) // a connection may be open until it is collected
    }
  } catch {
    return undefined
  }
}

test('a driver that is missing is told of once, and calls are kept for it', async () => {
  const at = place()
  const project = temporaryDirectory()
  const program = `
    const { capture, configure, health, close } = require(${JSON.stringify(process.cwd())})
    configure({ directory: 'k', outputs: [{ ...require(${JSON.stringify(join(process.cwd(), 'dist/sqlite.cjs'))}).sqlite(${JSON.stringify(at.path)}), driver: 'better-sqlite3' }] })
    const f = capture('f', () => 1)
    f()
    setTimeout(async () => { await close(); console.log(JSON.stringify(health().outputs)) }, 100)`
  const child = spawn(process.execPath, ['-e', program], { cwd: project })
  let text = ''
  let told = ''
  child.stdout.on('data', (data: Buffer) => (text += data.toString()))
  child.stderr.on('data', (data: Buffer) => (told += data.toString()))
  await new Promise((resolve) => child.once('close', resolve))
  const [output] = JSON.parse(text) as (Said & { spooledBytes: number })[]
  expect(output).toMatchObject({ state: 'closed', waiting: 1 })
  expect(output!.spooledBytes).toBeGreaterThan(0)
  expect(told.match(/npm install libsql/g)).toHaveLength(1)
})
