import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { runChild } from '../process/run-child.ts'
import { storedCalls } from '../process/stored.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

/** As test/process/test-runners.test.ts has it for vitest. */

const JEST = fileURLToPath(new URL('./node_modules/jest', import.meta.url))
const PROJECT = process.env['KRONICLER_TEST_PROJECT']!
const FILES = 12
const CALLS = 1100

const TEST_FILE = `
const { capture, getMetrics } = require('kronicler')
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
test('makes calls while time stands still', () => {
  jest.useFakeTimers()
  expect(work(1)).toBe(2)
})
`

test.each([
  ['in its own process', ['--runInBand']],
  ['in processes', ['--maxWorkers=2']],
  ['in threads', ['--maxWorkers=2', '--workerThreads']],
])(
  'jest %s: all calls of all files are stored',
  async (_, args) => {
    const project = temporaryDirectory()
    mkdirSync(join(project, 'node_modules'))
    const installed = join(PROJECT, 'node_modules', 'kronicler')
    symlinkSync(installed, join(project, 'node_modules', 'kronicler'), 'dir')
    writeFileSync(join(project, 'package.json'), '{}')
    writeFileSync(join(project, 'jest.config.js'), `module.exports = { cache: false }`)
    for (let file = 0; file < FILES; file++) {
      writeFileSync(join(project, `${file}.test.js`), TEST_FILE)
    }
    const directory = join(project, 'calls')
    const { code, stdout, stderr } = await runChild(join(JEST, 'bin', 'jest.js'), args, {
      env: { KRONICLER_DIR: directory },
      directory: project,
    })
    expect(code, stdout + stderr).toBe(0)
    expect(stderr).not.toMatch(/kronicler:|Warning/)
    const { stored, dropped } = await storedCalls(directory)
    expect({ stored, dropped }).toEqual({ stored: FILES * (CALLS + 1), dropped: 0 })
  },
  180_000,
)
