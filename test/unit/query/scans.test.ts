/** Questions that take long: they give way to others, and go on with what there was when they began. */
import { expect, test } from 'vitest'
import {
  openDatabase,
  type CallRow,
  type Database,
  type ScanProgress,
} from '../../../src/database.ts'
import { SHAPES, randomCalls, writeCalls } from '../../support/random-calls.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const COUNT = 30_000

test('an iteration gives the rows of its beginning, while others are written and sealed', async () => {
  const directory = temporaryDirectory()
  const calls = randomCalls(SHAPES[0]!, COUNT, 5)
  const [writer] = await writeCalls(directory, calls, { segmentRows: 4000, sealed: false })
  const database = await openDatabase(directory)
  const expected: CallRow[] = []
  for await (const row of database.calls()) expected.push(row)
  expect(expected.length).toBe(COUNT)

  const rows: CallRow[] = []
  for await (const row of database.calls()) {
    rows.push(row)
    if (rows.length % 5000 !== 10) continue
    for (const one of randomCalls(SHAPES[2]!, 3000, rows.length)) {
      writer!.insert({ function: one.function, startMs: one.startUs / 1000, durationNs: 1 })
    }
    writer!.flush()
    await writer!.sealed()
    expect(await database.count()).toBeGreaterThan(COUNT)
  }
  expect(rows).toStrictEqual(expected)
  await writer!.close()
  await database.close()
})

test('several at a time', async () => {
  const directory = temporaryDirectory()
  await writeCalls(directory, randomCalls(SHAPES[0]!, COUNT, 6), { segmentRows: 9000 })
  const database = await openDatabase(directory)
  const ask = async (order: 'start' | '-duration') => {
    const rows: CallRow[] = []
    for await (const row of database.calls({ order, where: { error: false } })) rows.push(row)
    return rows
  }
  const questions = [
    () => ask('start'),
    () => ask('-duration'),
    () => database.stats({ exact: true }),
    () => database.series({ step: '1s' }),
    () => database.heatmap(),
    () => database.count({ where: { duration: { min: 5000 } } }),
  ]
  const alone: unknown[] = []
  for (const question of questions) alone.push(await question())
  expect(await Promise.all(questions.map((question) => question()))).toStrictEqual(alone)
  await database.close()
})

test.each<[string, (database: Database, signal: AbortSignal) => Promise<unknown>]>([
  ['calls', (database, signal) => firstOf(database.calls({ signal, order: 'duration' }))],
  ['count', (database, signal) => database.count({ signal, where: { error: false } })],
  ['series', (database, signal) => database.series({ signal, step: '1ms' })],
  ['heatmap', (database, signal) => database.heatmap({ signal })],
  ['stats', (database, signal) => database.stats({ signal, exact: true })],
  ['quantile', (database, signal) => database.quantile({ signal, quantile: 0.5, exact: true })],
])('%s can be aborted', async (_name, ask) => {
  const directory = temporaryDirectory()
  await writeCalls(directory, randomCalls(SHAPES[0]!, 5000, 7), { segmentRows: 100 })
  const database = await openDatabase(directory)
  const reason = new Error('enough')
  await expect(ask(database, AbortSignal.abort(reason))).rejects.toBe(reason)
  await database.close()
})

test('calls: aborted, closed or left in the middle', async () => {
  const directory = temporaryDirectory()
  await writeCalls(directory, randomCalls(SHAPES[0]!, COUNT, 8), { segmentRows: 9000 })
  const database = await openDatabase(directory)
  const controller = new AbortController()
  const reason = new Error('enough')
  let rows = 0
  const aborted = async () => {
    for await (const _ of database.calls({ signal: controller.signal })) {
      if (++rows === 100) controller.abort(reason)
    }
  }
  await expect(aborted()).rejects.toBe(reason)
  expect(rows).toBe(100)
  for await (const _ of database.calls()) break
  const closed = async () => {
    for await (const _ of database.calls()) await database.close()
  }
  await expect(closed()).rejects.toMatchObject({ code: 'KRONICLER_CLOSED' })
  expect(() => database.calls()).toThrow(/closed/)
})

test('progress comes up to the whole', async () => {
  const directory = temporaryDirectory()
  await writeCalls(directory, randomCalls(SHAPES[0]!, COUNT, 9), { segmentRows: 9000 })
  const database = await openDatabase(directory)
  const heard: ScanProgress[] = []
  const onProgress = (progress: ScanProgress) => heard.push(progress)
  await database.count({ where: { error: true }, onProgress })
  expect(heard.at(-1)).toEqual({ rows: COUNT, totalRows: COUNT })
  heard.length = 0
  await database.series({ step: '1s', onProgress })
  expect(heard.at(-1)).toEqual({ rows: COUNT, totalRows: COUNT })
  heard.length = 0
  for await (const _ of database.calls({ onProgress, order: 'duration' }));
  expect(heard.at(-1)).toEqual({ rows: COUNT, totalRows: COUNT })
  heard.forEach(({ rows }, i) => {
    expect(rows).toBeGreaterThanOrEqual(heard[i - 1]?.rows ?? 0)
  })
  await database.close()
})

test('average and contains', async () => {
  const directory = temporaryDirectory()
  const calls = randomCalls(SHAPES[0]!, 500, 10)
  await writeCalls(directory, calls, { segmentRows: 9000 })
  const database = await openDatabase(directory)
  const own = calls.filter((call) => call.function === 'work.0')
  const mean = own.reduce((sum, { durationNs }) => sum + durationNs, 0) / own.length
  expect(await database.average('work.0')).toBeCloseTo(mean, 6)
  const { startUs, durationNs } = own[3]!
  const to = startUs / 1000 + 0.001
  expect(await database.average('work.0', { from: startUs / 1000, to })).toBe(durationNs)
  expect(await database.average('nobody')).toBeNaN()
  expect(await database.contains('work.0')).toBe(true)
  expect(await database.contains('nobody')).toBe(false)
  await expect(database.contains(5 as never)).rejects.toThrow(TypeError)
  await database.close()
})

async function firstOf(rows: AsyncIterable<CallRow>): Promise<CallRow | undefined> {
  for await (const row of rows) return row
  return undefined
}
