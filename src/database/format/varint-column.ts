/**
 * @module database/format/varint-column
 * A column of varints of which it is not known how many there will be.
 */
import { MAX_VARINT_SIZE_BYTES, writeVarint } from './varint.ts'

export class VarintColumn {
  #bytes = new Uint8Array(256)
  #sizeBytes = 0

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#sizeBytes)
  }

  clear(): void {
    this.#sizeBytes = 0
  }

  /** @param value whole, 0 .. 2^53 - 1 */
  push(value: number): void {
    if (this.#sizeBytes + MAX_VARINT_SIZE_BYTES > this.#bytes.length) {
      const larger = new Uint8Array(2 * this.#bytes.length)
      larger.set(this.bytes)
      this.#bytes = larger
    }
    this.#sizeBytes = writeVarint(this.#bytes, this.#sizeBytes, value)
  }
}
