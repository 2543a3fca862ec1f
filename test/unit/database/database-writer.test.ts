import { readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { DatabaseWriter } from '../../../src/database/write/database-writer.ts'
import {
  DirectoryWriter,
  WRITER_STATE,
  WRITER_STATE_LENGTH,
} from '../../../src/database/write/directory-writer.ts'
import { encodeContext } from '../../../src/database/format/call-context.ts'
import { createRowColumns, detailsOf, type RowDetails } from '../../../src/database/format/rows.ts'
import { openDatabase } from '../../../src/query/open-database.ts'
import { toColumns } from '../../support/arbitrary-rows.ts'
import { FailingFiles, MemoryFiles } from '../../support/memory-files.ts'
import { loadFallbackKernels } from '../../../src/database/kernels/kernels.ts'
import {
  fileBytes,
  readDatabase,
  readSegment,
  sortRows,
  type IdRow,
  type NamedRow,
} from '../../support/read-folder.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

function rowsOf(count: number): IdRow[] {
  return Array.from({ length: count }, (_, i) => [i % 2, 1e15 + i, i, i % 50 === 0 ? 1 : 0])
}

function named(rows: readonly IdRow[]): NamedRow[] {
  return sortRows(
    rows.map(([id, start, ns, error]): NamedRow => {
      return [['even', 'odd'][id]!, start, ns, error === 1 ? 'TypeError' : null]
    }),
  )
}

describe('DatabaseWriter', () => {
  test('stores rows and calls, and seals everything on close', async () => {
    const dir = temporaryDirectory()
    const writer = DatabaseWriter.open(dir, { segmentRows: 1000 })
    expect([writer.functionId('even'), writer.functionId('odd')]).toEqual([0, 1])
    expect([writer.functionId('even'), writer.errorTypeId('TypeError')]).toEqual([0, 1])
    writer.append(toColumns(rowsOf(2500)))
    writer.insert({ function: 'other', startMs: 1.0005, durationNs: 7.4, error: 'E' })
    writer.insert({ function: 'even', startMs: 2, durationNs: 0 })
    await writer.close()
    await writer.close()
    const names = readdirSync(writer.path).filter((name) => /^(seg|wal)/.test(name))
    expect(names).toEqual([
      'seg.000000-000000',
      'seg.000001-000001',
      'seg.000002-000002',
      'wal.000003',
    ])
    const expected = [
      ...named(rowsOf(2500)),
      ['other', 1001, 7, 'E'] satisfies NamedRow,
      ['even', 2000, 0, null] satisfies NamedRow,
    ]
    expect(readDatabase(dir)).toEqual(sortRows(expected))
  })

  test('inserted calls can be read after flush, and a second later without', async () => {
    const dir = temporaryDirectory()
    const writer = DatabaseWriter.open(dir, { sync: 'batch' })
    writer.insert({ function: 'a', startMs: 1, durationNs: 1 })
    expect(readDatabase(dir)).toEqual([])
    writer.flush()
    expect(readDatabase(dir)).toHaveLength(1)
    writer.insert({ function: 'a', startMs: 2, durationNs: 2 })
    await sleep(1200)
    expect(readDatabase(dir)).toHaveLength(2)
    await writer.close()
  })

  test('refuses rows that are out of range, and writes none of them', async () => {
    const dir = temporaryDirectory()
    const writer = DatabaseWriter.open(dir)
    writer.functionId('even')
    const bad: IdRow[] = [
      [1, 0, 0, 0],
      [0, -1, 0, 0],
      [0, NaN, 0, 0],
      [0, 0, -1, 0],
      [0, 0, 0.5, 0],
      [0, 0, 2 ** 53, 0],
      [0, 0, 0, 1],
    ]
    for (const row of bad) {
      expect(() => {
        writer.append(toColumns([[0, 0, 0, 0], row]))
      }).toThrow(RangeError)
    }
    expect(() => {
      writer.append({ ...createRowColumns(1), count: 2 })
    }).toThrow(RangeError)
    for (const call of [
      { startMs: NaN, durationNs: 0 },
      { startMs: -1, durationNs: 0 },
      { startMs: 0, durationNs: -1 },
      { startMs: 0, durationNs: Infinity },
    ]) {
      expect(() => {
        writer.insert({ function: 'even', ...call })
      }).toThrow(RangeError)
    }
    await writer.close()
    expect(readDatabase(dir)).toEqual([])
  })

  test('refuses options that are out of range, and use after close', async () => {
    const dir = temporaryDirectory()
    for (const segmentRows of [0, -1, 1.5, NaN, 2 ** 40]) {
      expect(() => DatabaseWriter.open(dir, { segmentRows })).toThrow(RangeError)
    }
    expect(() => DatabaseWriter.open(dir, { sync: 'often' as 'never' })).toThrow(RangeError)
    expect(readdirSync(dir)).toEqual([])
    const writer = DatabaseWriter.open(dir)
    await writer.close()
    for (const use of [
      () => writer.functionId('a'),
      () => {
        writer.append(createRowColumns(0))
      },
      () => {
        writer.insert({ function: 'a', startMs: 0, durationNs: 0 })
      },
      () => {
        writer.flush()
      },
    ]) {
      expect(use).toThrow(expect.objectContaining({ code: 'KRONICLER_CLOSED' }))
    }
  })

  test('calls that could not be written are written later, once', async () => {
    let failures = 0
    for (let failAt = 0; failAt < 12; failAt++) {
      const memory = new MemoryFiles()
      const failing = new FailingFiles(memory)
      const writer = DatabaseWriter.open('/db', { files: failing.files, segmentRows: 10 })
      for (let i = 0; i < 25; i++) writer.insert({ function: 'a', startMs: i, durationNs: i })
      failing.failAt = failing.operations + failAt
      try {
        writer.flush()
      } catch (error) {
        expect(error).toMatchObject({ code: 'KRONICLER_IO' })
        failures++
      }
      await writer.close()
      const segments = memory.list(writer.path).filter((name) => name.startsWith('seg'))
      const durations = segments.flatMap((name) => {
        const bytes = memory.content(`${writer.path}/${name}`)
        return readSegment(fileBytes(loadFallbackKernels(), bytes, name)).rows.map((row) => row[2])
      })
      expect(durations, `failure at ${failAt}`).toEqual(Array.from({ length: 25 }, (_, i) => i))
    }
    expect(failures).toBeGreaterThan(5)
  })

  test('what else is known of a call comes back, sealed or not', async () => {
    const dir = temporaryDirectory()
    const writer = DatabaseWriter.open(dir)
    const plain = { function: 'a', startMs: 1, durationNs: 100 }
    writer.insert(plain)
    writer.insert({ ...plain, startMs: 2, parent: 'a', selfNs: 30.4, async: true, depth: 5000 })
    writer.insert({ ...plain, startMs: 3, parent: 'b', selfNs: 0 })
    writer.insert({ ...plain, startMs: 4, weight: 7, error: 'E', selfNs: 100 })
    writer.insert({ ...plain, startMs: 5, attributes: { order: 17, by: ['größe', null, {}] } })
    writer.insert({ ...plain, startMs: 6, attributes: {} })
    writer.insert({ ...plain, startMs: 7, depth: 3 })
    writer.flush()
    const base = { function: 'a', durationNs: 100, error: undefined, attributes: undefined }
    const id = expect.any(String) as string
    const none = { ...base, id, parent: undefined, depth: 0, async: false, selfNs: 100, weight: 1 }
    const expected = [
      { ...none, startMs: 1 },
      { ...none, startMs: 2, parent: 'a', selfNs: 30, async: true, depth: 2047 },
      { ...none, startMs: 3, parent: 'b', selfNs: 0, depth: 1 },
      { ...none, startMs: 4, weight: 7, error: 'E' },
      { ...none, startMs: 5, attributes: { order: 17, by: ['größe', null, {}] } },
      { ...none, startMs: 6, attributes: {} },
      { ...none, startMs: 7, depth: 3 },
    ]
    expect(await tailOf(dir)).toEqual(expected)
    await writer.close()
    expect(await tailOf(dir)).toEqual(expected)
  })

  test('refuses what it cannot store of a call, and stores none of it', async () => {
    const dir = temporaryDirectory()
    const writer = DatabaseWriter.open(dir)
    const circular: Record<string, never> = {}
    Object.assign(circular, { circular })
    let nested: object = {}
    for (let i = 0; i < 501; i++) nested = { nested }
    const cases: [object, typeof TypeError | typeof RangeError, RegExp][] = [
      [{ parent: 1 }, TypeError, /parent/],
      [{ depth: '1' }, TypeError, /depth/],
      [{ depth: -1 }, RangeError, /depth/],
      [{ depth: 0.5 }, RangeError, /depth/],
      [{ async: 1 }, TypeError, /async/],
      [{ selfNs: '1' }, TypeError, /selfNs/],
      [{ selfNs: 101 }, RangeError, /selfNs/],
      [{ selfNs: -1 }, RangeError, /selfNs/],
      [{ selfNs: NaN }, RangeError, /selfNs/],
      [{ weight: 0 }, RangeError, /weight/],
      [{ weight: 1.5 }, RangeError, /weight/],
      [{ weight: 2 ** 31 }, RangeError, /weight/],
      [{ weight: '2' }, TypeError, /weight/],
      [{ attributes: 'text' }, TypeError, /attributes/],
      [{ attributes: [1] }, TypeError, /attributes/],
      [{ attributes: null }, TypeError, /attributes/],
      [{ attributes: new Date() }, TypeError, /attributes/],
      [{ attributes: new Map() }, TypeError, /attributes/],
      [{ attributes: { big: 1n } }, TypeError, /attributes/],
      [{ attributes: circular }, TypeError, /attributes/],
      [{ attributes: nested }, TypeError, /attributes/],
      [{ attributes: { toJSON: () => 'text' } }, TypeError, /attributes/],
      [{ attributes: { toJSON: () => undefined } }, TypeError, /attributes/],
      [{ attributes: { text: 'x'.repeat(65_536) } }, RangeError, /attributes/],
      [{ parentt: 'a' }, TypeError, /parentt/],
    ]
    for (const [fields, kind, message] of cases) {
      const insert = () => {
        writer.insert({ function: 'a', startMs: 1, durationNs: 100, ...fields })
      }
      expect(insert, String(message)).toThrow(kind)
      expect(insert).toThrow(message)
    }
    writer.insert({
      function: 'a',
      startMs: 1,
      durationNs: 100,
      attributes: { text: 'x'.repeat(65_536 - 11) },
    })
    await writer.close()
    const [row, ...others] = await tailOf(dir)
    expect(others).toEqual([])
    expect(row!.attributes!['text']).toHaveLength(65_525)
  })

  test('stores columns with details, and none of them if one is out of range', async () => {
    const dir = temporaryDirectory()
    const writer = DatabaseWriter.open(dir)
    const [inner, outer] = [writer.functionId('inner'), writer.callerId('outer')]
    expect([inner, outer]).toEqual([0, 1])
    const asCaller = writer.callerId('inner') // 0 would mean that nobody called
    expect([asCaller, writer.callerId('inner'), writer.functionId('inner')]).toEqual([2, 2, 0])
    const bad: ((details: RowDetails) => void)[] = [
      (details) => (details.contexts[1] = 3),
      (details) => (details.childrenNs[1] = 51),
      (details) => (details.childrenNs[1] = -1),
      (details) => (details.childrenNs[1] = 0.5),
      (details) => (details.childrenNs[1] = NaN),
      (details) => (details.weights[1] = 0),
      (details) => (details.weights[1] = 2 ** 31),
      (details) => (details.weights = new Uint32Array(1)),
      (details) => details.attributes.set(2, encode('{}')),
      (details) => details.attributes.set(-1, encode('{}')),
      (details) => details.attributes.set(0.5, encode('{}')),
      (details) => details.attributes.set(1, new Uint8Array(65_537)),
    ]
    const rows = () => {
      const columns = toColumns([
        [inner, 1000, 50, 0],
        [inner, 2000, 50, 0],
      ])
      return { columns, details: detailsOf(columns) }
    }
    for (const spoil of bad) {
      const { columns, details } = rows()
      spoil(details)
      expect(() => {
        writer.append(columns)
      }, String(spoil)).toThrow(RangeError)
    }
    for (const text of ['', '{', '[]', '1', '{"a":1}}']) {
      const { columns, details } = rows()
      details.attributes.set(1, encode(text))
      expect(() => {
        writer.append(columns)
      }, text).toThrow(TypeError)
    }
    const { columns, details } = rows()
    details.contexts.set([encodeContext(outer, 1, false), encodeContext(asCaller, 2, true)])
    details.childrenNs[0] = 20
    details.weights[1] = 3
    details.attributes.set(0, encode('{"a":1}'))
    writer.append(columns)
    await writer.close()
    expect(await tailOf(dir)).toMatchObject([
      { parent: 'outer', depth: 1, async: false, selfNs: 30, weight: 1, attributes: { a: 1 } },
      { parent: 'inner', depth: 2, async: true, selfNs: 50, weight: 3, attributes: undefined },
    ])
  })

  test('large attributes make several frames, and a log that is full before its rows are many', async () => {
    const dir = temporaryDirectory()
    const writer = DatabaseWriter.open(dir)
    const text = 'x'.repeat(65_000)
    for (let i = 0; i < 300; i++) {
      writer.insert({ function: 'a', startMs: i, durationNs: i, attributes: { i, text } })
    }
    writer.flush()
    const check = async () => {
      const rows = await tailOf(dir, 1000)
      expect(rows.map(({ attributes }) => attributes!['i'])).toEqual(rows.map((_, i) => i))
      expect(rows).toHaveLength(300)
    }
    await check()
    await writer.close()
    await check()

    const state = new Float64Array(WRITER_STATE_LENGTH)
    const folder = DirectoryWriter.create(temporaryDirectory(), { state })
    expect(folder.isLogFull(10)).toBe(false)
    state[WRITER_STATE.walSizeBytes] = 2 ** 25 + 64 * 10
    expect(folder.isLogFull(10)).toBe(true)
    expect(folder.isLogFull(11)).toBe(false)
    folder.close()
  })

  test('calls with details that could not be written are written later, with their own', async () => {
    for (let failAt = 0; failAt < 8; failAt++) {
      const memory = new MemoryFiles()
      const failing = new FailingFiles(memory)
      const writer = DatabaseWriter.open('/db', { files: failing.files, segmentRows: 10 })
      for (let i = 0; i < 25; i++) {
        const attributes = i % 2 === 0 ? { i } : undefined
        writer.insert({ function: 'a', startMs: i, durationNs: 100, selfNs: i, attributes })
      }
      failing.failAt = failing.operations + failAt
      try {
        writer.flush()
      } catch (error) {
        expect(error).toMatchObject({ code: 'KRONICLER_IO' })
      }
      writer.insert({ function: 'a', startMs: 25, durationNs: 100 })
      await writer.close()
      const segments = memory.list(writer.path).filter((name) => name.startsWith('seg'))
      const rows = segments.flatMap((name) => {
        const bytes = memory.content(`${writer.path}/${name}`)
        return readSegment(fileBytes(loadFallbackKernels(), bytes, name)).rows
      })
      expect(rows, `failure at ${failAt}`).toEqual([
        ...Array.from({ length: 25 }, (_, i): IdRow => {
          const attributes = i % 2 === 0 ? JSON.stringify({ i }) : undefined
          return [0, 1000 * i, 100, 0, { context: 0, childrenNs: 100 - i, weight: 1, attributes }]
        }),
        [0, 25_000, 100, 0],
      ])
    }
  })
})

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

/** The last rows, by start. */
async function tailOf(dir: string, limit = 100) {
  const database = await openDatabase(dir)
  const rows = await database.tail(limit)
  await database.close()
  return rows.sort((a, b) => a.startMs - b.startMs)
}
