import { readdirSync } from 'node:fs'
import { expect, test } from 'vitest'
import {
  openDatabase,
  type CallOrder,
  type CallRow,
  type CallsQuery,
  type Database,
} from '../../../src/database.ts'
import { compactDatabase } from '../../../src/database/maintain/compact.ts'
import { SHAPES, randomCalls, withDetails, writeCalls } from '../../support/random-calls.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const ORDERS: readonly CallOrder[] = ['start', '-start', 'duration', '-duration']

/** Shapes with many calls alike in function and start, and one whose logs overlap in time. */
test.each(SHAPES.filter((_, i) => i !== 1))(
  'ids name one row each, and the same one when it is sealed and merged: $name',
  async (shape) => {
    const directory = temporaryDirectory()
    const calls = withDetails(randomCalls(shape, 3000, 17), [2, 3], 17)
    const writers = await writeCalls(directory, calls, {
      segmentRows: 250,
      writers: 2,
      sealed: false,
    })
    const database = await openDatabase(directory)
    const before = await rowsOf(database)
    expect(new Set(before.map(({ id }) => id)).size).toBe(calls.length)
    for (const row of everyFew(before)) expect(await database.fetch(row.id!)).toStrictEqual(row)
    for (const row of await database.slowest({ limit: 50 })) {
      expect(await database.fetch(row.id!)).toStrictEqual(row)
    }
    for (const row of await database.tail(50)) {
      expect(await database.fetch(row.id!)).toStrictEqual(row)
    }

    for (const writer of writers) await writer.close() // seals the rest
    expect(await rowsOf(database)).toStrictEqual(before)
    const reopened = await openDatabase(directory)
    for (const row of everyFew(before)) expect(await reopened.fetch(row.id!)).toStrictEqual(row)
    await reopened.close()

    const segments = segmentsOf(directory)
    await compactDatabase(directory)
    expect(segmentsOf(directory)).toBeLessThan(segments)
    expect(await rowsOf(database)).toStrictEqual(before)
    for (const row of everyFew(before)) expect(await database.fetch(row.id!)).toStrictEqual(row)
    await database.close()
  },
)

test.each(ORDERS)('pages by `after` make up the whole, in the order %s', async (order) => {
  const directory = temporaryDirectory()
  const calls = randomCalls(SHAPES[3]!, 700, 3).concat(randomCalls(SHAPES[0]!, 700, 4))
  const writers = await writeCalls(directory, calls, {
    segmentRows: 300,
    writers: 2,
    sealed: false,
  })
  const database = await openDatabase(directory)
  for (const where of [{}, { error: true }]) {
    const whole = await rowsOf(database, { order, where })
    const paged: CallRow[] = []
    for (let page = await rowsOf(database, { order, where, limit: 97 }); page.length > 0;) {
      paged.push(...page)
      page = await rowsOf(database, { order, where, limit: 97, after: page.at(-1)!.id })
    }
    expect(paged).toStrictEqual(whole)
  }
  // the row itself need not be in the answer
  const [some] = await rowsOf(database, { order, where: { error: false }, limit: 1 })
  const failed = await rowsOf(database, { order, where: { error: true }, after: some!.id })
  const all = await rowsOf(database, { order })
  const place = all.findIndex(({ id }) => id === some!.id)
  expect(failed).toStrictEqual(all.slice(place).filter(({ error }) => error !== undefined))
  await database.close()
  for (const writer of writers) await writer.close()
})

test('what is no id, or that of a row that is not there', async () => {
  const directory = temporaryDirectory()
  await writeCalls(directory, randomCalls(SHAPES[0]!, 20, 1), { segmentRows: 100 })
  const database = await openDatabase(directory)
  const { id } = (await database.tail(1))[0]!
  const [folder, functionId, weight, startUs, rank] = id!.split(':')
  const bad = ['', 'x', 'a:0:1:2:3', `${folder}:0:0:5:0`, `${folder}:-1:1:5:0`, `${id}:`, ` ${id}`]
  for (const text of [...bad, `${folder}:0:1:1e3:0`, `${folder}:0:1:99999999999999999:0`]) {
    await expect(database.fetch(text)).rejects.toThrow(RangeError)
    expect(() => database.calls({ after: text })).toThrow(/after must be the `id` of a row/)
  }
  await expect(database.fetch(5 as never)).rejects.toThrow(TypeError)
  const gone = [
    `w-1-1-00000000:0:1:5:0`,
    `${folder}:4000:1:${startUs}:0`,
    `${folder}:${functionId}:7:${startUs}:0`,
    `${folder}:${functionId}:${weight}:1:0`,
    `${folder}:${functionId}:${weight}:${startUs}:${Number(rank) + 1}`,
  ]
  for (const text of gone) {
    expect(await database.fetch(text)).toBeUndefined()
    await expect(rowsOf(database, { after: text })).rejects.toMatchObject({
      code: 'KRONICLER_NOT_FOUND',
    })
  }
  await database.close()
})

async function rowsOf(database: Database, query: CallsQuery = {}): Promise<CallRow[]> {
  const rows: CallRow[] = []
  for await (const row of database.calls(query)) rows.push(row)
  return rows
}

function segmentsOf(directory: string): number {
  const names = readdirSync(directory, { recursive: true, encoding: 'utf8' })
  return names.filter((name) => name.includes('seg.')).length
}

function everyFew(rows: readonly CallRow[]): CallRow[] {
  return rows.filter((_, i) => i % 37 === 0)
}
