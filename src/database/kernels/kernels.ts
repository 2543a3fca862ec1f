/**
 * @module database/kernels/kernels
 * The inner loops of the database, over one linear memory: checksum, page codecs, aggregation, filters, histograms.
 * They exist twice, in WebAssembly (assembly/) and in TypeScript (fallback.ts), and agree bit by bit.
 *
 * Addresses are byte offsets into the memory. An array of numbers must be aligned to its element size; pages, sparse
 * histograms and hashed bytes may stand anywhere. Arrays must lie inside allocated areas: only the encoded forms
 * (`pforDecode`, `huffmanDecode`, `histogramMerge`) are checked, because they may come from a damaged file.
 */
import { loadFallbackKernels } from './fallback.ts'
import { loadWasmKernels } from './wasm.ts'

export { loadFallbackKernels } from './fallback.ts'
export {
  HUFFMAN_MARK_SIZE_BYTES,
  HUFFMAN_MARK_VALUES,
  HUFFMAN_MAX_VALUES,
  huffmanMarksBytes,
  huffmanMaxBytes,
  PFOR_BLOCK_VALUES,
  pforMaxBytes,
  SPARSE_HISTOGRAM_MAX_BYTES,
} from './sizes.ts'

/** Rows of a PFOR page. */
export interface PforRows {
  from: number // address of the page
  end: number // address behind it; at most there the data end
  n: number // values in the page
  base: number
  rowStart: number // inclusive
  rowEnd: number // exclusive, at most n
}

/** Rows as they arrived, and where they go; addresses of arrays. */
export interface ArrivedRows {
  ids: number // u16[n]
  startOffsets: number // u32[n]: start - baseUs
  durations: number // u32[n]
  n: number
  baseUs: number
  next: number // u32[65536]: the row that the next one with an id becomes
  startsTo: number // f64[]
  durationsTo: number // f64[]
  positions: number // u32[n]
}

export interface Kernels {
  readonly kind: 'wasm' | 'typescript'

  // The whole memory. Replaced when it grows: never keep them over an allocate().
  u8: Uint8Array
  u16: Uint16Array
  u32: Uint32Array
  f64: Float64Array
  view: DataView

  /**
   * A new area of zeros that lives as long as this object. May grow the memory, which replaces the views.
   *
   * @returns address, a multiple of 64
   * @throws {RangeError} `sizeBytes` is no size, or the memory would pass 4 GiB or what the system gives
   */
  allocate(sizeBytes: number): number

  /** XXH64 with seed 0, in [0, 2^64). */
  xxh64(pointer: number, sizeBytes: number): bigint

  /** Low 32 bits of XXH64 with seed 0, in [0, 2^32). */
  xxh64Low(pointer: number, sizeBytes: number): number

  /**
   * Encodes values as one PFOR page (docs/format/segment.md), of the smallest size that widths allow.
   *
   * @param from u32[n], each at least `base`; 128 values behind `from` must be readable, the rest is ignored
   * @param to   at most `pforMaxBytes(n)` bytes; nothing behind the page's end is touched
   * @returns end of the page
   */
  pforEncode(from: number, n: number, base: number, to: number): number

  /**
   * Decodes one PFOR page. Writes nothing outside u32[n rounded up to 128] at `to` (what stands behind value `n` is
   * undefined) and reads nothing outside the memory, whatever the page holds.
   *
   * @returns end of the page, or 0 when the page is malformed (a width above 32, an exception outside its block)
   */
  pforDecode(from: number, n: number, base: number, to: number): number

  /**
   * How many of the rows have a value of `least` to `most`, both inclusive. Reads nothing outside the memory, whatever the
   * page holds.
   *
   * @returns -1 if the page is malformed where it was looked at
   */
  pforCountBetween(page: PforRows, least: number, most: number): number

  /**
   * Writes these rows, ascending, to the u32[at most rowEnd - rowStart] at `rows`, and their values likewise at `values`.
   *
   * @returns how many, or -1 if the page is malformed where it was looked at
   */
  pforSelectBetween(
    page: PforRows,
    least: number,
    most: number,
    rows: number,
    values: number,
  ): number

  /**
   * Encodes values as one Huffman page (docs/format/segment.md).
   *
   * @param from u32[n]
   * @param n    at most HUFFMAN_MAX_VALUES
   * @param to   at most `huffmanMaxBytes(n)` bytes; nothing behind the page's end is touched
   * @returns end of the page
   */
  huffmanEncode(from: number, n: number, to: number): number

  /**
   * Decodes one Huffman page. Writes nothing outside u32[n] at `to` and reads nothing outside the memory, whatever the
   * page holds.
   *
   * @returns end of the page, or 0 when the page is malformed (codes that are none, a stream that does not end where the
   *          next one begins)
   */
  huffmanDecode(from: number, n: number, to: number): number

