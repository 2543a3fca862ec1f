/**
 * @module golden/write-plain
 * Writes a golden database of rows without details. What its files hold is told by rows.json beside the script, which is
 * written by hand.
 */
import type { DirectoryWriter } from '../../src/database/write/directory-writer.ts'
import { encodeDictionaryEntry } from '../../src/database/format/dictionary.ts'
import { toColumns } from '../support/arbitrary-rows.ts'
import type { IdRow, NamedRow } from '../support/read-folder.ts'
import { appender, createWriter, ErrorIds, rowsOf, targetOf } from './golden-writer.ts'
import { expandSeries, type GoldenRows } from './series.ts'

/**
 * @param script        URL of the script
 * @param firstSegment  series in the first segment besides the one that makes two chunks
 */
export async function writePlainDatabase(
  script: string,
  firstSegment: readonly number[],
): Promise<void> {
  const target = targetOf(script)
  const golden = rowsOf(script) as GoldenRows
  await writeSealedAndActive(createWriter(target, 4242, 0x0badcafe), golden, firstSegment)
  writeTwice(createWriter(target, 4243, 1), golden)
}

/** Two segments, the first of one function in two chunks, and a log of narrow and wide frames. */
async function writeSealedAndActive(
  writer: DirectoryWriter,
  golden: GoldenRows,
  firstSegment: readonly number[],
): Promise<void> {
  const ids = new Ids(writer)
  ids.put(0, 'renamed later')
  ids.put(70_000, 'große Zahl') // needs 32-bit ids
  ids.put(0, 'checkout') // the later entry counts
  const all = golden.series.map((series) => ids.rows(expandSeries(series)))
  const single = ids.rows(golden.rows)
  const append = appender(writer)
  append(all[0]!.slice(0, 9000))
  append(all[0]!.slice(9000))
  for (const series of firstSegment) append(all[series]!)
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
function writeTwice(writer: DirectoryWriter, golden: GoldenRows): void {
  const ids = new Ids(writer)
  ids.put(9, 'checkout') // the name that has id 0 in the other folder
  const rows = ids.rows(golden.rows.slice(19))
  writer.append(toColumns(rows), { slot: 5, slotSequence: 0 })
  writer.append(toColumns(rows), { slot: 5, slotSequence: 0 })
  writer.sync()
}

/** Gives names ids, in order of first use, and writes them to the dictionary. */
class Ids {
  readonly #writer: DirectoryWriter
  readonly #functions = new Map<string, number>()
  readonly #errors: ErrorIds

  constructor(writer: DirectoryWriter) {
    this.#writer = writer
    this.#errors = new ErrorIds(writer)
  }

  put(id: number, name: string): void {
    this.#functions.set(name, id)
    this.#writer.appendNames(encodeDictionaryEntry(0, id, name))
  }

  rows(rows: readonly NamedRow[]): IdRow[] {
    return rows.map(([name, startUs, durationNs, error]) => {
      if (!this.#functions.has(name)) this.put(this.#functions.size + 10, name)
      return [this.#functions.get(name)!, startUs, durationNs, this.#errors.idOf(error)]
    })
  }
}
