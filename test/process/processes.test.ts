import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { isWriterFolder } from '../../src/database/format/directory.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { runChild } from './run-child.ts'
import { storedCalls } from './stored.ts'

describe('a cluster of four, whose primary', () => {
  test.each([
    'kills',
    'kills the processes',
    'disconnects',
    'exits',
    'is killed for good', // after each worker's flush()
  ])('%s', async (way) => {
    const directory = join(temporaryDirectory(), 'calls')
    const { stdout, stderr, code } = await runChild('cluster.mjs', [way], {
      env: { KRONICLER_DIR: directory },
    })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const made = stdout
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { made: number }).made)
    expect(made).toHaveLength(5)
    const { stored, dropped, functions } = await storedCalls(directory)
    expect({ stored, dropped }).toEqual({ stored: 5 * made[0]!, dropped: 0 })
    expect(functions['work in worker']).toBe(4 * made[0]!)
  })
})

test('64 processes that one starts at once: all rows are there, and no two share a folder', async () => {
  const directory = join(temporaryDirectory(), 'calls')
  const { code, stderr } = await runChild('fork-storm.mjs', ['64', '500'], {
    env: { KRONICLER_DIR: directory },
  })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(readdirSync(directory).filter(isWriterFolder)).toHaveLength(64)
  expect(await storedCalls(directory)).toMatchObject({ stored: 64 * 500, dropped: 0 })
}, 240_000)

test('a reload: the old process ends while the new one starts in the same directory', async () => {
  const directory = join(temporaryDirectory(), 'calls')
  const env = { KRONICLER_DIR: directory }
  let next: ReturnType<typeof runChild> | undefined
  const old = await runChild('reload.mjs', [], {
    env,
    onOutput: (_, child) => {
      if (next !== undefined) return
      child.kill('SIGINT')
      next = runChild('reload.mjs', ['short'], { env })
    },
  })
  const both = [old, await next!]
  for (const { code, stderr } of both) expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const made = both.map(({ stdout }) => Number(stdout.split('\n')[1]))
  expect(made[0]).toBeGreaterThan(0)
  const { stored, dropped } = await storedCalls(directory)
  expect({ stored, dropped }).toEqual({ stored: made[0]! + made[1]!, dropped: 0 })
})
