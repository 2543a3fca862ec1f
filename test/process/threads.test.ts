import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { runChild } from './run-child.ts'
import { storedCalls } from './stored.ts'

const CALLS = 1000

interface Report {
  made: number
  dropped: number
  refused?: number
  metrics?: number
  code?: number
}

async function run(
  way: string,
): Promise<Report & { stored: number; functions: Record<string, number> }> {
  const directory = join(temporaryDirectory(), 'calls')
  const result = await runChild('threads.mjs', [way], { env: { KRONICLER_DIR: directory } })
  expect(result).toMatchObject({ code: 0, stderr: '' })
  const report = JSON.parse(result.stdout) as Report
  const { stored, dropped, functions } = await storedCalls(directory)
  return { ...report, dropped, stored, functions }
}

describe('a thread that ends leaves its calls, stored and in the metrics', () => {
  test.each([
    ['ends', 0],
    ['exits', 3],
    ['throws', 1],
    ['has a thread of its own', 0],
  ])('when it %s', async (way, code) => {
    const report = await run(way)
    expect(report).toMatchObject({ code, dropped: 0, stored: report.made })
    expect(report.metrics).toBe(report.made - CALLS)
  })

  test.each([
    ['ends', 'ends'],
    ['exits', 'exits'],
    ['throws', 'throws'],
    ['is terminated', 'waits'],
  ])('when it %s, and the program knows nothing of Kronicler', async (_, way) => {
    const report = await run(`alone: ${way}`)
    expect(report.stored).toBe(report.made)
  })
})

test('more threads than queues: the calls of those without one are counted, and queues are used again', async () => {
  const report = await run('more than queues')
  expect(report.refused).toBe(5 * CALLS)
  expect(report.dropped).toBe(report.refused)
  expect(report.stored).toBe(report.made - report.refused!)
  expect(report.metrics).toBe(report.made - CALLS)
})

test('a program ends while its threads go on recording as fast as they can', async () => {
  const { functions } = await run('busy while the program ends')
  expect(functions['work']).toBe(CALLS)
  expect(functions['work in thread']).toBeGreaterThanOrEqual(2 * CALLS)
})