  /**
   * Reads one Huffman page through and writes marks, from which `huffmanDecodeFrom` can begin: mark k tells where value
   * `k * HUFFMAN_MARK_VALUES` stands and the sum of all values before it, a further one the sum of all.
   *
   * @param marks huffmanMarksBytes(n) bytes: { bits u32[4]: place in each of the streams, sum f64 }
   * @returns as huffmanDecode; unless 0 the marks may be used
   */
  huffmanMark(from: number, n: number, marks: number): number

  /**
   * Decodes a part of a Huffman page, from a mark of it on. Writes nothing outside u32[n rounded up to 4] at `to` (what stands
   * behind value `n` is undefined) and reads nothing outside the memory, whatever the page and the mark hold.
   *
   * @returns false when the page is malformed where it was looked at
   */
  huffmanDecodeFrom(from: number, mark: number, n: number, to: number): boolean

  /**
   * Gaps between neighbours of f64[n], whole and ascending, to u32[n]; the first gap is 0.
   *
   * @returns how many gaps are not in [0, 2^32); unless 0 the output must not be used
   */
  deltaEncode(from: number, n: number, to: number): number

  /** f64[i] = start + gaps[0] + … + gaps[i], exact as long as it is below 2^53. */
  deltaDecode(from: number, n: number, start: number, to: number): void

  /**
   * Narrows f64[n] to u32[n]: what each is above `base`, without its fraction; 2^32 - 1 for all that is more, 0 for what is
   * less than 0 or no number. Writes f64 minimum and f64 maximum of what was narrowed at `out`: they are at most 1.8e308 and
   * at least 0.
   */
  narrow(from: number, n: number, base: number, to: number, out: number): void

  /**
   * Writes the rows of u16[n] that are not 0 to the u16[at most n] at `to`, ascending.
   *
   * @param n at most 65,536
   * @returns how many
   */
  nonZeroRows(from: number, n: number, to: number): number

  /** Adds 1 to the u32[65536] at `counts` for each id of u16[n]. */
  countIds(ids: number, n: number, counts: number): void

  /** Puts starts and durations where `next` says, which moves on, and tells those places in `positions`. */
  scatterRows(rows: ArrivedRows): void

  /**
   * Adds u32[n] durations to the u32[BUCKET_COUNT] at `histogram` and writes 16 bytes at `out`: f64 sum (exact below
   * 2^53), u32 minimum, u32 maximum. Of nothing they are 0, 2^32-1 and 0.
   */
  aggregate(durations: number, n: number, histogram: number, out: number): void

  /** Sum of (d - mean)^2 over u32[n]. Four partial sums, added at the end. */
  squaredDeviations(durations: number, n: number, mean: number): number

  /** Writes the indices i with values[i] > threshold to the u32[at most n] at `out`, ascending; returns how many. */
  filterGreater(values: number, n: number, threshold: number, out: number): number

  /** How many of u32[n] are greater than `threshold`. */
  countGreater(values: number, n: number, threshold: number): number

  /**
   * Sparse form (docs/format/segment.md) of the u32[BUCKET_COUNT] at `histogram`; at most SPARSE_HISTOGRAM_MAX_BYTES.
   *
   * @param clear whether to zero the histogram
   * @returns size in bytes; 0 for an empty histogram, then nothing is written
   */
  histogramEncode(histogram: number, to: number, clear: boolean): number

  /**
   * Adds a sparse histogram to the u32[BUCKET_COUNT] at `histogram`; reads and writes nothing outside the memory and
   * the histogram, whatever stands at `from`.
   *
   * @returns its end, or 0 when it is malformed (the histogram may have been added to)
   */
  histogramMerge(from: number, histogram: number): number

  /** Adds the sparse histograms whose addresses stand in the u32[n] at `list`. */
  histogramMergeMany(list: number, n: number, histogram: number): void
}

/** What of the kernels writing a log takes. */
export type LogKernels = Pick<
  Kernels,
  | 'u8'
  | 'u16'
  | 'u32'
  | 'f64'
  | 'view'
  | 'allocate'
  | 'xxh64'
  | 'xxh64Low'
  | 'narrow'
  | 'nonZeroRows'
>

/** Whether this thread has found that WebAssembly does not work here. */
let wasmFails = false

/**
 * New kernels with a memory of their own: WebAssembly where it works and `KRONICLER_WASM` is not `false`, else
 * TypeScript. The module is compiled by a thread's first call.
 */
export function loadKernels(): Kernels {
  if (wasmFails || !wasmIsWanted()) return loadFallbackKernels()
  try {
    return loadWasmKernels()
  } catch {
    // No WebAssembly, no SIMD, or no address space for another memory. The fallback answers the same, only slower.
    wasmFails = true
    return loadFallbackKernels()
  }
}

function wasmIsWanted(): boolean {
  try {
    return process.env.KRONICLER_WASM !== 'false'
  } catch {
    return true // no process, or no permission to read its environment
  }
}
