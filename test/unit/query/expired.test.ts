/** What is answered of rows that have expired: their hourly totals count, and no question about rows meets them. */
import { readdirSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { DatabaseWriter, openDatabase, type Database } from '../../../src/database.ts'
import { nodeFiles } from '../../../src/database/file.ts'
import { rollUpFileName } from '../../../src/database/format/directory.ts'
import { loadKernels } from '../../../src/database/kernels/kernels.ts'
import { RollUpWriter } from '../../../src/database/maintain/roll-up-writer.ts'
import { BUCKET_COUNT, bucketOf } from '../../../src/metrics/histogram.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const START_MS = Date.UTC(2026, 0, 1)
const FUNCTIONS = ['f', 'g']

let directory: string
let folder: string

/** Ten hours with a call of f and one of g each minute, and the hour in which they are; an hour is a segment. */
beforeEach(async () => {
  directory = temporaryDirectory()
  const writer = DatabaseWriter.open(directory, { segmentRows: 120, sync: 'never' })
  folder = writer.path
  for (let minute = 0; minute < 600; minute++) {
    for (const [id, name] of FUNCTIONS.entries()) {
      const startMs = START_MS + minute * MINUTE_MS
      writer.insert({ function: name, startMs, durationNs: durationOf(minute, id) })
    }
  }
  await writer.close()
})

function durationOf(minute: number, id: number): number {
  return 1000 + 37 * minute + id
}

/** Puts hours [low, high] of the folder into a roll-up. */
function expire(low: number, high: number): void {
  const kernels = loadKernels()
  const dense = kernels.allocate(4 * BUCKET_COUNT)
  const histogram = kernels.allocate(32_768)
  const path = join(folder, rollUpFileName(low, high))
  const descriptor = nodeFiles.open(path, 'wx+')
  const minStartUs = 1000 * (START_MS + low * HOUR_MS)
  const writer = new RollUpWriter(kernels, nodeFiles, descriptor, {
    minStartUs,
    maxStartUs: minStartUs + 1000 * (high - low + 1) * HOUR_MS - 1,
  })
  for (const id of FUNCTIONS.keys()) {
    for (let hour = low; hour <= high; hour++) {
      const durations = Array.from({ length: 60 }, (_, i) => durationOf(60 * hour + i, id))
      const sum = durations.reduce((total, ns) => total + ns)
      for (const ns of durations) kernels.u32[dense / 4 + bucketOf(ns)]!++
      const firstUs = 1000 * (START_MS + hour * HOUR_MS)
      writer.add({
        functionId: id,
        weight: 1,
        calls: 60,
        errors: 0,
        sumHigh: 0,
        sumLow: sum,
        squaredDeviations: durations.reduce((total, ns) => total + (ns - sum / 60) ** 2, 0),
        minNs: durations[0]!,
        maxNs: durations.at(-1)!,
        childrenNs: 0,
        firstUs,
        lastUs: firstUs + 1000 * 59 * MINUTE_MS,
        histogram,
        histogramSize: kernels.histogramEncode(dense, histogram, true),
      })
    }
  }
  writer.finish({ low, high })
  nodeFiles.close(descriptor)
}

function removeSegments(low: number, high: number): void {
  for (const name of readdirSync(folder)) {
    const sequence = Number(/^seg\.(\d{6})/.exec(name)?.[1])
    if (sequence >= low && sequence <= high) unlinkSync(join(folder, name))
  }
}

async function answersOf(database: Database, range: object) {
  const rounded = (stats: object) =>
    JSON.parse(
      JSON.stringify(stats, (_, value: unknown) =>
        typeof value === 'number' ? Number(value.toPrecision(12)) : value,
      ),
    ) as object
  return rounded({
    functions: await database.functions(range),
    stats: await database.stats(range),
    one: await database.stats({ function: 'g', ...range }),
    count: await database.count(range),
    series: await database.series({ step: '1h', ...range }),
    heatmap: await database.heatmap({ step: '1h', ...range }),
    histogram: await database.histogram(range),
  })
}

const at = (hour: number) => new Date(START_MS + hour * HOUR_MS)

describe('of whole hours nothing is lost', () => {
  test.each([
    ['in one roll-up', [[0, 3]], []],
    [
      'in several',
      [
        [0, 1],
        [2, 2],
        [3, 3],
      ],
      [],
    ],
    [
      'in one over others that are still there',
      [
        [0, 1],
        [0, 3],
      ],
      [],
    ],
    ['while the segments are still there', [[0, 3]], [0, 3]],
  ] as [string, [number, number][], number[]][])('%s', async (_name, rollUps, kept) => {
    const database = await openDatabase(directory)
    const ranges = [{}, { from: at(2) }, { from: at(1), to: at(7) }, { to: at(3) }]
    const before = []
    for (const range of ranges) before.push(await answersOf(database, range))
    for (const [low, high] of rollUps) {
      expire(low, high)
      if (kept.length === 0) removeSegments(low, high)
    }
    for (const [i, range] of ranges.entries()) {
      expect(await answersOf(database, range)).toEqual(before[i])
      const fresh = await openDatabase(directory)
      expect(await answersOf(fresh, range)).toEqual(before[i])
      await fresh.close()
    }
    await database.close()
  })
})

test('of an hour that is asked for in part all is counted, and that is told', async () => {
  expire(0, 3)
  removeSegments(0, 3)
  const database = await openDatabase(directory)
  const half = { from: new Date(START_MS + 1.5 * HOUR_MS), to: at(6) }
  expect(await database.stats(half)).toMatchObject({ calls: 600, coarseCalls: 120 })
  expect(await database.count(half)).toBe(600)
  const series = await database.series({ step: '30m', from: at(2), to: at(5), function: 'f' })
  expect(series.points.map(({ calls }) => calls)).toEqual([60, 0, 60, 0, 30, 30])
  expect(series.coarseCalls).toBe(120)
  expect(await database.histogram({ to: at(1.5) })).toMatchObject({ calls: 240, coarseCalls: 120 })
  await database.close()
})

test('no question about rows meets them', async () => {
  expire(0, 3)
  removeSegments(0, 3)
  const database = await openDatabase(directory)
  expect(await database.functionNames()).toEqual(FUNCTIONS)
  const slowest = await database.slowest({ to: at(4) })
  expect(slowest).toEqual([])
  expect(await database.tail(2000)).toHaveLength(720)
  let rows = 0
  for await (const row of database.calls({ from: at(3) })) {
    expect(row.startMs).toBeGreaterThanOrEqual(START_MS + 4 * HOUR_MS)
    rows++
  }
  expect(rows).toBe(720)
  await database.close()
})

test('exact quantiles are those of the histogram where rows have expired', async () => {
  expire(0, 3)
  removeSegments(0, 3)
  const database = await openDatabase(directory)
  for (const question of [{}, { to: at(6) }, { function: 'f', from: at(2) }]) {
    expect(await database.stats({ ...question, exact: true })).toEqual(
      await database.stats(question),
    )
    const one = { ...question, quantile: 0.9 }
    expect(await database.quantile({ ...one, exact: true })).toEqual(await database.quantile(one))
  }
  const stored = { function: 'f', from: at(4) }
  const stats = await database.stats({ ...stored, quantiles: [0.5], exact: true })
  expect(stats.quantileRelativeError).toBe(0)
  // minutes 240 to 599, of which 419 and 420 are in the middle
  expect(stats.quantiles[0]!.durationNs).toBe((durationOf(419, 0) + durationOf(420, 0)) / 2)
  await database.close()
})
