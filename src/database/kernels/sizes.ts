/**
 * @module database/kernels/sizes
 * How much room the kernels' output takes. Apart from the kernels, so that whoever only asks does not load them.
 */

/** Values per block of a PFOR page; `pforDecode` writes whole blocks. */
export const PFOR_BLOCK_VALUES = 128

/** Largest size of the sparse form of a histogram: header, kinds, 256 groups of 32-bit counts. */
export const SPARSE_HISTOGRAM_MAX_BYTES = 4 + 64 + 256 * 64

/** Largest size of a PFOR page of `n` values. */
export function pforMaxBytes(n: number): number {
  return Math.ceil(n / PFOR_BLOCK_VALUES) * (2 + 4 * PFOR_BLOCK_VALUES)
}
