/**
 * PFOR pages: patched frame of reference in blocks of 128 values, 4 vertical lanes of 32 bits.
 *
 *   nblk x { width u8, exceptions u8: count (6 bits) | log2 of highBytes << 6 }
 *   per block: low `width` bits of (value - base), 16 x width bytes | count x position u8 | count x high part
 *
 * The last block stores only as many of its 16-byte rows as hold its values.
 */
import { SCRATCH_COUNTERS_AT, SCRATCH_PACKED_AT, SCRATCH_VALUES_AT } from './layout'
import { readLimit } from './memory'
import { packBlock, unpackBlock } from './pack'

const BLOCK_VALUES: u32 = 128
const BLOCK_SIZE_BYTES: usize = 512
const MAX_EXCEPTIONS: u32 = 63
/** Distance of the four sets of counters, one u8 for each of the 33 lengths. */
const COUNTERS_SIZE_BYTES: usize = 48

export function pforEncode(from: usize, n: u32, base: u32, to: usize): usize {
  const blocks = (n + 127) >> 7
  const bases = i32x4.splat(base)
  let header = to
  let pointer = to + (<usize>blocks << 1)
  for (let rest = n; rest > 0; ) {
    const values = min(rest, BLOCK_VALUES)
    const source = values === BLOCK_VALUES ? from : padded(from, values, base)
    const longest = countLengths(source, bases)
    const shape = chooseShape(values, longest)
    const width = shape & 255
    const exceptions = (shape >> 8) & 63
    const highBytesLog2 = shape >> 14
    store<u16>(header, shape)
    if (values === BLOCK_VALUES) {
      packBlock(width, source, pointer, base)
    } else {
      packBlock(width, source, SCRATCH_PACKED_AT, base)
      memory.copy(pointer, SCRATCH_PACKED_AT, packedSizeBytes(values, width))
    }
    pointer += packedSizeBytes(values, width)
    if (exceptions) {
      packExceptions(source, bases, width, pointer, pointer + exceptions, highBytesLog2)
      pointer += exceptions + (exceptions << highBytesLog2)
    }
    header += 2
    from += BLOCK_SIZE_BYTES
    rest -= values
  }
  return pointer
}

export function pforDecode(from: usize, n: u32, base: u32, to: usize): usize {
  const limit = readLimit()
  if (from > limit) return 0
  const blocks = (n + 127) >> 7
  let header = from
  let pointer = from + (<usize>blocks << 1)
  for (let rest = n; rest > 0; ) {
    if (pointer > limit) return 0
    const values = min(rest, BLOCK_VALUES)
    const width = <u32>load<u8>(header)
    const count = <u32>load<u8>(header, 1) & 63
    const highBytesLog2 = <u32>load<u8>(header, 1) >> 6
    if (width > 32 || (count > 0 && (width === 32 || highBytesLog2 === 3))) return 0
    unpackBlock(width, pointer, to, base)
    pointer += packedSizeBytes(values, width)
    if (count) {
      if (!patch(pointer, count, highBytesLog2, width, to)) return 0
      pointer += count + (count << highBytesLog2)
    }
    header += 2
    to += BLOCK_SIZE_BYTES
    rest -= values
  }
  return pointer
}

/** Bytes of the low bits of a block. */
@inline
export function packedSizeBytes(values: u32, width: u32): usize {
  return <usize>((((values + 3) >> 2) * width + 31) >> 5) << 4
}

/** A copy of the last block with its missing values set to `base`, so that they need no bits. */
function padded(from: usize, values: u32, base: u32): usize {
  const sizeBytes = <usize>values << 2
  memory.copy(SCRATCH_VALUES_AT, from, sizeBytes)
  for (let offset = sizeBytes; offset < BLOCK_SIZE_BYTES; offset += 4) {
    store<u32>(<usize>SCRATCH_VALUES_AT + offset, base)
  }
  return SCRATCH_VALUES_AT
}

