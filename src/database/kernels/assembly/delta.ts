/** Gaps between start times, and back. */

/** 2^52: the low word of `gap + 2^52` is the gap itself, as long as it is whole and below 2^32. */
const WHOLE: f64 = 4503599627370496
const GAP_LIMIT: f64 = 4294967296

export function deltaEncode(from: usize, n: u32, to: usize): u32 {
  if (n === 0) return 0
  store<u32>(to, 0)
  const whole = f64x2.splat(WHOLE)
  const zero = f64x2.splat(0)
  const limit = f64x2.splat(GAP_LIMIT)
  let fits = i32x4.splat(-1)
  let i: u32 = 1
  for (; i + 4 <= n; i += 4) {
    const source = from + (<usize>i << 3)
    const low = f64x2.sub(v128.load(source), v128.load(source - 8))
    const high = f64x2.sub(v128.load(source, 16), v128.load(source, 8))
    fits = v128.and(fits, v128.and(f64x2.ge(low, zero), f64x2.lt(low, limit)))
    fits = v128.and(fits, v128.and(f64x2.ge(high, zero), f64x2.lt(high, limit)))
    const gaps = v128.shuffle<u32>(f64x2.add(low, whole), f64x2.add(high, whole), 0, 2, 4, 6)
    v128.store(to + (<usize>i << 2), gaps)
  }
  let bad: u32 = 0
  for (; i < n; i++) {
    const gap = gapBefore(from, i)
    bad += <u32>!isGap(gap)
    store<u32>(to + (<usize>i << 2), reinterpret<u64>(gap + WHOLE))
  }
  return i64x2.all_true(fits) && bad === 0 ? 0 : countBadGaps(from, n)
}

export function deltaDecode(from: usize, n: u32, start: f64, to: usize): void {
  const zero = f64x2.splat(0)
  let sum = f64x2.splat(start) // in both lanes
  let i: u32 = 0
  for (; i + 4 <= n; i += 4) {
    const gaps = v128.load(from)
    let low = f64x2.convert_low_i32x4_u(gaps)
    let high = f64x2.convert_low_i32x4_u(v128.shuffle<u32>(gaps, gaps, 2, 3, 2, 3))
    low = f64x2.add(low, v128.shuffle<u64>(zero, low, 0, 2))
    high = f64x2.add(high, v128.shuffle<u64>(zero, high, 0, 2))
    high = f64x2.add(high, v128.shuffle<u64>(low, low, 1, 1))
    v128.store(to, f64x2.add(sum, low))
    v128.store(to, f64x2.add(sum, high), 16)
    sum = f64x2.add(sum, v128.shuffle<u64>(high, high, 1, 1))
    from += 16
    to += 32
  }
  let last = f64x2.extract_lane(sum, 0)
  for (; i < n; i++) {
    last += <f64>load<u32>(from)
    store<f64>(to, last)
    from += 4
    to += 8
  }
}

function countBadGaps(from: usize, n: u32): u32 {
  let bad: u32 = 0
  for (let i: u32 = 1; i < n; i++) bad += <u32>!isGap(gapBefore(from, i))
  return bad
}

@inline
function gapBefore(from: usize, i: u32): f64 {
  const source = from + (<usize>i << 3)
  return load<f64>(source) - load<f64>(source - 8)
}

@inline
function isGap(gap: f64): bool {
  return gap >= 0 && gap < GAP_LIMIT
}
