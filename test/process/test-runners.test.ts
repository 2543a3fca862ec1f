import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { runChild } from './run-child.ts'
import { storedCalls } from './stored.ts'

/**
 * A project whose code is captured, under test. Test runners give every file a realm or a thread of its own, hand out copies
 * of `process`, and end threads without notice.
 */

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const VITEST = join(ROOT, 'node_modules', 'vitest')
const CALLS = 1100 // in each file

const TEST_FILE = `
import { expect, test } from 'vitest'
import { capture, getMetrics } from 'kronicler'

const work = capture('work', (i) => i + 1)

test('makes calls at once', () => {
  let sum = 0
  for (let i = 0; i < 1000; i++) sum = work(sum)
  expect(sum).toBe(1000)
})
test('makes calls later, and sees those of its file', async () => {
  await new Promise((resolve) => setTimeout(resolve, 20))
  for (let i = 0; i < 100; i++) work(i)
  expect(getMetrics('work').calls).toBe(1100)
})
`

function makeProject(files: number): string {
  const project = temporaryDirectory()
  mkdirSync(join(project, 'node_modules'))
  symlinkSync(ROOT, join(project, 'node_modules', 'kronicler'), 'dir')
  symlinkSync(VITEST, join(project, 'node_modules', 'vitest'), 'dir')
  writeFileSync(join(project, 'package.json'), '{"type":"module"}')
  writeFileSync(
    join(project, 'vitest.config.mjs'),
    `export default { test: { include: ['*.test.mjs'], maxWorkers: 2 } }`,
  )
  for (let file = 0; file < files; file++) {
    writeFileSync(join(project, `${file}.test.mjs`), TEST_FILE)
  }
  return project
}

test.each([
  { pool: 'forks', files: 3 },
  { pool: 'threads', files: 3 },
  // in each of two workers more realms than Node.js takes listeners for an event without a warning
  { pool: 'vmForks', files: 24 },
  { pool: 'vmThreads', files: 24 },
])(
  'vitest with the pool $pool: all calls of all files are stored',
  async ({ pool, files }) => {
    const project = makeProject(files)
    const directory = join(project, 'calls')
    const { code, stdout, stderr } = await runChild(
      join(VITEST, 'vitest.mjs'),
      ['run', '--pool', pool],
      { env: { KRONICLER_DIR: directory, VITEST: '' }, directory: project },
    )
    expect(code, stdout + stderr).toBe(0)
    expect(stderr).toBe('')
    const { stored, dropped } = await storedCalls(directory)
    expect({ stored, dropped }).toEqual({ stored: files * CALLS, dropped: 0 })
  },
  180_000,
)

test('in a realm of its own calls are stored as soon as the code that makes them gives way', async () => {
  const directory = join(temporaryDirectory(), 'calls')
  const realms = 5
  const { signal } = await runChild('realms.mjs', [String(realms)], {
    env: { KRONICLER_DIR: directory },
  })
  expect(signal).toBe('SIGKILL')
  expect(await storedCalls(directory)).toMatchObject({ stored: realms * 1000, dropped: 0 })
})
