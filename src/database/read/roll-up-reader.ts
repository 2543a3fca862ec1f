/**
 * @module database/read/roll-up-reader
 * Hourly totals of expired rows, as questions see them: a chunk for each function, weight and hour, with a summary and a
 * histogram, and without rows. A range that covers an hour in part can only take it whole.
 */
import { CorruptionError } from '../../errors.ts'
import type { Area } from '../arena.ts'
import { CallSummaries, CallTotals, type CallSummary } from '../call-totals.ts'
import {
  firstChunksOf,
  type ChunkSource,
  type DecodedDetails,
  type LoadedDurations,
  type NearStarts,
  type RowAttributes,
} from './chunk-source.ts'
import { readAt } from '../file.ts'
import type { SequenceInterval } from '../format/directory.ts'
import type { FileBytes } from '../format/file-bytes.ts'
import type { ErrorRows } from '../format/pages.ts'
import {
  decodeRollUpBlock,
  decodeRollUpHeader,
  rollUpBlockSize,
  ROLL_UP_HEADER_SIZE_BYTES,
  type RollUpEntry,
  type RollUpHeader,
} from '../format/roll-up.ts'
import type { ReaderContext } from './reader-context.ts'

export class RollUpReader implements ChunkSource {
  readonly path: string
  readonly header: RollUpHeader
  readonly chunkCount: number
  readonly functionIds: Uint32Array
  readonly rowCounts: Uint32Array
  readonly sharesPage: Uint8Array
  readonly minStartsUs: Float64Array
  readonly maxStartsUs: Float64Array
  readonly minDurationsNs: Float64Array
  readonly maxDurationsNs: Float64Array
  readonly errorCounts: Uint32Array
  readonly weights: Uint32Array
  readonly hasDetails: Uint8Array
  readonly groupCount: number
  readonly firstChunks: Uint32Array

  readonly #context: ReaderContext
  readonly #area: Area // the file
  readonly #histograms: Uint32Array // addresses, of chunks
  readonly #summaries: CallSummaries // of chunks
  readonly #totals: CallSummaries // of groups

  /**
   * @param interval of the file's name
   * @throws {CorruptionError} the header cannot be used; a damaged block is only reported
   * @throws the file system's error, ENOENT among them
   */
  constructor(context: ReaderContext, path: string, interval: SequenceInterval) {
    this.path = path
    this.#context = context
    const { area, file } = load(context, path)
    this.#area = area
    try {
      this.header = decodeRollUpHeader(file, interval)
    } catch (error) {
      context.arena.give(area)
      throw error
    }
    const entries = this.#decode(file)
    const count = entries.length
    this.chunkCount = count
    this.functionIds = Uint32Array.from(entries, ({ functionId }) => functionId)
    this.rowCounts = Uint32Array.from(entries, ({ calls }) => calls)
    this.sharesPage = new Uint8Array(count)
    this.minStartsUs = Float64Array.from(entries, ({ firstUs }) => firstUs)
    this.maxStartsUs = Float64Array.from(entries, ({ lastUs }) => lastUs)
    this.minDurationsNs = Float64Array.from(entries, ({ minNs }) => minNs)
    this.maxDurationsNs = Float64Array.from(entries, ({ maxNs }) => maxNs)
    this.errorCounts = Uint32Array.from(entries, ({ errors }) => errors)
    this.weights = Uint32Array.from(entries, ({ weight }) => weight)
    this.hasDetails = new Uint8Array(count)
    this.#histograms = Uint32Array.from(entries, ({ histogram }) => histogram)
    this.#summaries = new CallSummaries(count)
    entries.forEach((entry, chunk) => {
      this.#summaries.set(chunk, entry)
    })
    this.firstChunks = firstChunksOf(this.functionIds, this.weights)
    this.groupCount = this.firstChunks.length - 1
    this.#totals = this.#addUpGroups()
  }

  groupFirstUs(group: number): number {
    return this.#totals.firstUs(group)
  }

  groupLastUs(group: number): number {
    return this.#totals.lastUs(group)
  }

