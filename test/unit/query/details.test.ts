/** Callers, self time, samples and attributes, with numbers that can be followed by hand. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  DatabaseWriter,
  openDatabase,
  type CallInput,
  type CallRow,
  type CorruptionError,
  type Database,
  type FunctionStats,
} from '../../../src/database.ts'
import { DirectoryWriter } from '../../../src/database/write/directory-writer.ts'
import { encodeDictionaryEntry, KIND_FUNCTION } from '../../../src/database/format/dictionary.ts'
import { detailsOf } from '../../../src/database/format/rows.ts'
import { toColumns } from '../../support/arbitrary-rows.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

type Details = Omit<CallInput, 'function' | 'startMs' | 'durationNs'>

function call(name: string, startMs: number, durationNs: number, details: Details = {}): CallInput {
  return { function: name, startMs, durationNs, ...details }
}

/** Asks of the calls in a log, in a segment, and dealt out to two segments and the logs of two writers. */
async function everyWay(
  calls: readonly CallInput[],
  check: (database: Database) => Promise<void>,
): Promise<void> {
  for (const way of ['log', 'segment', 'mixed'] as const) {
    const directory = temporaryDirectory()
    const segmentRows = way === 'mixed' ? Math.max(1, Math.ceil(calls.length / 5)) : 100_000
    const writers = [1, 2].map(() => DatabaseWriter.open(directory, { segmentRows, sync: 'never' }))
    calls.forEach((row, i) => {
      writers[way === 'mixed' ? i % 2 : 0]!.insert(row)
    })
    for (const writer of writers) {
      writer.flush()
      await (way === 'segment' ? writer.close() : writer.sealed())
    }
    const database = await openDatabase(directory)
    try {
      await check(database)
    } catch (error) {
      throw new Error(`stored in ${way}`, { cause: error })
    } finally {
      await database.close()
      if (way !== 'segment') for (const writer of writers) await writer.close()
    }
  }
}

