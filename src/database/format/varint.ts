/**
 * @module database/format/varint
 * LEB128: seven bits a byte, lowest first, bit 7 set on all but the last. Values are whole, 0 .. 2^53 - 1.
 */
import type { CorruptionError } from '../../errors.ts'

export const MAX_VARINT_SIZE_BYTES = 8

/** Writes `value` at `bytes[to]`. Allocates nothing. @returns position behind it */
export function writeVarint(bytes: Uint8Array, to: number, value: number): number {
  while (value >= 2 ** 28) {
    bytes[to++] = (value % 128) | 128 // beyond 32 bits, where bit operations would cut it off
    value = Math.floor(value / 128)
  }
  while (value > 127) {
    bytes[to++] = (value & 127) | 128
    value >>>= 7
  }
  bytes[to++] = value
  return to
}

/** Reads varints from `bytes[position]` up to `bytes[end]`, and refuses anything else. */
export class VarintReader {
  position: number
  readonly #bytes: Uint8Array
  readonly #end: number
  readonly #fail: (position: number, reason: string) => CorruptionError

  /** @param fail makes the error to throw, from an index in `bytes` */
  constructor(
    bytes: Uint8Array,
    position: number,
    end: number,
    fail: (position: number, reason: string) => CorruptionError,
  ) {
    this.#bytes = bytes
    this.position = position
    this.#end = end
    this.#fail = fail
  }

  get done(): boolean {
    return this.position >= this.#end
  }

  /** @throws {CorruptionError} cut off, or greater than `max` (at most 2^53 - 1) */
  next(max: number): number {
    const start = this.position
    const first = this.#bytes[start]!
    if (first < 128 && first <= max && start < this.#end) {
      this.position = start + 1 // as nearly all are
      return first
    }
    let value = 0
    let scale = 1
    for (;;) {
      if (this.position >= this.#end) throw this.#fail(start, 'a number is cut off')
      const byte = this.#bytes[this.position++]!
      value += (byte & 127) * scale
      if (value > max) throw this.#fail(start, `a number is greater than ${max}`)
      if (byte < 128) return value
      scale *= 128
      if (scale > 2 ** 49) throw this.#fail(start, 'a number is too long')
    }
  }
}
