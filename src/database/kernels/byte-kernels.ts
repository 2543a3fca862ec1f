/**
 * @module database/kernels/byte-kernels
 * The memory and its checksums without the codecs: all that writing a log takes. Whoever imports the package loads only this.
 */
import { HEAP_AT, SLACK_SIZE_BYTES } from './assembly/layout.ts'
import { KernelMemory, PAGE_SIZE_BYTES } from './memory.ts'
import { xxh64High, xxh64OfBytes } from './xxh64.ts'

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
}
