/** Merging changes files, never rows, their order, or answers. */
import { readdirSync } from 'node:fs'
import { dirname } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { openDatabase } from '../../src/database.ts'
import { compactDatabase } from '../../src/database/maintain/compact.ts'
import { Caretaker } from '../../src/database/maintain/caretaker.ts'
import { DirectoryWriter } from '../../src/database/write/directory-writer.ts'
import { encodeDictionaryEntry } from '../../src/database/format/dictionary.ts'
import { parseSegmentFileName } from '../../src/database/format/directory.ts'
import { MAX_START_US } from '../../src/database/format/rows.ts'
import { loadKernels } from '../../src/database/kernels/kernels.ts'
import { Pace } from '../../src/database/pace.ts'
import { clustered, idRows, toColumns } from '../support/arbitrary-rows.ts'
import { readFolder, type IdRow } from '../support/read-folder.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const kernels = loadKernels()

/** Each batch a segment. All of them end at the same moment, so that all are of one day. */
async function write(batches: readonly IdRow[][]): Promise<string> {
  const writer = DirectoryWriter.create(temporaryDirectory(), { kernels })
  const ids = new Set(batches.flat().map(([id]) => id))
  for (const id of ids) writer.appendNames(encodeDictionaryEntry(0, id, `f${id}`))
  const types = new Set(batches.flat().map(([, , , type]) => type))
  for (const type of types) writer.appendNames(encodeDictionaryEntry(1, type, `E${type}`))
  let rows = 0
  for (const batch of batches) {
    writer.append(toColumns(batch), { slot: 0, slotSequence: rows })
    rows += batch.length
    await writer.seal(writer.rotate())
  }
  writer.close()
  return writer.path
}

function segments(folder: string): string[] {
  return readdirSync(folder).filter((name) => parseSegmentFileName(name) !== undefined)
}

async function answersOf(root: string) {
  // callers that no dictionary names are not what this is about
  const database = await openDatabase(root, { onFault: () => {} })
  const functions = await database.functions({ quantiles: [0.1, 0.5, 0.99] })
  const part = await database.stats({ from: 1_700_000_001_000, to: 1_700_000_004_000 })
  const slowest = await database.slowest({ limit: 50 })
  await database.close()
  return { functions, part, slowest: slowest.map(({ durationNs }) => durationNs) }
}

/** A sum of squares depends on how it was cut into parts, in its last digits. */
function rounded(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_, member: unknown) =>
      typeof member === 'number' ? Number(member.toPrecision(9)) : member,
    ),
  )
}

const last: IdRow = [0, MAX_START_US, 1, 0]

test('rows, their order and all answers are those from before', async () => {
  const batches = fc.array(idRows(400), { minLength: 2, maxLength: 20 })
  await fc.assert(
    fc.asyncProperty(batches, async (arbitrary) => {
      const all = arbitrary.map((batch) => [...batch, last])
      const folder = await write(all)
      const root = dirname(folder)
      const before = await answersOf(root)
      const { folders } = await compactDatabase(root)
      expect(folders).toMatchObject([
        { state: 'compacted', segmentsBefore: all.length, segmentsAfter: 1, faults: [] },
      ])
      expect(segments(folder)).toHaveLength(1)
      expect(readFolder(folder)).toEqual(clustered(all.flat()))
      expect(rounded(await answersOf(root))).toEqual(rounded(before))
    }),
    { numRuns: 6, seed: 7, endOnFailure: true },
  )
})

test('equal starts keep the order in which they arrived, over chunks and files', async () => {
  // 40,000 rows of one function in three segments, a few thousand of each start
  const all: IdRow[] = Array.from({ length: 40_000 }, (_, i) => [1, 1e15 + (i % 7), i, 0])
  const batches = [all.slice(0, 17_000), all.slice(17_000, 17_100), all.slice(17_100)]
  const folder = await write(batches)
  await compactDatabase(dirname(folder))
  expect(segments(folder)).toEqual(['seg.000000-000002'])
  expect(readFolder(folder)).toEqual(clustered(all))
})

test('thousands of functions with a few rows each, in many segments', async () => {
  const row = (i: number): IdRow => [(i * 7919) % 3000, 1e15 + i, i, i % 50 === 0 ? 3 : 0]
  const all = Array.from({ length: 30_000 }, (_, i) => row(i))
  const batches = Array.from({ length: 10 }, (_, i) => all.slice(3000 * i, 3000 * (i + 1)))
  const folder = await write(batches)
  await compactDatabase(dirname(folder))
  expect(segments(folder)).toEqual(['seg.000000-000009'])
  expect(readFolder(folder)).toEqual(clustered(all))
})

test('what expires is in every answer about calls as it was, at the resolution of an hour', async () => {
  const hourUs = 3_600_000_000
  const firstUs = 1_700_000_000_000_000 - (1_700_000_000_000_000 % hourUs)
  const row = (i: number): IdRow => {
    const startUs = firstUs + ((i * 7919) % 30_000) * 1_000_000
    const plain: IdRow = [i % 5, startUs, (i * i) % 10_000_019, i % 40 === 0 ? 2 : 0]
    if (i % 3 === 0)
      plain[4] = {
        context: 0,
        childrenNs: plain[2] >> 1,
        weight: 1 + (i % 2),
        attributes: undefined,
      }
    return plain
  }
  const all = Array.from({ length: 12_000 }, (_, i) => row(i))
  const folder = await write(
    Array.from({ length: 6 }, (_, i) => all.slice(2000 * i, 2000 * (i + 1))),
  )
  const root = dirname(folder)
  const ask = async () => {
    const database = await openDatabase(root)
    const from = (firstUs + hourUs) / 1000
    const to = (firstUs + 3 * hourUs) / 1000
    const answers = {
      all: await database.functions({ quantiles: [0.01, 0.5, 0.95] }),
      hours: await database.stats({ from, to }),
      count: await database.count(),
    }
    await database.close()
    return answers
  }
  const before = await ask()
  expect(before.count).toBeGreaterThan(12_000)
  const caretaker = new Caretaker(
    root,
    (fault) => {
      throw fault
    },
    { retention: { maxAgeMs: 1 } },
  )
  await caretaker.tend(undefined, new Pace())
  expect(segments(folder)).toEqual([])
  expect(rounded(await ask())).toEqual(rounded(before))
})
