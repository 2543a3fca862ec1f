/**
 * Sparse histograms: `firstGroup u16 | groupCount u16 (bit 15: wide) | 2-bit kinds | groups of 16 counts`, a group
 * in 4, 8, 16 or, if wide, 32 bits per count.
 */
import { readLimit } from './memory'

const GROUP_COUNT: u32 = 256
const GROUP_SIZE_BYTES: usize = 64
const WIDE_FLAG: u32 = 0x8000

export function histogramEncode(histogram: usize, to: usize, clear: bool): u32 {
  let firstGroup: u32 = 0
  while (firstGroup < GROUP_COUNT && !v128.any_true(groupBits(histogram, firstGroup))) firstGroup++
  if (firstGroup === GROUP_COUNT) return 0
  let lastGroup = GROUP_COUNT - 1
  while (!v128.any_true(groupBits(histogram, lastGroup))) lastGroup--

  let all = i32x4.splat(0)
  for (let g = firstGroup; g <= lastGroup; g++) all = v128.or(all, groupBits(histogram, g))
  const wide = orOf(all) >> 16 !== 0
  const groups = lastGroup - firstGroup + 1
  store<u16>(to, firstGroup)
  store<u16>(to, groups | (wide ? WIDE_FLAG : 0), 2)
  const kinds = to + 4
  const kindsSizeBytes = <usize>((groups + 3) >> 2)
  memory.fill(kinds, 0, kindsSizeBytes)

  let pointer = kinds + kindsSizeBytes
  for (let k: u32 = 0; k < groups; k++) {
    const group = groupAt(histogram, firstGroup + k)
    const bits = orOf(groupBits(group, 0))
    if (bits === 0) continue
    const kind: u32 = bits < 16 ? 1 : bits < 256 ? 2 : 3
    const kindByte = kinds + <usize>(k >> 2)
    store<u8>(kindByte, <u32>load<u8>(kindByte) | (kind << ((k & 3) << 1)))
    pointer = encodeGroup(group, kind, wide, pointer)
    if (clear) memory.fill(group, 0, GROUP_SIZE_BYTES)
  }
  return <u32>(pointer - to)
}

export function histogramMerge(from: usize, histogram: usize): usize {
  const limit = readLimit()
  if (from > limit) return 0
  const firstGroup = <u32>load<u16>(from)
  const groupsAndFlag = <u32>load<u16>(from, 2)
  const groups = groupsAndFlag & ~WIDE_FLAG
  const wide = (groupsAndFlag & WIDE_FLAG) !== 0
  if (firstGroup + groups > GROUP_COUNT) return 0
  const kinds = from + 4
  let pointer = kinds + <usize>((groups + 3) >> 2)
  let group = groupAt(histogram, firstGroup)
  for (let k: u32 = 0; k < groups; k++) {
    if (pointer > limit) return 0
    const kind = (<u32>load<u8>(kinds + <usize>(k >> 2)) >> ((k & 3) << 1)) & 3
    if (kind === 1) {
      add8(group, nibbles(v128.load64_zero(pointer)))
      pointer += 8
    } else if (kind === 2) {
      add8(group, v128.load(pointer))
      pointer += 16
    } else if (kind === 3 && !wide) {
      add16(group, v128.load(pointer), v128.load(pointer, 16))
      pointer += 32
    } else if (kind === 3) {
      add32(group, pointer)
      pointer += 64
    }
    group += GROUP_SIZE_BYTES
  }
  return pointer
}

export function histogramMergeMany(list: usize, n: u32, histogram: usize): void {
  for (const end = list + (<usize>n << 2); list < end; list += 4) {
    histogramMerge(load<u32>(list), histogram)
  }
}

@inline
function groupAt(histogram: usize, group: u32): usize {
  return histogram + <usize>group * GROUP_SIZE_BYTES
}

/** The bits that any of the group's counts has, in any lane. */
@inline
function groupBits(histogram: usize, group: u32): v128 {
  const at = groupAt(histogram, group)
  const low = v128.or(v128.load(at), v128.load(at, 16))
  return v128.or(low, v128.or(v128.load(at, 32), v128.load(at, 48)))
}

@inline
function orOf(values: v128): u32 {
  const halves = v128.or(values, v128.shuffle<u32>(values, values, 2, 3, 2, 3))
  return i32x4.extract_lane(halves, 0) | i32x4.extract_lane(halves, 1)
}

function encodeGroup(group: usize, kind: u32, wide: bool, to: usize): usize {
  if (kind === 3 && wide) {
    memory.copy(to, group, GROUP_SIZE_BYTES)
    return to + 64
  }
  if (kind === 3) {
    v128.store(to, i16x8.narrow_i32x4_u(v128.load(group), v128.load(group, 16)))
    v128.store(to, i16x8.narrow_i32x4_u(v128.load(group, 32), v128.load(group, 48)), 16)
    return to + 32
  }
  const low = i16x8.narrow_i32x4_u(v128.load(group), v128.load(group, 16))
  const high = i16x8.narrow_i32x4_u(v128.load(group, 32), v128.load(group, 48))
  const bytes = i8x16.narrow_i16x8_u(low, high)
  if (kind === 2) {
    v128.store(to, bytes)
    return to + 16
  }
  // Two counts below 16 in 16 bits: the upper moves down next to the lower
  const pairs = v128.and(v128.or(bytes, i16x8.shr_u(bytes, 4)), i16x8.splat(255))
  store<u64>(to, i64x2.extract_lane(i8x16.narrow_i16x8_u(pairs, pairs), 0))
  return to + 8
}

/** 16 counts of 4 bits as 16 bytes. */
@inline
function nibbles(packed: v128): v128 {
  const mask = i8x16.splat(15)
  const low = v128.and(packed, mask)
  const high = v128.and(i16x8.shr_u(packed, 4), mask)
  return i8x16.shuffle(low, high, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
}

@inline
function add8(group: usize, counts: v128): void {
  add16(group, i16x8.extend_low_i8x16_u(counts), i16x8.extend_high_i8x16_u(counts))
}

@inline
function add16(group: usize, low: v128, high: v128): void {
  addTo(group, i32x4.extend_low_i16x8_u(low))
  addTo(group + 16, i32x4.extend_high_i16x8_u(low))
  addTo(group + 32, i32x4.extend_low_i16x8_u(high))
  addTo(group + 48, i32x4.extend_high_i16x8_u(high))
}

@inline
function add32(group: usize, counts: usize): void {
  addTo(group, v128.load(counts))
  addTo(group + 16, v128.load(counts, 16))
  addTo(group + 32, v128.load(counts, 32))
  addTo(group + 48, v128.load(counts, 48))
}

@inline
function addTo(counters: usize, counts: v128): void {
  v128.store(counters, i32x4.add(v128.load(counters), counts))
}
