import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { DatabaseWriter, openDatabase } from '../../../src/database.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const EMPTY = {
  calls: 0,
  errors: 0,
  sumNs: 0,
  meanNs: NaN,
  standardDeviationNs: NaN,
  standardErrorNs: NaN,
  minNs: NaN,
  maxNs: NaN,
  firstStartMs: NaN,
  lastStartMs: NaN,
  ratePerSecond: NaN,
}

test('what is no database', async () => {
  const directory = temporaryDirectory()
  const file = join(directory, 'file')
  writeFileSync(file, '')
  for (const path of [directory, file, join(directory, 'missing')]) {
    await expect(openDatabase(path)).rejects.toMatchObject({ code: 'KRONICLER_NOT_FOUND' })
  }
  await expect(openDatabase(undefined as unknown as string)).rejects.toThrow(TypeError)
  await expect(openDatabase('')).rejects.toThrow(TypeError)
})

test('a database of a newer version', async () => {
  const directory = temporaryDirectory()
  writeFileSync(join(directory, 'FORMAT'), '{"format":"kronicler","version":2}\n')
  await expect(openDatabase(directory)).rejects.toMatchObject({ code: 'KRONICLER_VERSION' })
})

test('an empty database has empty answers', async () => {
  const directory = temporaryDirectory()
  const writer = DatabaseWriter.open(directory)
  const database = await openDatabase(directory)
  expect(await database.stats()).toMatchObject(EMPTY)
  expect(await database.stats({ function: 'nobody', from: '-1h', to: 'now' })).toMatchObject({
    ...EMPTY,
    ratePerSecond: 0,
  })
  expect(await database.functions()).toEqual([])
  expect(await database.slowest()).toEqual([])
  expect(await database.tail()).toEqual([])
  expect(await database.count()).toBe(0)
  expect(await database.functionNames()).toEqual([])
  await database.close()
  await writer.close()
})

test('every question sees what was written before it, sealed or not', async () => {
  const directory = temporaryDirectory()
  const writer = DatabaseWriter.open(directory, { segmentRows: 5 })
  const database = await openDatabase(directory)
  for (let i = 0; i < 23; i++) {
    writer.insert({
      function: `f${i % 2}`,
      startMs: i,
      durationNs: i,
      error: i === 3 ? 'E' : undefined,
    })
    writer.flush()
    expect(await database.count()).toBe(i + 1)
    if (i % 4 === 0) await writer.sealed()
    expect((await database.tail(1))[0]!.durationNs).toBe(i)
  }
  await writer.close()
  expect(await database.count()).toBe(23)
  const writerOfAnother = DatabaseWriter.open(directory)
  writerOfAnother.insert({ function: 'f0', startMs: 100, durationNs: 1000 })
  writerOfAnother.flush()
  expect((await database.stats({ function: 'f0' })).maxNs).toBe(1000)
  expect((await database.functions()).map(({ function: name }) => name)).toEqual(['f0', 'f1'])
  expect(await database.count({ from: 2, to: 4, function: 'f1' })).toBe(1)
  expect(await database.stats({ from: 0, to: 10 })).toMatchObject({
    ratePerSecond: 1000,
    errors: 1,
  })
  await database.close()
  await writerOfAnother.close()
})

test('hostile names are names like others', async () => {
  const directory = temporaryDirectory()
  const names = [
    '',
    'constructor',
    '__proto__',
    '\u001b[31m',
    'a'.repeat(70_000),
    'שלום',
    '👩‍👩‍👧',
    'a\nb',
    '\0',
  ]
  const writer = DatabaseWriter.open(directory)
  names.forEach((name, i) => {
    writer.insert({ function: name, startMs: i, durationNs: 1 + i, error: name })
  })
  writer.flush()
  const database = await openDatabase(directory)
  expect(await database.functionNames()).toEqual([...names].sort())
  for (const [i, name] of names.entries()) {
    expect((await database.stats({ function: name })).sumNs).toBe(1 + i)
  }
  expect((await database.tail(20)).map(({ error, function: name }) => [name, error])).toEqual(
    names.map((name) => [name, name]),
  )
  await database.close()
  await writer.close()
})

test('options are checked before anything is read', async () => {
  const directory = temporaryDirectory()
  const writer = DatabaseWriter.open(directory)
  const database = await openDatabase(directory)
  await expect(database.stats({ from: 'yesterday' })).rejects.toThrow(/^from must be/)
  await expect(database.stats({ quantiles: [99] })).rejects.toThrow(RangeError)
  await expect(database.stats({ function: 5 as unknown as string })).rejects.toThrow(TypeError)
  await expect(database.slowest({ limit: 0 })).rejects.toThrow(RangeError)
  await expect(database.tail(0)).rejects.toThrow(/^count must be/)
  expect(() => database.follow({ pollMs: 0 })).toThrow(RangeError)
  await database.close()
  await writer.close()
})

test('after close()', async () => {
  const directory = temporaryDirectory()
  const writer = DatabaseWriter.open(directory)
  const database = await openDatabase(directory)
  const rows = database.follow()[Symbol.asyncIterator]()
  const waiting = rows.next()
  await database.close()
  await database.close()
  expect(await waiting).toEqual({ done: true, value: undefined })
  await expect(database.stats()).rejects.toMatchObject({ code: 'KRONICLER_CLOSED' })
  expect(() => database.follow()).toThrow(expect.objectContaining({ code: 'KRONICLER_CLOSED' }))
  await writer.close()
})

test.runIf(process.platform === 'linux')('closing gives all descriptors back', async () => {
  const directory = temporaryDirectory()
  const writer = DatabaseWriter.open(directory, { segmentRows: 10 })
  for (let i = 0; i < 55; i++) writer.insert({ function: 'f', startMs: i, durationNs: i })
  writer.flush()
  await writer.sealed()
  const open = () => readdirSync('/proc/self/fd').length
  const before = open()
  for (let i = 0; i < 5; i++) {
    const database = await openDatabase(directory)
    await database.functions()
    database.follow()
    await database.close()
  }
  expect(open()).toBe(before)
  await writer.close()
})

test('other files in the directory do not matter', async () => {
  const directory = temporaryDirectory()
  const writer = DatabaseWriter.open(directory)
  writer.insert({ function: 'f', startMs: 0, durationNs: 1 })
  writer.flush()
  mkdirSync(join(directory, 'w-notes'))
  writeFileSync(join(directory, 'README'), 'mine')
  writeFileSync(join(writer.path, 'seg.000009-000009.tmp'), 'half')
  const database = await openDatabase(directory)
  expect(await database.count()).toBe(1)
  await database.close()
  await writer.close()
})
