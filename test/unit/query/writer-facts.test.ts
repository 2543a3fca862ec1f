/** What writers tell beside rows: where functions are defined, calls left out, their own health. */
import { expect, test } from 'vitest'
import { DirectoryWriter } from '../../../src/database/write/directory-writer.ts'
import {
  encodeDictionaryEntry,
  KIND_FUNCTION,
  KIND_PLACE,
} from '../../../src/database/format/dictionary.ts'
import { openDatabase } from '../../../src/database.ts'
import { toColumns } from '../../support/arbitrary-rows.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const HEALTH = '(kronicler)'

/** A process's folder with functions of the names, numbered from 1, and a row of each. */
function writeFolder(root: string, names: string[], createdMs = 1): DirectoryWriter {
  const identity = {
    pid: process.pid,
    hostname: 'here',
    bootId: null,
    processStart: null,
    createdMs,
    node: process.version,
    kronicler: '0.0.0',
  }
  const writer = DirectoryWriter.create(root, { identity, random: createdMs })
  names.forEach((name, i) => {
    writer.appendNames(encodeDictionaryEntry(KIND_FUNCTION, i + 1, name))
  })
  appendRows(writer, names.length, 0)
  return writer
}

function appendRows(writer: DirectoryWriter, functions: number, slotSequence: number): void {
  const rows = Array.from({ length: functions }, (_, i): [number, number, number, number] => [
    i + 1,
    1000 * (i + 1),
    10 ** i,
    0,
  ])
  writer.append(toColumns(rows), { slot: 0, slotSequence })
}

test('a function is where the process that began last says it is', async () => {
  const root = temporaryDirectory()
  const later = writeFolder(root, ['moved', 'only here', 'nowhere'], 2000)
  const earlier = writeFolder(root, ['moved', 'removed'], 1000)
  const place = (writer: DirectoryWriter, id: number, text: string) => {
    writer.appendNames(encodeDictionaryEntry(KIND_PLACE, id, text))
  }
  place(earlier, 1, 'src/old.ts:1')
  place(later, 1, 'src/new.ts:2')
  place(earlier, 2, 'src/removed.ts:3')
  const database = await openDatabase(root)
  const places = async () =>
    Object.fromEntries((await database.functions()).map((f) => [f.function, f.definedAt]))
  expect(await places()).toEqual({
    moved: 'src/new.ts:2',
    removed: 'src/removed.ts:3',
    'only here': undefined,
    nowhere: undefined,
  })
  place(later, 2, 'src/here.ts:4')
  expect(await places()).toMatchObject({ 'only here': 'src/here.ts:4' })
  await database.close()
  earlier.close()
  later.close()
})

test('calls left out on request are those of all processes', async () => {
  const root = temporaryDirectory()
  const writers = [writeFolder(root, ['f'], 1), writeFolder(root, ['f'], 2)]
  const database = await openDatabase(root)
  expect(await database.filtered()).toBe(0)
  writers[0]!.storeCounters({ dropped: 1, filtered: 20, attributesDropped: 300 })
  expect(await database.filtered()).toBe(20)
  writers[1]!.storeCounters({ dropped: 2, filtered: 40, attributesDropped: 600 })
  expect([await database.filtered(), await database.dropped()]).toEqual([60, 3])
  await database.close()
  await expect(database.filtered()).rejects.toMatchObject({ code: 'KRONICLER_CLOSED' })
  for (const writer of writers) writer.close()
})

test("Kronicler's own rows are in no answer but those that ask for them", async () => {
  const root = temporaryDirectory()
  const writer = writeFolder(root, ['work', HEALTH, 'more work'])
  const database = await openDatabase(root)
  const ended = new AbortController()
  const arriving = database.follow({ signal: ended.signal })[Symbol.asyncIterator]()
  const names = (rows: { function: string }[]) => rows.map((row) => row.function)
  for (const sealed of [false, true]) {
    if (sealed) await writer.seal(writer.rotate())
    expect(names(await database.functions())).toEqual(['more work', 'work'])
    expect(await database.stats()).toMatchObject({ calls: 2, sumNs: 101, lastStartMs: 3 })
    expect(names(await database.slowest())).toEqual(['more work', 'work'])
    expect(names(await database.tail())).toEqual(['work', 'more work'])
    expect(names(await database.tail(1))).toEqual(['more work'])
    expect(await database.count()).toBe(2)
    expect(await database.functionNames()).toEqual(['more work', 'work'])
    expect(await database.stats({ function: HEALTH })).toMatchObject({ calls: 1, sumNs: 10 })
    expect(names(await database.slowest({ function: HEALTH }))).toEqual([HEALTH])
    expect(await database.count({ function: HEALTH })).toBe(1)
  }
  appendRows(writer, 3, 3)
  expect((await arriving.next()).value).toMatchObject({ function: 'work' })
  expect((await arriving.next()).value).toMatchObject({ function: 'more work' })
  ended.abort()
  await database.close()
  writer.close()
})
