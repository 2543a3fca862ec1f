/**
 * @module database/kernels/wasm
 * The kernels in WebAssembly: compiles the embedded module, once per thread, and gives each `Kernels` an instance
 * over a memory of its own.
 */
import { BUCKET_UPPER_NS, cellBuckets } from '../../metrics/histogram.ts'
import {
  CELL_ENTRIES,
  CELLS_AT,
  HEAP_AT,
  HUFFMAN_CODES_AT,
  HUFFMAN_COUNTS_AT,
  HUFFMAN_STREAM_COUNTERS,
  SLACK_SIZE_BYTES,
} from './assembly/layout.ts'
import { HUFFMAN_STREAMS, HuffmanCode } from './huffman-code.ts'
import type { ArrivedRows, Kernels, PforRows } from './kernels.ts'
import { KERNELS_WASM_BASE64 } from './kernels.wasm.ts'
import { KernelMemory, MAX_PAGES, PAGE_SIZE_BYTES } from './memory.ts'

/** The module's functions as WebAssembly has them: u32 and addresses come back as i32, u64 as a signed bigint. */
type Exports = Omit<
  Kernels,
  | 'kind'
  | 'u8'
  | 'u16'
  | 'u32'
  | 'f64'
  | 'view'
  | 'allocate'
  | 'huffmanEncode'
  | 'huffmanDecodeFrom'
  | 'pforCountBetween'
  | 'pforSelectBetween'
  | 'scatterRows'
> & {
  scatterRows(...args: number[]): void
  pforCountBetween(...args: number[]): number
  pforSelectBetween(...args: number[]): number
  huffmanDecodeFrom(from: number, mark: number, n: number, to: number): number
  /** Counts the symbols of each stream, to HUFFMAN_COUNTS_AT. */
  huffmanCount(from: number, n: number): void
  /** Writes the streams by the codes at HUFFMAN_CODES_AT, each up to its end. */
  huffmanPack(
    from: number,
    n: number,
    to: number,
    end0: number,
    end1: number,
    end2: number,
    end3: number,
  ): void
}

/** What of WebAssembly is used; the types of Node do not declare it. */
interface WebAssemblyApi {
  Memory: new (limits: { initial: number; maximum: number }) => LinearMemory
  Module: new (bytes: Uint8Array) => object
  Instance: new (module: object, imports: object) => { exports: unknown }
}
interface LinearMemory {
  readonly buffer: ArrayBuffer
  grow(pages: number): number
}

const INITIAL_PAGES = Math.ceil((HEAP_AT + SLACK_SIZE_BYTES) / PAGE_SIZE_BYTES)
const U32_MAX = 0xffffffff

let compiled: object | undefined

/**
 * New kernels in WebAssembly, with a memory of their own.
 *
 * @throws whatever the engine throws where WebAssembly, its SIMD instructions or address space are missing
 */
export function loadWasmKernels(): Kernels {
  const { Memory, Module, Instance } = (globalThis as unknown as { WebAssembly: WebAssemblyApi })
    .WebAssembly
  compiled ??= new Module(decodeBase64(KERNELS_WASM_BASE64))
  const memory = new Memory({ initial: INITIAL_PAGES, maximum: MAX_PAGES })
  const instance = new Instance(compiled, { env: { memory } })
  return new WasmKernels(memory, instance.exports as Exports)
}

class WasmKernels extends KernelMemory implements Kernels {
  readonly kind = 'wasm'
  readonly #memory: LinearMemory
  readonly #exports: Exports
  readonly #code = new HuffmanCode()

  constructor(memory: LinearMemory, exports: Exports) {
    super(memory.buffer)
    this.#memory = memory
    this.#exports = exports
    writeCells(this.u32)
  }

  protected grow(pages: number): ArrayBuffer {
    this.#memory.grow(pages - this.u8.byteLength / PAGE_SIZE_BYTES)
    return this.#memory.buffer
  }

  xxh64(pointer: number, sizeBytes: number): bigint {
    return BigInt.asUintN(64, this.#exports.xxh64(pointer, sizeBytes))
  }

  xxh64Low(pointer: number, sizeBytes: number): number {
    return this.#exports.xxh64Low(pointer, sizeBytes) >>> 0
  }

  pforEncode(from: number, n: number, base: number, to: number): number {
    return this.#exports.pforEncode(from, n, base, to) >>> 0
  }

  pforDecode(from: number, n: number, base: number, to: number): number {
    return this.#exports.pforDecode(from, n, base, to) >>> 0
  }

  pforCountBetween(page: PforRows, least: number, most: number): number {
    const { base, end, from, n, rowEnd, rowStart } = page
    return this.#exports.pforCountBetween(from, end, n, base, rowStart, rowEnd, least, most)
  }

  pforSelectBetween(
    page: PforRows,
    least: number,
    most: number,
    rows: number,
    values: number,
  ): number {
    const { base, end, from, n, rowEnd, rowStart } = page
    return this.#exports.pforSelectBetween(
      ...[from, end, n, base, rowStart, rowEnd, least, most],
      ...[rows, values],
    )
  }

