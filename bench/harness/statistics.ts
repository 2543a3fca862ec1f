/**
 * @module bench/harness/statistics
 * Percentiles of samples.
 */

/** @returns the value below which the given share lies, interpolated; NaN for no values */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  const rank = share * (sorted.length - 1)
  const low = sorted[Math.floor(rank)]
  const high = sorted[Math.ceil(rank)]
  return low === undefined || high === undefined
    ? NaN
    : low + (rank - Math.floor(rank)) * (high - low)
}

export const median = (values: readonly number[]): number => quantile(values, 0.5)

/** The percentiles of a result row. */
export function percentiles(values: readonly number[]) {
  return { p10: quantile(values, 0.1), p50: median(values), p99: quantile(values, 0.99) }
}
