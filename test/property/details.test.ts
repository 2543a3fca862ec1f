/** Rows with details through the database's reader: in logs and in segments, whole and as they arrive. */
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ChunkSource } from '../../src/database/read/chunk-source.ts'
import { DirectoryWriter } from '../../src/database/write/directory-writer.ts'
import { encodeDictionaryEntry, KIND_FUNCTION } from '../../src/database/format/dictionary.ts'
import { RowFollower } from '../../src/database/read/row-follower.ts'
import { Snapshot } from '../../src/database/read/snapshot.ts'
import { clustered, idRows, toColumns } from '../support/arbitrary-rows.ts'
import { fromColumns, type IdRow } from '../support/read-folder.ts'
import { readSource, sourcesOf } from '../support/read-source.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

let databases = 0

class Database {
  readonly path: string
  readonly writer: DirectoryWriter
  #rows = 0

  constructor(directory: string) {
    this.path = join(directory, String(databases++))
    this.writer = DirectoryWriter.create(this.path)
  }

  append(rows: readonly IdRow[]): void {
    const names = [...new Set(rows.map(([id]) => id))]
    this.writer.appendNames(
      Buffer.concat(names.map((id) => encodeDictionaryEntry(KIND_FUNCTION, id, `f${id}`))),
    )
    this.writer.append(toColumns(rows), { slot: 1, slotSequence: this.#rows })
    this.#rows += rows.length
  }
}

/** What is told of the chunks and groups, against the rows. */
function expectConsistent(source: ChunkSource, rows: readonly IdRow[]): void {
  let first = 0
  for (let chunk = 0; chunk < source.chunkCount; chunk++) {
    const part = rows.slice(first, first + source.rowCounts[chunk]!)
    const more = part.some(([, , , , extras]) => {
      if (extras === undefined) return false
      return extras.context !== 0 || extras.childrenNs !== 0 || extras.attributes !== undefined
    })
    expect(new Set(part.map((row) => row[4]?.weight ?? 1)).size).toBe(1)
    // of a page that is shared the others may have some
    if (more || source.sharesPage[chunk] === 0) expect(source.hasDetails[chunk]).toBe(more ? 1 : 0)
    first += part.length
  }
  const groups = Array.from({ length: source.groupCount }, (_, group) => {
    const chunk = source.firstChunks[group]!
    expect(source.groupWeight(group)).toBe(source.weights[chunk])
    return `${source.functionIds[chunk]} x ${source.weights[chunk]}`
  })
  expect(groups).toEqual([...new Set(rows.map((row) => `${row[0]} x ${row[4]?.weight ?? 1}`))])
}

/** Time in children, which can be had without the other details. */
function expectChildren(source: ChunkSource, rows: readonly IdRow[]): void {
  let first = 0
  for (let chunk = 0; chunk < source.chunkCount; chunk++) {
    const end = first + source.rowCounts[chunk]!
    const childrenNs = rows.slice(first, end).map((row) => row[4]?.childrenNs ?? 0)
    const sumNs = childrenNs.reduce((sum, ns) => sum + BigInt(ns), 0n)
    const toldNs = source.childrenSumNs(chunk)
    if (source.sharesPage[chunk] === 0) expect(toldNs).toBe(Number(sumNs))
    else expect(toldNs).toBeGreaterThanOrEqual(Number(sumNs))
    if (toldNs > 0) expect(Array.from(source.childrenOf(chunk)!)).toEqual(childrenNs)
    first = end
  }
}

/** Rows of a segment that start together follow each other as they do in the segment. */
function clusteredPlace(rows: readonly IdRow[], a: IdRow, b: IdRow): number {
  const order = clustered(rows)
  return order.indexOf(a) - order.indexOf(b)
}

/** The follower's arrays are used again. */
function arrivedRows(follower: RowFollower): IdRow[] {
  const rows: IdRow[] = []
  for (const arrived of follower.poll()) rows.push(...fromColumns(arrived.rows))
  return rows
}

describe('rows of segments', () => {
  test('come back as those of logs do', async () => {
    const directory = temporaryDirectory()
    const property = fc.asyncProperty(
      fc.array(idRows(300), { minLength: 1, maxLength: 3 }),
      async (batches) => {
        const database = new Database(directory)
        for (const rows of batches) {
          database.append(rows)
          await database.writer.seal(database.writer.rotate())
        }
        const snapshot = new Snapshot(database.path)
        const sources = sourcesOf(snapshot)
        expect(sources).toHaveLength(batches.length)
        batches.forEach((batch, i) => {
          expectChildren(sources[i]!, clustered(batch)) // first, so that no other details are at hand
          const rows = readSource(sources[i]!, snapshot.context.kernels)
          expect(rows).toEqual(clustered(batch))
          expectConsistent(sources[i]!, rows)
          expectChildren(sources[i]!, rows)
        })
        snapshot.close()
        database.writer.close()
      },
    )
    await fc.assert(property, { numRuns: 100 })
  })

  test('are followed with their details when their log came and went between two looks', async () => {
    const directory = temporaryDirectory()
    const property = fc.asyncProperty(idRows(60), idRows(60), async (seen, missed) => {
      const database = new Database(directory)
      const { writer } = database
      database.append(seen)
      const snapshot = new Snapshot(database.path)
      const follower = new RowFollower(snapshot.context, database.path)
      const first = writer.rotate()
      database.append(missed)
      const second = writer.rotate()
      await writer.seal(first)
      await writer.seal(second)
      const byStart = missed
        .map((row, i) => ({ row, i }))
        .sort((a, b) => a.row[1] - b.row[1] || clusteredPlace(missed, a.row, b.row) || a.i - b.i)
        .map(({ row }) => row)
      expect(arrivedRows(follower)).toEqual(byStart)
      follower.close()
      snapshot.close()
      writer.close()
    })
    await fc.assert(property, { numRuns: 60 })
  })

  test('that were written twice are there once, with the right details, also across two logs', async () => {
    const directory = temporaryDirectory()
    const property = fc.asyncProperty(idRows(80), fc.nat(), fc.nat(), async (rows, a, b) => {
      const database = new Database(directory)
      const { writer } = database
      const [first, second] = [1 + (a % rows.length), 1 + (b % rows.length)].sort((x, y) => x - y)
      const append = (from: number, end: number) => {
        writer.append(toColumns(rows.slice(from, end)), { slot: 4, slotSequence: from })
      }
      for (const id of new Set(rows.map(([id]) => id))) {
        writer.appendNames(encodeDictionaryEntry(KIND_FUNCTION, id, `f${id}`))
      }
      append(0, second!)
      append(0, first!) // a batch of another size, as whoever takes over cuts it
      const log = writer.rotate()
      append(first!, rows.length)
      const readAll = () => {
        const snapshot = new Snapshot(database.path)
        const read = sourcesOf(snapshot).map((source) => {
          return readSource(source, snapshot.context.kernels)
        })
        snapshot.close()
        return read
      }
      const parts = [rows.slice(0, second), rows.slice(second)].filter(({ length }) => length > 0)
      expect(readAll()).toEqual(parts.map(clustered))
      await writer.seal(log)
      await writer.seal(writer.rotate())
      expect(readAll().filter(({ length }) => length > 0)).toEqual(parts.map(clustered))
      writer.close()
    })
    await fc.assert(property, { numRuns: 60 })
  })
})

describe('rows of a log', () => {
  test('come back by function, weight and start, with their details', () => {
    const directory = temporaryDirectory()
    fc.assert(
      fc.property(fc.array(idRows(300), { minLength: 1, maxLength: 3 }), (batches) => {
        const database = new Database(directory)
        for (const rows of batches) database.append(rows)
        const snapshot = new Snapshot(database.path)
        const [source] = sourcesOf(snapshot)
        const rows = readSource(source!, snapshot.context.kernels)
        expect(rows).toEqual(clustered(batches.flat()))
        expectConsistent(source!, rows)
        expectChildren(source!, rows)
        snapshot.close()
        database.writer.close()
      }),
      { numRuns: 150 },
    )
  })

  test('are followed with their details, each once', () => {
    const directory = temporaryDirectory()
    fc.assert(
      fc.property(fc.array(idRows(40), { minLength: 1, maxLength: 5 }), (batches) => {
        const database = new Database(directory)
        database.append(batches[0]!)
        const snapshot = new Snapshot(database.path)
        const follower = new RowFollower(snapshot.context, database.path)
        for (const rows of batches.slice(1)) {
          database.append(rows)
          expect(arrivedRows(follower)).toEqual(rows)
        }
        follower.close()
        snapshot.close()
        database.writer.close()
      }),
      { numRuns: 100 },
    )
  })
})
