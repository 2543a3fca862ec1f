import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  DirectoryWriter,
  WRITER_STATE,
  WRITER_STATE_LENGTH,
} from '../../../src/database/write/directory-writer.ts'
import { encodeDictionaryEntry } from '../../../src/database/format/dictionary.ts'
import { nodeFiles, type FileLayer } from '../../../src/database/file.ts'
import { toColumns } from '../../support/arbitrary-rows.ts'
import { readFolder, readNames, sortRows, type IdRow } from '../../support/read-folder.ts'

let root: string

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'kronicler-'))
})

afterEach(() => {
  rmSync(root, { recursive: true, force: true })
})

function someRows(count: number, from = 0): IdRow[] {
  return Array.from({ length: count }, (_, i) => [
    (from + i) % 5,
    1e15 + 13 * (from + i),
    (from + i) * 1000,
    (from + i) % 11 === 0 ? 1 : 0,
  ])
}

describe('a writer folder', () => {
  test('holds its files, and a FORMAT beside it', () => {
    const writer = DirectoryWriter.create(root, {})
    expect(readFileSync(join(root, 'FORMAT'), 'utf8')).toBe('{"format":"kronicler","version":1}\n')
    expect(readdirSync(root)).toHaveLength(2)
    expect(readdirSync(writer.path).sort()).toEqual(['LOCK', 'dict', 'wal.000000'])
    const lock: unknown = JSON.parse(readFileSync(join(writer.path, 'LOCK'), 'utf8'))
    expect(lock).toMatchObject({ pid: process.pid, node: process.version })
    writer.close()
    expect(readdirSync(writer.path).sort()).toEqual(['dict', 'wal.000000'])
  })

  test('gives back rows and names, before and after sealing', async () => {
    const writer = DirectoryWriter.create(root, {})
    const entries = [encodeDictionaryEntry(0, 0, 'größe'), encodeDictionaryEntry(1, 1, 'Error')]
    writer.appendNames(Buffer.concat(entries))
    writer.append(toColumns(someRows(10)), { slot: 0, slotSequence: 0 })
    const finished = writer.rotate()
    writer.append(toColumns(someRows(7, 10)), { slot: 0, slotSequence: 10 })
    expect([writer.walRows, writer.walSequence]).toEqual([7, 1])
    expect(readFolder(writer.path)).toEqual(someRows(17))
    await writer.seal(finished)
    expect(readdirSync(writer.path)).toContain('seg.000000-000000')
    expect(readdirSync(writer.path)).not.toContain('wal.000000')
    expect(sortRows(readFolder(writer.path))).toEqual(sortRows(someRows(17)))
    expect(readNames(writer.path).functions.get(0)).toBe('größe')
    writer.sync()
    await writer.syncAsync()
    writer.close()
  })

  test('is shared by two writers through their state', async () => {
    const buffer = new SharedArrayBuffer(8 * WRITER_STATE_LENGTH)
    const first = DirectoryWriter.create(root, { state: new Float64Array(buffer) })
    const second = DirectoryWriter.attach(first.path, { state: new Float64Array(buffer) })
    first.append(toColumns(someRows(4)), { slot: 0, slotSequence: 0 })
    second.append(toColumns(someRows(4, 4)), { slot: 1, slotSequence: 0 })
    const finished = second.rotate()
    first.append(toColumns(someRows(4, 8)), { slot: 0, slotSequence: 4 })
    await second.seal(finished)
    first.sync()
    expect(sortRows(readFolder(first.path))).toEqual(sortRows(someRows(12)))
    second.close()
    expect(() => {
      first.append(toColumns(someRows(1)), { slot: 0, slotSequence: 8 })
    }).toThrow(expect.objectContaining({ code: 'KRONICLER_CLOSED' }))
    first.close()
  })

  test('a thread that dies in the middle of a write leaves nothing that others stumble over', () => {
    const state = new Float64Array(new SharedArrayBuffer(8 * WRITER_STATE_LENGTH))
    let atDeath: Float64Array | undefined
    const files: FileLayer = {
      ...nodeFiles,
      write: (...args) => {
        const written = nodeFiles.write(...args)
        atDeath = state.slice()
        return written
      },
    }
    const dying = DirectoryWriter.create(root, { state, files })
    dying.append(toColumns(someRows(4)), { slot: 0, slotSequence: 0 })
    dying.append(toColumns(someRows(500, 4)), { slot: 0, slotSequence: 4 })
    state.set(atDeath!) // the bytes are in the file, and nothing that the thread would have done then
    const survivor = DirectoryWriter.attach(dying.path, { state })
    survivor.append(toColumns(someRows(3, 1000)), { slot: 1, slotSequence: 0 })
    expect(readFolder(survivor.path)).toEqual([...someRows(4), ...someRows(3, 1000)])
    survivor.close()
  })

  test('takes rows written twice once, also across two logs', async () => {
    const writer = DirectoryWriter.create(root, {})
    writer.append(toColumns(someRows(5)), { slot: 2, slotSequence: 0 })
    const a = writer.rotate()
    writer.append(toColumns(someRows(5)), { slot: 2, slotSequence: 0 })
    writer.append(toColumns(someRows(5, 3)), { slot: 2, slotSequence: 3 })
    const b = writer.rotate()
    await Promise.all([writer.seal(a), writer.seal(b)])
    expect(sortRows(readFolder(writer.path))).toEqual(sortRows(someRows(8)))
    writer.close()
  })

  test('sealing out of order loses nothing', async () => {
    const writer = DirectoryWriter.create(root, {})
    const sequences = [0, 1, 2].map((i) => {
      writer.append(toColumns(someRows(5, 5 * i)), { slot: 0, slotSequence: 5 * i })
      return writer.rotate()
    })
    for (const i of [2, 0, 1]) await writer.seal(sequences[i]!)
    expect(sortRows(readFolder(writer.path))).toEqual(sortRows(someRows(15)))
    writer.close()
  })

  test('can be written to while it seals, with the same kernels', async () => {
    const writer = DirectoryWriter.create(root, {})
    const rows = someRows(180_000)
    for (let from = 0; from < rows.length; from += 60_000) {
      const origin = { slot: 0, slotSequence: from }
      writer.append(toColumns(rows.slice(from, from + 60_000)), origin)
    }
    const finished = writer.rotate()
    let added = 0
    await writer.seal(finished, {
      onProgress: () => {
        // ever larger, so that the kernels' memory grows and its views are replaced
        const count = added < 100_000 ? 1 + added * 3 : 1
        if (count > 65_536) return
        writer.append(toColumns(someRows(count, added)), { slot: 1, slotSequence: added })
        added += count
      },
    })
    expect(added).toBeGreaterThan(0)
    const expected = [...rows, ...someRows(added)]
    expect(sortRows(readFolder(writer.path))).toEqual(sortRows(expected))
    writer.close()
  })

  test('impossible numbers do not cost the other rows', () => {
    const writer = DirectoryWriter.create(root, {})
    const rows = toColumns(someRows(4))
    rows.durationsNs.set([NaN, -1, Infinity, 0.75])
    rows.startsUs.set([NaN, -5, 1e17, 1e15 + 0.5])
    writer.append(rows, { slot: 0, slotSequence: 0 })
    expect(readFolder(writer.path)).toEqual([
      [0, 0, 0, 1],
      [1, 0, 0, 0],
      [2, Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, 0],
      [3, 1e15, 0, 0],
    ])
    writer.close()
  })

  test('refuses what it cannot do', async () => {
    const writer = DirectoryWriter.create(root, {})
    await expect(writer.seal(0)).rejects.toThrow(RangeError)
    await expect(writer.seal(5)).rejects.toThrow(RangeError)
    expect(() => DirectoryWriter.create(root, { state: new Float64Array(2) })).toThrow(RangeError)
    writer.close()
    writer.close()
    for (const call of [
      () => writer.rotate(),
      () => writer.sync(),
      () => writer.syncAsync(),
      () => writer.appendNames(encodeDictionaryEntry(0, 0, 'a')),
      () => DirectoryWriter.attach(writer.path, { state: new Float64Array(WRITER_STATE_LENGTH) }),
    ]) {
      expect(call).toThrow(expect.objectContaining({ code: 'KRONICLER_CLOSED' }))
    }
  })

  test('refuses a directory of a newer version', () => {
    writeFileSync(join(root, 'FORMAT'), '{"format":"kronicler","version":2}\n')
    expect(() => DirectoryWriter.create(root, {})).toThrow(
      expect.objectContaining({ code: 'KRONICLER_VERSION' }),
    )
  })

  test('keeps a damaged log instead of sealing the rest of it', async () => {
    const writer = DirectoryWriter.create(root, {})
    writer.append(toColumns(someRows(5)), { slot: 0, slotSequence: 0 })
    writer.append(toColumns(someRows(5, 5)), { slot: 0, slotSequence: 5 })
    const finished = writer.rotate()
    const path = join(writer.path, 'wal.000000')
    const bytes = readFileSync(path)
    bytes[130]! ^= 4
    writeFileSync(path, bytes)
    await expect(writer.seal(finished)).rejects.toMatchObject({
      code: 'KRONICLER_CORRUPT',
      path,
      offset: 64,
    })
    expect(readdirSync(writer.path)).toContain('wal.000000')
    expect(readdirSync(writer.path).filter((name) => name.startsWith('seg'))).toEqual([])
    writer.close()
  })

  test('the state tells where the log ends', () => {
    const state = new Float64Array(WRITER_STATE_LENGTH)
    const writer = DirectoryWriter.create(root, { state })
    writer.append(toColumns(someRows(3)), { slot: 0, slotSequence: 0 })
    const bytes = readFileSync(join(writer.path, 'wal.000000'))
    expect(state[WRITER_STATE.walSizeBytes]).toBe(bytes.length)
    expect(state[WRITER_STATE.nextRow]).toBe(3)
    writer.close()
  })
})
