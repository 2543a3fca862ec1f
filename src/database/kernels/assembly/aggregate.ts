/**
 * Sum, minimum, maximum, histogram and squared deviations of u32 durations.
 *
 * The bucket of a duration comes from its cell, which is the exponent and the first 7 bits of the mantissa of its
 * float32. The cell's entry is `bucket << 32 | ~upper`: adding the duration carries into the bucket exactly when the
 * duration is above `upper`, the largest duration of the cell's first bucket.
 */
import { CELLS_AT, SUB_HISTOGRAM_SIZE_BYTES, SUB_HISTOGRAMS_AT } from './layout'

/** Below this many durations the sub-histograms cost more than they save. */
const SUB_HISTOGRAMS_FROM: u32 = 128
/** Cell of 1.0f, less one: entry 0 belongs to the duration 0. */
const CELL_BIAS: u32 = (127 << 7) - 1

export function aggregate(durations: usize, n: u32, histogram: usize, out: usize): void {
  let sums = i64x2.splat(0)
  let minima = i32x4.splat(-1)
  let maxima = i32x4.splat(0)
  let i: u32 = 0
  if (n >= SUB_HISTOGRAMS_FROM) {
    // Neighbours often fall into one bucket, and an increment waits for the one before: each lane has its own
    const histogram1: usize = SUB_HISTOGRAMS_AT
    const histogram2: usize = histogram1 + SUB_HISTOGRAM_SIZE_BYTES
    const histogram3: usize = histogram2 + SUB_HISTOGRAM_SIZE_BYTES
    for (; i + 4 <= n; i += 4) {
      const values = v128.load(durations)
      minima = i32x4.min_u(minima, values)
      maxima = i32x4.max_u(maxima, values)
      sums = i64x2.add(sums, i64x2.extend_low_i32x4_u(values))
      sums = i64x2.add(sums, i64x2.extend_high_i32x4_u(values))
      const entries = entriesOf(values)
      count(histogram, i32x4.extract_lane(entries, 0), i32x4.extract_lane(values, 0))
      count(histogram1, i32x4.extract_lane(entries, 1), i32x4.extract_lane(values, 1))
      count(histogram2, i32x4.extract_lane(entries, 2), i32x4.extract_lane(values, 2))
      count(histogram3, i32x4.extract_lane(entries, 3), i32x4.extract_lane(values, 3))
      durations += 16
    }
    foldSubHistograms(histogram, minimumOf(minima), maximumOf(maxima))
  }
  let sum: u64 = i64x2.extract_lane(sums, 0) + i64x2.extract_lane(sums, 1)
  let minimum = minimumOf(minima)
  let maximum = maximumOf(maxima)
  for (; i < n; i++) {
    const duration = load<u32>(durations)
    sum += duration
    minimum = min(minimum, duration)
    maximum = max(maximum, duration)
    count(histogram, entryOf(duration), duration)
    durations += 4
  }
  store<f64>(out, <f64>sum)
  store<u32>(out, minimum, 8)
  store<u32>(out, maximum, 12)
}

export function squaredDeviations(durations: usize, n: u32, mean: f64): f64 {
  const means = f64x2.splat(mean)
  let low = f64x2.splat(0)
  let high = f64x2.splat(0)
  let i: u32 = 0
  for (; i + 4 <= n; i += 4) {
    const values = v128.load(durations)
    const a = f64x2.sub(f64x2.convert_low_i32x4_u(values), means)
    const b = f64x2.convert_low_i32x4_u(v128.shuffle<u32>(values, values, 2, 3, 2, 3))
    const c = f64x2.sub(b, means)
    low = f64x2.add(low, f64x2.mul(a, a))
    high = f64x2.add(high, f64x2.mul(c, c))
    durations += 16
  }
  // The order of these additions is fallback.ts's
  let first = f64x2.extract_lane(low, 0)
  for (; i < n; i++) {
    const deviation = <f64>load<u32>(durations) - mean
    first += deviation * deviation
    durations += 4
  }
  const second = f64x2.extract_lane(low, 1) + f64x2.extract_lane(high, 1)
  return first + f64x2.extract_lane(high, 0) + second
}

/** Entries of four durations. */
@inline
function entriesOf(values: v128): v128 {
  // Conversion rounds, and must not round up into the next cell. `value >> 9` has the bit 9 below the leading one
  // set: clearing it stops every carry, and the 8 bits that make the cell stay as they are.
  const floats = f32x4.convert_i32x4_u(v128.andnot(values, i32x4.shr_u(values, 9)))
  const entries = i32x4.sub(i32x4.shr_u(floats, 16), i32x4.splat(CELL_BIAS))
  return i32x4.max_s(entries, i32x4.splat(0))
}

@inline
function entryOf(duration: u32): u32 {
  const float = <f32>(duration & ~(duration >> 9))
  return <u32>max<i32>(<i32>((reinterpret<u32>(float) >> 16) - CELL_BIAS), 0)
}

@inline
function bucketOf(entry: u32, duration: u32): u32 {
  return <u32>((load<u64>((<usize>entry << 3) + CELLS_AT) + <u64>duration) >> 32)
}

@inline
function count(histogram: usize, entry: u32, duration: u32): void {
  const counter = histogram + (<usize>bucketOf(entry, duration) << 2)
  store<u32>(counter, load<u32>(counter) + 1)
}

/** Moves the sub-histograms' counts between the two durations into the histogram. */
function foldSubHistograms(histogram: usize, minimum: u32, maximum: u32): void {
  const zero = i32x4.splat(0)
  const first = <usize>(bucketOf(entryOf(minimum), minimum) & ~3) << 2
  const last = <usize>bucketOf(entryOf(maximum), maximum) << 2
  for (let offset = first; offset <= last; offset += 16) {
    const a = offset + SUB_HISTOGRAMS_AT
    const b = a + SUB_HISTOGRAM_SIZE_BYTES
    const c = b + SUB_HISTOGRAM_SIZE_BYTES
    const both = i32x4.add(v128.load(histogram + offset), v128.load(a))
    v128.store(histogram + offset, i32x4.add(both, i32x4.add(v128.load(b), v128.load(c))))
    v128.store(a, zero)
    v128.store(b, zero)
    v128.store(c, zero)
  }
}

@inline
function minimumOf(values: v128): u32 {
  const halves = i32x4.min_u(values, v128.shuffle<u32>(values, values, 2, 3, 2, 3))
  return min<u32>(i32x4.extract_lane(halves, 0), i32x4.extract_lane(halves, 1))
}

@inline
function maximumOf(values: v128): u32 {
  const halves = i32x4.max_u(values, v128.shuffle<u32>(values, values, 2, 3, 2, 3))
  return max<u32>(i32x4.extract_lane(halves, 0), i32x4.extract_lane(halves, 1))
}