  groupWeight(group: number): number {
    return this.weights[this.firstChunks[group]!]!
  }

  chunkHistogram(chunk: number): number {
    return this.#histograms[chunk]!
  }

  groupHistogram(group: number): number {
    const first = this.firstChunks[group]!
    return this.firstChunks[group + 1]! - first === 1 ? this.#histograms[first]! : 0
  }

  groupSummary(group: number, into: CallSummary): void {
    this.#totals.get(group, into)
  }

  chunkSummary(chunk: number, into: CallSummary): void {
    this.#summaries.get(chunk, into)
  }

  pageOf(chunk: number): number {
    return chunk
  }

  childrenSumNs(chunk: number): number {
    const totals = new CallTotals()
    this.#summaries.get(chunk, totals)
    return totals.childrenNs
  }

  durationsOf(_chunk: number): LoadedDurations {
    throw withoutRows()
  }

  selectDurations(_chunk: number): number {
    throw withoutRows()
  }

  startsOf(_chunk: number): Float64Array {
    throw withoutRows()
  }

  rowsBefore(_chunk: number): number {
    throw withoutRows()
  }

  startsNear(_chunk: number): NearStarts {
    throw withoutRows()
  }

  errorsOf(_chunk: number): ErrorRows {
    throw withoutRows()
  }

  detailsOf(_chunk: number): DecodedDetails {
    throw withoutRows()
  }

  detailsOfRows(_chunk: number): DecodedDetails {
    throw withoutRows()
  }

  attributesOf(_chunk: number): RowAttributes {
    throw withoutRows()
  }

  matchAttribute(): Uint16Array {
    throw withoutRows()
  }

  countAttribute(): number {
    throw withoutRows()
  }

  childrenOf(_chunk: number): Float64Array {
    throw withoutRows()
  }

  detailsOffset(_chunk: number): number {
    return 0
  }

  /** Gives the memory back; the object must not be used any more. */
  close(): void {
    this.#context.arena.give(this.#area)
  }

  /** Entries of all sound blocks. Behind a damaged one nothing is read: where the next one begins is not known. */
  #decode(file: FileBytes): RollUpEntry[] {
    const entries: RollUpEntry[] = []
    try {
      let position = ROLL_UP_HEADER_SIZE_BYTES
      for (let block = 0; block < this.header.blockCount; block++) {
        const sizeBytes = rollUpBlockSize(file, position)
        decodeRollUpBlock(file, position, sizeBytes, this.header, (entry) => {
          entries.push({ ...entry })
        })
        position += sizeBytes
      }
      if (position !== file.sizeBytes || entries.length !== this.header.entryCount) {
        throw new CorruptionError(this.path, position, 'the blocks are not those of the header')
      }
    } catch (error) {
      if (!(error instanceof CorruptionError)) throw error
      this.#context.faults.add(error)
    }
    return entries
  }

  #addUpGroups(): CallSummaries {
    const totals = new CallSummaries(this.groupCount)
    const total = new CallTotals()
    const part = new CallTotals()
    for (let group = 0; group < this.groupCount; group++) {
      const first = this.firstChunks[group]!
      const end = this.firstChunks[group + 1]!
      total.clear()
      for (let chunk = first; chunk < end; chunk++) {
        this.chunkSummary(chunk, part)
        total.add(part)
      }
      totals.set(group, total)
    }
    return totals
  }
}

/** The whole file in the kernels' memory. */
function load(context: ReaderContext, path: string): { area: Area; file: FileBytes } {
  const { arena, files, kernels } = context
  const descriptor = files.open(path, 'r')
  try {
    const { sizeBytes } = files.fstat(descriptor)
    const area = arena.take(sizeBytes)
    const { pointer } = area
    const count = readAt(files, descriptor, kernels.u8, pointer, sizeBytes, 0)
    return { area, file: { kernels, pointer, sizeBytes: count, path, offset: 0 } }
  } finally {
    files.close(descriptor)
  }
}

function withoutRows(): TypeError {
  return new TypeError('a roll-up has no rows')
}
