/** A database with every kind of file, as several processes leave it behind: one that closed, two that crashed. */
import { readdirSync, statSync, unlinkSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseWriter, openDatabase, type CallInput, type CallRow } from '../../src/database.ts'
import { DirectoryWriter } from '../../src/database/write/directory-writer.ts'
import { KIND_FUNCTION, encodeDictionaryEntry } from '../../src/database/format/dictionary.ts'
import { createRowColumns } from '../../src/database/format/rows.ts'
import { randomFrom } from './random-calls.ts'

const START_MS = Date.UTC(2025, 0, 1)

/** @param size rows of its largest segment */
export async function fillDatabase(directory: string, size = 40_000): Promise<void> {
  const closed = DatabaseWriter.open(directory, { segmentRows: size, sync: 'never' })
  insert(closed, size + size / 20, 1) // groups of several chunks, and chunks without a histogram
  await closed.close()
  const crashed = DatabaseWriter.open(directory, { segmentRows: size / 8, sync: 'never' })
  insert(crashed, size / 8, 2, true)
  crashed.flush()
  await crashed.sealed()
  insert(crashed, size / 20, 3, true)
  crashed.flush()
  unlinkSync(join(crashed.path, 'LOCK'))
  leaveLogs(directory)
  // what is young may still be on its way to its first content
  const old = new Date(Date.now() - 60_000)
  for (const path of filesOf(directory)) utimesSync(path, old, old)
}

/** Three logs, of which two are finished and not sealed, and counters. The writer seems to live. */
function leaveLogs(directory: string): void {
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
  writer.rotate()
  writer.append(rows, { slot: 0, slotSequence: 600 })
  writer.append(rows, { slot: 0, slotSequence: 900 })
  writer.rotate()
  writer.append(rows, { slot: 0, slotSequence: 1200 })
  writer.append(rows, { slot: 0, slotSequence: 1500 })
  writer.storeCounters({ dropped: 1, filtered: 2, attributesDropped: 3 })
  writer.storeCounters({ dropped: 4, filtered: 5, attributesDropped: 6 })
}

function insert(writer: DatabaseWriter, count: number, seed: number, detailed = false): void {
  const random = randomFrom(seed)
  for (let i = 0; i < count; i++) {
    const f = Math.floor(12 * random() ** 3)
    const durationNs = Math.floor(f === 5 ? random() * 1e11 : 1000 * (1 + f) * (1 + random()))
    writer.insert({
      function: `work.${f}`,
      startMs: START_MS + seed * 1e6 + i + random(),
      durationNs,
      error: random() < 0.03 ? 'TypeError' : undefined,
      ...(detailed ? detailsOf(random, durationNs) : {}),
    })
  }
}

function detailsOf(random: () => number, durationNs: number): Partial<CallInput> {
  return {
    parent: random() < 0.7 ? `work.${Math.floor(5 * random())}` : undefined,
    async: random() < 0.5,
    selfNs: Math.floor(durationNs * random()),
    weight: random() < 0.2 ? 8 : 1,
    attributes: random() < 0.4 ? { order: Math.floor(1e6 * random()) } : undefined,
  }
}

/** Paths of all files, sorted. */
export function filesOf(root: string): string[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .map((name) => join(root, name))
    .filter((path) => statSync(path).isFile())
    .sort()
}

/** Every row that can be read, as text, sorted. @param directory of 100,000 rows at most */
export async function allRows(directory: string): Promise<string[]> {
  const database = await openDatabase(directory, { onFault: () => undefined })
  try {
    return (await database.tail(100_000)).map(rowText).sort()
  } finally {
    await database.close()
  }
}

export function rowText({ id: _, ...row }: CallRow): string {
  return JSON.stringify(row)
}
