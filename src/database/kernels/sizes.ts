/**
 * @module database/kernels/sizes
 * How much room the kernels' output takes. Apart from the kernels, so that whoever only asks does not load them.
 */

import { HUFFMAN_MARK_VALUES } from './assembly/layout.ts'

export { HUFFMAN_MARK_VALUES }

/** Of one mark: u32[4], f64. */
export const HUFFMAN_MARK_SIZE_BYTES = 24

/** Values per block of a PFOR page; `pforDecode` writes whole blocks. */
export const PFOR_BLOCK_VALUES = 128

/** Values of a Huffman page at most: the sizes of its streams are u16. */
export const HUFFMAN_MAX_VALUES = 32_768

/** Bytes of the marks of a Huffman page of `n` values, see `huffmanMark`. */
export function huffmanMarksBytes(n: number): number {
  return HUFFMAN_MARK_SIZE_BYTES * (Math.ceil(n / HUFFMAN_MARK_VALUES) + 1)
}

/** Largest size of the sparse form of a histogram: header, kinds, 256 groups of 32-bit counts. */
export const SPARSE_HISTOGRAM_MAX_BYTES = 4 + 64 + 256 * 64

/** Largest size of a PFOR page of `n` values. */
export function pforMaxBytes(n: number): number {
  return Math.ceil(n / PFOR_BLOCK_VALUES) * (2 + 4 * PFOR_BLOCK_VALUES)
}

/** Largest size of a Huffman page of `n` values: its header, and 40 bits for each value of the four streams. */
export function huffmanMaxBytes(n: number): number {
  return 8 + 62 + 4 * 5 * Math.ceil(n / 4)
}
