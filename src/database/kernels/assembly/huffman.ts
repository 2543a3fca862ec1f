/**
 * Huffman pages: the class of a value is coded, the rest of its bits follow as they are.
 *
 *   firstSymbol u8 | symbolCount u8 | sizes of the first three streams u16 x 3
 *   | code lengths, 4 bits each, of the symbols from the first on; missing if there is only one symbol | 4 streams
 *
 * The symbol of a value is its length in bits and the two bits behind the leading one. Value i stands in stream i mod 4:
 * four chains of dependent instructions run side by side. ../huffman-code.ts has the codes.
 */
import {
  HUFFMAN_CODES_AT,
  HUFFMAN_COUNTS_AT,
  HUFFMAN_ENTRIES_AT,
  HUFFMAN_LENGTH_COUNTS_AT,
  HUFFMAN_MARK_VALUES,
  HUFFMAN_STREAM_COUNTERS,
  SCRATCH_VALUES_AT,
} from './layout'
import { readLimit } from './memory'

const SYMBOLS: u32 = 124
const MAX_CODE_BITS: u32 = 11
const HEADER_SIZE_BYTES: usize = 8
const COUNTERS_SIZE_BYTES: usize = 4 * HUFFMAN_STREAM_COUNTERS
/** A value takes at most 40 bits of its stream, so in so many a reader stays within the readable bytes behind its limit. */
const ROUNDS_PER_CHECK: u32 = 128
/** A mark: where in each of the four streams its first value begins, in bits u32, and the sum of all values before f64. */
const MARK_SIZE_BYTES: usize = 24

/** Counts the symbols of each stream, to HUFFMAN_COUNTS_AT. */
export function huffmanCount(from: usize, n: u32): void {
  const counters: usize = HUFFMAN_COUNTS_AT
  memory.fill(counters, 0, 4 * COUNTERS_SIZE_BYTES)
  for (let rounds = n >> 2; rounds > 0; rounds--) {
    countSymbol(counters, load<u32>(from))
    countSymbol(counters + COUNTERS_SIZE_BYTES, load<u32>(from, 4))
    countSymbol(counters + 2 * COUNTERS_SIZE_BYTES, load<u32>(from, 8))
    countSymbol(counters + 3 * COUNTERS_SIZE_BYTES, load<u32>(from, 12))
    from += 16
  }
  for (let stream: u32 = 0; stream < (n & 3); stream++) {
    countSymbol(counters + <usize>stream * COUNTERS_SIZE_BYTES, load<u32>(from))
    from += 4
  }
}

/**
 * Writes the streams at `to` by the codes at HUFFMAN_CODES_AT.
 *
 * @param end0, end1, end2, end3 where each stream ends; the next one begins there
 */
