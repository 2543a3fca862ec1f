/**
 * @module database/kernels/huffman-fallback
 * Streams of Huffman pages in plain TypeScript: what assembly/huffman.ts does, byte by byte.
 */
import { SLACK_SIZE_BYTES } from './assembly/layout.ts'
import {
  extraBitsOf,
  HUFFMAN_HEADER_SIZE_BYTES,
  HUFFMAN_STREAMS,
  HUFFMAN_SYMBOLS,
  leastValueOf,
  lengthsSizeBytes,
  MAX_CODE_BITS,
  reverseBits,
} from './huffman-code.ts'

const ENTRIES = 2 ** MAX_CODE_BITS
/** What the next bits of a stream lead to: symbol << 4 | length of its code. */
const entries = new Uint16Array(ENTRIES)
const nextCodes = new Uint32Array(16)
const extraBits = Uint8Array.from({ length: HUFFMAN_SYMBOLS }, (_, symbol) => extraBitsOf(symbol))
const leastValues = Uint32Array.from({ length: HUFFMAN_SYMBOLS }, (_, symbol) =>
  leastValueOf(symbol),
)

export function symbolOf(value: number): number {
  const extra = 29 - Math.clz32(value | 4)
  return (extra << 2) + (value >>> extra)
}

/**
 * Writes the stream of every fourth value from index `first` to `end`, exclusive.
 *
 * @param codes of the symbols, as HuffmanCode has them
 */
export function packHuffmanStream(
  u8: Uint8Array,
  u32: Uint32Array,
  first: number,
  end: number,
  codes: Uint32Array,
  to: number,
): void {
  let bits = 0
  let used = 0 // below 8 between values
  const put = (value: number, count: number) => {
    // At most 16 bits at once, so that they fit behind the 7 that may be waiting
    bits |= value << used
    for (used += count; used >= 8; used -= 8) {
      u8[to++] = bits
      bits >>>= 8
    }
  }
  for (let i = first; i < end; i += HUFFMAN_STREAMS) {
    const value = u32[i]!
    const symbol = symbolOf(value)
    const extra = extraBits[symbol]!
    put(codes[symbol]! & 0xffff, codes[symbol]! >>> 16)
    const rest = value & ((1 << extra) - 1)
    put(rest & 0xffff, Math.min(extra, 16))
    if (extra > 16) put(rest >>> 16, extra - 16)
  }
  if (used > 0) u8[to] = bits
}

/**
 * Decodes a page to u32[n] at index `first`. At most SLACK_SIZE_BYTES before the end of the memory may a value begin.
 *
 * @returns end of the page, 0 if it is malformed
 */
export function decodeHuffmanStreams(
  u8: Uint8Array,
  view: DataView,
  from: number,
  n: number,
  u32: Uint32Array,
  first: number,
): number {
  const symbolCount = u8[from + 1]!
  const indexBits = readCodes(u8, from + HUFFMAN_HEADER_SIZE_BYTES, u8[from]!, symbolCount)
  if (indexBits < 0) return 0
  const mask = 2 ** indexBits - 1
  const limit = u8.length - SLACK_SIZE_BYTES
  let begin = from + HUFFMAN_HEADER_SIZE_BYTES + lengthsSizeBytes(symbolCount)
  for (let stream = 0; stream < HUFFMAN_STREAMS; stream++) {
    let byte = begin
    let bit = 0 // of that byte
    for (let i = first + stream; i < first + n; i += HUFFMAN_STREAMS) {
      if (byte > limit) return 0
      const entry = entries[(view.getUint32(byte, true) >>> bit) & mask]!
      const symbol = entry >>> 4
      bit += entry & 15
      byte += bit >>> 3
      bit &= 7
      const extra = extraBits[symbol]!
      let rest = view.getUint32(byte, true) >>> bit
      if (bit + extra > 32) rest |= u8[byte + 4]! << (32 - bit)
      u32[i] = leastValues[symbol]! + (rest & ((1 << extra) - 1))
      bit += extra
      byte += bit >>> 3
      bit &= 7
    }
    const end = byte + (bit > 0 ? 1 : 0)
    if (stream === HUFFMAN_STREAMS - 1) return end <= limit ? end : 0
    begin += view.getUint16(from + 2 + 2 * stream, true)
    if (end !== begin) return 0
  }
  return 0
}

/** Fills `entries`. @returns how many bits lead to one, or -1 if no code is like this */
function readCodes(u8: Uint8Array, lengths: number, firstSymbol: number, symbolCount: number) {
  if (symbolCount === 0 || firstSymbol + symbolCount > HUFFMAN_SYMBOLS) return -1
  if (symbolCount === 1) {
    entries[0] = firstSymbol << 4
    return 0
  }
  const lengthAt = (i: number) => (u8[lengths + (i >>> 1)]! >>> ((i & 1) << 2)) & 15
  nextCodes.fill(0)
  for (let i = 0; i < symbolCount; i++) nextCodes[lengthAt(i)]!++
  // Turns the counts into the first code of each length. All codes together must be all there are.
  let code = 0
  let indexBits = 0
  for (let length = 1; length < 16; length++) {
    const codes = nextCodes[length]!
    if (codes > 0) indexBits = length
    code *= 2
    nextCodes[length] = code
    code += codes
  }
  if (indexBits === 0 || indexBits > MAX_CODE_BITS || code !== 2 ** 15) return -1
  for (let i = 0; i < symbolCount; i++) {
    const length = lengthAt(i)
    if (length === 0) continue
    const entry = ((firstSymbol + i) << 4) | length
    const step = 1 << length
    for (let at = reverseBits(nextCodes[length]!++, length); at < 1 << indexBits; at += step) {
      entries[at] = entry
    }
  }
  return indexBits
}
