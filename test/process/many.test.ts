import { join } from 'node:path'
import { openDatabase } from 'kronicler/database'
import { expect, test } from 'vitest'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { runChild } from './run-child.ts'

test('10,000 functions: each has its metrics and its rows', async () => {
  const directory = join(temporaryDirectory(), 'calls')
  const { stdout, stderr } = await runChild('many-functions.mjs', ['10000', '20'], {
    env: { KRONICLER_DIR: directory },
  })
  expect(stderr).toBe('')
  expect(JSON.parse(stdout)).toEqual({ calls: 200_000, last: 20 })
  const database = await openDatabase(directory)
  const functions = await database.functions()
  const dropped = await database.dropped()
  const calls = functions.reduce((sum, one) => sum + one.calls, 0)
  expect(calls + dropped).toBe(200_000)
  expect(functions.length).toBeGreaterThan(dropped === 0 ? 9999 : 3000)
  await database.close()
})

test('beyond the limit of functions calls are recorded under one name', async () => {
  const directory = join(temporaryDirectory(), 'calls')
  await runChild('many-functions.mjs', ['21000', '1'], { env: { KRONICLER_DIR: directory } })
  const database = await openDatabase(directory)
  const { calls } = await database.stats({ function: '(other)' })
  expect(calls + (await database.dropped())).toBeGreaterThanOrEqual(1000)
  expect(await database.functionNames()).toHaveLength(20_001)
  await database.close()
})

test('names of any kind come back as they were given', async () => {
  const directory = join(temporaryDirectory(), 'calls')
  const names = [
    ' ',
    'größe',
    '函数',
    '👩‍👩‍👧',
    'a\nb\tc',
    '\u001b[31mred',
    '../../etc/passwd',
    '<img src=x onerror=alert(1)>',
    '\u202eright to left',
    '__proto__',
    'constructor',
    "'; DROP TABLE calls; --",
  ]
  const { stderr } = await runChild('hostile-names.mjs', [JSON.stringify(names)], {
    env: { KRONICLER_DIR: directory },
  })
  expect(stderr).toBe('')
  const database = await openDatabase(directory)
  const expected = [...names, 'x'.repeat(1_000_000)].sort((a, b) => (a < b ? -1 : 1))
  expect(await database.functionNames()).toEqual(expected)
  await database.close()
})
