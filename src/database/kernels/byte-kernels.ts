/**
 * @module database/kernels/byte-kernels
 * The memory, its checksums and passes over columns, without the codecs: all that writing a log takes. Whoever imports the package loads only this.
 */
import { HEAP_AT, SLACK_SIZE_BYTES } from './assembly/layout.ts'
import { KernelMemory, PAGE_SIZE_BYTES } from './memory.ts'
import { xxh64High, xxh64OfBytes } from './xxh64.ts'

/** What larger numbers become. */
const SATURATED = 0xffff_ffff
const INITIAL_PAGES = Math.ceil((HEAP_AT + SLACK_SIZE_BYTES) / PAGE_SIZE_BYTES)

/** In plain TypeScript, with a memory of its own. */
export class ByteKernels extends KernelMemory {
  constructor() {
    super(new ArrayBuffer(INITIAL_PAGES * PAGE_SIZE_BYTES))
  }

  protected grow(pages: number): ArrayBuffer {
    const larger = new ArrayBuffer(pages * PAGE_SIZE_BYTES)
    new Uint8Array(larger).set(this.u8)
    return larger
  }

  xxh64(pointer: number, sizeBytes: number): bigint {
    const low = xxh64OfBytes(this.view, pointer, sizeBytes)
    return (BigInt(xxh64High()) << 32n) | BigInt(low)
  }

  xxh64Low(pointer: number, sizeBytes: number): number {
    return xxh64OfBytes(this.view, pointer, sizeBytes)
  }

  narrow(from: number, n: number, base: number, to: number, out: number): void {
    const { f64, u32 } = this
    let minimum = Number.MAX_VALUE
    let maximum = 0
    for (let i = 0; i < n; i++) {
      const value = f64[from / 8 + i]! - base
      if (value < minimum) minimum = value
      if (value > maximum) maximum = value
      u32[to / 4 + i] = value > 0 ? (value < SATURATED ? value : SATURATED) : 0
    }
    f64[out / 8] = minimum
    f64[out / 8 + 1] = maximum
  }

  nonZeroRows(from: number, n: number, to: number): number {
    const { u16 } = this
    let found = 0
    for (let i = 0; i < n; i++) if (u16[from / 2 + i] !== 0) u16[to / 2 + found++] = i
    return found
  }
}