export function huffmanPack(
  from: usize,
  n: u32,
  to: usize,
  end0: usize,
  end1: usize,
  end2: usize,
  end3: usize,
): void {
  let to0 = to
  let to1 = end0
  let to2 = end1
  let to3 = end2
  let bits0: u64 = 0
  let bits1: u64 = 0
  let bits2: u64 = 0
  let bits3: u64 = 0
  let used0: u64 = 0
  let used1: u64 = 0
  let used2: u64 = 0
  let used3: u64 = 0
  let rounds = n >> 2
  // Whole words as long as they stay within the streams: the next stream's bytes are there already
  while (rounds > 0 && to0 + 8 <= end0 && to1 + 8 <= end1 && to2 + 8 <= end2 && to3 + 8 <= end3) {
    const value0 = load<u32>(from)
    const value1 = load<u32>(from, 4)
    const value2 = load<u32>(from, 8)
    const value3 = load<u32>(from, 12)
    const extra0 = extraBits(value0)
    const extra1 = extraBits(value1)
    const extra2 = extraBits(value2)
    const extra3 = extraBits(value3)
    const code0 = codeOf(value0, extra0)
    const code1 = codeOf(value1, extra1)
    const code2 = codeOf(value2, extra2)
    const code3 = codeOf(value3, extra3)
    bits0 |= codeAndRest(value0, extra0, code0) << used0
    bits1 |= codeAndRest(value1, extra1, code1) << used1
    bits2 |= codeAndRest(value2, extra2, code2) << used2
    bits3 |= codeAndRest(value3, extra3, code3) << used3
    used0 += <u64>((code0 >> 16) + extra0)
    used1 += <u64>((code1 >> 16) + extra1)
    used2 += <u64>((code2 >> 16) + extra2)
    used3 += <u64>((code3 >> 16) + extra3)
    store<u64>(to0, bits0)
    store<u64>(to1, bits1)
    store<u64>(to2, bits2)
    store<u64>(to3, bits3)
    bits0 >>= used0 & ~7 // at most 47 bits are in use, so at least 8 stay
    bits1 >>= used1 & ~7
    bits2 >>= used2 & ~7
    bits3 >>= used3 & ~7
    to0 += <usize>(used0 >> 3)
    to1 += <usize>(used1 >> 3)
    to2 += <usize>(used2 >> 3)
    to3 += <usize>(used3 >> 3)
    used0 &= 7
    used1 &= 7
    used2 &= 7
    used3 &= 7
    from += 16
    rounds--
  }
  const rest = n & 3
  packRest(from, rounds + <u32>(rest > 0), to0, end0, bits0, used0)
  packRest(from + 4, rounds + <u32>(rest > 1), to1, end1, bits1, used1)
  packRest(from + 8, rounds + <u32>(rest > 2), to2, end2, bits2, used2)
  packRest(from + 12, rounds, to3, end3, bits3, used3)
}

export function huffmanDecode(from: usize, n: u32, to: usize): usize {
  const limit = readLimit()
  if (from > limit) return 0
  const symbolCount = <u32>load<u8>(from, 1)
  const indexBits = readCodes(from + HEADER_SIZE_BYTES, load<u8>(from), symbolCount)
  if (indexBits < 0) return 0
  const mask: u64 = (1 << indexBits) - 1

  const stream0 = from + HEADER_SIZE_BYTES + lengthsSizeBytes(symbolCount)
  const stream1 = stream0 + <usize>load<u16>(from, 2)
  const stream2 = stream1 + <usize>load<u16>(from, 4)
  const stream3 = stream2 + <usize>load<u16>(from, 6)
  let bit0: u32 = 0
  let bit1: u32 = 0
  let bit2: u32 = 0
  let bit3: u32 = 0
  const rounds = n >> 2
  for (let round: u32 = 0; round < rounds; ) {
    if (stream0 + (bit0 >> 3) > limit || stream1 + (bit1 >> 3) > limit) return 0
    if (stream2 + (bit2 >> 3) > limit || stream3 + (bit3 >> 3) > limit) return 0
    const pause = min(round + ROUNDS_PER_CHECK, rounds)
    for (; round < pause; round++) {
      const bits0 = bitsAt(stream0, bit0)
      const bits1 = bitsAt(stream1, bit1)
      const bits2 = bitsAt(stream2, bit2)
      const bits3 = bitsAt(stream3, bit3)
      const entry0 = entryOf(bits0, mask)
      const entry1 = entryOf(bits1, mask)
      const entry2 = entryOf(bits2, mask)
      const entry3 = entryOf(bits3, mask)
      store<u32>(to, valueOf(entry0, bits0))
      store<u32>(to, valueOf(entry1, bits1), 4)
      store<u32>(to, valueOf(entry2, bits2), 8)
      store<u32>(to, valueOf(entry3, bits3), 12)
      bit0 += bitsOf(entry0)
      bit1 += bitsOf(entry1)
      bit2 += bitsOf(entry2)
      bit3 += bitsOf(entry3)
      to += 16
    }
  }
  const rest = n & 3
  if (rest > 0) bit0 += decodeOne(stream0, bit0, mask, to)
  if (rest > 1) bit1 += decodeOne(stream1, bit1, mask, to + 4)
  if (rest > 2) bit2 += decodeOne(stream2, bit2, mask, to + 8)
  const exact =
    stream0 + ((bit0 + 7) >> 3) === stream1 &&
    stream1 + ((bit1 + 7) >> 3) === stream2 &&
    stream2 + ((bit2 + 7) >> 3) === stream3
  const end = stream3 + ((bit3 + 7) >> 3)
  return exact && end <= limit ? end : 0
}

