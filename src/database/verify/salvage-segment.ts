/**
 * @module database/verify/salvage-segment
 * A damaged segment → a sound one with all rows whose duration and start can be read. Everything that is said of them is
 * computed anew, so a damaged histogram or sum costs nothing; damaged errors or details cost these, not the rows.
 */
import { copyOrZero } from '../copy-or-zero.ts'
import type { RowAttributes } from '../read/chunk-source.ts'
import { parseAttributes } from '../format/attributes.ts'
import { MAX_CHUNK_ROWS } from '../format/pages.ts'
import type { Pacer } from '../pacer.ts'
import type { GroupDetails, GroupRows } from '../write/page-rows.ts'
import { Progress } from '../progress.ts'
import type { ReaderContext } from '../read/reader-context.ts'
import { loseRows, nothingLost, type Salvage } from './salvage.ts'
import type { SegmentReader } from '../read/segment-reader.ts'
import type { SegmentWriter } from '../write/segment-writer.ts'

/**
 * Writes what can be read of `source` to an empty file. Does not sync it.
 *
 * @param context of the source, whose faults go to a listener
 */
export async function salvageSegment(
  context: ReaderContext,
  source: SegmentReader,
  writer: SegmentWriter,
  descriptor: number,
  pacer: Pacer,
): Promise<Salvage> {
  const salvage = nothingLost()
  const plan = await planSalvage(source, salvage, pacer)
  const { header } = source
  const shape = {
    sequenceLow: header.sequenceLow,
    sequenceHigh: header.sequenceHigh,
    firstRow: header.firstRow,
    hasDetails: header.hasDetails,
    rowCount: salvage.savedRows,
    minStartUs: salvage.savedRows === 0 ? 0 : plan.minStartUs,
    maxStartUs: salvage.savedRows === 0 ? 0 : plan.maxStartUs,
  }
  writer.begin(descriptor, shape, new Progress(undefined))
  const chunk = new SalvagedChunk(context, source, salvage)
  for (let group = 0; group < source.groupCount; group++) {
    const rowCount = plan.groupRows[group]!
    if (rowCount === 0) continue
    const first = source.firstChunks[group]!
    writer.beginGroup(source.functionIds[first]!, source.groupWeight(group), rowCount)
    for (let i = first; i < source.firstChunks[group + 1]!; i++) {
      if (plan.isReadable[i] === 0) continue
      chunk.load(i)
      writer.addRows(chunk, 0, source.rowCounts[i]!)
      if (pacer.isDue) await pacer.pause()
    }
  }
  writer.finish()
  return salvage
}

interface SalvagePlan {
  isReadable: Uint8Array // by chunk
  groupRows: Float64Array // readable rows, by group
  minStartUs: number // of the readable rows
  maxStartUs: number
}

/** Finds out what can be read: a segment says in its first bytes how many rows it has. */
async function planSalvage(
  source: SegmentReader,
  salvage: Salvage,
  pacer: Pacer,
): Promise<SalvagePlan> {
  const plan: SalvagePlan = {
    isReadable: new Uint8Array(source.chunkCount),
    groupRows: new Float64Array(source.groupCount),
    minStartUs: Infinity,
    maxStartUs: -Infinity,
  }
  for (let group = 0; group < source.groupCount; group++) {
    let lastUs = -Infinity
    for (let chunk = source.firstChunks[group]!; chunk < source.firstChunks[group + 1]!; chunk++) {
      const rows = source.rowCounts[chunk]!
      const startsUs = source.durationsOf(chunk) === undefined ? undefined : source.startsOf(chunk)
      // a segment holds the rows of a function by start
      if (startsUs === undefined || startsUs[0]! < lastUs) {
        loseRows(salvage, {
          functionId: source.functionIds[chunk]!,
          rows,
          fromUs: source.minStartsUs[chunk]!,
          toUs: source.maxStartsUs[chunk]!,
        })
        continue
      }
      lastUs = startsUs.at(-1)!
      plan.isReadable[chunk] = 1
      plan.groupRows[group]! += rows
      plan.minStartUs = Math.min(plan.minStartUs, startsUs[0]!)
      plan.maxStartUs = Math.max(plan.maxStartUs, lastUs)
      salvage.savedRows += rows
      if (pacer.isDue) await pacer.pause()
    }
  }
  return plan
}

/** One chunk whose durations and starts can be read. */
class SalvagedChunk implements GroupRows {
  readonly #context: ReaderContext
  readonly #source: SegmentReader
  readonly #salvage: Salvage
  readonly #columns = {
    startsUs: new Float64Array(MAX_CHUNK_ROWS),
    durationsNs: new Float64Array(MAX_CHUNK_ROWS),
    errorTypes: new Uint16Array(MAX_CHUNK_ROWS),
  }
  #contexts: Uint32Array | undefined
  #childrenNs: Float64Array | undefined
  #attributes: RowAttributes | undefined
  details: GroupDetails | undefined
  readonly #ownDetails: GroupDetails = {
    copy: (first, end, contexts, childrenNs, to) => {
      copyOrZero(this.#contexts, first, end, contexts, to)
      copyOrZero(this.#childrenNs, first, end, childrenNs, to)
    },
    attributesOf: (row) => soundAttributes(this.#attributes?.get(row)),
  }

  constructor(context: ReaderContext, source: SegmentReader, salvage: Salvage) {
    this.#context = context
    this.#source = source
    this.#salvage = salvage
  }

  columns() {
    return this.#columns
  }

  load(chunk: number): void {
    const source = this.#source
    const { durationsNs, errorTypes, startsUs } = this.#columns
    const count = source.rowCounts[chunk]!
    const durations = source.durationsOf(chunk)!
    const from = durations.pointer / 4
    durationsNs.set(this.#context.kernels.u32.subarray(from, from + count))
    durations.longs?.rows.forEach((row, i) => {
      durationsNs[row] = durations.longs!.durationsNs[i]!
    })
    startsUs.set(source.startsOf(chunk)!)
    errorTypes.fill(0, 0, count)
    const errors = source.errorsOf(chunk)
    if (errors === undefined) this.#salvage.lostErrors += source.errorCounts[chunk]!
    errors?.rows.forEach((row, i) => {
      errorTypes[row] = errors.types[i]!
    })
    this.#loadDetails(chunk)
  }

  #loadDetails(chunk: number): void {
    const source = this.#source
    this.details = undefined
    if (source.hasDetails[chunk] === 0) return
    const details = source.detailsOf(chunk)
    this.#attributes = source.attributesOf(chunk)
    if (details === undefined) this.#salvage.lostDetails += source.rowCounts[chunk]!
    if (details === undefined && this.#attributes === undefined) return
    this.#contexts = details?.contexts
    this.#childrenNs = details?.childrenNs
    this.details = this.#ownDetails
  }
}

/** Undefined if they are no text of a JSON object. */
export function soundAttributes(text: Uint8Array | undefined): Uint8Array | undefined {
  return text === undefined || parseAttributes(text) === undefined ? undefined : text
}
