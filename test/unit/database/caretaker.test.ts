/** What a writer does for its database in the background. */
import { existsSync, readdirSync, statSync, utimesSync } from 'node:fs'
import { basename, join } from 'node:path'
import { expect, test } from 'vitest'
import { openDatabase } from '../../../src/database.ts'
import { Caretaker, type CaretakerOptions } from '../../../src/database/maintain/caretaker.ts'
import { planCompaction, type PlannedSegment } from '../../../src/database/maintain/compact-plan.ts'
import { DirectoryWriter } from '../../../src/database/write/directory-writer.ts'
import { nodeFiles } from '../../../src/database/file.ts'
import { encodeDictionaryEntry } from '../../../src/database/format/dictionary.ts'
import { parseSegmentFileName, segmentFileName } from '../../../src/database/format/directory.ts'
import { Pace } from '../../../src/database/pace.ts'
import { currentIdentity } from '../../../src/database/writer-identity.ts'
import { retentionOf } from '../../../src/writer/retention-options.ts'
import { toColumns } from '../../support/arbitrary-rows.ts'
import type { IdRow } from '../../support/read-folder.ts'
import { rolledUp } from '../../support/stored-rows.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const NOW_MS = Date.UTC(2026, 5, 15, 12)
const ROWS = 100
const DEAD = { ...currentIdentity(nodeFiles), processStart: 1 }

class QuickPace extends Pace {
  override wait(): Promise<void> {
    return Promise.resolve()
  }
}

/** A folder with a segment for each of the moments, as old as its rows. */
async function writerOf(root: string, startsMs: readonly number[], dead = false) {
  const writer = DirectoryWriter.create(root, dead ? { identity: DEAD } : {})
  writer.appendNames(encodeDictionaryEntry(0, 0, 'f'))
  let rows = 0
  for (const startMs of startsMs) {
    const batch = Array.from({ length: ROWS }, (_, i): IdRow => [0, startMs * 1000 + i, i, 0])
    writer.append(toColumns(batch), { slot: 0, slotSequence: rows })
    rows += ROWS
    const sequence = writer.rotate()
    await writer.seal(sequence)
    const path = join(writer.path, segmentFileName(sequence, sequence))
    utimesSync(path, startMs / 1000, startMs / 1000)
  }
  return writer
}

function filesOf(folder: string): string[] {
  return readdirSync(folder).filter((name) => /^(seg|roll)\./.test(name))
}

function hoursAgo(...hours: number[]): number[] {
  return hours.map((hour) => NOW_MS - hour * HOUR_MS)
}

function tend(root: string, own: string | undefined, options: CaretakerOptions): Promise<void> {
  const caretaker = new Caretaker(root, refuse, { clock: () => NOW_MS, ...options })
  return caretaker.tend(own === undefined ? undefined : basename(own), new QuickPace())
}

function refuse(fault: Error): void {
  throw fault
}

test('nothing expires unless it is asked for', async () => {
  const root = temporaryDirectory()
  const { path } = await writerOf(root, hoursAgo(10_000, 500, 1))
  await tend(root, path, { compaction: false })
  expect(filesOf(path)).toHaveLength(3)
})

test('what is older than the age expires in whole segments, and its totals stay', async () => {
  const root = temporaryDirectory()
  const { path } = await writerOf(root, hoursAgo(100, 73, 48, 1))
  await tend(root, path, { compaction: false, retention: { maxAgeMs: 3 * DAY_MS } })
  expect(filesOf(path)).toEqual(['roll.000000-000001', 'seg.000002-000002', 'seg.000003-000003'])
  const totals = rolledUp(nodeFiles, path).map(({ total }) => [total.firstUs, total.calls])
  expect(totals).toEqual(hoursAgo(100, 73).map((ms) => [ms * 1000, ROWS]))
  await tend(root, path, { compaction: false, retention: { maxAgeMs: 1.5 * DAY_MS } })
  expect(filesOf(path)).toEqual(['roll.000000-000002', 'seg.000003-000003'])
})

test('a size is kept to by what was written first, whoever wrote it', async () => {
  const root = temporaryDirectory()
  const own = await writerOf(root, hoursAgo(9, 7, 5))
  const left = await writerOf(root, hoursAgo(10, 8, 6, 4), true)
  const other = await writerOf(root, hoursAgo(11)) // of a live process, which looks after it itself
  const folders = [own, left, other].map(({ path }) => path)
  const sizeOf = (folder: string) =>
    readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0)
  const all = folders.reduce((sum, folder) => sum + sizeOf(folder), 0)
  const segment = statSync(join(own.path, 'seg.000000-000000')).size
  // one of the other's, and two more
  const retention = { maxSizeBytes: Math.ceil(all - 2.5 * segment) }
  await tend(root, own.path, { compaction: false, retention })
  expect(filesOf(own.path)).toEqual([
    'roll.000000-000000',
    'seg.000001-000001',
    'seg.000002-000002',
  ])
  expect(filesOf(left.path)).toEqual([
    'roll.000000-000000',
    'seg.000001-000001',
    'seg.000002-000002',
    'seg.000003-000003',
  ])
  expect(filesOf(other.path)).toEqual(['seg.000000-000000'])
  // so small that not even the totals fit
  for (let i = 0; i < 4; i++) {
    await tend(root, own.path, { compaction: false, retention: { maxSizeBytes: 1 } })
  }
  expect(filesOf(own.path)).toEqual([])
  expect(filesOf(left.path)).toEqual([])
  own.append(toColumns([[0, NOW_MS * 1000, 5, 0]]), { slot: 0, slotSequence: 300 })
  await own.seal(own.rotate())
  expect(filesOf(own.path)).toEqual(['seg.000003-000003'])
})

