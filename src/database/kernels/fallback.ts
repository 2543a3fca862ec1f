/**
 * @module database/kernels/fallback
 * The kernels in plain TypeScript: used where WebAssembly or its SIMD instructions are missing or not wanted, and
 * the reference that the WebAssembly ones are tested against. Same bytes, same numbers, 5 to 20 times slower.
 */
import { BUCKET_COUNT, bucketOf } from '../../metrics/histogram.ts'
import { HUFFMAN_STREAM_COUNTERS, SCRATCH_VALUES_AT, SLACK_SIZE_BYTES } from './assembly/layout.ts'
import { ByteKernels } from './byte-kernels.ts'
import { HUFFMAN_STREAMS, HuffmanCode } from './huffman-code.ts'
import {
  decodeHuffmanValues,
  endOfHuffmanPage,
  markHuffmanStreams,
  NO_BITS,
  openHuffmanPage,
  packHuffmanStream,
  symbolOf,
} from './huffman-fallback.ts'
import type { ArrivedRows, Kernels, PforRows } from './kernels.ts'

const BLOCK_VALUES = 128
const MAX_EXCEPTIONS = 63
const GROUP_BUCKETS = 16
const GROUP_COUNT = BUCKET_COUNT / GROUP_BUCKETS
const WIDE_FLAG = 0x8000
/** Sizes of a group by kind, without and with WIDE_FLAG. */
const GROUP_SIZE_BYTES = [
  [0, 8, 16, 32],
  [0, 8, 16, 64],
] as const

/** New kernels in TypeScript, with a memory of their own. */
export function loadFallbackKernels(): Kernels {
  return new FallbackKernels()
}

class FallbackKernels extends ByteKernels implements Kernels {
  readonly kind = 'typescript'
  readonly #lengthCounts = new Uint8Array(33)
  readonly #code = new HuffmanCode()
  readonly #symbolCounts = new Uint32Array(HUFFMAN_STREAMS * HUFFMAN_STREAM_COUNTERS)