describe('samples', () => {
  const calls = [
    call('f', 1, 100),
    call('f', 2, 200, { weight: 4, error: 'E' }),
    call('f', 3, 300),
    call('f', 4, 400, { weight: 4 }),
    call('g', 5, 10, { weight: 1000, error: 'E' }),
  ]

  test('a row counts as often as it weighs', async () => {
    // 100, 200 four times, 300, 400 four times
    const deviation = Math.sqrt((180 ** 2 + 4 * 80 ** 2 + 20 ** 2 + 4 * 120 ** 2) / 9)
    await everyWay(calls, async (database) => {
      const stats = await database.stats({ function: 'f', quantiles: [0, 0.5, 1] })
      expect(stats).toMatchObject({
        calls: 10,
        rows: 4,
        errors: 4,
        sumNs: 2800,
        selfNs: 2800,
        meanNs: 280,
        selfMeanNs: 280,
        minNs: 100,
        maxNs: 400,
        firstStartMs: 1,
        lastStartMs: 4,
        slow: { calls: 0, share: 0 },
      })
      expect(stats.ratePerSecond).toBeCloseTo(10 / 0.003, 6)
      expect(stats.standardDeviationNs).toBeCloseTo(deviation, 9)
      expect(stats.standardErrorNs).toBeCloseTo(deviation / Math.sqrt(10 ** 2 / 34), 9)
      expect(stats.quantiles[0]!.durationNs).toBe(100)
      expect(Math.abs(stats.quantiles[1]!.durationNs - 250)).toBeLessThan(250 * 0.0055)
      expect(stats.quantiles[2]!.durationNs).toBe(400)
      expect(await database.count()).toBe(1010)
      expect(await database.count({ function: 'f', from: 2, to: 4 })).toBe(5)
      expect(await database.stats()).toMatchObject({ calls: 1010, rows: 5, errors: 1004 })
      expect((await database.functions()).map(({ calls, rows }) => [calls, rows])).toEqual([
        [1000, 1],
        [10, 4],
      ])
    })
  })

  test('one row tells nothing of the error of its mean, whatever it weighs', async () => {
    await everyWay(calls, async (database) => {
      expect(await database.stats({ function: 'g' })).toMatchObject({
        calls: 1000,
        rows: 1,
        standardDeviationNs: 0,
        standardErrorNs: NaN,
      })
    })
  })

  test('slow calls are counted by weight', async () => {
    const some = [
      ...Array.from({ length: 90 }, (_, i) => call('f', i, 1000, { weight: 10 })),
      call('f', 100, 100_000, { weight: 3 }),
      call('f', 101, 100_000),
    ]
    await everyWay(some, async (database) => {
      const { slow } = await database.stats()
      expect(slow.calls).toBe(4)
      expect(slow.share).toBe(4 / 904)
      expect(Math.abs(slow.timeShare - 400_000 / 1_300_000)).toBeLessThan(0.002)
    })
  })

  test('a range that cuts chunks counts the rows inside by their weight', async () => {
    // of each weight enough rows for chunks with summaries, and some without
    const many = Array.from({ length: 1500 }, (_, i) =>
      call(i % 3 === 0 ? 'few' : 'f', i, 1000 + i, {
        weight: i % 300 === 7 ? 5 : 1 + (i % 2) * 15,
        error: i % 50 === 0 ? 'E' : undefined,
        selfNs: i % 4 === 0 ? 999 : undefined,
      }),
    )
    await everyWay(many, async (database) => {
      for (const [from, to] of [
        [0, 1500],
        [1, 1499],
        [700, 701],
        [333, 1200],
        [7, 8],
        [1490, 1600],
      ] as const) {
        for (const name of ['f', 'few', undefined]) {
          const inside = many.filter(
            (row) =>
              row.startMs >= from &&
              row.startMs < to &&
              (name === undefined || row.function === name),
          )
          const sum = (of: (row: CallInput) => number) =>
            inside.reduce((total, row) => total + row.weight! * of(row), 0)
          const stats = await database.stats({ function: name, from, to })
          expect([stats.calls, stats.rows, stats.errors, stats.sumNs, stats.selfNs]).toEqual([
            sum(() => 1),
            inside.length,
            sum(({ error }) => (error === undefined ? 0 : 1)),
            sum(({ durationNs }) => durationNs),
            sum(({ durationNs, selfNs }) => selfNs ?? durationNs),
          ])
          expect(await database.count({ function: name, from, to })).toBe(stats.calls)
        }
      }
    })
  })

  test('a weighted row is as good as that many rows', async () => {
    const row = fc.record({
      name: fc.constantFrom('a', 'b'),
      startMs: fc.nat(20),
      durationNs: fc.oneof(fc.nat(1_000_000), fc.constantFrom(0, 2 ** 32 - 1, 2 ** 40)),
      weight: fc.integer({ min: 1, max: 6 }),
      failed: fc.boolean(),
      selfShare: fc.constantFrom(1, 0.5, 0),
    })
    const from = fc.nat(20)
    await fc.assert(
      fc.asyncProperty(
        fc.array(row, { minLength: 1 }),
        from,
        fc.boolean(),
        async (rows, fromMs, sealed) => {
          const once: CallInput[] = []
          const repeated: CallInput[] = []
          for (const { durationNs, failed, name, selfShare, startMs, weight } of rows) {
            const selfNs = Math.floor(durationNs * selfShare)
            const error = failed ? 'E' : undefined
            once.push(call(name, startMs, durationNs, { error, selfNs, weight }))
            for (let i = 0; i < weight; i++) {
              repeated.push(call(name, startMs, durationNs, { error, selfNs }))
            }
          }
          const [a, b] = await Promise.all(
            [once, repeated].map(async (calls) => {
              const directory = temporaryDirectory()
              const writer = DatabaseWriter.open(directory, { sync: 'never' })
              for (const one of calls) writer.insert(one)
              writer.flush()
              if (sealed) await writer.close()
              const database = await openDatabase(directory)
              const answer = await database.functions({ from: fromMs })
              await database.close()
              await writer.close()
              return answer
            }),
          )
          expect(a!.map(withoutUncertainty)).toEqual(b!.map(withoutUncertainty))
          a!.forEach(({ standardDeviationNs }, i) => {
            const expected = b![i]!.standardDeviationNs
            if (Number.isNaN(expected)) expect(standardDeviationNs).toBeNaN()
            else
              expect(Math.abs(standardDeviationNs - expected)).toBeLessThanOrEqual(1e-9 * expected)
          })
        },
      ),
      { numRuns: 30 },
    )
  })

  /** What is known of the function from the calls is less where rows stand for several. */
  function withoutUncertainty({ quantiles, ...stats }: FunctionStats): object {
    return {
      ...stats,
      quantiles: quantiles.map(({ durationNs, quantile }) => ({ durationNs, quantile })),
      meanInterval: 0,
      rows: 0,
      standardErrorNs: 0,
      standardDeviationNs: 0,
    }
  }
})

test('self time is what is left without the calls that were made', async () => {
  const calls = [
    call('outer', 1, 1000, { selfNs: 300 }),
    call('inner', 1, 700, { parent: 'outer', depth: 1 }),
    call('outer', 5, 500),
    call('outer', 6, 5e12, { selfNs: 1 }),
  ]
  await everyWay(calls, async (database) => {
    const [outer, inner] = await database.functions()
    expect(outer).toMatchObject({ function: 'outer', sumNs: 1500 + 5e12, selfNs: 801 })
    expect(outer!.selfMeanNs).toBe(267)
    expect(inner).toMatchObject({ function: 'inner', sumNs: 700, selfNs: 700 })
    expect(await database.stats({ to: 2 })).toMatchObject({ sumNs: 1700, selfNs: 1000 })
  })
})

