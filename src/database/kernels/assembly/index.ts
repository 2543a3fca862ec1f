/** Sum of `count` 32-bit lanes, a multiple of 4, at `src`. */
export function sumU32(src: usize, count: i32): u32 {
  let sum = i32x4.splat(0)
  for (let i = 0; i < count; i += 4) sum = i32x4.add(sum, v128.load(src + ((<usize>i) << 2)))
  return (
    i32x4.extract_lane(sum, 0) +
    i32x4.extract_lane(sum, 1) +
    i32x4.extract_lane(sum, 2) +
    i32x4.extract_lane(sum, 3)
  )
}
