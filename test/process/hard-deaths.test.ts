import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { runChild, type ChildResult } from './run-child.ts'
import { storedNumbers } from './stored.ts'

/** Deaths after which none of the process's code runs. What such a death may take is what has come since the last flush. */

interface Report {
  acknowledged: number
  made: number
  dropped: number
}

function reportsOf({ stdout, stderr }: ChildResult): Report[] {
  const whole = stdout.slice(0, stdout.lastIndexOf('\n') + 1)
  const reports = whole.trim().split('\n').filter(Boolean)
  expect(reports, stderr).not.toEqual([])
  return reports.map((line) => JSON.parse(line) as Report)
}

/** All that was acknowledged is there, and of the rest a part without a gap; nothing twice, nothing torn. */
async function expectPrefix(directory: string, report: Report): Promise<void> {
  expect(report.dropped).toBe(0)
  const numbers = await storedNumbers(directory)
  expect(numbers.length).toBeGreaterThanOrEqual(report.acknowledged)
  expect(numbers).toEqual(Array.from(numbers, (_, index) => index))
}

test.each([
  ['aborts', { signal: 'SIGABRT' }, []],
  ['really exits', { code: 7 }, []],
  ['gets a signal that nobody handles', { signal: 'SIGTERM' }, []],
  ['runs out of memory', { signal: 'SIGABRT' }, ['--max-old-space-size=40']],
])('a program that %s: what flush() has acknowledged is there', async (way, end, nodeArgs) => {
  const directory = join(temporaryDirectory(), 'calls')
  const result = await runChild('numbered-calls.mjs', [way], {
    env: { KRONICLER_DIR: directory },
    nodeArgs,
  })
  expect(result).toMatchObject(end)
  const report = reportsOf(result).at(-1)!
  expect(report.acknowledged).toBe(10_000)
  await expectPrefix(directory, report)
})

test('SIGKILL at any moment: what flush() has acknowledged is there, nothing twice, nothing torn', async () => {
  const root = temporaryDirectory()
  for (let kill = 0; kill < 12; kill++) {
    const directory = join(root, String(kill))
    // from before the background thread runs to after it has stored many batches
    const lines = 1 + kill * 4
    let killed = false
    const result = await runChild('numbered-calls.mjs', ['goes on'], {
      env: { KRONICLER_DIR: directory },
      onOutput: (stdout, child) => {
        if (killed || stdout.split('\n').length <= lines) return
        killed = true
        setTimeout(() => child.kill('SIGKILL'), Math.random() * 15)
      },
    })
    expect(result.signal).toBe('SIGKILL')
    const reports = reportsOf(result)
    expect(reports.length).toBeGreaterThanOrEqual(lines)
    await expectPrefix(directory, reports.at(-1)!)
  }
})
