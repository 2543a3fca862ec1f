/** Questions while files are sealed, merged and removed, by a reader that may keep few of them open. */
import { copyFileSync, readdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { DatabaseWriter, type CallRow } from '../../../src/database.ts'
import { compactDatabase } from '../../../src/database/maintain/compact.ts'
import { nodeFiles, type FileLayer } from '../../../src/database/file.ts'
import { Snapshot } from '../../../src/database/read/snapshot.ts'
import { EmbeddedDatabase } from '../../../src/query/embedded-database.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const START_MS = Date.UTC(2026, 0, 1)
const ROWS = 12_000
const SEGMENT_ROWS = 600 // 200 of each function, so that none share a page

/** Files of the operating system, and how many are open. */
class CountingFiles {
  readonly open = new Set<number>()
  mostOpen = 0
  readonly layer: FileLayer = {
    ...nodeFiles,
    open: (path, flags) => {
      const descriptor = nodeFiles.open(path, flags)
      this.open.add(descriptor)
      this.mostOpen = Math.max(this.mostOpen, this.open.size)
      return descriptor
    },
    close: (descriptor) => {
      this.open.delete(descriptor)
      nodeFiles.close(descriptor)
    },
  }
}

/** @returns the writer's folder: as many segments of SEGMENT_ROWS as there are */
async function fill(directory: string, segmentRows: number): Promise<string> {
  const writer = DatabaseWriter.open(directory, { segmentRows, sync: 'never' })
  for (let i = 0; i < ROWS; i++) {
    writer.insert({ function: `f${i % 3}`, startMs: START_MS + i, durationNs: 1000 + i })
  }
  await writer.close()
  return writer.path
}

/** No page stays in memory, and two segments have a descriptor: so nearly every question opens files again. */
function openStarved(directory: string, files: FileLayer) {
  return new EmbeddedDatabase(
    new Snapshot(directory, { files, cacheSizeBytes: 0, openFileLimit: 2 }),
  )
}

test('few files are open however many there are', async () => {
  const directory = temporaryDirectory()
  await fill(directory, SEGMENT_ROWS)
  const files = new CountingFiles()
  const database = openStarved(directory, files.layer)
  for (let i = 0; i < 3; i++) {
    const range = { from: new Date(START_MS + 7), to: new Date(START_MS + ROWS - 7) }
    expect((await database.stats(range)).calls).toBe(ROWS - 14)
    expect(await database.slowest({ limit: 5 })).toHaveLength(5)
  }
  expect(files.mostOpen).toBeLessThanOrEqual(4) // two segments, the names, and one that is being looked into
  await database.close()
  expect(files.open.size).toBe(0)
})

test('a question whose files are removed under it is answered from those that took their place', async () => {
  const directory = temporaryDirectory()
  const folder = await fill(directory, SEGMENT_ROWS)
  const path = join(folder, 'seg.000004-000004')
  let isArmed = false
  let reopened = 0
  const layer: FileLayer = {
    ...nodeFiles,
    open: (name, flags) => {
      if (isArmed && name === path && reopened++ === 0) {
        // it is replaced at the very moment at which it is opened again, by a file that holds the same
        copyFileSync(path, `${path}.copy`)
        renameSync(`${path}.copy`, path)
      }
      return nodeFiles.open(name, flags)
    },
  }
  const database = openStarved(directory, layer)
  const range = { from: new Date(START_MS + 7) }
  const before = await database.functions(range)
  isArmed = true
  expect(await database.functions(range)).toEqual(before)
  expect(await database.slowest({ limit: 100 })).toHaveLength(100)
  expect(reopened).toBeGreaterThan(1)
  await database.close()
})

test('rows that are iterated over while files come and go come once each', async () => {
  const directory = temporaryDirectory()
  const folder = await fill(directory, SEGMENT_ROWS)
  const database = openStarved(directory, nodeFiles)
  const rows: CallRow[] = []
  for await (const row of database.calls()) {
    rows.push(row)
    if (rows.length % 3000 === 1500) {
      for (const name of readdirSync(folder).filter((entry) => entry.startsWith('seg.'))) {
        // another file of the same content under each name
        copyFileSync(join(folder, name), join(folder, `${name}.tmp`))
        renameSync(join(folder, `${name}.tmp`), join(folder, name))
      }
    }
  }
  expect(rows.map(({ startMs }) => startMs - START_MS)).toEqual(
    Array.from({ length: ROWS }, (_, i) => i),
  )
  await database.close()
})

test('answers are the same before, while and after segments are merged', async () => {
  const directory = temporaryDirectory()
  const folder = await fill(directory, SEGMENT_ROWS)
  const segments = () => readdirSync(folder).filter((name) => name.startsWith('seg.')).length
  const starved = openStarved(directory, nodeFiles)
  const database = new EmbeddedDatabase(new Snapshot(directory))
  const range = { from: new Date(START_MS + 7), to: new Date(START_MS + ROWS - 7) }
  const expected = await answersOf(database, range)
  const before = segments()
  const state = { isDone: false }
  const merging = compactDatabase(directory).finally(() => {
    state.isDone = true
  })
  for (let asked = 0; !state.isDone || asked < 3; asked++) {
    for (const one of [starved, database]) expect(await answersOf(one, range)).toEqual(expected)
    await new Promise(setImmediate)
  }
  await merging
  expect(segments()).toBeLessThan(before)
  for (const one of [starved, database]) {
    expect(await answersOf(one, range)).toEqual(expected)
    await one.close()
  }
})

/** What does not depend on the order in which moments are added up. */
async function answersOf(database: EmbeddedDatabase, range: object) {
  const functions = await database.functions(range)
  return {
    functions: functions.map(({ calls, maxNs, quantiles, sumNs }) => ({
      calls,
      maxNs,
      quantiles,
      sumNs,
    })),
    slowest: await database.slowest({ ...range, limit: 40 }),
    count: await database.count(),
  }
}