  huffmanEncode(from: number, n: number, to: number): number {
    const code = this.#code
    this.#exports.huffmanCount(from, n)
    const counts = HUFFMAN_COUNTS_AT / 4
    code.choose(this.u32.subarray(counts, counts + HUFFMAN_STREAMS * HUFFMAN_STREAM_COUNTERS))
    this.u32.set(code.codes, HUFFMAN_CODES_AT / 4)
    code.writeHeader(this.view, to)
    const first = to + code.headerSizeBytes
    const [size0, size1, size2, size3] = code.streamSizes as unknown as [
      number,
      number,
      number,
      number,
    ]
    const end0 = first + size0
    const end1 = end0 + size1
    const end2 = end1 + size2
    const end3 = end2 + size3
    this.#exports.huffmanPack(from, n, first, end0, end1, end2, end3)
    return end3
  }

  huffmanDecode(from: number, n: number, to: number): number {
    return this.#exports.huffmanDecode(from, n, to) >>> 0
  }

  huffmanMark(from: number, n: number, marks: number): number {
    return this.#exports.huffmanMark(from, n, marks) >>> 0
  }

  huffmanDecodeFrom(from: number, mark: number, n: number, to: number): boolean {
    return this.#exports.huffmanDecodeFrom(from, mark, n, to) !== 0
  }

  deltaEncode(from: number, n: number, to: number): number {
    return this.#exports.deltaEncode(from, n, to) >>> 0
  }

  deltaDecode(from: number, n: number, start: number, to: number): void {
    this.#exports.deltaDecode(from, n, start, to)
  }

  narrow(from: number, n: number, base: number, to: number, out: number): void {
    this.#exports.narrow(from, n, base, to, out)
  }

  nonZeroRows(from: number, n: number, to: number): number {
    return this.#exports.nonZeroRows(from, n, to) >>> 0
  }

  countIds(ids: number, n: number, counts: number): void {
    this.#exports.countIds(ids, n, counts)
  }

  scatterRows(rows: ArrivedRows): void {
    this.#exports.scatterRows(
      ...[rows.ids, rows.startOffsets, rows.durations, rows.n, rows.baseUs, rows.next],
      ...[rows.startsTo, rows.durationsTo, rows.positions],
    )
  }

  aggregate(durations: number, n: number, histogram: number, out: number): void {
    this.#exports.aggregate(durations, n, histogram, out)
  }

  squaredDeviations(durations: number, n: number, mean: number): number {
    return this.#exports.squaredDeviations(durations, n, mean)
  }

  filterGreater(values: number, n: number, threshold: number, out: number): number {
    return this.#exports.filterGreater(values, n, threshold, out) >>> 0
  }

  countGreater(values: number, n: number, threshold: number): number {
    return this.#exports.countGreater(values, n, threshold) >>> 0
  }

  histogramEncode(histogram: number, to: number, clear: boolean): number {
    return this.#exports.histogramEncode(histogram, to, clear) >>> 0
  }

  histogramMerge(from: number, histogram: number): number {
    return this.#exports.histogramMerge(from, histogram) >>> 0
  }

  histogramMergeMany(list: number, n: number, histogram: number): void {
    this.#exports.histogramMergeMany(list, n, histogram)
  }
}

/** The table of assembly/aggregate.ts, from the one of metrics/histogram. */
function writeCells(u32: Uint32Array): void {
  // Entry 0, for 0 ns, stays 0: bucket 0, and no duration carries into the next
  const buckets = cellBuckets()
  for (let cell = 0; cell < CELL_ENTRIES - 1; cell++) {
    const bucket = buckets[cell]!
    const entry = CELLS_AT / 4 + 2 * (cell + 1)
    u32[entry] = U32_MAX - Math.min(BUCKET_UPPER_NS[bucket]!, U32_MAX)
    u32[entry + 1] = bucket
  }
}

function decodeBase64(text: string): Uint8Array {
  // Not every runtime has Buffer, and atob is slow
  if (typeof Buffer !== 'undefined') return Buffer.from(text, 'base64')
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0))
}
