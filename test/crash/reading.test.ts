/**
 * A reader that keeps asking while another process appends, seals and is killed: it sees whole prefixes only.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { createInterface } from 'node:readline'
import { expect, test } from 'vitest'
import { openDatabase, type CallRow, type Database } from '../../src/database.ts'
import { DatabaseWriter, type CorruptionError } from '../../src/database.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const WRITER = fileURLToPath(new URL('../support/write-forever.ts', import.meta.url))
const KILLS = 3
const SNAPSHOTS = 150

interface Writer {
  child: ChildProcess
  acknowledged: () => number
}

async function startWriter(directory: string, segmentRows: number): Promise<Writer> {
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', WRITER, directory, String(segmentRows)],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  let last = 0
  const lines = createInterface({ input: child.stdout })
  lines.on('line', (line) => {
    last = Number(line)
  })
  await once(lines, 'line')
  return { child, acknowledged: () => last }
}

/** Rows 0 .. n - 1 of one writer, each once: the numbers of every answer follow from n. */
async function expectPrefix(database: Database, atLeast: number): Promise<number> {
  const { calls, maxNs, minNs, sumNs } = await database.stats()
  expect(calls).toBeGreaterThanOrEqual(atLeast)
  expect(minNs).toBe(0)
  expect(maxNs).toBe(calls - 1)
  expect(sumNs).toBe((calls * (calls - 1)) / 2)
  const [longest] = await database.slowest({ limit: 1 })
  expect(longest!.durationNs).toBeGreaterThanOrEqual(calls - 1)
  return calls
}

test('counts only grow, and every answer fits a whole prefix of the rows', async () => {
  for (let kill = 0; kill < KILLS; kill++) {
    const directory = temporaryDirectory()
    const writer = await startWriter(directory, 3000)
    const database = await openDatabase(directory)
    let seen = 0
    for (let i = 0; i < SNAPSHOTS; i++) {
      const acknowledged = writer.acknowledged()
      seen = await expectPrefix(database, Math.max(seen, acknowledged))
      if (i % 10 === 0) {
        const other = await openDatabase(directory)
        await expectPrefix(other, seen)
        await other.close()
      }
      await new Promise((resolve) => setTimeout(resolve, i % 5))
    }
    writer.child.kill('SIGKILL')
    await once(writer.child, 'close')
    seen = await expectPrefix(database, Math.max(seen, writer.acknowledged()))
    await database.close()
    const faults: CorruptionError[] = []
    const reopened = await openDatabase(directory, { onFault: (fault) => faults.push(fault) })
    expect(await expectPrefix(reopened, seen)).toBe(seen)
    expect(faults.filter(({ code }) => code !== 'KRONICLER_TORN')).toEqual([])
    await reopened.close()
  }
})

test('follow gives every row once and in order, while logs are sealed under it', async () => {
  const directory = temporaryDirectory()
  const writer = await startWriter(directory, 2000)
  const database = await openDatabase(directory)
  const before = await database.count()
  const ending = new AbortController()
  const rows: CallRow[] = []
  const following = (async () => {
    for await (const row of database.follow({ signal: ending.signal, pollMs: 3 })) rows.push(row)
  })()
  await new Promise((resolve) => setTimeout(resolve, 1500))
  writer.child.kill('SIGKILL')
  await once(writer.child, 'close')
  const written = await database.count()
  await expect.poll(() => rows.at(-1)?.durationNs, { timeout: 10_000 }).toBe(written - 1)
  ending.abort()
  await following
  const first = rows[0]!.durationNs
  expect(first).toBeGreaterThanOrEqual(before)
  expect(rows.length).toBe(written - first)
  // a log that came and went between two polls is given by start, which here is the order of arrival, too
  expect(rows.every(({ durationNs }, i) => durationNs === first + i)).toBe(true)
  expect(rows.length).toBeGreaterThan(10_000)
  await database.close()
})

test('follow sees logs that were begun and sealed between two polls, and new writers', async () => {
  const directory = temporaryDirectory()
  const writer = DatabaseWriter.open(directory, { segmentRows: 100 })
  writer.insert({ function: 'old', startMs: 0, durationNs: 1 })
  writer.flush()
  const database = await openDatabase(directory)
  const rows = database.follow({ pollMs: 1 })[Symbol.asyncIterator]()
  for (let i = 0; i < 1234; i++) {
    writer.insert({
      function: 'new',
      startMs: 1 + i,
      durationNs: i,
      error: i === 7 ? 'TypeError' : undefined,
    })
  }
  await writer.close()
  const second = DatabaseWriter.open(directory)
  second.insert({ function: 'second', startMs: 5, durationNs: 5 })
  second.flush()
  const seen: CallRow[] = []
  while (seen.length < 1235) seen.push((await rows.next()).value as CallRow)
  expect(seen.filter((row) => row.function === 'new').map(({ durationNs }) => durationNs)).toEqual(
    Array.from({ length: 1234 }, (_, i) => i),
  )
  expect(seen.find(({ error }) => error !== undefined)).toMatchObject({
    function: 'new',
    startMs: 8,
    durationNs: 7,
    error: 'TypeError',
  })
  expect(seen.some((row) => row.function === 'second')).toBe(true)
  await database.close()
  expect(await rows.next()).toEqual({ done: true, value: undefined })
  await second.close()
})
