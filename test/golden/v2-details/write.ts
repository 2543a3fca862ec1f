/**
 * Wrote the golden database of segment version 2 with details: `npx tsx test/golden/v2-details/write.ts`. It refuses to write over
 * files: golden files are only ever added.
 *
 * What the files hold is told by rows.json, which is written by hand.
 */
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { DirectoryWriter } from '../../../src/database/directory-writer.ts'
import { encodeContext } from '../../../src/database/format/call-context.ts'
import { encodeDictionaryEntry } from '../../../src/database/format/dictionary.ts'
import type { WriterIdentity } from '../../../src/database/format/directory.ts'
import { toColumns } from '../../support/arbitrary-rows.ts'
import { idRowOf, type IdRow } from '../../support/read-folder.ts'
import { expandDetailedSeries, type DetailedGoldenRows, type DetailedRow } from '../details.ts'

const CREATED_MS = Date.UTC(2024, 0, 2, 3, 4, 5, 678)
const target = process.argv[2] ?? fileURLToPath(new URL('db', import.meta.url))
if (existsSync(target)) throw new Error(`${target} exists: golden files are only ever added`)

const rowsUrl = new URL('rows.json', import.meta.url)
const golden = JSON.parse(readFileSync(rowsUrl, 'utf8')) as DetailedGoldenRows

/** A segment with everything, one whose only detail is a weight, and a log of frames with one kind of details each. */
async function writeSealedAndActive(): Promise<void> {
  const writer = create(4242, 0x0badcafe)
  const ids = new Ids(writer)
  ids.writePlaces()
  const series = golden.series.map((one) => ids.rows(expandDetailedSeries(one)))
  const single = ids.rows(golden.rows)
  let rowCount = 0
  const append = (rows: IdRow[]) => {
    writer.append(toColumns(rows), { slot: 0, slotSequence: rowCount })
    rowCount += rows.length
  }
  append(series[0]!)
  append(series[1]!)
  append(series[3]!)
  append(series[4]!)
  append(series[5]!)
  append(series[6]!)
  append(single.slice(0, 4))
  const first = writer.rotate()
  append(series[2]!)
  const second = writer.rotate()
  await writer.seal(first)
  await writer.seal(second)
  append(single.slice(4, 6))
  append(single.slice(6, 8))
  append(single.slice(8, 9))
  writer.storeCounters(golden.counters)
  writer.sync() // and no close(): the log stays, as a killed process leaves it
}

/** A log in which batches stand twice. */
function writeTwice(): void {
  const writer = create(4243, 1)
  const ids = new Ids(writer)
  const rows = ids.rows(golden.rows.slice(9))
  writer.append(toColumns(rows.slice(0, 2)), { slot: 5, slotSequence: 0 })
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

  writePlaces(): void {
    for (const [name, place] of Object.entries(golden.places)) {
      this.#writer.appendNames(encodeDictionaryEntry(2, this.#functionId(name), place))
    }
  }

  rows(rows: readonly DetailedRow[]): IdRow[] {
    return rows.map((row) => {
      const [name, startUs, durationNs, error, parent, depth, async, childrenNs, weight] = row
      const attributes = row[9]
      return idRowOf([this.#functionId(name), startUs, durationNs, this.#errorType(error)], {
        context: encodeContext(parent === null ? 0 : this.#functionId(parent), depth, async),
        childrenNs,
        weight,
        attributes: attributes === null ? undefined : JSON.stringify(attributes),
      })
    })
  }

  #functionId(name: string): number {
    const known = this.#functions.get(name)
    if (known !== undefined) return known
    const id = this.#functions.size + 2
    this.#functions.set(name, id)
    this.#writer.appendNames(encodeDictionaryEntry(0, id, name))
    return id
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
