/**
 * @module demo/cache
 * Keeps the values used last, up to a number of bytes. A Map iterates in the order of insertion, so its
 * first key is the one that was not used for the longest time.
 */
export class LruCache {
  #values = new Map()
  #sizeBytes = 0
  #maxBytes
  hits = 0
  misses = 0

  /** @param {number} maxBytes sum of the values' `length`; a larger value is not kept at all */
  constructor(maxBytes) {
    this.#maxBytes = maxBytes
  }

  /**
   * @param {unknown} key
   * @returns {Buffer | undefined}
   */
  get(key) {
    const value = this.#values.get(key)
    if (value === undefined) {
      this.misses++
      return undefined
    }
    this.hits++
    this.#values.delete(key)
    this.#values.set(key, value)
    return value
  }

  /**
   * @param {unknown} key
   * @param {Buffer} value
   */
  set(key, value) {
    this.delete(key)
    this.#values.set(key, value)
    this.#sizeBytes += value.length
    for (const oldest of this.#values.keys()) {
      if (this.#sizeBytes <= this.#maxBytes) break
      this.delete(oldest)
    }
  }

  /** @param {unknown} key */
  delete(key) {
    this.#sizeBytes -= this.#values.get(key)?.length ?? 0
    this.#values.delete(key)
  }
}
