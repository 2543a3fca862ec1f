/**
 * @module database/kernels/huffman-code
 * The code of a Huffman page, found from how often its symbols occur: canonical, of at most 11 bits, complete. Both forms
 * of the kernels use it, because it is plain arithmetic over at most 124 symbols.
 *
 * The symbol of a value below 8 is the value. Above, it tells the value's length in bits and the two bits behind the
 * leading one; the rest, `extraBitsOf(symbol)` of them, stands behind the code.
 *
 * @see A. Moffat and J. Katajainen, "In-Place Calculation of Minimum-Redundancy Codes", 1995
 */
import { HUFFMAN_STREAM_COUNTERS } from './assembly/layout.ts'

export const HUFFMAN_SYMBOLS = 124
export const HUFFMAN_STREAMS = 4
export const HUFFMAN_HEADER_SIZE_BYTES = 8
export const MAX_CODE_BITS = 11

export class HuffmanCode {
  firstSymbol = 0
  symbolCount = 0 // from the first to the last that occurs; 1 if there is no value
  readonly lengths = new Uint8Array(HUFFMAN_SYMBOLS)
  /** The code, its bits in the order in which a stream takes them, and its length from bit 16 on. */
  readonly codes = new Uint32Array(HUFFMAN_SYMBOLS)
  readonly streamSizes = new Uint32Array(HUFFMAN_STREAMS)

  readonly #counts = new Uint32Array(HUFFMAN_SYMBOLS)
  readonly #order = new Uint32Array(HUFFMAN_SYMBOLS) // count * HUFFMAN_STREAM_COUNTERS + symbol
  readonly #nodes = new Uint32Array(HUFFMAN_SYMBOLS)
  readonly #lengthCounts = new Uint32Array(HUFFMAN_SYMBOLS)

  /** @param counts of the symbols of stream s at [s * HUFFMAN_STREAM_COUNTERS ..) */
  choose(counts: Uint32Array): void {
    const used = this.#addUp(counts)
    this.lengths.fill(0)
    if (used > 1) this.#chooseLengths(used)
    this.#assignCodes()
    for (let stream = 0; stream < HUFFMAN_STREAMS; stream++) {
      this.streamSizes[stream] = this.#streamSize(counts, stream * HUFFMAN_STREAM_COUNTERS)
    }
  }

  get headerSizeBytes(): number {
    return HUFFMAN_HEADER_SIZE_BYTES + lengthsSizeBytes(this.symbolCount)
  }

  get pageSizeBytes(): number {
    let sizeBytes = this.headerSizeBytes
    for (const streamSize of this.streamSizes) sizeBytes += streamSize
    return sizeBytes
  }

  /** Writes what stands before the streams. */
  writeHeader(view: DataView, to: number): void {
    view.setUint8(to, this.firstSymbol)
    view.setUint8(to + 1, this.symbolCount)
    for (let stream = 0; stream < 3; stream++) {
      view.setUint16(to + 2 + 2 * stream, this.streamSizes[stream]!, true)
    }
    if (this.symbolCount === 1) return
    for (let i = 0; i < this.symbolCount; i += 2) {
      const symbol = this.firstSymbol + i
      const high = i + 1 < this.symbolCount ? this.lengths[symbol + 1]! : 0
      view.setUint8(to + HUFFMAN_HEADER_SIZE_BYTES + i / 2, this.lengths[symbol]! | (high << 4))
    }
  }

