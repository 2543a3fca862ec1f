/**
 * @module database/bytes
 * Bytes that grow: where it is known only at the end how many there are.
 */

export class Bytes {
  #bytes = new Uint8Array(65_536)
  #length = 0

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  clear(): void {
    this.#length = 0
  }

  append(from: Uint8Array, at: number, sizeBytes: number): void {
    if (this.#length + sizeBytes > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.#length + sizeBytes, 2 * this.#bytes.length))
      larger.set(this.bytes)
      this.#bytes = larger
    }
    this.#bytes.set(from.subarray(at, at + sizeBytes), this.#length)
    this.#length += sizeBytes
  }
}
