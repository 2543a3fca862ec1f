import { expect, test } from 'vitest'
import { allRows, fillDatabase } from '../../support/filled-database.ts'
import { runCommand } from '../../support/run-command.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

test('compact merges what programs left behind; stats --exact and fetch answer as before', async () => {
  const directory = temporaryDirectory()
  await fillDatabase(directory, 800)
  const run = (...args: string[]) => runCommand(args, { env: { KRONICLER_DIR: directory } })
  const before = await allRows(directory)
  const [slowest] = JSON.parse((await run('slowest', '-n', '1', '--json')).stdout)
  const { code, stderr, stdout } = await run('compact')
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toMatch(/^w-[\w-]+: 2 → 1 segments, [\d.]+ kB → [\d.]+ kB$/m)
  expect(stdout).toMatch(/^w-[\w-]+: a program is at work there$/m)
  expect((await allRows(directory)).join()).toBe(before.join())
  expect((await run('verify')).code).toBe(0)
  const json = JSON.parse((await run('compact', '--json')).stdout)
  expect(json.folders).toHaveLength(3)
  expect(JSON.parse((await run('fetch', slowest.id, '--json')).stdout)).toEqual(slowest)
  expect((await run('fetch', slowest.id)).stdout).toContain('duration')
  expect((await run('fetch', 'nonsense')).code).toBe(1)
  const exact = JSON.parse((await run('stats', '--exact', '--json')).stdout)
  expect(exact.maxNs).toBe(slowest.durationNs)
})