  /** @returns how many symbols occur; they stand in #order, the rarest first */
  #addUp(counts: Uint32Array): number {
    let used = 0
    let first = 0
    let last = 0
    for (let symbol = 0; symbol < HUFFMAN_SYMBOLS; symbol++) {
      let count = 0
      for (let stream = 0; stream < HUFFMAN_STREAMS; stream++) {
        count += counts[stream * HUFFMAN_STREAM_COUNTERS + symbol]!
      }
      if (count === 0) continue
      if (used === 0) first = symbol
      last = symbol
      this.#order[used++] = count * HUFFMAN_STREAM_COUNTERS + symbol
    }
    this.firstSymbol = first
    this.symbolCount = last - first + 1
    this.#order.subarray(0, used).sort()
    return used
  }

  #chooseLengths(used: number): void {
    const order = this.#order
    for (let i = 0; i < used; i++) {
      this.#counts[i] = Math.floor(order[i]! / HUFFMAN_STREAM_COUNTERS)
    }
    this.#countLengths(used)
    this.#limitLengths()
    // The rarest symbols get the longest codes
    for (let length = MAX_CODE_BITS, i = 0; i < used; length--) {
      for (let left = this.#lengthCounts[length]!; left > 0; left--) {
        this.lengths[order[i++]! % HUFFMAN_STREAM_COUNTERS] = length
      }
    }
  }

  /** Lengths of an optimal code for the ascending #counts[0 .. used): how many symbols have each. */
  #countLengths(used: number): void {
    const counts = this.#counts
    const nodes = this.#nodes // a tree node's count, and once it has a parent, that
    for (let next = 0, leaf = 0, node = 0; next < used - 1; next++) {
      let sum = 0
      for (let child = 0; child < 2; child++) {
        if (leaf === used || (node < next && nodes[node]! < counts[leaf]!)) {
          sum += nodes[node]!
          nodes[node++] = next
        } else {
          sum += counts[leaf++]!
        }
      }
      nodes[next] = sum
    }
    // From the root down: the depth of each inner node, and what is left at a depth are leaves
    const lengthCounts = this.#lengthCounts.fill(0)
    nodes[used - 2] = 0
    for (let node = used - 3; node >= 0; node--) nodes[node] = nodes[nodes[node]!]! + 1
    let places = 1
    for (let depth = 0, node = used - 2; places > 0; depth++) {
      let inner = 0
      for (; node >= 0 && nodes[node] === depth; node--) inner++
      lengthCounts[depth] = places - inner
      places = 2 * inner
    }
  }

  /** Shortens the codes that are too long, and lengthens others until all fit again. */
  #limitLengths(): void {
    const lengthCounts = this.#lengthCounts
    for (let length = HUFFMAN_SYMBOLS - 1; length > MAX_CODE_BITS; length--) {
      lengthCounts[MAX_CODE_BITS]! += lengthCounts[length]!
      lengthCounts[length] = 0
    }
    let taken = 0 // of 2^MAX_CODE_BITS
    for (let length = 1; length <= MAX_CODE_BITS; length++) {
      taken += lengthCounts[length]! * 2 ** (MAX_CODE_BITS - length)
    }
    for (; taken > 2 ** MAX_CODE_BITS; taken--) {
      // A leaf moves down one level, and one of the longest takes the place beside it
      let length = MAX_CODE_BITS - 1
      while (lengthCounts[length] === 0) length--
      lengthCounts[length]!--
      lengthCounts[length + 1]! += 2
      lengthCounts[MAX_CODE_BITS]!--
    }
  }

  #assignCodes(): void {
    const { codes, firstSymbol, lengths, symbolCount } = this
    let code = 0
    for (let length = 1; length <= MAX_CODE_BITS; length++) {
      for (let symbol = firstSymbol; symbol < firstSymbol + symbolCount; symbol++) {
        if (lengths[symbol] === length) codes[symbol] = reverseBits(code++, length) | (length << 16)
      }
      code *= 2
    }
    if (symbolCount === 1) codes[firstSymbol] = 0
  }

  #streamSize(counts: Uint32Array, first: number): number {
    let bits = 0
    for (let i = 0; i < this.symbolCount; i++) {
      const symbol = this.firstSymbol + i
      bits += counts[first + symbol]! * (this.lengths[symbol]! + extraBitsOf(symbol))
    }
    return Math.ceil(bits / 8)
  }
}

/** Bits of a value that stand behind the code of its symbol. */
export function extraBitsOf(symbol: number): number {
  return symbol < 8 ? 0 : (symbol >>> 2) - 1
}

/** The least value with this symbol. */
export function leastValueOf(symbol: number): number {
  return symbol < 8 ? symbol : (4 | (symbol & 3)) * 2 ** extraBitsOf(symbol)
}

/** Bytes that the code lengths of so many symbols take. */
export function lengthsSizeBytes(symbolCount: number): number {
  return symbolCount > 1 ? Math.ceil(symbolCount / 2) : 0
}

/** The lowest `length` bits in reverse order: streams begin at the lowest bit, codes at the highest. */
export function reverseBits(code: number, length: number): number {
  let result = 0
  for (let i = 0; i < length; i++) result |= ((code >>> i) & 1) << (length - 1 - i)
  return result
}
