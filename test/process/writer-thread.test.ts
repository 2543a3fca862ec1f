import { join } from 'node:path'
import { expect, test } from 'vitest'
import { LOCK } from '../../src/queue/layout.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { runChild } from './run-child.ts'
import { storedCalls, storedNumbers } from './stored.ts'

interface Report {
  made: number
  dropped: number
  stored: number
  queued: number
  metrics: number
  heard: string[]
  writer?: string
  flushed?: boolean
  threads?: number
}

/** The background thread dies in the way given; every call that the program makes is stored all the same, once. */
async function dies(way: string): Promise<Report> {
  const directory = join(temporaryDirectory(), 'calls')
  const result = await runChild('writer-dies.mjs', [way, String(LOCK)], {
    env: { KRONICLER_DIR: directory },
  })
  expect(result).toMatchObject({ code: 0, stderr: '' })
  const report = JSON.parse(result.stdout) as Report
  expect(report).toMatchObject({ dropped: 0, metrics: report.made })
  const { stored, dropped } = await storedCalls(directory)
  expect({ stored, dropped }).toEqual({ stored: report.made, dropped: 0 })
  const numbers = await storedNumbers(directory)
  expect(numbers).toEqual(Array.from(numbers, (_, index) => index + report.made - numbers.length))
  return report
}

test('a background thread that dies is started again, each time', async () => {
  const report = await dies('at any moment, three times')
  expect(report).toMatchObject({ flushed: true, threads: 4, heard: ['KRONICLER_WRITER'] })
})

test('until it is started again the program stores its calls itself', async () => {
  const report = await dies('while many calls are made')
  expect(['failed', 'idle']).toContain(report.writer) // idle: it is being started again
})

test.each([
  ['with the lock', { flushed: true, heard: ['KRONICLER_WRITER'] }],
  ['with the lock, then close', { writer: 'closed', queued: 0 }],
  ['with the lock, and the program ends at once', { queued: 0 }],
  // its disk hangs, say: whoever ends the program does not wait for it for ever
  ['with the lock, and it does not die', {}],
])('the background thread dies %s', async (way, expected) => {
  const report = await dies(way)
  expect(report).toMatchObject(expected)
})
