import { join } from 'node:path'
import { expect, test } from 'vitest'
import { runChild } from '../process/run-child.ts'
import { storedCalls } from '../process/stored.ts'
import { RUNTIME_NAME } from '../support/runtime.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

/** What every runtime must do: record, count, store, and store the rest when the program ends. */

interface Report {
  made: number
  metrics: number
  meanSleepMs: number
  writer: string
  versions: Record<string, string>
}

test.each([
  'natural end',
  'natural end, after a while',
  'flush',
  'close',
  'process.exit',
  'uncaught exception',
  'a thread, terminated',
])('%s: rows = calls', async (way) => {
  const directory = join(temporaryDirectory(), 'calls')
  const result = await runChild('smoke.mjs', [way], { env: { KRONICLER_DIR: directory } })
  const fails = way === 'uncaught exception'
  expect(result.code, result.stderr).toBe(fails ? 1 : 0)
  if (!fails) expect(result.stderr).toBe('')
  const report = JSON.parse(result.stdout) as Report
  expect(Object.keys(report.versions)).toContain(RUNTIME_NAME)
  expect(report.metrics).toBe(report.made)
  expect(report.meanSleepMs).toBeGreaterThan(15)
  const { stored, dropped, functions } = await storedCalls(directory)
  expect({ stored, dropped }).toEqual({ stored: report.made, dropped: 0 })
  expect(functions).toMatchObject({ sync: 1000, throws: 10, sleeps: 1 })
})

test('the background thread runs', async () => {
  const directory = join(temporaryDirectory(), 'calls')
  const { stdout } = await runChild('smoke.mjs', ['natural end, after a while'], {
    env: { KRONICLER_DIR: directory },
  })
  expect((JSON.parse(stdout) as Report).writer).toBe('running')
})
