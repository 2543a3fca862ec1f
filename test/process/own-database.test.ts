import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { runChild } from './run-child.ts'

test('a program asks about its own calls, whichever of its threads asks', async () => {
  const directory = join(temporaryDirectory(), 'calls')
  const result = await runChild('own-database.mjs', [directory], { env: {} })
  expect(result).toMatchObject({ code: 0, stderr: '' })
  expect(JSON.parse(result.stdout)).toEqual({
    before: 'KRONICLER_NOT_FOUND',
    calls: 1000,
    ofThread: 1001,
  })
})