/** Counts the block's values by length in bits, to SCRATCH_COUNTERS_AT; returns the greatest length. */
function countLengths(source: usize, bases: v128): u32 {
  const counters: usize = SCRATCH_COUNTERS_AT
  memory.fill(counters, 0, 4 * COUNTERS_SIZE_BYTES)
  let all = i32x4.splat(0)
  for (const end = source + BLOCK_SIZE_BYTES; source < end; source += 16) {
    const values = i32x4.sub(v128.load(source), bases)
    all = v128.or(all, values)
    // A set of counters per lane: neighbours of one length would wait for each other
    countLength(counters, i32x4.extract_lane(values, 0))
    countLength(counters + COUNTERS_SIZE_BYTES, i32x4.extract_lane(values, 1))
    countLength(counters + 2 * COUNTERS_SIZE_BYTES, i32x4.extract_lane(values, 2))
    countLength(counters + 3 * COUNTERS_SIZE_BYTES, i32x4.extract_lane(values, 3))
  }
  for (let k: usize = 0; k < COUNTERS_SIZE_BYTES; k += 16) {
    const set0 = v128.load(counters + k)
    const set1 = v128.load(counters + COUNTERS_SIZE_BYTES + k)
    const set2 = v128.load(counters + 2 * COUNTERS_SIZE_BYTES + k)
    const set3 = v128.load(counters + 3 * COUNTERS_SIZE_BYTES + k)
    v128.store(counters + k, i8x16.add(i8x16.add(set0, set1), i8x16.add(set2, set3)))
  }
  const halves = v128.or(all, v128.shuffle<u32>(all, all, 2, 3, 2, 3))
  return 32 - clz<u32>(i32x4.extract_lane(halves, 0) | i32x4.extract_lane(halves, 1))
}

@inline
function countLength(counters: usize, value: u32): void {
  const counter = counters + (32 - <usize>clz<u32>(value))
  store<u8>(counter, load<u8>(counter) + 1)
}

/**
 * The width with the smallest block; of equally small ones the widest, which has the fewest exceptions.
 * Returns `width | exceptions << 8 | highBytesLog2 << 14`, the block's header.
 */
function chooseShape(values: u32, longest: u32): u32 {
  let best = longest
  let bestSizeBytes = u32.MAX_VALUE
  let exceptions: u32 = 0
  for (let width = longest; exceptions <= MAX_EXCEPTIONS; width--) {
    const highBits = longest - width
    const highBytesLog2: u32 = highBits <= 8 ? 0 : highBits <= 16 ? 1 : 2
    const sizeBytes = <u32>packedSizeBytes(values, width) + exceptions * (1 + (1 << highBytesLog2))
    if (sizeBytes < bestSizeBytes) {
      bestSizeBytes = sizeBytes
      best = width | (exceptions << 8) | (highBytesLog2 << 14)
    }
    if (width === 0) break
    exceptions += load<u8>(<usize>SCRATCH_COUNTERS_AT + width)
  }
  return best
}

/** Writes position and high part of every value that needs more than `width` bits. */
function packExceptions(
  source: usize,
  bases: v128,
  width: u32,
  positions: usize,
  highs: usize,
  highBytesLog2: u32,
): void {
  for (let row: u32 = 0; row < BLOCK_VALUES; row += 4) {
    const at = source + (<usize>row << 2)
    const high = i32x4.shr_u(i32x4.sub(v128.load(at), bases), width)
    if (!v128.any_true(high)) continue
    let lanes = i32x4.bitmask(i32x4.ne(high, i32x4.splat(0)))
    for (; lanes; lanes &= lanes - 1) {
      const lane = <u32>ctz(lanes)
      const value = (load<u32>(at + (<usize>lane << 2)) - <u32>i32x4.extract_lane(bases, 0)) >> width
      store<u8>(positions++, row + lane)
      if (highBytesLog2 === 0) store<u8>(highs, value)
      else if (highBytesLog2 === 1) store<u16>(highs, value)
      else store<u32>(highs, value)
      highs += <usize>1 << highBytesLog2
    }
  }
}

/** Adds the high parts; false if a position lies outside the block. */
function patch(positions: usize, count: u32, highBytesLog2: u32, width: u32, to: usize): bool {
  let highs = positions + count
  for (const end = highs; positions < end; positions++) {
    const position = <u32>load<u8>(positions)
    if (position >= BLOCK_VALUES) return false
    let high: u32
    if (highBytesLog2 === 0) high = load<u8>(highs)
    else if (highBytesLog2 === 1) high = load<u16>(highs)
    else high = load<u32>(highs)
    highs += <usize>1 << highBytesLog2
    const value = to + (<usize>position << 2)
    store<u32>(value, load<u32>(value) + (high << width))
  }
  return true
}
