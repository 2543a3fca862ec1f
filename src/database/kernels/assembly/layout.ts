/**
 * Where the kernels keep their own tables in linear memory. Plain numbers without type annotations, so that
 * AssemblyScript and TypeScript both read this file.
 *
 *     byte    size  what
 *        0      64  never used: 0 is no address
 *       64   32776  cells u64[4097]: `bucket << 32 | ~upper`, see aggregate.ts; written by the loader
 *    32896   24768  three sub-histograms u32[2064] of `aggregate`, all zero between calls
 *    57664    1216  scratch of `pforEncode`: 128 values, 128 packed values, 4 x 48 counters u8
 *    58880    2048  symbols of a Huffman page, counted by stream: 4 x u32[128]
 *    60928     512  codes of the symbols u32[128]: the code, its length from bit 16 on
 *    61440      64  codes by length u32[16], for `huffmanDecode`
 *    61504   16384  entries of `huffmanDecode` u64[2048], see huffman.ts
 *    77888          areas handed out by `allocate`
 */

/** Entry 0 is for 0 ns, entry `c + 1` for cell `c` of metrics/histogram; 32 octaves of 128 cells hold every u32. */
export const CELLS_AT = 64
export const CELL_ENTRIES = 4097

/** Buckets that a u32 can fall into (the largest is 2054), in whole groups of 16. */
export const U32_BUCKETS = 2064
export const SUB_HISTOGRAMS_AT = 32896
export const SUB_HISTOGRAM_SIZE_BYTES = 8256

export const SCRATCH_VALUES_AT = 57664
export const SCRATCH_PACKED_AT = 58176
export const SCRATCH_COUNTERS_AT = 58688

export const HUFFMAN_COUNTS_AT = 58880
export const HUFFMAN_STREAM_COUNTERS = 128
export const HUFFMAN_CODES_AT = 60928
export const HUFFMAN_LENGTH_COUNTS_AT = 61440
export const HUFFMAN_ENTRIES_AT = 61504

/** Values from one mark of a Huffman page to the next, see `huffmanMark`. */
export const HUFFMAN_MARK_VALUES = 1024

/** First byte that `allocate` may hand out. */
export const HEAP_AT = 77888

/** Readable bytes that always follow the last area: kernels load whole vectors and whole blocks. */
export const SLACK_SIZE_BYTES = 1024
