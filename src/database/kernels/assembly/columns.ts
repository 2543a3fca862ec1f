/** Passes over columns of rows that are about to be stored. */

/** What larger numbers become. */
const SATURATED: f64 = 4294967295

export function narrow(from: usize, n: u32, base: f64, to: usize, out: usize): void {
  const bases = f64x2.splat(base)
  let minima = f64x2.splat(f64.MAX_VALUE)
  let maxima = f64x2.splat(0)
  let i: u32 = 0
  for (; i + 4 <= n; i += 4) {
    const low = f64x2.sub(v128.load(from), bases)
    const high = f64x2.sub(v128.load(from, 16), bases)
    // these take the first of the two where one is no number
    minima = f64x2.pmin(f64x2.pmin(minima, low), high)
    maxima = f64x2.pmax(f64x2.pmax(maxima, low), high)
    const lowWords = i32x4.trunc_sat_f64x2_u_zero(low)
    const highWords = i32x4.trunc_sat_f64x2_u_zero(high)
    v128.store(to, v128.shuffle<u32>(lowWords, highWords, 0, 1, 4, 5))
    from += 32
    to += 16
  }
  let minimum = lesser(f64x2.extract_lane(minima, 0), f64x2.extract_lane(minima, 1))
  let maximum = greater(f64x2.extract_lane(maxima, 0), f64x2.extract_lane(maxima, 1))
  for (; i < n; i++) {
    const value = load<f64>(from) - base
    minimum = lesser(minimum, value)
    maximum = greater(maximum, value)
    store<u32>(to, value > 0 ? <u32>lesser(value, SATURATED) : 0)
    from += 8
    to += 4
  }
  store<f64>(out, minimum)
  store<f64>(out, maximum, 8)
}

@inline
function lesser(a: f64, b: f64): f64 {
  return b < a ? b : a
}

@inline
function greater(a: f64, b: f64): f64 {
  return b > a ? b : a
}

export function nonZeroRows(from: usize, n: u32, to: usize): u32 {
  const zero = i16x8.splat(0)
  const first = to
  let i: u32 = 0
  for (; i + 8 <= n; i += 8) {
    let found = i16x8.bitmask(i16x8.ne(v128.load(from + (<usize>i << 1)), zero))
    while (found !== 0) {
      store<u16>(to, <u16>(i + ctz(found)))
      to += 2
      found &= found - 1
    }
  }
  for (; i < n; i++) {
    if (load<u16>(from + (<usize>i << 1)) === 0) continue
    store<u16>(to, <u16>i)
    to += 2
  }
  return <u32>((to - first) >> 1)
}

export function countIds(ids: usize, n: u32, counts: usize): void {
  for (const end = ids + (<usize>n << 1); ids < end; ids += 2) {
    const count = counts + (<usize>load<u16>(ids) << 2)
    store<u32>(count, load<u32>(count) + 1)
  }
}

export function scatterRows(
  ids: usize,
  offsets: usize,
  durations: usize,
  n: u32,
  baseUs: f64,
  next: usize,
  startsTo: usize,
  durationsTo: usize,
  positions: usize,
): void {
  for (const end = ids + (<usize>n << 1); ids < end; ids += 2) {
    const place = next + (<usize>load<u16>(ids) << 2)
    const row = load<u32>(place)
    store<u32>(place, row + 1)
    store<u32>(positions, row)
    store<f64>(startsTo + (<usize>row << 3), baseUs + <f64>load<u32>(offsets))
    store<f64>(durationsTo + (<usize>row << 3), <f64>load<u32>(durations))
    offsets += 4
    durations += 4
    positions += 4
  }
}
