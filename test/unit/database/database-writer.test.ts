import { readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { DatabaseWriter } from '../../../src/database/database-writer.ts'
import { createRowColumns } from '../../../src/database/format/rows.ts'
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
})
