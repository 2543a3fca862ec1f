import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openSqlite } from '../../src/outputs/sqlite/connection.ts'
import { runChild } from '../process/run-child.ts'
import { RUNTIME } from '../support/runtime.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const [program, ...args] = RUNTIME
const version = execFileSync(program, [...args, '-p', 'process.versions.node'], {
  encoding: 'utf8',
})
const hasSqlite = parseInt(version, 10) >= 22
const ROUNDS = 100

test(`the driver of Node.js itself ${hasSqlite ? 'saves all calls, without a word' : 'is told to be missing'}`, async () => {
  const directory = temporaryDirectory()
  const path = join(directory, 'metrics.db')
  const env = { KRONICLER_DIR: directory, KRONICLER_SQLITE: path, OUTPUT_DRIVER: 'node:sqlite' }
  const { code, stderr } = await runChild('outputs.mjs', ['natural end', String(ROUNDS)], { env })
  expect(code, stderr).toBe(0)
  if (!hasSqlite) {
    expect(stderr).toMatch(/node:sqlite is not there.*npm install/)
    return
  }
  expect(stderr).toBe('')
  const connection = openSqlite(path, 'libsql') // not the one that wrote it
  const rows = connection
    .prepare('SELECT function_name, calls, errors FROM metrics ORDER BY function_name')
    .all()
  connection.close()
  expect(rows).toMatchObject([
    { function_name: 'failing', calls: ROUNDS, errors: ROUNDS },
    { function_name: 'often', calls: 8 * ROUNDS, errors: 0 },
    { function_name: 'seldom', calls: ROUNDS, errors: 0 },
  ])
})
