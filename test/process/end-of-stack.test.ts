import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { runChild } from './run-child.ts'
import { storedCalls } from './stored.ts'

test.each(['exit', 'end'])(
  'calls that no stack is left to record are counted as dropped, also those that are the last of a process (%s)',
  async (how) => {
    const directory = join(temporaryDirectory(), 'calls')
    const env = { KRONICLER_DIR: directory }
    const { code, stdout } = await runChild('end-of-stack.mjs', [how], { env })
    expect(code).toBe(0)
    const report = JSON.parse(stdout) as { made: number; uncertain: number; unrecorded: number }
    expect(report.unrecorded).toBeGreaterThan(0)
    const { stored, dropped } = await storedCalls(directory)
    expect(dropped).toBeGreaterThanOrEqual(report.unrecorded)
    expect(stored + dropped).toBeGreaterThanOrEqual(report.made)
    expect(stored + dropped).toBeLessThanOrEqual(report.made + report.uncertain)
  },
)
