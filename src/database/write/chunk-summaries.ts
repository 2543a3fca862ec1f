/**
 * @module database/write/chunk-summaries
 * Sum, squared deviations and histogram of chunks that are being written, and histograms of groups of several chunks.
 */
import { BUCKET_COUNT, bucketOf } from '../../metrics/histogram.ts'
import { Bytes } from '../bytes.ts'
import { decodedSizeBytes, MAX_CHUNK_ROWS } from '../format/pages.ts'
import { LONG_DURATION_NS } from '../format/rows.ts'
import type { Kernels } from '../kernels/kernels.ts'
import { SPARSE_HISTOGRAM_MAX_BYTES } from '../kernels/sizes.ts'

const WORD = 2 ** 32

/** Reused for one segment after the other. */
export class ChunkSummaries {
  /** Address of u32[MAX_CHUNK_ROWS + 128]: durations of the chunk at hand. */
  readonly saturated: number
  // of the durations narrowed last
  minNs = 0
  maxNs = 0
  /** Whether some did not fit 32 bits. */
  isLong = false
  // of the chunk summarised last
  sumHigh = 0
  sumLow = 0 // in [0, 2^32)
  squaredDeviations = 0
  /** Sparse histograms of the groups of several chunks, one after the other. */
  readonly groupHistograms = { bytes: new Bytes(), sizes: new Array<number>() }
  readonly #kernels: Kernels
  readonly #histogram: number // u32[BUCKET_COUNT], zero between chunks
  readonly #total: number // the same of a group, zero between groups
  readonly #sparse: number // a sparse histogram
  readonly #aggregate: number // of 16 bytes: f64 sum, u32 minimum, u32 maximum; or f64 minimum, f64 maximum

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
    this.groupHistograms.bytes.clear()
    this.groupHistograms.sizes = []
    this.#kernels.u32.fill(0, this.#total / 4, this.#total / 4 + BUCKET_COUNT)
  }

  /** Narrows the f64[count] at an address to 32 bits, to `saturated`, and finds their bounds. */
  narrow(durationsNs: number, count: number): void {
    const kernels = this.#kernels
    const bounds = this.#aggregate
    kernels.narrow(durationsNs, count, 0, this.saturated, bounds)
    this.minNs = kernels.f64[bounds / 8]!
    this.maxNs = kernels.f64[bounds / 8 + 1]!
    this.isLong = this.maxNs >= LONG_DURATION_NS
  }

  /**
   * Sum, squared deviations and histogram of a chunk whose durations have been narrowed.
   *
   * @param isWholeGroup no other chunk belongs to its group
   * @param to           room for SPARSE_HISTOGRAM_MAX_BYTES
   * @returns end of the sparse histogram
   */
  summarise(durationsNs: Float64Array, isWholeGroup: boolean, to: number): number {
    const kernels = this.#kernels
    const count = durationsNs.length
    kernels.aggregate(this.saturated, count, this.#histogram, this.#aggregate)
    if (this.isLong) {
      this.#summariseLong(durationsNs)
    } else {
      const sum = kernels.f64[this.#aggregate / 8]! // below 2^14 * 2^32, so exact
      this.sumHigh = Math.floor(sum / WORD)
      this.sumLow = sum % WORD
      this.squaredDeviations = kernels.squaredDeviations(this.saturated, count, sum / count)
    }
    const sizeBytes = kernels.histogramEncode(this.#histogram, to, true)
    if (!isWholeGroup) kernels.histogramMerge(to, this.#total)
    return to + sizeBytes
  }

  /** The histogram of a group of several chunks, all of which have been summarised. @returns its size */
  endGroup(): number {
    const kernels = this.#kernels
    const sizeBytes = kernels.histogramEncode(this.#total, this.#sparse, true)
    this.groupHistograms.bytes.append(kernels.u8, this.#sparse, sizeBytes)
    this.groupHistograms.sizes.push(sizeBytes)
    return sizeBytes
  }

  /** The kernels took every long duration for 2^32 - 1 ns: counts those again, from the exact column. */
  #summariseLong(durationsNs: Float64Array): void {
    const { u32 } = this.#kernels
    const histogram = this.#histogram / 4
    const saturatedBucket = histogram + bucketOf(LONG_DURATION_NS)
    let high = 0
    let low = 0
    for (const durationNs of durationsNs) {
      const highPart = Math.floor(durationNs / WORD)
      high += highPart
      low += durationNs - highPart * WORD
      if (durationNs < LONG_DURATION_NS) continue
      u32[saturatedBucket]!--
      u32[histogram + bucketOf(durationNs)]!++
    }
    const carry = Math.floor(low / WORD)
    this.sumHigh = high + carry
    this.sumLow = low - carry * WORD
    const count = durationsNs.length
    const meanNs = (high / count) * WORD + low / count
    let squares = 0
    for (const durationNs of durationsNs) {
      const deviation = durationNs - meanNs
      squares += deviation * deviation
    }
    this.squaredDeviations = squares
  }
}
