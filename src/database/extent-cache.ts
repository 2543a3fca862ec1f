/**
 * @module database/extent-cache
 * The extents read last, encoded as they stand on disk and with their checksums verified. Least recently used ones
 * go first. Encoded bytes take half the room of decoded ones, and decoding costs less than reading.
 */

export const DEFAULT_CACHE_SIZE_BYTES = 32 * 1024 * 1024

export class ExtentCache {
  readonly #limitBytes: number
  readonly #extents = new Map<number, Uint8Array>() // in order of use, oldest first
  #sizeBytes = 0

  constructor(limitBytes = DEFAULT_CACHE_SIZE_BYTES) {
    this.#limitBytes = limitBytes
  }

  get sizeBytes(): number {
    return this.#sizeBytes
  }

  get(key: number): Uint8Array | undefined {
    const bytes = this.#extents.get(key)
    if (bytes === undefined) return undefined
    this.#extents.delete(key)
    this.#extents.set(key, bytes)
    return bytes
  }

  /** @param bytes kept as they are, not copied */
  set(key: number, bytes: Uint8Array): void {
    this.delete(key)
    if (bytes.length > this.#limitBytes) return
    this.#extents.set(key, bytes)
    this.#sizeBytes += bytes.length
    for (const [oldest] of this.#extents) {
      if (this.#sizeBytes <= this.#limitBytes) break
      this.delete(oldest)
    }
  }

  delete(key: number): void {
    const bytes = this.#extents.get(key)
    if (bytes === undefined) return
    this.#extents.delete(key)
    this.#sizeBytes -= bytes.length
  }
}
