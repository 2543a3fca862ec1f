/** What a reader makes of folders that a crash, a copy or somebody with `rm` has left behind. */
import {
  copyFileSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { DatabaseWriter, openDatabase, type CorruptionError } from '../../../src/database.ts'
import { DirectoryWriter } from '../../../src/database/write/directory-writer.ts'
import { nodeFiles } from '../../../src/database/file.ts'
import {
  encodeDictionaryEntry,
  KIND_FUNCTION,
  KIND_PLACE,
} from '../../../src/database/format/dictionary.ts'
import { createRowColumns } from '../../../src/database/format/rows.ts'
import { Snapshot } from '../../../src/database/read/snapshot.ts'
import { currentIdentity } from '../../../src/database/writer-identity.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

async function fourSegments(directory: string): Promise<string> {
  const writer = DatabaseWriter.open(directory, { segmentRows: 10 })
  for (let i = 0; i < 40; i++) writer.insert({ function: 'f', startMs: i, durationNs: i })
  await writer.close()
  return writer.path
}

async function readWithFaults(directory: string) {
  const faults: CorruptionError[] = []
  const database = await openDatabase(directory, { onFault: (fault) => faults.push(fault) })
  const calls = await database.count()
  await database.count()
  await database.close()
  return { calls, faults }
}

test('a segment that is missing between others', async () => {
  const directory = temporaryDirectory()
  const folder = await fourSegments(directory)
  unlinkSync(join(folder, 'seg.000001-000001'))
  await expect(openDatabase(directory)).rejects.toMatchObject({
    code: 'KRONICLER_CORRUPT',
    path: join(folder, 'seg.000001-000001'),
  })
  const { calls, faults } = await readWithFaults(directory)
  expect(calls).toBe(30)
  expect(faults).toHaveLength(1)
})

test('the oldest segments may be removed, also while reading', async () => {
  const directory = temporaryDirectory()
  const folder = await fourSegments(directory)
  const database = await openDatabase(directory)
  expect(await database.count()).toBe(40)
  unlinkSync(join(folder, 'seg.000000-000000'))
  expect(await database.count()).toBe(30)
  rmSync(folder, { recursive: true })
  expect(await database.count()).toBe(0)
  await database.close()
})

test('a segment under the name of another', async () => {
  const directory = temporaryDirectory()
  const folder = await fourSegments(directory)
  copyFileSync(join(folder, 'seg.000000-000000'), join(folder, 'seg.000001-000001'))
  await expect(openDatabase(directory)).rejects.toMatchObject({ code: 'KRONICLER_CORRUPT' })
})

test('a damaged segment whose log is still there: the log is read', async () => {
  const directory = temporaryDirectory()
  const writer = DirectoryWriter.create(directory)
  const rows = createRowColumns(5)
  rows.count = 5
  writer.appendNames(encodeDictionaryEntry(KIND_FUNCTION, 0, 'f'))
  writer.append(rows, { slot: 0, slotSequence: 0 })
  const sequence = writer.rotate()
  const log = join(writer.path, 'wal.000000')
  const content = readFileSync(log)
  await writer.seal(sequence)
  writer.append(rows, { slot: 0, slotSequence: 5 })
  writeFileSync(log, content)
  const segment = join(writer.path, 'seg.000000-000000')
  const bytes = readFileSync(segment)
  bytes[20]! ^= 4
  writeFileSync(segment, bytes)
  const { calls, faults } = await readWithFaults(directory)
  expect(calls).toBe(10)
  expect(faults.map(({ path }) => path)).toEqual([segment])
  writer.close()
})

test('rows that were written twice are read once', async () => {
  const directory = temporaryDirectory()
  const writer = DirectoryWriter.create(directory)
  const rows = createRowColumns(5)
  rows.count = 5
  writer.appendNames(encodeDictionaryEntry(KIND_FUNCTION, 0, 'f'))
  writer.append(rows, { slot: 3, slotSequence: 0 })
  writer.append(rows, { slot: 3, slotSequence: 0 })
  writer.append(rows, { slot: 4, slotSequence: 0 })
  writer.rotate()
  writer.append(rows, { slot: 3, slotSequence: 0 })
  expect(await readWithFaults(directory)).toEqual({ calls: 10, faults: [] })
  writer.close()
})

test('names of one function under several ids and writers, and an id that gets another name', async () => {
  const directory = temporaryDirectory()
  const rows = createRowColumns(2)
  rows.count = 2
  rows.functionIds.set([0, 1])
  rows.durationsNs.set([1, 2])
  const writers = [DirectoryWriter.create(directory), DirectoryWriter.create(directory)]
  for (const writer of writers) {
    writer.appendNames(encodeDictionaryEntry(KIND_FUNCTION, 0, 'same'))
    writer.appendNames(encodeDictionaryEntry(KIND_FUNCTION, 1, 'same'))
    writer.append(rows, { slot: 0, slotSequence: 0 })
  }
  const database = await openDatabase(directory)
  expect((await database.functions()).map((stats) => [stats.function, stats.calls])).toEqual([
    ['same', 4],
  ])
  writers[0]!.appendNames(encodeDictionaryEntry(KIND_FUNCTION, 1, 'renamed'))
  expect((await database.functions()).map((stats) => [stats.function, stats.calls])).toEqual([
    ['same', 3],
    ['renamed', 1],
  ])
  await database.close()
  for (const writer of writers) writer.close()
})

test('where functions are defined, as the process that began last tells it', () => {
  const directory = temporaryDirectory()
  const identity = { ...currentIdentity(nodeFiles), pid: 99_999_999 }
  // by name of folder the later one comes first
  const early = DirectoryWriter.create(directory, { identity: { ...identity, createdMs: 1000 } })
  const late = DirectoryWriter.create(directory, {
    identity: { ...identity, createdMs: 2000, pid: 1 },
  })
  early.appendNames(encodeDictionaryEntry(KIND_FUNCTION, 1, 'both'))
  early.appendNames(encodeDictionaryEntry(KIND_FUNCTION, 2, 'one'))
  early.appendNames(encodeDictionaryEntry(KIND_PLACE, 1, 'old.ts:1'))
  early.appendNames(encodeDictionaryEntry(KIND_PLACE, 2, 'one.ts:2'))
  early.appendNames(encodeDictionaryEntry(KIND_PLACE, 3, 'nameless.ts:3'))
  late.appendNames(encodeDictionaryEntry(KIND_FUNCTION, 7, 'both'))
  const snapshot = new Snapshot(directory)
  expect(Object.fromEntries(snapshot.placesOfDefinition())).toEqual({
    both: 'old.ts:1',
    one: 'one.ts:2',
  })
  late.appendNames(encodeDictionaryEntry(KIND_PLACE, 7, 'new.ts:1'))
  snapshot.refresh()
  expect(snapshot.placesOfDefinition().get('both')).toBe('new.ts:1')
  snapshot.close()
  early.close()
  late.close()
})

test('an id without a name is damage, and its rows are shown under a makeshift name', async () => {
  const directory = temporaryDirectory()
  const writer = DirectoryWriter.create(directory)
  const rows = createRowColumns(1)
  rows.count = 1
  rows.functionIds[0] = 4_000_000_000
  writer.append(rows, { slot: 0, slotSequence: 0 })
  await expect(openDatabase(directory)).rejects.toMatchObject({
    code: 'KRONICLER_CORRUPT',
    path: join(writer.path, 'dict'),
  })
  const faults: CorruptionError[] = []
  const database = await openDatabase(directory, { onFault: (fault) => faults.push(fault) })
  expect((await database.tail())[0]!.function).toBe('(unknown function 4000000000)')
  expect(faults).toHaveLength(1)
  await database.close()
  writer.close()
})

test('a fault stays one: asking again does not give an answer without the rows', async () => {
  const directory = temporaryDirectory()
  const folder = await fourSegments(directory)
  const database = await openDatabase(directory)
  const later = await fourSegments(directory)
  const path = join(later, 'seg.000002-000002')
  const bytes = readFileSync(path)
  bytes[9]! ^= 1
  writeFileSync(path, bytes)
  for (let i = 0; i < 3; i++) await expect(database.count()).rejects.toMatchObject({ path })
  expect(readdirSync(folder)).toContain('seg.000002-000002')
  await database.close()
})

test('a directory that is moved away under a reader', async () => {
  const directory = join(temporaryDirectory(), 'db')
  await fourSegments(directory)
  const database = await openDatabase(directory)
  renameSync(directory, `${directory}2`)
  await expect(database.count()).rejects.toMatchObject({ code: 'KRONICLER_NOT_FOUND' })
  renameSync(`${directory}2`, directory)
  expect(await database.count()).toBe(40)
  await database.close()
})
