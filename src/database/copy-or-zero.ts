/**
 * @module database/copy-or-zero
 * Copies a part of a column that may be missing, which then is all zeros.
 */

/** Fills `to` from `at` on with `from[first..end)`, or as many zeros. */
export function copyOrZero<T extends Uint32Array | Float64Array>(
  from: T | undefined,
  first: number,
  end: number,
  to: T,
  at: number,
): void {
  if (from === undefined) to.fill(0, at, at + end - first)
  else to.set(from.subarray(first, end), at)
}
