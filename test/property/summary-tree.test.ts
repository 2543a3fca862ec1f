/** Answers from summaries of 16 and 256 segments are those from the rows. */
import { readdirSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openDatabase, type Database, type FunctionStats } from '../../src/database.ts'
import { isWriterFolder } from '../../src/database/format/directory.ts'
import {
  SHAPES,
  randomCalls,
  randomFrom,
  withDetails,
  writeCalls,
} from '../support/random-calls.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const CALLS = 9000
const SEGMENT_ROWS = 60 // so 150 segments

for (const [i, shape] of [SHAPES[0]!, SHAPES[1]!, SHAPES[4]!].entries()) {
  test(`of ${shape.name}`, async () => {
    const random = randomFrom(i)
    const plain = randomCalls(shape, CALLS, 20 + i)
    const calls = i === 0 ? withDetails(plain, [3, 1000], 5) : plain
    const few = temporaryDirectory()
    const many = temporaryDirectory()
    await writeCalls(few, calls, { segmentRows: CALLS })
    await writeCalls(many, calls, { segmentRows: SEGMENT_ROWS, writers: 1 + i })
    const expected = await openDatabase(few)
    const database = await openDatabase(many)
    const starved = await openDatabase(many, { cacheSizeBytes: 300_000 })
    const [firstUs, lastUs] = extentOf(calls)
    for (let question = 0; question < 6; question++) {
      const instants = [random(), random()].map((share) => firstUs + share * (lastUs - firstUs))
      const [fromUs, toUs] = instants.sort((a, b) => a - b).map(Math.floor)
      const range =
        question === 0 ? {} : { from: new Date(fromUs! / 1000), to: new Date(toUs! / 1000) }
      await compare(database, expected, range)
      if (question % 3 === 0) await compare(starved, expected, range)
    }
    for (const one of [expected, database, starved]) await one.close()
  })
}

test('is made anew where segments come and go', async () => {
  const directory = temporaryDirectory()
  const calls = randomCalls(SHAPES[5]!, 4000, 9)
  await writeCalls(directory, calls.slice(0, 3000), { segmentRows: 40 })
  const database = await openDatabase(directory)
  expect((await database.stats()).calls).toBe(3000)
  await writeCalls(directory, calls.slice(3000), { segmentRows: 40 })
  expect((await database.stats()).calls).toBe(4000)
  const folder = join(directory, readdirSync(directory).find(isWriterFolder)!)
  const segments = readdirSync(folder).filter((name) => name.startsWith('seg.'))
  for (const [removed, name] of segments.slice(0, 60).entries()) {
    unlinkSync(join(folder, name))
    if (removed % 13 !== 0) continue
    const fresh = await openDatabase(directory)
    await compare(database, fresh, {})
    await fresh.close()
  }
  await database.close()
})

function extentOf(calls: readonly { startUs: number }[]): [number, number] {
  const starts = calls.map(({ startUs }) => startUs).sort((a, b) => a - b)
  return [starts[0]!, starts.at(-1)!]
}

/** What is exact must be the same; moments are added up in another order. */
async function compare(database: Database, expected: Database, range: object): Promise<void> {
  const wanted = await expected.functions(range)
  const found = await database.functions(range)
  expect(found.map(exactPart)).toEqual(wanted.map(exactPart))
  found.forEach(({ standardDeviationNs }, i) => {
    const sd = wanted[i]!.standardDeviationNs
    if (Number.isNaN(sd)) expect(standardDeviationNs).toBeNaN()
    else expect(Math.abs(standardDeviationNs - sd)).toBeLessThanOrEqual(1e-9 * sd)
  })
}

function exactPart(stats: FunctionStats) {
  const { meanInterval: _a, selfMeanNs: _b, selfNs, standardDeviationNs: _c, ...rest } = stats
  const { standardErrorNs: _d, ...exact } = rest
  return { ...exact, selfNs: Math.round(selfNs / 1024) }
}