  pforEncode(from: number, n: number, base: number, to: number): number {
    const blocks = Math.ceil(n / BLOCK_VALUES)
    let pointer = to + 2 * blocks
    for (let block = 0; block < blocks; block++) {
      const first = (from >>> 2) + block * BLOCK_VALUES
      const count = Math.min(BLOCK_VALUES, n - block * BLOCK_VALUES)
      const { width, exceptions, highBytesLog2 } = this.#chooseWidth(first, count, base)
      this.u8[to + 2 * block] = width
      this.u8[to + 2 * block + 1] = exceptions | (highBytesLog2 << 6)
      pointer = this.#pack(first, count, base, width, pointer)
      if (exceptions > 0) {
        pointer = this.#packExceptions(
          first,
          count,
          base,
          width,
          exceptions,
          highBytesLog2,
          pointer,
        )
      }
    }
    return pointer
  }

  pforDecode(from: number, n: number, base: number, to: number): number {
    const { u8, u32, view } = this
    const blocks = Math.ceil(n / BLOCK_VALUES)
    const limit = u8.length - SLACK_SIZE_BYTES
    if (from > limit) return 0
    let pointer = from + 2 * blocks
    for (let block = 0; block < blocks; block++) {
      if (pointer > limit) return 0
      const width = u8[from + 2 * block]!
      const count = u8[from + 2 * block + 1]! & 63
      const highBytesLog2 = u8[from + 2 * block + 1]! >>> 6
      if (width > 32 || (count > 0 && (width === 32 || highBytesLog2 === 3))) return 0
      const first = (to >>> 2) + block * BLOCK_VALUES
      const rows = Math.min(BLOCK_VALUES, n - block * BLOCK_VALUES)
      this.#unpack(pointer, width, rows, base, first)
      pointer += packedSizeBytes(rows, width)
      const highs = pointer + count
      for (let k = 0; k < count; k++) {
        const position = u8[pointer + k]!
        if (position >= BLOCK_VALUES) return 0
        const high = readHigh(view, highs, k, highBytesLog2)
        u32[first + position] = u32[first + position]! + (high << width)
      }
      pointer = highs + (count << highBytesLog2)
    }
    return pointer
  }

  pforCountBetween(page: PforRows, least: number, most: number): number {
    let found = 0
    const isSound = this.#forEachBetween(page, least, most, () => found++)
    return isSound ? found : -1
  }

  pforSelectBetween(
    page: PforRows,
    least: number,
    most: number,
    rows: number,
    values: number,
  ): number {
    const { u32 } = this
    let found = 0
    const isSound = this.#forEachBetween(page, least, most, (row, value) => {
      u32[rows / 4 + found] = row
      u32[values / 4 + found++] = value
    })
    return isSound ? found : -1
  }

  huffmanEncode(from: number, n: number, to: number): number {
    const { u32, u8 } = this
    const code = this.#code
    const counts = this.#symbolCounts.fill(0)
    for (let i = 0; i < n; i++) {
      const stream = i % HUFFMAN_STREAMS
      counts[stream * HUFFMAN_STREAM_COUNTERS + symbolOf(u32[from / 4 + i]!)]!++
    }
    code.choose(counts)
    code.writeHeader(this.view, to)
    let pointer = to + code.headerSizeBytes
    for (let stream = 0; stream < HUFFMAN_STREAMS; stream++) {
      packHuffmanStream(u8, u32, from / 4 + stream, from / 4 + n, code.codes, pointer)
      pointer += code.streamSizes[stream]!
    }
    return pointer
  }

  huffmanDecode(from: number, n: number, to: number): number {
    if (from > this.u8.length - SLACK_SIZE_BYTES) return 0
    const page = openHuffmanPage(this.u8, this.view, from)
    if (page === undefined) return 0
    const bits = decodeHuffmanValues(page, NO_BITS, n, this.u32, to / 4)
    return bits === undefined ? 0 : endOfHuffmanPage(page, bits)
  }

  huffmanMark(from: number, n: number, marks: number): number {
    if (from > this.u8.length - SLACK_SIZE_BYTES) return 0
    const page = openHuffmanPage(this.u8, this.view, from)
    return page === undefined ? 0 : markHuffmanStreams(page, n, this.u32, this.f64, marks)
  }

  huffmanDecodeFrom(from: number, mark: number, n: number, to: number): boolean {
    if (from > this.u8.length - SLACK_SIZE_BYTES) return false
    const page = openHuffmanPage(this.u8, this.view, from)
    if (page === undefined) return false
    const bits = this.u32.subarray(mark / 4, mark / 4 + HUFFMAN_STREAMS)
    return decodeHuffmanValues(page, bits, n, this.u32, to / 4) !== undefined
  }

  deltaEncode(from: number, n: number, to: number): number {
    const { f64, u32 } = this
    const source = from / 8
    const target = to >>> 2
    let bad = 0
    if (n > 0) u32[target] = 0
    for (let i = 1; i < n; i++) {
      const gap = f64[source + i]! - f64[source + i - 1]!
      if (!(gap >= 0 && gap < 2 ** 32)) bad++
      u32[target + i] = gap
    }
    return bad
  }

  deltaDecode(from: number, n: number, start: number, to: number): void {
    const { f64, u32 } = this
    const source = from / 4
    const target = to / 8
    let sum = start
    for (let i = 0; i < n; i++) f64[target + i] = sum += u32[source + i]!
  }

  countIds(ids: number, n: number, counts: number): void {
    const { u16, u32 } = this
    for (let i = 0; i < n; i++) u32[counts / 4 + u16[ids / 2 + i]!]!++
  }

  scatterRows(rows: ArrivedRows): void {
    const { f64, u16, u32 } = this
    const { baseUs, n } = rows
    const ids = rows.ids / 2
    const startOffsets = rows.startOffsets / 4
    const durations = rows.durations / 4
    const next = rows.next / 4
    const startsTo = rows.startsTo / 8
    const durationsTo = rows.durationsTo / 8
    const positions = rows.positions / 4
    for (let i = 0; i < n; i++) {
      const row = u32[next + u16[ids + i]!]!++
      u32[positions + i] = row
      f64[startsTo + row] = baseUs + u32[startOffsets + i]!
      f64[durationsTo + row] = u32[durations + i]!
    }
  }

  aggregate(durations: number, n: number, histogram: number, out: number): void {
    const { u32 } = this
    const first = durations / 4
    const buckets = histogram / 4
    let sum = 0
    let minimum = 0xffffffff
    let maximum = 0
    for (let i = first; i < first + n; i++) {
      const duration = u32[i]!
      sum += duration
      if (duration < minimum) minimum = duration
      if (duration > maximum) maximum = duration
      u32[buckets + bucketOf(duration)]!++
    }
    this.f64[out / 8] = sum
    u32[out / 4 + 2] = minimum
    u32[out / 4 + 3] = maximum
  }

  squaredDeviations(durations: number, n: number, mean: number): number {
    const { u32 } = this
    const first = durations / 4
    const whole = n - (n % 4)
    // Four partial sums, as the four lanes of the WebAssembly kernel: the order of additions decides the last bits
    let sum0 = 0
    let sum1 = 0
    let sum2 = 0
    let sum3 = 0
    for (let i = first; i < first + whole; i += 4) {
      sum0 += (u32[i]! - mean) * (u32[i]! - mean)
      sum1 += (u32[i + 1]! - mean) * (u32[i + 1]! - mean)
      sum2 += (u32[i + 2]! - mean) * (u32[i + 2]! - mean)
      sum3 += (u32[i + 3]! - mean) * (u32[i + 3]! - mean)
    }
    for (let i = first + whole; i < first + n; i++) sum0 += (u32[i]! - mean) * (u32[i]! - mean)
    return sum0 + sum2 + (sum1 + sum3)
  }

  filterGreater(values: number, n: number, threshold: number, out: number): number {
    const { u32 } = this
    const first = values / 4
    const target = out / 4
    let found = 0
    for (let i = 0; i < n; i++) {
      if (u32[first + i]! > threshold) u32[target + found++] = i
    }
    return found
  }

  countGreater(values: number, n: number, threshold: number): number {
    const { u32 } = this
    const first = values / 4
    let found = 0
    for (let i = first; i < first + n; i++) if (u32[i]! > threshold) found++
    return found
  }

  histogramEncode(histogram: number, to: number, clear: boolean): number {
    const { u8, u32, view } = this
    const first = histogram / 4
    let groupStart = 0
    while (groupStart < GROUP_COUNT && groupBits(u32, first, groupStart) === 0) groupStart++
    if (groupStart === GROUP_COUNT) return 0
    let groupEnd = GROUP_COUNT
    while (groupBits(u32, first, groupEnd - 1) === 0) groupEnd--

    let allBits = 0
    for (let group = groupStart; group < groupEnd; group++) allBits |= groupBits(u32, first, group)
    const wide = allBits >>> 16 !== 0
    const groups = groupEnd - groupStart
    view.setUint16(to, groupStart, true)
    view.setUint16(to + 2, groups | (wide ? WIDE_FLAG : 0), true)
    const kindsSizeBytes = Math.ceil(groups / 4)
    u8.fill(0, to + 4, to + 4 + kindsSizeBytes)

    let pointer = to + 4 + kindsSizeBytes
    for (let k = 0; k < groups; k++) {
      const bits = groupBits(u32, first, groupStart + k) >>> 0
      const kind = bits === 0 ? 0 : bits < 16 ? 1 : bits < 256 ? 2 : 3
      u8[to + 4 + (k >>> 2)]! |= kind << ((k & 3) << 1)
      const bucket = first + (groupStart + k) * GROUP_BUCKETS
      pointer = this.#encodeGroup(bucket, kind, wide, pointer)
    }
    if (clear) u32.fill(0, first, first + BUCKET_COUNT)
    return pointer - to
  }

  histogramMerge(from: number, histogram: number): number {
    const { u8, view } = this
    const limit = u8.length - SLACK_SIZE_BYTES
    if (from > limit) return 0
    const groupStart = view.getUint16(from, true)
    const groups = view.getUint16(from + 2, true) & ~WIDE_FLAG
    const wide = (view.getUint16(from + 2, true) & WIDE_FLAG) !== 0
    if (groupStart + groups > GROUP_COUNT) return 0
    const kinds = from + 4
    let pointer = kinds + Math.ceil(groups / 4)
    let bucket = histogram / 4 + groupStart * GROUP_BUCKETS
    for (let k = 0; k < groups; k++) {
      if (pointer > limit) return 0
      const kind = (u8[kinds + (k >>> 2)]! >>> ((k & 3) << 1)) & 3
      this.#mergeGroup(pointer, kind, wide, bucket)
      pointer += GROUP_SIZE_BYTES[wide ? 1 : 0][kind]!
      bucket += GROUP_BUCKETS
    }
    return pointer
  }

  histogramMergeMany(list: number, n: number, histogram: number): void {
    for (let i = 0; i < n; i++) this.histogramMerge(this.u32[list / 4 + i]!, histogram)
  }

  /** @returns false if the page is malformed */
  #forEachBetween(
    { base, end, from, n, rowEnd, rowStart }: PforRows,
    least: number,
    most: number,
    take: (row: number, value: number) => void,
  ): boolean {
    if (least > most || most < base) return true
    const { u8, u32 } = this
    if (from > end || end > u8.length - SLACK_SIZE_BYTES) return false
    const low = Math.max(least - base, 0)
    const high = most - base
    const scratch = SCRATCH_VALUES_AT / 4
    let pointer = from + 2 * Math.ceil(n / BLOCK_VALUES)
    for (let row = 0, header = from; row < rowEnd; row += BLOCK_VALUES, header += 2) {
      if (pointer > end) return false
      const width = u8[header]!
      const count = u8[header + 1]! & 63
      const highBytesLog2 = u8[header + 1]! >>> 6
      if (width > 32 || (count > 0 && (width === 32 || highBytesLog2 === 3))) return false
      const packed = pointer
      const rows = Math.min(n - row, BLOCK_VALUES)
      const positions = packed + packedSizeBytes(rows, width)
      pointer = positions + count + (count << highBytesLog2)
      if (pointer > end) return false
      if (row + rows <= rowStart) continue
      this.#unpack(packed, width, rows, 0, scratch)
      // In a block whose low bits cannot reach the lower bound, only great high parts are looked at
      const leastHigh = low > lowBits(width) >>> 0 ? low >>> width : 0
      let previous = -1
      for (let k = 0; k < count; k++) {
        const highPart = readHigh(this.view, positions + count, k, highBytesLog2)
        if (highPart < leastHigh) continue
        const position = u8[positions + k]!
        if (position >= BLOCK_VALUES || position <= previous) return false
        previous = position
        u32[scratch + position]! += highPart << width
      }
      const stop = Math.min(rowEnd - row, rows)
      for (let i = Math.max(rowStart - row, 0); i < stop; i++) {
        const value = u32[scratch + i]!
        if (value >= low && value <= high) take(row + i, value + base)
      }
    }
    return true
  }

  /** The width with the smallest block; of equally small ones the widest, which has the fewest exceptions. */
  #chooseWidth(first: number, count: number, base: number): BlockShape {
    const lengthCounts = this.#lengthCounts.fill(0)
    let allBits = 0
    for (let i = first; i < first + count; i++) {
      const value = (this.u32[i]! - base) | 0
      lengthCounts[32 - Math.clz32(value)]!++
      allBits |= value
    }
    const longest = 32 - Math.clz32(allBits)
    let best: BlockShape = { width: longest, exceptions: 0, highBytesLog2: 0 }
    let bestSizeBytes = Infinity
    let exceptions = 0
    for (let width = longest; width >= 0 && exceptions <= MAX_EXCEPTIONS; width--) {
      const highBits = longest - width
      const highBytesLog2 = highBits <= 8 ? 0 : highBits <= 16 ? 1 : 2
      const sizeBytes = packedSizeBytes(count, width) + exceptions * (1 + (1 << highBytesLog2))
      if (sizeBytes < bestSizeBytes) {
        bestSizeBytes = sizeBytes
        best = { width, exceptions, highBytesLog2 }
      }
      exceptions += lengthCounts[width]!
    }
    return best
  }

  #pack(first: number, count: number, base: number, width: number, to: number): number {
    const { u32, view } = this
    const mask = lowBits(width)
    const sizeBytes = packedSizeBytes(count, width)
    for (let lane = 0; lane < 4 && width > 0; lane++) {
      let word = 0
      let used = 0
      let pointer = to + lane * 4
      for (let i = lane; pointer < to + sizeBytes; i += 4) {
        const value = i < count ? (u32[first + i]! - base) & mask : 0
        word |= value << used
        used += width
        if (used < 32) continue
        view.setUint32(pointer, word, true)
        pointer += 16
        used -= 32
        word = used > 0 ? value >>> (width - used) : 0
      }
    }
    return to + sizeBytes
  }

  #packExceptions(
    first: number,
    count: number,
    base: number,
    width: number,
    exceptions: number,
    highBytesLog2: number,
    to: number,
  ): number {
    const { u8, u32, view } = this
    const highs = to + exceptions
    let k = 0
    for (let i = 0; i < count; i++) {
      const high = (u32[first + i]! - base) >>> width
      if (high === 0) continue
      u8[to + k] = i
      if (highBytesLog2 === 0) u8[highs + k] = high
      else if (highBytesLog2 === 1) view.setUint16(highs + 2 * k, high, true)
      else view.setUint32(highs + 4 * k, high, true)
      k++
    }
    return highs + (exceptions << highBytesLog2)
  }

  #unpack(from: number, width: number, count: number, base: number, first: number): void {
    const { u32, view } = this
    if (width === 0) {
      u32.fill(base, first, first + count)
      return
    }
    const mask = lowBits(width)
    for (let lane = 0; lane < 4; lane++) {
      let pointer = from + lane * 4
      let word = view.getUint32(pointer, true)
      let bit = 0
      for (let i = lane; i < count; i += 4) {
        let value = word >>> bit
        bit += width
        if (bit >= 32) {
          pointer += 16
          bit -= 32
          // The word behind the lane's last one is not needed, but it can be read: see SLACK_SIZE_BYTES
          word = view.getUint32(pointer, true)
          if (bit > 0) value |= word << (width - bit)
        }
        u32[first + i] = base + (value & mask)
      }
    }
  }

  #encodeGroup(bucket: number, kind: number, wide: boolean, to: number): number {
    const { u8, u32, view } = this
    if (kind === 1) {
      for (let k = 0; k < 8; k++) {
        u8[to + k] = u32[bucket + 2 * k]! | (u32[bucket + 2 * k + 1]! << 4)
      }
    } else if (kind > 1) {
      for (let k = 0; k < GROUP_BUCKETS; k++) {
        const calls = u32[bucket + k]!
        if (kind === 2) u8[to + k] = calls
        else if (wide) view.setUint32(to + 4 * k, calls, true)
        else view.setUint16(to + 2 * k, calls, true)
      }
    }
    return to + GROUP_SIZE_BYTES[wide ? 1 : 0][kind]!
  }

  #mergeGroup(from: number, kind: number, wide: boolean, bucket: number): void {
    if (kind === 0) return
    const { u8, u32, view } = this
    for (let k = 0; k < GROUP_BUCKETS; k++) {
      let calls: number
      if (kind === 1) calls = (u8[from + (k >>> 1)]! >>> ((k & 1) << 2)) & 15
      else if (kind === 2) calls = u8[from + k]!
      else calls = wide ? view.getUint32(from + 4 * k, true) : view.getUint16(from + 2 * k, true)
      u32[bucket + k]! += calls
    }
  }
}

/** How one block is stored: the low `width` bits of each value packed, the rest of `exceptions` values apart. */
interface BlockShape {
  width: number
  exceptions: number
  highBytesLog2: number
}

function packedSizeBytes(count: number, width: number): number {
  return Math.ceil((Math.ceil(count / 4) * width) / 32) * 16
}

/** Mask of the low `width` bits, 0 to 32. */
function lowBits(width: number): number {
  return width === 32 ? -1 : (1 << width) - 1
}

function readHigh(view: DataView, highs: number, k: number, highBytesLog2: number): number {
  if (highBytesLog2 === 0) return view.getUint8(highs + k)
  return highBytesLog2 === 1
    ? view.getUint16(highs + 2 * k, true)
    : view.getUint32(highs + 4 * k, true)
}

/** The bits that any of the group's counts has. */
function groupBits(u32: Uint32Array, first: number, group: number): number {
  let bits = 0
  const start = first + group * GROUP_BUCKETS
  for (let i = start; i < start + GROUP_BUCKETS; i++) bits |= u32[i]!
  return bits
}