describe('rows', () => {
  const attributes = { order: 17, user: { name: 'ада', __proto__: null }, tags: ['a', null, true] }
  const calls = [
    call('plain', 1, 10),
    call('zero', 2, 20, { parent: 'plain', depth: 1, weight: 1 }),
    call('child', 3, 30, {
      error: 'E',
      parent: 'zero',
      depth: 5000,
      async: true,
      selfNs: 4,
      weight: 7,
      attributes,
    }),
    call('child', 4, 40, { attributes: { n: 1 } }),
  ]
  const expected: CallRow[] = [
    row('plain', 1, 10),
    row('zero', 2, 20, { parent: 'plain', depth: 1 }),
    row('child', 3, 30, {
      error: 'E',
      parent: 'zero',
      depth: 2047,
      async: true,
      selfNs: 4,
      weight: 7,
      attributes: JSON.parse(JSON.stringify(attributes)),
    }),
    row('child', 4, 40, { attributes: { n: 1 } }),
  ]

  function row(
    name: string,
    startMs: number,
    durationNs: number,
    details: Partial<CallRow> = {},
  ): CallRow {
    return {
      id: expect.any(String) as string,
      function: name,
      startMs,
      durationNs,
      selfNs: durationNs,
      error: undefined,
      parent: undefined,
      depth: 0,
      async: false,
      weight: 1,
      attributes: undefined,
      ...details,
    }
  }

  test('of slowest and tail have all that was stored', async () => {
    await everyWay(calls, async (database) => {
      expect(await database.tail()).toStrictEqual(expected)
      expect(await database.slowest()).toStrictEqual([...expected].reverse())
      expect(await database.slowest({ function: 'child', to: 4 })).toStrictEqual([expected[2]])
    })
  })

  test.each([1000, 2])('of follow, too (%d rows in a segment)', async (segmentRows) => {
    const directory = temporaryDirectory()
    const writer = DatabaseWriter.open(directory, { segmentRows })
    const database = await openDatabase(directory)
    const arriving = database.follow({ pollMs: 1 })[Symbol.asyncIterator]()
    for (const one of calls) writer.insert(one)
    writer.flush()
    await writer.sealed()
    const rows: CallRow[] = []
    while (rows.length < calls.length) rows.push((await arriving.next()).value as CallRow)
    expect(rows.sort((a, b) => a.startMs - b.startMs)).toStrictEqual(
      expected.map((call) => ({ ...call, id: undefined })),
    )
    await database.close()
    await writer.close()
  })
})

describe('attributes that are no JSON object', () => {
  /** Calls with attributes as they are given, which DatabaseWriter would refuse. @returns the directory */
  async function writeTexts(texts: readonly string[], sealed: boolean): Promise<string> {
    const directory = temporaryDirectory()
    const writer = DirectoryWriter.create(directory)
    writer.appendNames(encodeDictionaryEntry(KIND_FUNCTION, 1, 'f'))
    const rows = toColumns(texts.map((_, i) => [1, 1000 * i, 1, 0]))
    texts.forEach((text, i) => {
      detailsOf(rows).attributes.set(i, new TextEncoder().encode(text))
    })
    writer.append(rows, { slot: 0, slotSequence: 0 })
    if (sealed) await writer.seal(writer.rotate())
    writer.close()
    return directory
  }

  test.each([true, false])('are left out and told once (sealed: %s)', async (sealed) => {
    const texts = ['{"a":1}', '{"a":', 'no', '[]', '{"b":2}']
    const directory = await writeTexts(texts, sealed)
    const faults: CorruptionError[] = []
    const database = await openDatabase(directory, { onFault: (fault) => faults.push(fault) })
    const rows = await database.tail()
    expect(rows.map(({ attributes }) => attributes)).toEqual([
      { a: 1 },
      undefined,
      undefined,
      undefined,
      { b: 2 },
    ])
    expect(await database.slowest({ limit: 5 })).toHaveLength(5)
    expect(faults.map(({ code, reason }) => [code, reason])).toEqual([
      ['KRONICLER_CORRUPT', 'attributes of a call are no JSON object'],
    ])
    expect(faults[0]!.path.startsWith(directory)).toBe(true)
    expect(faults[0]!.offset > 0).toBe(sealed)
    await database.close()
  })

  test('without a listener they are an error, and numbers need none of them', async () => {
    const directory = await writeTexts(['{"a":1}', '{"a":'], true)
    const database = await openDatabase(directory)
    expect(await database.stats()).toMatchObject({ calls: 2 })
    await expect(database.tail()).rejects.toMatchObject({ code: 'KRONICLER_CORRUPT' })
    await database.close()
  })
})
