/**
 * @module database/maintain/roll-up-rows
 * Segments and older roll-ups → the entries of a roll-up. What lies within an hour is taken as it was summed up when it
 * was stored; the rows of the other chunks are decoded. One hour of one function is in memory at a time.
 */
import { BUCKET_COUNT, bucketOf } from '../../metrics/histogram.ts'
import { CallTotals } from '../call-totals.ts'
import { lowerBound, type ChunkSource } from '../read/chunk-source.ts'
import { MAX_CHUNK_ROWS } from '../format/pages.ts'
import { HOUR_US, MAX_ROLL_UP_ENTRY_ROWS, type RollUpEntry } from '../format/roll-up.ts'
import { SPARSE_HISTOGRAM_MAX_BYTES, type Kernels } from '../kernels/kernels.ts'
import type { Pace } from '../pace.ts'
import { RollUpReader } from '../read/roll-up-reader.ts'

const WORD = 2 ** 32

/**
 * @param sources of one writer, all with kernels that are `kernels`; they throw if they are damaged, or tell their faults
 *                to somebody who looks before the entries are used
 * @param onEntry the entry is reused for the next one, its histogram stands in the kernels' memory until then
 */
export async function rollUpRows(
  kernels: Kernels,
  sources: readonly ChunkSource[],
  pace: Pace,
  onEntry: (entry: RollUpEntry) => void,
): Promise<void> {
  const hours = sources.map((source) => new SourceHours(kernels, source))
  const sum = new HourSum(kernels)
  for (;;) {
    const next = hours.reduce<SourceHours | undefined>((first, other) => {
      if (other.isDone) return first
      return first === undefined || compareGroups(other, first) < 0 ? other : first
    }, undefined)
    if (next === undefined) return
    const { functionId, weight } = next
    const members = hours.filter((other) => !other.isDone && compareGroups(other, next) === 0)
    for (const member of members) member.enterGroup()
    const emit = (): void => {
      if (sum.calls > 0) onEntry(sum.take(functionId, weight))
    }
    for (;;) {
      const hour = Math.min(...members.map((member) => member.hour))
      if (hour === Infinity) break
      for (const member of members) {
        while (member.hour === hour) {
          if (sum.calls + member.rowCount > MAX_ROLL_UP_ENTRY_ROWS) emit()
          member.addTo(sum)
        }
      }
      emit()
      await pace.step()
    }
  }
}

function compareGroups(a: SourceHours, b: SourceHours): number {
  return a.functionId - b.functionId || a.weight - b.weight
}

/** Totals and histogram of rows of one hour. */
class HourSum extends CallTotals {
  readonly #kernels: Kernels
  readonly #histogram: number // u32[BUCKET_COUNT], zero between hours
  readonly #entry: RollUpEntry

  constructor(kernels: Kernels) {
    super()
    this.#kernels = kernels
    this.#histogram = kernels.allocate(4 * BUCKET_COUNT)
    const histogram = kernels.allocate(SPARSE_HISTOGRAM_MAX_BYTES)
    const none = { functionId: 0, weight: 1, histogram, histogramSize: 0 }
    this.#entry = Object.assign(new CallTotals(), none)
  }

  addHistogram(sparse: number): void {
    this.#kernels.histogramMerge(sparse, this.#histogram)
  }

  /** Adds rows [first, end); starts and errors are the caller's. */
  addDurations(durationsNs: Float64Array, first: number, end: number): void {
    const { u32 } = this.#kernels
    const histogram = this.#histogram / 4
    let high = 0
    let low = 0
    let minNs = Infinity
    let maxNs = 0
    for (let row = first; row < end; row++) {
      const durationNs = durationsNs[row]!
      const highPart = Math.floor(durationNs / WORD)
      high += highPart
      low += durationNs - highPart * WORD
      if (durationNs < minNs) minNs = durationNs
      if (durationNs > maxNs) maxNs = durationNs
      u32[histogram + bucketOf(durationNs)]!++
    }
    const meanNs = (high * WORD + low) / (end - first)
    let squares = 0
    for (let row = first; row < end; row++) squares += (durationsNs[row]! - meanNs) ** 2
    this.addMoments(end - first, high, low, squares)
    this.addExtremes(minNs, maxNs)
  }

  /** The entry of what was added since the last time. */
  take(functionId: number, weight: number): RollUpEntry {
    const entry = this.#entry
    const { calls, childrenNs, errors, firstUs, lastUs, maxNs, minNs } = this
    const { squaredDeviations, sumHigh, sumLow } = this
    entry.histogramSize = this.#kernels.histogramEncode(this.#histogram, entry.histogram, true)
    Object.assign(entry, { functionId, weight, calls, childrenNs, errors, firstUs, lastUs })
    Object.assign(entry, { maxNs, minNs, squaredDeviations, sumHigh, sumLow })
    this.clear()
    return entry
  }
}

