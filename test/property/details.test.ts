/** Rows with details through the database's reader: in logs and in segments, whole and as they arrive. */
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ChunkSource } from '../../src/database/chunk-source.ts'
import { DirectoryWriter } from '../../src/database/directory-writer.ts'
import { encodeDictionaryEntry, KIND_FUNCTION } from '../../src/database/format/dictionary.ts'
import { RowFollower } from '../../src/database/row-follower.ts'
import { Snapshot } from '../../src/database/snapshot.ts'
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
    expect(source.hasDetails[chunk]).toBe(more ? 1 : 0)
    first += part.length
  }
  const groups = Array.from({ length: source.groupCount }, (_, group) => {
    const chunk = source.firstChunks[group]!
    expect(source.groupWeight(group)).toBe(source.weights[chunk])
    return `${source.functionIds[chunk]} x ${source.weights[chunk]}`
  })
  expect(groups).toEqual([...new Set(rows.map((row) => `${row[0]} x ${row[4]?.weight ?? 1}`))])
}

/** The follower's arrays are used again. */
function arrivedRows(follower: RowFollower): IdRow[] {
  const rows: IdRow[] = []
  for (const arrived of follower.poll()) rows.push(...fromColumns(arrived.rows))
  return rows
}

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