/** The same with nothing stored but a mark at every HUFFMAN_MARK_VALUES values, and one behind the last. */
export function huffmanMark(from: usize, n: u32, marks: usize): usize {
  const limit = readLimit()
  if (from > limit) return 0
  const symbolCount = <u32>load<u8>(from, 1)
  const indexBits = readCodes(from + HEADER_SIZE_BYTES, load<u8>(from), symbolCount)
  if (indexBits < 0) return 0
  const mask: u64 = (1 << indexBits) - 1

  const stream0 = from + HEADER_SIZE_BYTES + lengthsSizeBytes(symbolCount)
  const stream1 = stream0 + <usize>load<u16>(from, 2)
  const stream2 = stream1 + <usize>load<u16>(from, 4)
  const stream3 = stream2 + <usize>load<u16>(from, 6)
  let bit0: u32 = 0
  let bit1: u32 = 0
  let bit2: u32 = 0
  let bit3: u32 = 0
  let sum: u64 = 0
  const rounds = n >> 2
  for (let round: u32 = 0; round < rounds; ) {
    if (stream0 + (bit0 >> 3) > limit || stream1 + (bit1 >> 3) > limit) return 0
    if (stream2 + (bit2 >> 3) > limit || stream3 + (bit3 >> 3) > limit) return 0
    if ((round << 2) % HUFFMAN_MARK_VALUES === 0) {
      storeMark(marks, bit0, bit1, bit2, bit3, sum)
      marks += MARK_SIZE_BYTES
    }
    const pause = min(round + ROUNDS_PER_CHECK, rounds)
    for (; round < pause; round++) {
      const bits0 = bitsAt(stream0, bit0)
      const bits1 = bitsAt(stream1, bit1)
      const bits2 = bitsAt(stream2, bit2)
      const bits3 = bitsAt(stream3, bit3)
      const entry0 = entryOf(bits0, mask)
      const entry1 = entryOf(bits1, mask)
      const entry2 = entryOf(bits2, mask)
      const entry3 = entryOf(bits3, mask)
      const sum01 = <u64>valueOf(entry0, bits0) + <u64>valueOf(entry1, bits1)
      sum += sum01 + <u64>valueOf(entry2, bits2) + <u64>valueOf(entry3, bits3)
      bit0 += bitsOf(entry0)
      bit1 += bitsOf(entry1)
      bit2 += bitsOf(entry2)
      bit3 += bitsOf(entry3)
    }
  }
  const rest = n & 3
  if (rest > 0) {
    if ((rounds << 2) % HUFFMAN_MARK_VALUES === 0) {
      storeMark(marks, bit0, bit1, bit2, bit3, sum)
      marks += MARK_SIZE_BYTES
    }
    const place: usize = SCRATCH_VALUES_AT
    bit0 += decodeOne(stream0, bit0, mask, place)
    sum += load<u32>(place)
    if (rest > 1) {
      bit1 += decodeOne(stream1, bit1, mask, place)
      sum += load<u32>(place)
    }
    if (rest > 2) {
      bit2 += decodeOne(stream2, bit2, mask, place)
      sum += load<u32>(place)
    }
  }
  storeMark(marks, bit0, bit1, bit2, bit3, sum)
  const exact =
    stream0 + ((bit0 + 7) >> 3) === stream1 &&
    stream1 + ((bit1 + 7) >> 3) === stream2 &&
    stream2 + ((bit2 + 7) >> 3) === stream3
  const end = stream3 + ((bit3 + 7) >> 3)
  return exact && end <= limit ? end : 0
}

