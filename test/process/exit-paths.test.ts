import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { openDatabase } from 'kronicler/database'
import { describe, expect, test } from 'vitest'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { runChild, type ChildResult } from './run-child.ts'

/** What the child says of itself, and what its directory holds: both sides of the promise. */
async function endedAs(
  way: string,
  options: { calls?: number; signal?: NodeJS.Signals; env?: Record<string, string> } = {},
): Promise<
  ChildResult & {
    made: number
    dropped: number
    droppedOnDisk: number
    stored: number
    directory: string
  }
> {
  const directory = join(temporaryDirectory(), 'calls')
  let signalled = false
  const result = await runChild('exit-paths.mjs', [way, String(options.calls ?? 1000)], {
    env: { KRONICLER_DIR: directory, ...options.env },
    onOutput: (stdout, child) => {
      if (options.signal === undefined || signalled || !stdout.includes('\n')) return
      signalled = true
      child.kill(options.signal)
    },
  })
  const line = result.stdout.split('\n')[0]!
  expect(line, result.stderr).not.toBe('')
  const { made, dropped } = JSON.parse(line) as { made: number; dropped: number }
  let stored = 0
  let droppedOnDisk = 0
  if (existsSync(directory)) {
    const database = await openDatabase(directory)
    stored = await database.count()
    droppedOnDisk = await database.dropped()
    await database.close()
  }
  return { ...result, made, dropped, droppedOnDisk, stored, directory }
}

describe('nothing that was accepted is lost', () => {
  test.each([
    ['natural end', { code: 0, signal: null }],
    ['process.exit at once', { code: 0, signal: null }],
    ['process.exit later', { code: 3, signal: null }],
    ['uncaught exception', { code: 1, signal: null }],
    ['unhandled rejection', { code: 1, signal: null }],
    ['calls in later exit listeners', { code: 0, signal: null }],
    [
      'calls in later exit listeners, with the background thread running',
      { code: 0, signal: null },
    ],
    ['another working directory', { code: 0, signal: null }],
    ['a signal before the event loop has turned', { code: null, signal: 'SIGTERM' }],
    ['close twice at once', { code: 0, signal: null }],
    ['twenty worker threads, one after the other, all terminated', { code: 0, signal: null }],
    ['flush, then SIGKILL itself', { code: null, signal: 'SIGKILL' }],
    ['a worker thread is terminated', { code: 0, signal: null }],
    ['a worker thread ends, the main thread has made no call', { code: 0, signal: null }],
    ['blocked main thread, then SIGKILL', { code: null, signal: 'SIGKILL' }],
    ['main thread blocked from its first call on, then SIGKILL', { code: null, signal: 'SIGKILL' }],
  ])('%s', async (way, expected) => {
    const result = await endedAs(way)
    expect(result).toMatchObject(expected)
    expect(result.dropped).toBe(0)
    expect(result.stored, result.stderr).toBe(result.made)
  })

  test.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)(
    '%s, and the signal ends it',
    async (signal) => {
      const result = await endedAs('waits for a signal', { signal })
      expect(result).toMatchObject({ code: null, signal, dropped: 0 })
      expect(result.stored).toBe(result.made)
    },
  )

  test.each([
    ['waits for a signal with a handler of its own', 5],
    // `once` removes its listener before it runs: ours must have counted it by then
    ['waits for a signal with a handler for one signal only', 6],
  ])('SIGTERM, and the program %s: the handler decides', async (way, code) => {
    const result = await endedAs(way, { signal: 'SIGTERM' })
    expect(result).toMatchObject({ code, signal: null })
    expect(result.stored).toBe(result.made)
  })

  test('SIGTERM beside a library that ends the process only if it is alone', async () => {
    const way = 'waits for a signal with a listener that ends the process if it is alone'
    const result = await endedAs(way, { signal: 'SIGTERM' })
    expect(result).toMatchObject({ code: null, signal: 'SIGTERM' })
    expect(result.stored).toBe(result.made)
  })

  test('SIGKILL takes at most what came in the last interval', async () => {
    const result = await endedAs('waits, all stored', { signal: 'SIGKILL' })
    expect(result.stored).toBe(result.made)
  })

  test('a million calls in a tight loop: stored and dropped make the calls', async () => {
    const result = await endedAs('process.exit at once', { calls: 1_000_000 })
    expect(result.stored + result.dropped, result.stderr).toBe(1_000_000)
    expect(result.droppedOnDisk).toBe(result.dropped)
    expect(result.stored).toBeGreaterThan(0)
  })

  test('a million calls with overflow "block": all are stored', async () => {
    const result = await endedAs('natural end', { calls: 1_000_000, env: { BLOCK: 'true' } })
    expect(result).toMatchObject({ stored: 1_000_000, dropped: 0 })
  })
})

test('after close() calls go on, and are counted as dropped', async () => {
  const result = await endedAs('close, then calls')
  expect(result).toMatchObject({ code: 0, stored: 1000, dropped: 5, stderr: '' })
})

test('close() while a thread goes on: its calls are stored or counted as dropped', async () => {
  const result = await endedAs('close while a thread goes on')
  expect(result).toMatchObject({ code: 0, stderr: '' })
  expect(result.stored + result.droppedOnDisk).toBe(result.made)
})

test('close() before the first call: nothing is started, calls are counted as dropped', async () => {
  const result = await endedAs('close before the first call')
  expect(result).toMatchObject({ code: 0, stored: 0, dropped: 3, stderr: '' })
})

test('KRONICLER_ENABLED=false leaves functions as they are and writes nothing', async () => {
  const result = await endedAs('KRONICLER_ENABLED=false', { env: { KRONICLER_ENABLED: 'false' } })
  expect(result).toMatchObject({ code: 0, stored: 0, stderr: '' })
  expect(existsSync(result.directory)).toBe(false)
})
