/** Comparisons of u32 columns with a threshold. */

export function filterGreater(values: usize, n: u32, threshold: u32, out: usize): u32 {
  const first = out
  const limit = i32x4.splat(threshold)
  let i: u32 = 0
  for (; i + 16 <= n; i += 16) {
    const low = i16x8.narrow_i32x4_s(greater(values, 0, limit), greater(values, 16, limit))
    const high = i16x8.narrow_i32x4_s(greater(values, 32, limit), greater(values, 48, limit))
    let found = i8x16.bitmask(i8x16.narrow_i16x8_s(low, high))
    while (found) {
      store<u32>(out, i + ctz(found))
      out += 4
      found &= found - 1
    }
    values += 64
  }
  for (; i < n; i++) {
    store<u32>(out, i) // kept only if the value is greater; there is room, for i has not been written before
    out += <usize>(load<u32>(values) > threshold) << 2
    values += 4
  }
  return <u32>((out - first) >> 2)
}

export function countGreater(values: usize, n: u32, threshold: u32): u32 {
  const limit = i32x4.splat(threshold)
  let a = i32x4.splat(0)
  let b = i32x4.splat(0)
  let i: u32 = 0
  for (; i + 16 <= n; i += 16) {
    // A true comparison is -1
    a = i32x4.sub(i32x4.sub(a, greater(values, 0, limit)), greater(values, 32, limit))
    b = i32x4.sub(i32x4.sub(b, greater(values, 16, limit)), greater(values, 48, limit))
    values += 64
  }
  a = i32x4.add(a, b)
  let found: u32 = i32x4.extract_lane(a, 0) + i32x4.extract_lane(a, 1)
  found += i32x4.extract_lane(a, 2) + i32x4.extract_lane(a, 3)
  for (; i < n; i++) {
    found += <u32>(load<u32>(values) > threshold)
    values += 4
  }
  return found
}

@inline
function greater(values: usize, offset: usize, limit: v128): v128 {
  return i32x4.gt_u(v128.load(values + offset), limit)
}