export function huffmanDecodeFrom(from: usize, mark: usize, n: u32, to: usize): bool {
  const limit = readLimit()
  if (from > limit) return false
  const symbolCount = <u32>load<u8>(from, 1)
  const indexBits = readCodes(from + HEADER_SIZE_BYTES, load<u8>(from), symbolCount)
  if (indexBits < 0) return false
  const mask: u64 = (1 << indexBits) - 1

  const stream0 = from + HEADER_SIZE_BYTES + lengthsSizeBytes(symbolCount)
  const stream1 = stream0 + <usize>load<u16>(from, 2)
  const stream2 = stream1 + <usize>load<u16>(from, 4)
  const stream3 = stream2 + <usize>load<u16>(from, 6)
  let bit0 = load<u32>(mark)
  let bit1 = load<u32>(mark, 4)
  let bit2 = load<u32>(mark, 8)
  let bit3 = load<u32>(mark, 12)
  const rounds = (n + 3) >> 2
  for (let round: u32 = 0; round < rounds; ) {
    if (stream0 + (bit0 >> 3) > limit || stream1 + (bit1 >> 3) > limit) return false
    if (stream2 + (bit2 >> 3) > limit || stream3 + (bit3 >> 3) > limit) return false
    const pause = min(round + ROUNDS_PER_CHECK, rounds)
    for (; round < pause; round++) {
      const bits0 = bitsAt(stream0, bit0)
      const bits1 = bitsAt(stream1, bit1)
      const bits2 = bitsAt(stream2, bit2)
      const bits3 = bitsAt(stream3, bit3)
      const entry0 = entryOf(bits0, mask)
      const entry1 = entryOf(bits1, mask)
      const entry2 = entryOf(bits2, mask)
      const entry3 = entryOf(bits3, mask)
      store<u32>(to, valueOf(entry0, bits0))
      store<u32>(to, valueOf(entry1, bits1), 4)
      store<u32>(to, valueOf(entry2, bits2), 8)
      store<u32>(to, valueOf(entry3, bits3), 12)
      bit0 += bitsOf(entry0)
      bit1 += bitsOf(entry1)
      bit2 += bitsOf(entry2)
      bit3 += bitsOf(entry3)
      to += 16
    }
  }
  return true
}

@inline
function storeMark(to: usize, bit0: u32, bit1: u32, bit2: u32, bit3: u32, sum: u64): void {
  store<u32>(to, bit0)
  store<u32>(to, bit1, 4)
  store<u32>(to, bit2, 8)
  store<u32>(to, bit3, 12)
  store<f64>(to, <f64>sum, 16)
}

/** Bits of a value that stand behind its code. */
@inline
function extraBits(value: u32): u32 {
  return 29 - clz<u32>(value | 4)
}

@inline
function symbolOf(value: u32, extra: u32): u32 {
  return (extra << 2) + (value >> extra)
}

@inline
function countSymbol(counters: usize, value: u32): void {
  const counter = counters + (<usize>symbolOf(value, extraBits(value)) << 2)
  store<u32>(counter, load<u32>(counter) + 1)
}

@inline
function codeOf(value: u32, extra: u32): u32 {
  return load<u32>(<usize>symbolOf(value, extra) << 2, HUFFMAN_CODES_AT)
}

@inline
function codeAndRest(value: u32, extra: u32, code: u32): u64 {
  return (<u64>(value & ((1 << extra) - 1)) << (code >> 16)) | (code & 0xffff)
}

/** The last values of a stream, every fourth from `from` on, without a byte behind its end. */
function packRest(from: usize, count: u32, to: usize, end: usize, bits: u64, used: u64): void {
  for (; count > 0; count--) {
    const value = load<u32>(from)
    const extra = extraBits(value)
    const code = codeOf(value, extra)
    bits |= codeAndRest(value, extra, code) << used
    used += <u64>((code >> 16) + extra)
    for (; used >= 8; used -= 8) {
      store<u8>(to++, bits)
      bits >>= 8
    }
    from += 16
  }
  if (to < end) store<u8>(to, bits)
}

