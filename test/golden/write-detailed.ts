/**
 * @module golden/write-detailed
 * Writes a golden database of rows with details. What its files hold is told by rows.json beside the script, which is
 * written by hand.
 */
import type { DirectoryWriter } from '../../src/database/write/directory-writer.ts'
import { encodeContext } from '../../src/database/format/call-context.ts'
import { encodeDictionaryEntry } from '../../src/database/format/dictionary.ts'
import { toColumns } from '../support/arbitrary-rows.ts'
import { idRowOf, type IdRow } from '../support/read-folder.ts'
import { expandDetailedSeries, type DetailedGoldenRows, type DetailedRow } from './details.ts'
import { appender, createWriter, ErrorIds, rowsOf, targetOf } from './golden-writer.ts'

/**
 * @param script        URL of the script
 * @param firstSegment  series in the first segment
 */
export async function writeDetailedDatabase(
  script: string,
  firstSegment: readonly number[],
): Promise<void> {
  const target = targetOf(script)
  const golden = rowsOf(script) as DetailedGoldenRows
  await writeSealedAndActive(createWriter(target, 4242, 0x0badcafe), golden, firstSegment)
  writeTwice(createWriter(target, 4243, 1), golden)
}

/** A segment with everything, one whose only detail is a weight, and a log of frames with one kind of details each. */
async function writeSealedAndActive(
  writer: DirectoryWriter,
  golden: DetailedGoldenRows,
  firstSegment: readonly number[],
): Promise<void> {
  const ids = new Ids(writer)
  ids.writePlaces(golden.places)
  const series = golden.series.map((one) => ids.rows(expandDetailedSeries(one)))
  const single = ids.rows(golden.rows)
  const append = appender(writer)
  for (const one of firstSegment) append(series[one]!)
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
function writeTwice(writer: DirectoryWriter, golden: DetailedGoldenRows): void {
  const ids = new Ids(writer)
  const rows = ids.rows(golden.rows.slice(9))
  writer.append(toColumns(rows.slice(0, 2)), { slot: 5, slotSequence: 0 })
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

  writePlaces(places: Record<string, string>): void {
    for (const [name, place] of Object.entries(places)) {
      this.#writer.appendNames(encodeDictionaryEntry(2, this.#functionId(name), place))
    }
  }

  rows(rows: readonly DetailedRow[]): IdRow[] {
    return rows.map((row) => {
      const [name, startUs, durationNs, error, parent, depth, async, childrenNs, weight] = row
      const attributes = row[9]
      return idRowOf([this.#functionId(name), startUs, durationNs, this.#errors.idOf(error)], {
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
}
