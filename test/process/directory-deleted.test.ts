import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { openDatabase } from 'kronicler/database'
import { expect, test } from 'vitest'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { runChild } from './run-child.ts'

test.each([
  ['root', 'close'],
  ['root', 'exit'],
  ['folder', 'close'],
  ['folder', 'exit'],
])(
  'the %s is deleted while it is in use: calls go to a new one, and it is told (%s)',
  async (...args) => {
    const directory = join(temporaryDirectory(), 'calls')
    const { code, stderr, stdout } = await runChild('directory-deleted.mjs', args, {
      env: { KRONICLER_DIR: directory },
    })
    expect([code, stderr]).toEqual([0, ''])
    expect(JSON.parse(stdout)).toEqual({ flushed: true, errors: ['KRONICLER_IO'], dropped: 0 })
    expect(readdirSync(directory).filter((name) => name.startsWith('w-'))).toHaveLength(1)
    const database = await openDatabase(directory)
    expect(await database.count({ function: 'after' })).toBe(100)
    expect(await database.count({ function: 'before' })).toBe(100)
    expect(await database.count({ function: 'late' })).toBe(args[1] === 'exit' ? 1 : 0)
    await database.close()
  },
)
