/**
 * @module database/kernels/huffman-fallback
 * Streams of Huffman pages in plain TypeScript: what assembly/huffman.ts does, byte by byte.
 */
import { HUFFMAN_MARK_VALUES, SLACK_SIZE_BYTES } from './assembly/layout.ts'
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
import { HUFFMAN_MARK_SIZE_BYTES } from './sizes.ts'

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

/** A page whose codes stand in `entries`. */
export interface HuffmanPage {
  u8: Uint8Array
  view: DataView
  mask: number
  streams: readonly number[] // where each begins
  limit: number // behind it no value may begin
}

/** At the beginning of each stream. */
export const NO_BITS = new Uint32Array(HUFFMAN_STREAMS)

/**
 * Reads the codes of a page; they are those of the next call's page then. At most SLACK_SIZE_BYTES before the end of the memory
 * may a value begin.
 *
 * @returns undefined if no code is like this
 */
export function openHuffmanPage(
  u8: Uint8Array,
  view: DataView,
  from: number,
): HuffmanPage | undefined {
  const symbolCount = u8[from + 1]!
  const indexBits = readCodes(u8, from + HUFFMAN_HEADER_SIZE_BYTES, u8[from]!, symbolCount)
  if (indexBits < 0) return undefined
  let begin = from + HUFFMAN_HEADER_SIZE_BYTES + lengthsSizeBytes(symbolCount)
  const streams = [begin]
  for (let stream = 1; stream < HUFFMAN_STREAMS; stream++) {
    begin += view.getUint16(from + 2 * stream, true)
    streams.push(begin)
  }
  return { u8, view, mask: 2 ** indexBits - 1, streams, limit: u8.length - SLACK_SIZE_BYTES }
}

/**
 * Decodes `n` values to u32[n] at index `first`.
 *
 * @param bits of each stream that are passed over
 * @returns bits of each stream behind the values; undefined if the page is malformed
 */
export function decodeHuffmanValues(
  { limit, mask, streams, u8, view }: HuffmanPage,
  bits: Uint32Array,
  n: number,
  u32: Uint32Array,
  first: number,
): Uint32Array | undefined {
  const ends = bits.slice()
  for (let stream = 0; stream < HUFFMAN_STREAMS; stream++) {
    let byte = streams[stream]! + (bits[stream]! >>> 3)
    let bit = bits[stream]! & 7 // of that byte
    for (let i = first + stream; i < first + n; i += HUFFMAN_STREAMS) {
      if (byte > limit) return undefined
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
    ends[stream] = 8 * (byte - streams[stream]!) + bit
  }
  return ends
}

/** End of a page of which so many bits of each stream were used up; 0 if a stream does not end where the next one begins. */
export function endOfHuffmanPage({ limit, streams }: HuffmanPage, bits: Uint32Array): number {
  let end = 0
  for (let stream = 0; stream < HUFFMAN_STREAMS; stream++) {
    if (stream > 0 && end !== streams[stream]) return 0
    end = streams[stream]! + Math.ceil(bits[stream]! / 8)
  }
  return end <= limit ? end : 0
}

/** Writes the marks of all values. @returns end of the page; 0 if it is malformed */
export function markHuffmanStreams(
  page: HuffmanPage,
  n: number,
  u32: Uint32Array,
  f64: Float64Array,
  marks: number,
): number {
  const values = new Uint32Array(HUFFMAN_MARK_VALUES)
  let bits: Uint32Array = NO_BITS
  let sum = 0
  const putMark = () => {
    u32.set(bits, marks / 4)
    f64[marks / 8 + 2] = sum
    marks += HUFFMAN_MARK_SIZE_BYTES
  }
  for (let first = 0; first < n; first += HUFFMAN_MARK_VALUES) {
    putMark()
    const count = Math.min(HUFFMAN_MARK_VALUES, n - first)
    const ends = decodeHuffmanValues(page, bits, count, values, 0)
    if (ends === undefined) return 0
    bits = ends
    for (let i = 0; i < count; i++) sum += values[i]!
  }
  putMark()
  return endOfHuffmanPage(page, bits)
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