test('segments are merged when they are enough and not too young; those of a dead writer in any case', async () => {
  const root = temporaryDirectory()
  const own = await writerOf(root, hoursAgo(...Array.from({ length: 11 }, (_, i) => 11 - i)))
  const left = await writerOf(root, hoursAgo(3, 2), true)
  await tend(root, own.path, {})
  expect(filesOf(own.path)).toEqual([
    'seg.000000-000008',
    'seg.000009-000009', // the newest two are read by whoever follows the rows
    'seg.000010-000010',
  ])
  expect(filesOf(left.path)).toEqual(['seg.000000-000001'])
  expect(existsSync(join(left.path, 'LOCK'))).toBe(false)
  const database = await openDatabase(root)
  expect(await database.count()).toBe(13 * ROWS)
  await database.close()
})

test('work that is ended leaves everything as it was', async () => {
  const root = temporaryDirectory()
  const own = await writerOf(root, hoursAgo(...Array.from({ length: 11 }, (_, i) => 11 - i)))
  const before = filesOf(own.path)
  const ending = Object.assign(new Pace(), { step: () => Promise.reject(new Error('ended')) })
  const caretaker = new Caretaker(root, refuse)
  await expect(caretaker.tend(basename(own.path), ending)).rejects.toThrow('ended')
  expect(filesOf(own.path)).toEqual(before)
  expect(readdirSync(own.path).filter((name) => name.endsWith('.tmp'))).toEqual([])
})

test('the plan: eight of a level, neighbours, one day, no more than 16 Mi rows', () => {
  let low = 0
  const segment = (rowCount: number, day = 0): PlannedSegment => {
    const name = segmentFileName(low, low)
    return {
      ...parseSegmentFileName(name)!,
      name,
      rowCount,
      maxStartUs: day * 86_400e6,
      low: low++,
      version: 2,
    }
  }
  const many = (count: number, rowCount: number, day = 0): PlannedSegment[] =>
    Array.from({ length: count }, () => segment(rowCount, day))
  const plan = (segments: PlannedSegment[], all = false): number | undefined =>
    planCompaction(segments, all)?.length
  expect(plan(many(7, 2 ** 18))).toBeUndefined()
  expect(plan(many(8, 2 ** 18))).toBe(8)
  expect(plan(many(40, 2 ** 18))).toBe(16)
  expect(plan(many(8, 2 ** 21))).toBe(8)
  expect(plan(many(8, 2 ** 22))).toBeUndefined() // two together would do, but not eight
  expect(plan(many(4, 2 ** 22), true)).toBe(4)
  expect(plan(many(5, 2 ** 22), true)).toBe(4)
  expect(plan(many(2, 2 ** 24), true)).toBeUndefined()
  expect(plan([segment(2 ** 22), ...many(3, 2 ** 18)], true)).toBe(4)
  const oneIsMerged = [segment(2 ** 22), ...many(20, 2 ** 18)]
  expect(planCompaction(oneIsMerged, true)).toEqual(oneIsMerged.slice(1, 17)) // it waits for its like
  expect(planCompaction(many(70, 2 ** 18), true, 64)).toHaveLength(64)
  expect(plan([...many(4, 2 ** 18), segment(3), ...many(4, 2 ** 18)])).toBe(9)
  expect(plan([...many(4, 2 ** 18), segment(2 ** 22), ...many(4, 2 ** 18)])).toBeUndefined()
  const withHole = [...many(4, 2 ** 18), ...(low++, many(4, 2 ** 18))]
  expect(plan(withHole)).toBe(4) // what stands before a hole gets no more neighbours
  const twoDays = [...many(3, 2 ** 18, 1), ...many(7, 2 ** 18, 2)]
  expect(planCompaction(twoDays, false)).toEqual(twoDays.slice(0, 3)) // the day is over
  expect(plan(twoDays.slice(3))).toBeUndefined()
})

test('the environment says what expires, unless the program does', () => {
  const of = (age?: string, size?: string) =>
    retentionOf(undefined, { KRONICLER_RETENTION_AGE: age, KRONICLER_RETENTION_SIZE: size })
  expect(of()).toEqual({ maxAgeMs: undefined, maxSizeBytes: undefined })
  expect(of('30d', '10GB')).toEqual({ maxAgeMs: 30 * DAY_MS, maxSizeBytes: 10e9 })
  expect(of('1.5h', ' 512 MiB ')).toEqual({ maxAgeMs: 1.5 * HOUR_MS, maxSizeBytes: 2 ** 29 })
  expect(retentionOf({ maxAgeMs: 60_000 }, { KRONICLER_RETENTION_AGE: 'x' }).maxAgeMs).toBe(60_000)
  for (const age of ['30', 'd', '-1d', '0d', '1y', '1e3d', '99999999999999999d']) {
    expect(() => of(age), age).toThrow(RangeError)
  }
  for (const size of ['10', '1 PB', 'all'])
    expect(() => of(undefined, size), size).toThrow(RangeError)
})
