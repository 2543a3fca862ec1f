/**
 * @module metrics/histogram
 * The one histogram of Kronicler, in memory, on disk and in every export: a base-2 exponential histogram of fixed
 * scale 6 over durations in seconds, upper-inclusive, as in OpenTelemetry's data model.
 *
 * Bucket `b` of the array holds durations in (base^i, base^(i+1)] seconds with base = 2^(1/64) and
 * i = b + BUCKET_OFFSET. Bucket 0 would hold (0.931 ns, 0.941 ns], in which no whole number of nanoseconds lies:
 * it holds the calls of 0 ns (OpenTelemetry's zero count).
 *
 *   b     0            zero count
 *   b     6            1 ns
 *   b  1920            (1 s, 1.0109 s]
 *   b  4095            up to 2^34 s
 *
 * A value of a bucket is reported as the point with the smallest possible relative error to any whole number of
 * nanoseconds in it, so the error is at most (base - 1) / (base + 1) = 0.5416 %.
 *
 * @see OpenTelemetry specification, metrics data model, "ExponentialHistogram"
 */

export const HISTOGRAM_SCALE = 6
const BUCKETS_PER_OCTAVE = 2 ** HISTOGRAM_SCALE

/** Number of buckets; a histogram array is `f64[BUCKET_COUNT]` or `u32[BUCKET_COUNT]`. */
export const BUCKET_COUNT = 4096

/** OpenTelemetry's bucket index of bucket 0 of the array. */
export const BUCKET_OFFSET = -30 * BUCKETS_PER_OCTAVE

/** Bound of the relative error of a quantile, rounded up. */
export const QUANTILE_RELATIVE_ERROR = 0.0055

/** `BUCKET_UPPER_NS[b]` is the largest whole number of nanoseconds in bucket `b` (f64, exact below 2^53). */
export const BUCKET_UPPER_NS: Float64Array = bucketUpperBounds()

/**
 * A cell is a duration's exponent and first 7 bits of mantissa. It is narrower than a bucket, so it touches at most
 * two: `cellBuckets()[cell]` is the first, and the bucket is that plus one if the duration is above its upper bound.
 */
const CELL_MANTISSA_BITS = 7
export const CELL_SHIFT = 20 - CELL_MANTISSA_BITS // right shift of a float64's high word
export const CELL_BIAS = 1023 << CELL_MANTISSA_BITS // cell of 1 ns after the shift
const CELL_COUNT = 64 << CELL_MANTISSA_BITS
let cells: Uint16Array | undefined

const scratchFloat = new Float64Array(1)
const scratchWords = new Uint32Array(scratchFloat.buffer)

/**
 * Bucket of a duration. No logarithm: the float's own bits choose the cell.
 *
 * @param durationNs whole, in [0, 2^53]
 * @returns in [0, BUCKET_COUNT)
 */
export function bucketOf(durationNs: number): number {
  if (durationNs < 1) return 0
  scratchFloat[0] = durationNs
  const bucket = cellBuckets()[(scratchWords[1]! >>> CELL_SHIFT) - CELL_BIAS]!
  return durationNs > BUCKET_UPPER_NS[bucket]! ? bucket + 1 : bucket
}

/** The duration that stands for bucket `b`, in nanoseconds; 0 for the zero count. */
export function bucketMidpointNs(bucket: number): number {
  if (bucket === 0) return 0
  const low = BUCKET_UPPER_NS[bucket - 1]! + 1
  const high = BUCKET_UPPER_NS[bucket]!
  return low >= high ? high : (2 * low * high) / (low + high)
}

/**
 * Duration at a quantile. Both ranks next to `quantile * (n - 1)` are read and blended, as an exact quantile of the
 * sorted durations is: one rank alone is up to 11 % off where it falls into a gap between two modes.
 * O(BUCKET_COUNT), allocates nothing.
 *
 * @param counts   f64[BUCKET_COUNT] or u32[BUCKET_COUNT]
 * @param total    sum of `counts`
 * @param quantile in [0, 1]; p99 is 0.99, not 99
 * @param minNs    exact minimum and maximum of the durations: the answer never leaves them
 * @returns nanoseconds, within QUANTILE_RELATIVE_ERROR of the exact value; NaN when `total` is 0
 * @throws {RangeError} `quantile` is outside [0, 1]
 */
export function quantileOf(
  counts: ArrayLike<number>,
  total: number,
  quantile: number,
  minNs: number,
  maxNs: number,
): number {
  if (!(quantile >= 0 && quantile <= 1)) {
    throw new RangeError(`quantile must be in [0, 1], not ${String(quantile)}`)
  }
  if (total === 0) return NaN
  const rank = quantile * (total - 1)
  const lowRank = Math.floor(rank)
  const fraction = rank - lowRank
  let seen = 0
  let bucket = -1
  while (seen <= lowRank && bucket < BUCKET_COUNT - 1) seen += counts[++bucket]!
  const low = clamp(valueAtRank(lowRank), minNs, maxNs)
  if (fraction === 0) return low
  while (seen <= lowRank + 1 && bucket < BUCKET_COUNT - 1) seen += counts[++bucket]!
  const high = clamp(valueAtRank(lowRank + 1), minNs, maxNs)
  return low + fraction * (high - low)

  /** The first and the last rank are the exact minimum and maximum. */
  function valueAtRank(rank: number): number {
    if (rank <= 0) return minNs
    return rank >= total - 1 ? maxNs : bucketMidpointNs(bucket)
  }
}

function clamp(value: number, low: number, high: number): number {
  return value < low ? low : value > high ? high : value
}

function bucketUpperBounds(): Float64Array {
  const bounds = new Float64Array(BUCKET_COUNT)
  // 2^octave is exact, so only the 64 fractions of an octave are rounded
  const octave = new Float64Array(BUCKETS_PER_OCTAVE)
  for (let step = 0; step < BUCKETS_PER_OCTAVE; step++) {
    octave[step] = 1e9 * 2 ** (step / BUCKETS_PER_OCTAVE)
  }
  let position = BUCKET_OFFSET + 1
  let scale = 2 ** Math.floor(position / BUCKETS_PER_OCTAVE)
  for (let bucket = 0; bucket < BUCKET_COUNT; bucket++, position++) {
    const step = position & (BUCKETS_PER_OCTAVE - 1)
    if (step === 0 && bucket > 0) scale *= 2
    bounds[bucket] = Math.floor(octave[step]! * scale)
  }
  return bounds
}

/** Made when first asked for: it takes milliseconds, which a program that has only just started has no need to wait. */
export function cellBuckets(): Uint16Array {
  return (cells ??= makeCellBuckets())
}

function makeCellBuckets(): Uint16Array {
  const made = new Uint16Array(CELL_COUNT)
  const cellsPerOctave = 1 << CELL_MANTISSA_BITS
  let bucket = 1
  let lowest = 1 // duration in the cell
  let width = 1 / cellsPerOctave
  for (let cell = 0; cell < CELL_COUNT; cell++) {
    if (cell > 0 && cell % cellsPerOctave === 0) width *= 2
    while (bucket < BUCKET_COUNT - 2 && BUCKET_UPPER_NS[bucket]! < lowest) bucket++
    made[cell] = bucket
    lowest += width // exact: both are whole multiples of a power of two
  }
  return made
}
