/**
 * Questions give way to the event loop wherever they may take long, and their answers are those of their beginning: here by a
 * clock on which every step takes long, while rows are written and sealed and other questions are asked.
 */
import { setImmediate } from 'node:timers/promises'
import { expect, test, vi } from 'vitest'
import { openDatabase, type Database } from '../../../src/database.ts'
import { SHAPES, randomCalls, writeCalls } from '../../support/random-calls.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

vi.mock('../../../src/internal/time.ts', async (original) => {
  let ms = 0
  return { ...(await original<object>()), nowMs: () => (ms += 11) }
})

const TO_MS = Date.UTC(2025, 0, 1) + 500

test.each<[string, (database: Database) => Promise<unknown>]>([
  ['functions', (database) => database.functions()],
  ['functions in a range', (database) => database.functions({ to: TO_MS })],
  ['stats', (database) => database.stats({ to: TO_MS })],
  ['exact stats', (database) => database.stats({ exact: true })],
  ['quantile', (database) => database.quantile({ quantile: 0.9 })],
  ['histogram', (database) => database.histogram()],
  ['slowest', (database) => database.slowest({ limit: 3000 })],
  ['tail', (database) => database.tail(3000)],
  ['count', (database) => database.count({ to: TO_MS })],
  ['count with a filter', (database) => database.count({ where: { duration: { min: 40_000 } } })],
  ['series', (database) => database.series({ step: '100ms' })],
  ['heatmap', (database) => database.heatmap({ columns: 10 })],
])('%s', async (_name, ask) => {
  const directory = temporaryDirectory()
  const calls = randomCalls(SHAPES[1]!, 6000, 5)
  const [writer] = await writeCalls(directory, calls, { segmentRows: 2500, sealed: false })
  const database = await openDatabase(directory)
  const expected = await ask(database)
  let turns = 0
  const progress = { isOver: false }
  const question = ask(database).finally(() => {
    progress.isOver = true
  })
  while (!progress.isOver) {
    if (turns++ % 40 === 1) {
      for (let i = 0; i < 900; i++) {
        const startMs = TO_MS - 1 + i
        writer!.insert({ function: `work.${i % 50}`, startMs, durationNs: 1e9 + turns })
      }
      writer!.flush()
      await writer!.sealed()
      await database.stats({ function: 'work.7' })
    }
    await setImmediate()
  }
  expect(await question).toEqual(expected)
  expect(turns).toBeGreaterThan(3)
  expect(await ask(database)).not.toEqual(expected)
  await writer!.close()
  await database.close()
})
