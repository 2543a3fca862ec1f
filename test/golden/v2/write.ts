/**
 * Wrote the golden database whose segments have version 2: `npx tsx test/golden/v2/write.ts`. Deterministic, and it refuses
 * to write over files: golden files are only ever added.
 *
 * What the files hold is told by rows.json, which is written by hand.
 */
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { DirectoryWriter } from '../../../src/database/directory-writer.ts'
import type { WriterIdentity } from '../../../src/database/format/directory.ts'
import { encodeDictionaryEntry } from '../../../src/database/format/dictionary.ts'
import { toColumns } from '../../support/arbitrary-rows.ts'
import type { IdRow, NamedRow } from '../../support/read-folder.ts'
import { expandSeries, type GoldenRows } from '../series.ts'

const CREATED_MS = Date.UTC(2024, 0, 2, 3, 4, 5, 678)
const target = process.argv[2] ?? fileURLToPath(new URL('db', import.meta.url))
if (existsSync(target)) throw new Error(`${target} exists: golden files are only ever added`)

const rowsUrl = new URL('rows.json', import.meta.url)
const golden = JSON.parse(readFileSync(rowsUrl, 'utf8')) as GoldenRows
/**
 * Two segments and a log of narrow and wide frames. In the first segment one function has two chunks, one has starts at
 * irregular gaps; the second has gaps that need varints.
 */
async function writeSealedAndActive(): Promise<void> {
  const writer = create(4242, 0x0badcafe)
  const ids = new Ids(writer)
  ids.put(0, 'renamed later')
  ids.put(70_000, 'große Zahl') // needs 32-bit ids
  ids.put(0, 'checkout') // the later entry counts
  const all = golden.series.map((series) => ids.rows(expandSeries(series)))
  const single = ids.rows(golden.rows)
  let rowCount = 0
  const append = (rows: IdRow[]) => {
    writer.append(toColumns(rows), { slot: 0, slotSequence: rowCount })
    rowCount += rows.length
  }
  append(all[0]!.slice(0, 9000))
  append(all[0]!.slice(9000))
  append(all[1]!)
  append(all[3]!)
  append(all[4]!)
  append(single.slice(0, 6))
  const first = writer.rotate()
  append(all[2]!)
  append(single.slice(6, 12))
  const second = writer.rotate()
  await writer.seal(first)
  await writer.seal(second)
  append(single.slice(12, 15))
  append(single.slice(15, 19))
  writer.sync() // and no close(): the log stays, as a killed process leaves it
}

/** A log in which a batch stands twice. */
function writeTwice(): void {
  const writer = create(4243, 1)
  const ids = new Ids(writer)
  ids.put(9, 'checkout') // the name that has id 0 in the other folder
  const rows = ids.rows(golden.rows.slice(19))
  writer.append(toColumns(rows), { slot: 5, slotSequence: 0 })
  writer.append(toColumns(rows), { slot: 5, slotSequence: 0 })
  writer.sync()
}

function create(pid: number, random: number): DirectoryWriter {
  const identity: WriterIdentity = {
    pid,
    hostname: 'golden',
    bootId: '00000000-0000-0000-0000-000000000000',
    processStart: 1,
    createdMs: CREATED_MS,
    node: 'v20.0.0',
    kronicler: '0.1.0',
  }
  return DirectoryWriter.create(target, { identity, random, clock: () => CREATED_MS + 1000 })
}

/** Gives names ids, in order of first use, and writes them to the dictionary. */
class Ids {
  readonly #writer: DirectoryWriter
  readonly #functions = new Map<string, number>()
  readonly #errors = new Map<string, number>()

  constructor(writer: DirectoryWriter) {
    this.#writer = writer
  }

  put(id: number, name: string): void {
    this.#functions.set(name, id)
    this.#writer.appendNames(encodeDictionaryEntry(0, id, name))
  }

  rows(rows: readonly NamedRow[]): IdRow[] {
    return rows.map(([name, startUs, durationNs, error]) => {
      if (!this.#functions.has(name)) this.put(this.#functions.size + 10, name)
      return [this.#functions.get(name)!, startUs, durationNs, this.#errorType(error)]
    })
  }

  #errorType(error: string | null): number {
    if (error === null) return 0
    const known = this.#errors.get(error)
    if (known !== undefined) return known
    const id = this.#errors.size + 1
    this.#errors.set(error, id)
    this.#writer.appendNames(encodeDictionaryEntry(1, id, error))
    return id
  }
}

await writeSealedAndActive()
writeTwice()
