/**
 * A database with every kind of file, for tests that damage it, and the questions whose answers tell whether it matters.
 */
import { cpSync, existsSync, readdirSync, statSync, unlinkSync, utimesSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import {
  compactDatabase,
  DatabaseWriter,
  type CallInput,
  type CallRow,
  type Database,
} from '../../src/database.ts'
import { DirectoryWriter } from '../../src/database/write/directory-writer.ts'
import { nodeFiles } from '../../src/database/file.ts'
import { FolderKeeper } from '../../src/database/maintain/folder-keeper.ts'
import { KIND_FUNCTION, encodeDictionaryEntry } from '../../src/database/format/dictionary.ts'
import { createRowColumns } from '../../src/database/format/rows.ts'
import { Pace } from '../../src/database/pace.ts'
import { randomFrom } from '../support/random-calls.ts'

const OLD_FORMAT = fileURLToPath(new URL('../golden/v1-details/db', import.meta.url))
const START_MS = Date.UTC(2025, 0, 1)

/**
 * - merged: one segment of three logs, with dense durations
 * - expired: the hourly totals of two segments, and a segment
 * - closed: segments of several chunks and of tiny ones
 * - left behind by a crash: a segment and two logs, whose rows have details, and counters
 * - left behind by a crash: two logs, of which the first is finished and not sealed
 * - one writer that lives on
 * - two folders of format 1
 *
 * @param share of the rows, for a smaller one
 * @returns the paths of all files
 */
export async function writeSampleDatabase(directory: string, share = 1): Promise<string[]> {
  const merged = DatabaseWriter.open(directory, { segmentRows: 4000 * share })
  fill(merged, 12_000 * share, 5, true)
  await merged.close()
  await compactDatabase(directory, { dense: true })
  const expired = DatabaseWriter.open(directory, { segmentRows: 1000 * share })
  fill(expired, 3000 * share, 6, true)
  await expired.close()
  const keeper = new FolderKeeper(expired.path, { files: nodeFiles, isOwner: false })
  for (const run of keeper.segmentsBefore(Infinity)) {
    await keeper.expire(run.slice(0, 2), new Pace(), (fault) => {
      throw fault
    })
  }
  const closed = DatabaseWriter.open(directory, { segmentRows: 45_000 * share })
  fill(closed, 60_000 * share, 1)
  await closed.close()
  const crashed = DatabaseWriter.open(directory, { segmentRows: 20_000 * share })
  fill(crashed, 20_000 * share, 2, true)
  crashed.flush()
  await crashed.sealed()
  fill(crashed, 3000 * share, 3, true)
  crashed.flush()
  await crashed.sealed()
  unlinkSync(join(crashed.path, 'LOCK'))
  unlinkSync(join(leaveUnsealedLogs(directory), 'LOCK'))
  const living = DatabaseWriter.open(directory)
  fill(living, 50, 4)
  living.flush()
  cpSync(OLD_FORMAT, directory, { recursive: true })
  const files = listFiles(directory)
  for (const kind of [/seg\.000000-000002$/, /roll\.000000-000001$/, /counters$/]) {
    expect(files.some((file) => kind.test(file))).toBe(true)
  }
  const old = new Date(Date.now() - 60_000)
  for (const file of files) utimesSync(file, old, old)
  return files
}

function fill(writer: DatabaseWriter, count: number, seed: number, detailed = false): void {
  const random = randomFrom(seed)
  for (let i = 0; i < count; i++) {
    const f = Math.floor(12 * random() ** 3)
    const durationNs = f === 5 ? random() * 1e11 : 1000 * (1 + f) * (1 + random())
    writer.insert({
      function: `work.${f}`,
      startMs: START_MS + seed * 1e6 + i + random(),
      durationNs,
      error: random() < 0.03 ? 'TypeError' : undefined,
      ...(detailed ? detailsOf(random, Math.round(durationNs)) : {}),
    })
  }
}

function detailsOf(random: () => number, durationNs: number): Partial<CallInput> {
  return {
    parent: random() < 0.7 ? `work.${Math.floor(5 * random())}` : undefined,
    async: random() < 0.5,
    selfNs: Math.floor(durationNs * random()),
    weight: random() < 0.2 ? 8 : 1,
    attributes: random() < 0.4 ? { order: Math.floor(200 * random()) } : undefined,
  }
}

/** Two logs, of which the first is finished and not sealed. @returns the folder */
function leaveUnsealedLogs(directory: string): string {
  const writer = DirectoryWriter.create(directory)
  const rows = createRowColumns(300)
  rows.count = 300
  for (let row = 0; row < 300; row++) {
    rows.startsUs[row] = START_MS * 1000 + row
    rows.durationsNs[row] = 5000 + row
  }
  writer.appendNames(encodeDictionaryEntry(KIND_FUNCTION, 0, 'work.0'))
  writer.append(rows, { slot: 0, slotSequence: 0 })
  writer.append(rows, { slot: 0, slotSequence: 300 })
  writer.storeCounters({ dropped: 1, filtered: 2, attributesDropped: 3 })
  writer.storeCounters({ dropped: 11, filtered: 12, attributesDropped: 13 })
  writer.rotate()
  writer.append(rows, { slot: 0, slotSequence: 600 })
  return writer.path
}

function listFiles(root: string): string[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .map((name) => join(root, name))
    .filter((path) => statSync(path).isFile())
    .sort()
}

const FROM_MS = START_MS + 1e6 + 3333

/** Questions that read every page at least in part. */
export const QUESTIONS = {
  functions: (database: Database) => database.functions(),
  part: (database: Database) => database.functions({ from: FROM_MS, to: START_MS + 3e6 + 1234 }),
  count: (database: Database) => database.count({ from: FROM_MS }),
  slowest: (database: Database) => database.slowest({ limit: 100 }),
  slowestOfOne: (database: Database) =>
    database.slowest({ function: 'work.0', limit: 300, from: FROM_MS }),
  tail: (database: Database) => database.tail(100),
  series: (database: Database) => database.series({ step: '7m', from: FROM_MS, quantiles: [0.5] }),
  seriesOfOne: (database: Database) =>
    database.series({ step: '31s', function: 'work.1', from: FROM_MS, to: FROM_MS + 1e6 }),
  heatmap: (database: Database) => database.heatmap({ columns: 20, from: FROM_MS }),
  histogram: (database: Database) => database.histogram({ to: START_MS + 4e6 }),
  longer: (database: Database) => database.count({ where: { duration: { min: 5000 } } }),
  failed: (database: Database) =>
    rowsOf(database.calls({ where: { error: 'TypeError' }, order: '-start', limit: 200 })),
  withAttributes: (database: Database) =>
    rowsOf(database.calls({ where: { attributes: { order: 77 } } })),
  countedByAttribute: (database: Database) =>
    database.count({ where: { attributes: { order: 77 } } }),
  longest: (database: Database) =>
    rowsOf(database.calls({ order: '-duration', limit: 150, from: FROM_MS })),
  names: (database: Database) => database.functionNames(),
  dropped: (database: Database) => database.dropped(),
  filtered: (database: Database) => database.filtered(),
}

export type Answers = {
  [Name in keyof typeof QUESTIONS]: Awaited<ReturnType<(typeof QUESTIONS)[Name]>>
}

async function rowsOf(calls: AsyncIterable<CallRow>): Promise<CallRow[]> {
  const rows: CallRow[] = []
  for await (const call of calls) rows.push(call)
  return rows
}

/** Asks them all, and closes the database. */
export async function answersOf(database: Database): Promise<Answers> {
  try {
    const answers: [string, unknown][] = []
    for (const [name, ask] of Object.entries(QUESTIONS)) answers.push([name, await ask(database)])
    return Object.fromEntries(answers) as Answers
  } finally {
    await database.close()
  }
}

/**
 * Whether the damage looks like what is no damage: the end of the newest log is where a crash cut it off, and while the
 * writer lives a frame at the end that does not fit its checksum is a write in progress.
 */
export function mayBeUnfinished(path: string, content: Uint8Array): boolean {
  const folder = join(path, '..')
  if (content.length === statSync(path).size && !existsSync(join(folder, 'LOCK'))) return false
  const wals = readdirSync(folder)
    .filter((name) => name.startsWith('wal.'))
    .sort()
  return basename(path) === wals.at(-1)
}

/** Fewer rows perhaps, but none that was not written, and no number that fewer rows cannot explain. */
export function expectPart(answers: Answers, expected: Answers, what: string): void {
  const calls = ({ functions }: Answers) => functions.reduce((sum, stats) => sum + stats.calls, 0)
  expect(calls(answers), what).toBeLessThanOrEqual(calls(expected))
  expect(answers.count, what).toBeLessThanOrEqual(expected.count)
  for (const stats of answers.functions) {
    const sound = expected.functions.find(({ function: name }) => name === stats.function)
    if (sound === undefined) {
      expect(stats.function, what).toMatch(/^\(unknown function \d+\)$/)
      continue
    }
    expect(stats.calls, what).toBeLessThanOrEqual(sound.calls)
    expect(stats.sumNs, what).toBeLessThanOrEqual(sound.sumNs)
    expect(stats.maxNs, what).toBeLessThanOrEqual(sound.maxNs)
    expect(stats.minNs, what).toBeGreaterThanOrEqual(sound.minNs)
  }
}