/** Goes through the groups of a source, and through the hours of each group. */
class SourceHours {
  readonly #kernels: Kernels
  readonly #source: ChunkSource
  readonly #isRollUp: boolean
  #group = 0
  #chunk = 0
  #chunkEnd = 0 // of the group at hand
  /** Of the rows at hand, hours since the epoch; Infinity: the group has no more. */
  hour = Infinity
  #isWhole = false // the rows at hand are the whole chunk, which has a summary
  #first = 0 // the rows at hand are [first, end) of the chunk
  #end = 0
  readonly #part = new CallTotals()
  // The chunk, if it is decoded.
  #startsUs = new Float64Array(0)
  #durationsNs = new Float64Array(0)

  constructor(kernels: Kernels, source: ChunkSource) {
    this.#kernels = kernels
    this.#source = source
    this.#isRollUp = source instanceof RollUpReader
  }

  get isDone(): boolean {
    return this.#group >= this.#source.groupCount
  }

  get functionId(): number {
    return this.#source.functionIds[this.#source.firstChunks[this.#group]!]!
  }

  get weight(): number {
    return this.#source.groupWeight(this.#group)
  }

  get rowCount(): number {
    return this.#isWhole ? this.#source.rowCounts[this.#chunk]! : this.#end - this.#first
  }

  enterGroup(): void {
    const { firstChunks } = this.#source
    this.#chunk = firstChunks[this.#group]!
    this.#chunkEnd = firstChunks[this.#group + 1]!
    this.#enterChunk()
  }

  /** Adds the rows at hand, and goes on to the next ones. */
  addTo(sum: HourSum): void {
    const source = this.#source
    const chunk = this.#chunk
    if (this.#isWhole) {
      source.chunkSummary(chunk, this.#part)
      sum.add(this.#part)
      sum.addHistogram(source.chunkHistogram(chunk))
    } else {
      this.#addRows(sum)
      if (this.#end < source.rowCounts[chunk]!) {
        this.#enterHour(this.#end)
        return
      }
    }
    this.#chunk++
    this.#enterChunk()
  }

  #addRows(sum: HourSum): void {
    const source = this.#source
    const chunk = this.#chunk
    const first = this.#first
    const end = this.#end
    sum.addDurations(this.#durationsNs, first, end)
    sum.addStarts(this.#startsUs[first]!, this.#startsUs[end - 1]!)
    if (source.errorCounts[chunk] !== 0) {
      const { rows } = source.errorsOf(chunk)!
      sum.errors += lowerBound(rows, rows.length, end) - lowerBound(rows, rows.length, first)
    }
    if (source.childrenSumNs(chunk) === 0) return
    const childrenNs = source.childrenOf(chunk)!
    for (let row = first; row < end; row++) sum.childrenNs += childrenNs[row]!
  }

  #enterChunk(): void {
    const source = this.#source
    const chunk = this.#chunk
    if (chunk >= this.#chunkEnd) {
      this.hour = Infinity
      this.#group++
      return
    }
    const firstHour = hourOf(source.minStartsUs[chunk]!)
    const isInHour = hourOf(source.maxStartsUs[chunk]!) === firstHour
    this.#isWhole = this.#isRollUp || (isInHour && source.chunkHistogram(chunk) !== 0)
    if (this.#isWhole) {
      this.hour = firstHour
      return
    }
    this.#decode(chunk)
    this.#enterHour(0)
  }

  #enterHour(first: number): void {
    const count = this.#source.rowCounts[this.#chunk]!
    this.hour = hourOf(this.#startsUs[first]!)
    this.#first = first
    this.#end = lowerBound(this.#startsUs, count, (this.hour + 1) * HOUR_US)
  }

  #decode(chunk: number): void {
    const source = this.#source
    const count = source.rowCounts[chunk]!
    if (this.#startsUs.length === 0) {
      this.#startsUs = new Float64Array(MAX_CHUNK_ROWS)
      this.#durationsNs = new Float64Array(MAX_CHUNK_ROWS)
    }
    const { longs, pointer } = source.durationsOf(chunk)!
    this.#durationsNs.set(this.#kernels.u32.subarray(pointer / 4, pointer / 4 + count))
    longs?.rows.forEach((row, i) => {
      this.#durationsNs[row] = longs.durationsNs[i]!
    })
    this.#startsUs.set(source.startsOf(chunk)!)
  }
}

function hourOf(us: number): number {
  return Math.floor(us / HOUR_US)
}
