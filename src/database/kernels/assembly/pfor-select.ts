/**
 * Values of a PFOR page that lie between two bounds, found without decoding the page: a block whose width cannot reach the
 * lower bound is looked at only where it has exceptions.
 */
import { SCRATCH_VALUES_AT } from './layout'
import { readLimit } from './memory'
import { unpackBlock } from './pack'
import { packedSizeBytes } from './pfor'

const BLOCK_VALUES: u32 = 128
const MALFORMED: i32 = -1

export function pforCountBetween(
  from: usize,
  end: usize,
  n: u32,
  base: u32,
  rowStart: u32,
  rowEnd: u32,
  least: u32,
  most: u32,
): i32 {
  return select(false, from, end, n, base, rowStart, rowEnd, least, most, 0, 0)
}

export function pforSelectBetween(
  from: usize,
  end: usize,
  n: u32,
  base: u32,
  rowStart: u32,
  rowEnd: u32,
  least: u32,
  most: u32,
  rows: usize,
  values: usize,
): i32 {
  return select(true, from, end, n, base, rowStart, rowEnd, least, most, rows, values)
}

@inline
function select(
  isWanted: bool, // rows and values, not only their number
  from: usize,
  end: usize,
  n: u32,
  base: u32,
  rowStart: u32,
  rowEnd: u32,
  least: u32,
  most: u32,
  rows: usize,
  values: usize,
): i32 {
  if (least > most || most < base) return 0
  const low = least > base ? least - base : 0
  const high = most - base
  if (from > end || end > readLimit()) return MALFORMED
  let header = from
  let pointer = from + (<usize>((n + 127) >> 7) << 1)
  let found: u32 = 0
  for (let row: u32 = 0; row < rowEnd; row += BLOCK_VALUES) {
    if (pointer > end) return MALFORMED
    const width = <u32>load<u8>(header)
    const count = <u32>load<u8>(header, 1) & 63
    const highBytesLog2 = <u32>load<u8>(header, 1) >> 6
    if (width > 32 || (count > 0 && (width === 32 || highBytesLog2 === 3))) return MALFORMED
    header += 2
    const packed = pointer
    const blockValues = min(n - row, BLOCK_VALUES)
    const positions = packed + packedSizeBytes(blockValues, width)
    pointer = positions + count + (count << highBytesLog2)
    if (pointer > end) return MALFORMED
    if (row + blockValues <= rowStart) continue

    const start = rowStart > row ? rowStart - row : 0
    const stop = min(rowEnd - row, blockValues)
    const widest: u32 = width < 32 ? (1 << width) - 1 : u32.MAX_VALUE
    if (low > widest) {
      // Only an exception can be as great, and only one with such a high part
      const leastHigh = low >> width
      const highs = positions + count
      let previous: i32 = -1
      for (let group: u32 = 0; group < count; group += 16) {
        let bits = highsFrom(highs + (<usize>group << highBytesLog2), highBytesLog2, leastHigh)
        if (count - group < 16) bits &= (1 << (count - group)) - 1
        for (; bits; bits &= bits - 1) {
          const k = group + ctz(bits)
          const position = <u32>load<u8>(positions + k)
          if (position >= BLOCK_VALUES || <i32>position <= previous) return MALFORMED
          previous = position
          if (position < start || position >= stop) continue
          const top = highAt(highs, k, highBytesLog2) << width
          const value = top + unpackOne(packed, width, position)
          if (value < low || value > high) continue
          if (isWanted) {
            store<u32>(rows + (<usize>found << 2), row + position)
            store<u32>(values + (<usize>found << 2), value + base)
          }
          found++
        }
      }
      continue
    }
    if (!isWanted && count === 0 && low === 0 && high >= widest) {
      found += stop - start
      continue
    }
    unpackBlock(width, packed, SCRATCH_VALUES_AT, 0)
    if (count > 0 && !patchAscending(positions, count, highBytesLog2, width)) return MALFORMED
    if (!isWanted && start === 0 && stop === BLOCK_VALUES) {
      found += countBlock(low, high - low)
      continue
    }
    for (let group: u32 = start & ~15; group < stop; group += 16) {
      let bits = matchesOf(group, low, high - low)
      if (group < start) bits &= -1 << (start - group)
      if (stop - group < 16) bits &= (1 << (stop - group)) - 1
      if (!isWanted) {
        found += popcnt(bits)
        continue
      }
      for (; bits; bits &= bits - 1) {
        const position = group + ctz(bits)
        store<u32>(rows + (<usize>found << 2), row + position)
        store<u32>(values + (<usize>found << 2), load<u32>(<usize>position << 2, SCRATCH_VALUES_AT) + base)
        found++
      }
    }
  }
  return found
}