@inline
function lengthsSizeBytes(symbolCount: u32): usize {
  return symbolCount > 1 ? <usize>(symbolCount + 1) >> 1 : 0
}

@inline
function lengthAt(lengths: usize, i: u32): u32 {
  return (<u32>load<u8>(lengths + (i >> 1)) >> ((i & 1) << 2)) & 15
}

/**
 * Fills the entries that the next bits of a stream lead to. Their lowest bits are shift counts, which take the lowest 6
 * bits of whatever they are given: length of the code | bits behind it << 6 | both << 12 | least value << 32.
 *
 * @returns how many bits, or -1 if no code is like this
 */
function readCodes(lengths: usize, firstSymbol: u32, symbolCount: u32): i32 {
  if (symbolCount === 0 || firstSymbol + symbolCount > SYMBOLS) return -1
  if (symbolCount === 1) {
    store<u64>(HUFFMAN_ENTRIES_AT, newEntry(firstSymbol, 0))
    return 0
  }
  const counts: usize = HUFFMAN_LENGTH_COUNTS_AT
  memory.fill(counts, 0, 64)
  for (let i: u32 = 0; i < symbolCount; i++) {
    const count = counts + (<usize>lengthAt(lengths, i) << 2)
    store<u32>(count, load<u32>(count) + 1)
  }
  // Turns the counts into the first code of each length. All codes together must be all there are.
  let code: u32 = 0
  let indexBits: u32 = 0
  for (let length: u32 = 1; length < 16; length++) {
    const count = counts + (<usize>length << 2)
    const codes = load<u32>(count)
    if (codes > 0) indexBits = length
    code <<= 1
    store<u32>(count, code)
    code += codes
  }
  if (indexBits === 0 || indexBits > MAX_CODE_BITS || code !== 1 << 15) return -1

  const size = <usize>1 << (indexBits + 3)
  for (let i: u32 = 0; i < symbolCount; i++) {
    const length = lengthAt(lengths, i)
    if (length === 0) continue
    const count = counts + (<usize>length << 2)
    const next = load<u32>(count)
    store<u32>(count, next + 1)
    const entry = newEntry(firstSymbol + i, length)
    const step = <usize>1 << (length + 3)
    for (let at = <usize>reversed(next, length) << 3; at < size; at += step) {
      store<u64>(at, entry, HUFFMAN_ENTRIES_AT)
    }
  }
  return indexBits
}

function newEntry(symbol: u32, length: u32): u64 {
  const extra: u32 = symbol < 8 ? 0 : (symbol >> 2) - 1
  const least: u32 = symbol < 8 ? symbol : (4 | (symbol & 3)) << extra
  return <u64>(length | (extra << 6) | ((length + extra) << 12)) | (<u64>least << 32)
}

/** The lowest `length` bits of a code in reverse order: streams begin at the lowest bit, codes at the highest. */
function reversed(code: u32, length: u32): u32 {
  let result: u32 = 0
  for (; length > 0; length--) {
    result = (result << 1) | (code & 1)
    code >>= 1
  }
  return result
}

/** At least 57 bits of a stream. */
@inline
function bitsAt(stream: usize, bit: u32): u64 {
  return load<u64>(stream + (bit >> 3)) >> (bit & 7)
}

@inline
function entryOf(bits: u64, mask: u64): u64 {
  return load<u64>(<usize>(bits & mask) << 3, HUFFMAN_ENTRIES_AT)
}

@inline
function valueOf(entry: u64, bits: u64): u32 {
  return <u32>(entry >> 32) + (<u32>(bits >> entry) & ((<u32>1 << <u32>(entry >> 6)) - 1))
}

@inline
function bitsOf(entry: u64): u32 {
  return <u32>(entry >> 12) & 63
}

function decodeOne(stream: usize, bit: u32, mask: u64, to: usize): u32 {
  const bits = bitsAt(stream, bit)
  const entry = entryOf(bits, mask)
  store<u32>(to, valueOf(entry, bits))
  return bitsOf(entry)
}
