import { existsSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import { expect, test } from 'vitest'
import { fillDatabase, filesOf } from '../../support/filled-database.ts'
import { runCommand } from '../../support/run-command.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

test('repair says what is saved, what is lost, and where the rest is', async () => {
  const directory = temporaryDirectory()
  await fillDatabase(directory, 800)
  const run = (...args: string[]) => runCommand(args, { env: { KRONICLER_DIR: directory } })
  expect(await run('repair')).toEqual({ code: 0, stderr: '', stdout: 'Nothing is damaged.\n' })

  const files = filesOf(directory)
  const path = files.find((name) => basename(name) === 'seg.000000-000000')!
  const content = readFileSync(path)
  content[64]! ^= 1 // the first page of the first function
  writeFileSync(path, content)
  const lock = files.find((name) => basename(name) === 'LOCK')!
  const log = lock.replace('LOCK', 'wal.000000')
  const logContent = readFileSync(log)
  logContent[100]! ^= 1
  writeFileSync(log, logContent)

  const first = await run('repair')
  expect(first.code).toBe(1)
  expect(first.stdout).toMatch(
    /^repaired: w-[\w-]+\/seg\.000000-000000\n {2}(\d+) rows saved, (\d+) lost\n/,
  )
  expect(first.stdout).toMatch(/^ {4}\d+ rows work\.0, 2025-01-01 [\d:.]+ to 2025-01-01 [\d:.]+$/m)
  expect(first.stdout).toMatch(
    /^ {2}the damaged file is now w-[\w-]+\/damaged\/seg\.000000-000000$/m,
  )
  expect(first.stdout).toMatch(/^left alone: w-[\w-]+: process \d+ writes there: end it first$/m)
  expect(first.stdout).toMatch(/^still damaged: w-[\w-]+\/wal\.000000, byte 64: /m)

  unlinkSync(lock)
  const second = JSON.parse((await run('repair', '--json')).stdout)
  expect(second).toMatchObject({
    refused: [],
    faults: [],
    repaired: [{ path: log, lostRows: 300 }],
  })
  expect(existsSync(second.repaired[0].setAside)).toBe(true)
  expect((await run('verify')).code).toBe(0)
  expect((await run('repair', '--help')).stdout).toContain('kronicler repair --json')
})