/** Which of the 16 values from a position on lie in [low, low + span]. */
@inline
function matchesOf(position: u32, low: u32, span: u32): i32 {
  const at = <usize>SCRATCH_VALUES_AT + (<usize>position << 2)
  const lows = i32x4.splat(low)
  const spans = i32x4.splat(span)
  const first = i16x8.narrow_i32x4_s(
    i32x4.le_u(i32x4.sub(v128.load(at), lows), spans),
    i32x4.le_u(i32x4.sub(v128.load(at, 16), lows), spans),
  )
  const second = i16x8.narrow_i32x4_s(
    i32x4.le_u(i32x4.sub(v128.load(at, 32), lows), spans),
    i32x4.le_u(i32x4.sub(v128.load(at, 48), lows), spans),
  )
  return i8x16.bitmask(i8x16.narrow_i16x8_s(first, second))
}

/** Which of 16 high parts are at least so great. */
@inline
function highsFrom(highs: usize, highBytesLog2: u32, least: u32): i32 {
  if (highBytesLog2 === 0) {
    return least > 0xff ? 0 : i8x16.bitmask(i8x16.ge_u(v128.load(highs), i8x16.splat(<i8>least)))
  }
  if (highBytesLog2 === 1) {
    if (least > 0xffff) return 0
    const leasts = i16x8.splat(<i16>least)
    const first = i16x8.ge_u(v128.load(highs), leasts)
    return i8x16.bitmask(i8x16.narrow_i16x8_s(first, i16x8.ge_u(v128.load(highs, 16), leasts)))
  }
  const leasts = i32x4.splat(least)
  const first = i16x8.narrow_i32x4_s(
    i32x4.ge_u(v128.load(highs), leasts),
    i32x4.ge_u(v128.load(highs, 16), leasts),
  )
  const second = i16x8.narrow_i32x4_s(
    i32x4.ge_u(v128.load(highs, 32), leasts),
    i32x4.ge_u(v128.load(highs, 48), leasts),
  )
  return i8x16.bitmask(i8x16.narrow_i16x8_s(first, second))
}

/** How many of the block's 128 values lie in [low, low + span]. */
function countBlock(low: u32, span: u32): u32 {
  const lows = i32x4.splat(low)
  const spans = i32x4.splat(span)
  let counts = i32x4.splat(0)
  for (let offset: usize = 0; offset < 512; offset += 32) {
    const at = <usize>SCRATCH_VALUES_AT + offset
    // A true comparison is -1
    counts = i32x4.sub(counts, i32x4.le_u(i32x4.sub(v128.load(at), lows), spans))
    counts = i32x4.sub(counts, i32x4.le_u(i32x4.sub(v128.load(at, 16), lows), spans))
  }
  const low2 = i32x4.extract_lane(counts, 0) + i32x4.extract_lane(counts, 1)
  return low2 + i32x4.extract_lane(counts, 2) + i32x4.extract_lane(counts, 3)
}

@inline
function highAt(highs: usize, k: u32, highBytesLog2: u32): u32 {
  if (highBytesLog2 === 0) return load<u8>(highs + k)
  if (highBytesLog2 === 1) return load<u16>(highs + (<usize>k << 1))
  return load<u32>(highs + (<usize>k << 2))
}

/** The low bits of one value of a block. */
function unpackOne(packed: usize, width: u32, position: u32): u32 {
  if (width === 0) return 0
  const bit = (position >> 2) * width
  const at = packed + (<usize>(bit >> 5) << 4) + (<usize>(position & 3) << 2)
  const shift = bit & 31
  let value = load<u32>(at) >> shift
  if (shift + width > 32) value |= load<u32>(at, 16) << (32 - shift)
  return value & ((1 << width) - 1)
}

/** Adds the high parts to the block in the scratch; false unless their positions ascend within the block. */
function patchAscending(positions: usize, count: u32, highBytesLog2: u32, width: u32): bool {
  let previous: i32 = -1
  for (let k: u32 = 0; k < count; k++) {
    const position = <u32>load<u8>(positions + k)
    if (position >= BLOCK_VALUES || <i32>position <= previous) return false
    previous = position
    const value = <usize>SCRATCH_VALUES_AT + (<usize>position << 2)
    store<u32>(value, load<u32>(value) + (highAt(positions + count, k, highBytesLog2) << width))
  }
  return true
}
