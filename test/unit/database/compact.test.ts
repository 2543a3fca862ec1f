/** What compacting promises besides that rows and answers stay the same (test/property/compact.test.ts). */
import { cpSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { openDatabase } from '../../../src/database.ts'
import { compactDatabase } from '../../../src/database/maintain/compact.ts'
import { DirectoryWriter } from '../../../src/database/write/directory-writer.ts'
import { encodeDictionaryEntry } from '../../../src/database/format/dictionary.ts'
import { parseSegmentFileName } from '../../../src/database/format/directory.ts'
import { SEGMENT_VERSION } from '../../../src/database/format/versions.ts'
import { toColumns } from '../../support/arbitrary-rows.ts'
import { readFolder, type IdRow } from '../../support/read-folder.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const golden = fileURLToPath(new URL('../../golden/', import.meta.url))

function segments(folder: string): string[] {
  return readdirSync(folder).filter((name) => parseSegmentFileName(name) !== undefined)
}

function versionOf(path: string): number {
  return readFileSync(path).readUInt16LE(4)
}

test.each(['v1', 'v1-details'])(
  'a lone segment of format %s is rewritten in its place',
  async (version) => {
    const root = temporaryDirectory()
    cpSync(join(golden, version, 'db'), root, { recursive: true })
    const folder = join(
      root,
      readdirSync(root).find(
        (name) => name.startsWith('w-') && segments(join(root, name)).length > 0,
      )!,
    )
    const [first, ...others] = segments(folder)
    for (const name of readdirSync(folder)) {
      const isOther = others.includes(name) || name.startsWith('wal.') || name === 'LOCK'
      if (isOther) rmSync(join(folder, name))
    }
    const before = readFolder(folder)
    expect(before.length).toBeGreaterThan(0)
    expect(versionOf(join(folder, first!))).toBe(1)
    const rows: number[] = []
    const { folders } = await compactDatabase(root, { onProgress: (done) => rows.push(done.rows) })
    expect(folders.find(({ folder: name }) => folder.endsWith(name))).toMatchObject({
      state: 'compacted',
      segmentsBefore: 1,
      segmentsAfter: 1,
      faults: [],
    })
    expect(rows.at(-1)).toBe(before.length)
    expect(segments(folder)).toEqual([first])
    expect(versionOf(join(folder, first!))).toBe(SEGMENT_VERSION)
    expect(readFolder(folder)).toEqual(before)

    const { ino } = statSync(join(folder, first!))
    await compactDatabase(root)
    expect(statSync(join(folder, first!)).ino).toBe(ino) // once is enough
  },
)

test('whoever follows the rows sees each once, also of logs that came and went and were merged between two looks', async () => {
  const root = temporaryDirectory()
  const writer = DirectoryWriter.create(root, {})
  writer.appendNames(encodeDictionaryEntry(0, 0, 'f'))
  let rows = 0
  const append = async (count: number): Promise<void> => {
    const some = Array.from({ length: count }, (_, i): IdRow => [0, 1e15 + rows + i, rows + i, 0])
    writer.append(toColumns(some), { slot: 0, slotSequence: rows })
    rows += count
    await writer.seal(writer.rotate())
  }
  const database = await openDatabase(root)
  const ending = new AbortController()
  const seen: number[] = []
  const followed = (async () => {
    for await (const { durationNs } of database.follow({ signal: ending.signal }))
      seen.push(durationNs)
  })()
  await append(10)
  await until(() => seen.length === 10)
  await append(20)
  await append(30)
  writer.close()
  await compactDatabase(root)
  expect(segments(writer.path)).toHaveLength(1)
  await until(() => seen.length >= rows)
  ending.abort()
  await followed
  await database.close()
  expect(seen).toEqual(Array.from({ length: rows }, (_, i) => i))
})

async function until(isSo: () => boolean): Promise<void> {
  for (const end = Date.now() + 10_000; !isSo() && Date.now() < end;) {
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
