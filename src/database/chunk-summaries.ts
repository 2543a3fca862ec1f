/**
 * @module database/chunk-summaries
 * Sum, squared deviations and histogram of chunks that are being written, and histograms of groups of several chunks.
 */
import { BUCKET_COUNT, bucketOf } from '../metrics/histogram.ts'
import { Bytes } from './bytes.ts'
import { decodedSizeBytes, MAX_CHUNK_ROWS } from './format/pages.ts'
import { LONG_DURATION_NS } from './format/rows.ts'
import type { DirectoryColumns } from './format/segment-directory.ts'
import type { Kernels } from './kernels/kernels.ts'
import { SPARSE_HISTOGRAM_MAX_BYTES } from './kernels/sizes.ts'

const WORD = 2 ** 32

/** Rows [first, first + count) of the clustered rows: some of one function and weight, or all. */
export interface Chunk {
  functionId: number
  first: number
  count: number
  isLastOfGroup: boolean
  hasSiblings: boolean // its group has other chunks
}

/** Reused for one segment after the other. */
export class ChunkSummaries {
  /** Address of u32[MAX_CHUNK_ROWS + 128]: durations of the chunk at hand. */
  readonly saturated: number
  /** Sparse histograms of the chunks that have one, one after the other. */
  readonly chunkHistograms = new Bytes()
  readonly groupHistograms = new Bytes()
  readonly #kernels: Kernels
  readonly #histogram: number // u32[BUCKET_COUNT], zero between chunks
  readonly #total: number // the same of a group, zero between groups
  readonly #sparse: number // a sparse histogram
  readonly #aggregate: number // f64 sum, u32 minimum, u32 maximum

  constructor(kernels: Kernels) {
    this.#kernels = kernels
    this.saturated = kernels.allocate(decodedSizeBytes(MAX_CHUNK_ROWS, 4) + 512)
    this.#histogram = kernels.allocate(4 * BUCKET_COUNT)
    this.#total = kernels.allocate(4 * BUCKET_COUNT)
    this.#sparse = kernels.allocate(SPARSE_HISTOGRAM_MAX_BYTES)
    this.#aggregate = kernels.allocate(16)
  }

  /** Before the first chunk of a segment. */
  clear(): void {
    this.chunkHistograms.clear()
    this.groupHistograms.clear()
  }

  /** Narrows the durations to 32 bits and finds their bounds. @returns whether some did not fit */
  saturate(
    durationsNs: Float64Array,
    { first, count }: Chunk,
    columns: DirectoryColumns,
    i: number,
  ): boolean {
    const { u32 } = this.#kernels
    const to = this.saturated / 4
    let minNs = Infinity
    let maxNs = 0
    for (let row = 0; row < count; row++) {
      const durationNs = durationsNs[first + row]!
      if (durationNs < minNs) minNs = durationNs
      if (durationNs > maxNs) maxNs = durationNs
      u32[to + row] = durationNs < LONG_DURATION_NS ? durationNs : LONG_DURATION_NS
    }
    columns.minDurationsNs[i] = minNs
    columns.maxDurationsNs[i] = maxNs
    const long = maxNs >= LONG_DURATION_NS
    return long
  }

  /** Sum, squared deviations and histogram of a chunk whose durations have been narrowed. */
  summarise(
    durationsNs: Float64Array,
    chunk: Chunk,
    columns: DirectoryColumns,
    i: number,
    long: boolean,
  ): void {
    const kernels = this.#kernels
    const { count } = chunk
    kernels.aggregate(this.saturated, count, this.#histogram, this.#aggregate)
    if (long) {
      this.#summariseLong(durationsNs, chunk, columns, i)
    } else {
      const sum = kernels.f64[this.#aggregate / 8]! // below 2^14 * 2^32, so exact
      columns.sumsHigh[i] = Math.floor(sum / WORD)
      columns.sumsLow[i] = sum % WORD
      columns.squaredDeviations[i] = kernels.squaredDeviations(this.saturated, count, sum / count)
    }
    const sizeBytes = kernels.histogramEncode(this.#histogram, this.#sparse, true)
    this.chunkHistograms.append(kernels.u8, this.#sparse, sizeBytes)
    columns.histogramSizes[i] = sizeBytes
    if (chunk.hasSiblings) kernels.histogramMerge(this.#sparse, this.#total)
  }

  /** The histogram of a group of several chunks, all of which have been summarised. @returns its size */
  endGroup(): number {
    const kernels = this.#kernels
    const sizeBytes = kernels.histogramEncode(this.#total, this.#sparse, true)
    this.groupHistograms.append(kernels.u8, this.#sparse, sizeBytes)
    return sizeBytes
  }

  /** The kernels took every long duration for 2^32 - 1 ns: counts those again, from the exact column. */
  #summariseLong(
    durationsNs: Float64Array,
    { first, count }: Chunk,
    columns: DirectoryColumns,
    i: number,
  ): void {
    const { u32 } = this.#kernels
    const histogram = this.#histogram / 4
    const saturatedBucket = histogram + bucketOf(LONG_DURATION_NS)
    let high = 0
    let low = 0
    for (let row = first; row < first + count; row++) {
      const durationNs = durationsNs[row]!
      const highPart = Math.floor(durationNs / WORD)
      high += highPart
      low += durationNs - highPart * WORD
      if (durationNs < LONG_DURATION_NS) continue
      u32[saturatedBucket]!--
      u32[histogram + bucketOf(durationNs)]!++
    }
    const carry = Math.floor(low / WORD)
    columns.sumsHigh[i] = high + carry
    columns.sumsLow[i] = low - carry * WORD
    const meanNs = (high / count) * WORD + low / count
    let squares = 0
    for (let row = first; row < first + count; row++) {
      const deviation = durationsNs[row]! - meanNs
      squares += deviation * deviation
    }
    columns.squaredDeviations[i] = squares
  }
}
