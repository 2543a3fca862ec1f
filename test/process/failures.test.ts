import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openDatabase } from 'kronicler/database'
import { describe, expect, test } from 'vitest'
import { INSTALLED, RUNTIME } from '../support/runtime.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { runChild } from './run-child.ts'
import { storedCalls } from './stored.ts'

const CALLS = 200_000
const DIST = fileURLToPath(new URL('../../dist', import.meta.url))

interface Report {
  sum: number
  flushed: boolean
  metrics: number
  accounted: number
  stored: number
  dropped: number
  writer: string
  lastError: string | undefined
  heard: string[]
}

async function run(options: {
  directory: string
  entry?: string
  listen?: boolean
  fileSizeLimitKiB?: number
  user?: number
}): Promise<{ report: Report; stderr: string; code: number | null }> {
  const args = [String(CALLS), options.entry ?? 'package', options.listen ? 'listen' : '']
  const result = await runChild('failures.mjs', args, {
    env: { KRONICLER_DIR: options.directory },
    ...(options.fileSizeLimitKiB === undefined
      ? {}
      : { fileSizeLimitKiB: options.fileSizeLimitKiB }),
    ...(options.user === undefined ? {} : { user: options.user }),
  })
  const report = JSON.parse(result.stdout) as Report
  return { report, stderr: result.stderr, code: result.code }
}

/** What must hold whatever fails: the program runs to its end, and every call is in the metrics and accounted for. */
function expectUnharmed({ report, code }: { report: Report; code: number | null }): void {
  expect(code).toBe(0)
  expect(report.sum).toBe(CALLS)
  expect(report.metrics).toBe(CALLS)
  expect(report.accounted).toBe(CALLS)
}

describe('a directory that cannot be made', () => {
  const directory = join(fileURLToPath(import.meta.url), 'below-a-file')

  test('is told once on stderr, and the program does not notice', async () => {
    const result = await run({ directory })
    expectUnharmed(result)
    expect(result.report).toMatchObject({ flushed: false, stored: 0, lastError: 'KRONICLER_IO' })
    expect(result.stderr).toMatch(/^kronicler: [^\n]*below-a-file[^\n]*ENOTDIR[^\n]*\n$/)
  })

  test('is told to onError if there is one', async () => {
    const result = await run({ directory, listen: true })
    expectUnharmed(result)
    expect(result.report.heard).toEqual(['KRONICLER_IO'])
    expect(result.stderr).toBe('')
  })
})

describe('a directory that may not be written', () => {
  // root may write everywhere, so then the program runs as nobody
  const user = process.getuid?.() === 0 ? 65_534 : undefined
  const refused =
    user === undefined || mayRead(INSTALLED ?? DIST, user) ? '' : ' (nobody may not read the code)'

  test.skipIf(refused !== '')(`is told, and the program does not notice${refused}`, async () => {
    const directory = temporaryDirectory()
    chmodSync(directory, 0o555)
    const result = await run({ directory, ...(user === undefined ? {} : { user }) })
    expectUnharmed(result)
    expect(result.report).toMatchObject({ flushed: false, stored: 0, lastError: 'KRONICLER_IO' })
    expect(result.stderr).toMatch(/^kronicler: [^\n]*EACCES[^\n]*\n$/)
  })
})

test('a disk that is full in the middle: what was stored is readable, the rest is counted', async () => {
  const directory = join(temporaryDirectory(), 'calls')
  const result = await run({ directory, fileSizeLimitKiB: 512 })
  expectUnharmed(result)
  expect(result.report.lastError).toBe('KRONICLER_IO')
  expect(result.stderr).toMatch(/^kronicler: [^\n]*EFBIG[^\n]*\n$/)
  expect(result.report.stored).toBeGreaterThan(10_000)
  expect(result.report.dropped).toBeGreaterThan(0)
  const database = await openDatabase(directory)
  expect(await database.count()).toBe(result.report.stored)
  await database.close()
})

test('a background thread that cannot start: the program stores its calls itself', async () => {
  const folder = temporaryDirectory()
  const directory = join(folder, 'calls')
  cpSync(DIST, join(folder, 'dist'), { recursive: true })
  rmSync(join(folder, 'dist', 'writer-thread.cjs'))
  const result = await run({ directory, entry: join(folder, 'dist', 'index.js') })
  expectUnharmed(result)
  expect(result.report.lastError).toBe('KRONICLER_WRITER')
  expect(result.stderr).toMatch(/^kronicler: the background thread failed[^\n]*\n$/)
  expect(result.report).toMatchObject({ flushed: true, dropped: 0 })
  expect(['failed', 'idle']).toContain(result.report.writer) // idle: about to be started again
  expect(await storedCalls(directory)).toMatchObject({ stored: CALLS, dropped: 0 })
})

/** Whether the user may read a file that is below folders of others. */
function mayRead(path: string, user: number): boolean {
  const script = `require('node:fs').readdirSync(${JSON.stringify(path)})`
  return spawnSync(RUNTIME[0], ['-e', script], { uid: user, gid: user }).status === 0
}
