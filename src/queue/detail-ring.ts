/**
 * @module queue/detail-ring
 * What some records say besides: attributes, and time spent in calls that the stack does not tell. A ring of bytes
 * beside the thread's ring of records (layout in queue/layout); both ends of it are here.
 *
 * Each entry names its record, so that one whose record was never written, or was read before a thread died, is passed
 * over. A full ring costs the details, not the record.
 */
import { Buffer } from 'node:buffer'
import {
  DETAIL_HEADER_BYTES,
  DETAIL_WRAP,
  detailHeadWord,
  detailsDroppedCounter,
  detailTailWord,
  type SharedMemory,
} from './layout.ts'

/** Attributes are shorter: a writer's bug, or memory that was overwritten. */
const MAX_TEXT_BYTES = 65_536
const UTF8_BYTES_PER_UNIT = 3

export class DetailRing {
  readonly #control: Int32Array
  readonly #counters: Float64Array
  readonly #bytes: Uint8Array
  readonly #text: Buffer // the same bytes
  readonly #view: DataView
  readonly #mask: number
  readonly #slot: number
  #childrenNs = NaN
  #attributes: string | undefined
  isPrepared = false

  constructor(memory: SharedMemory, slot: number) {
    const ring = memory.details[slot]!
    this.#control = new Int32Array(memory.control)
    this.#counters = new Float64Array(memory.counters)
    this.#bytes = new Uint8Array(ring)
    this.#text = Buffer.from(ring)
    this.#view = new DataView(ring)
    this.#mask = ring.byteLength - 1
    this.#slot = slot
  }

  /** Keeps what the next record will say. */
  prepare(childrenNs: number, attributes: string | undefined): void {
    this.#childrenNs = childrenNs
    this.#attributes = attributes
    this.isPrepared = true
  }

  discard(): void {
    this.#attributes = undefined
    this.isPrepared = false
  }

  /**
   * Writes what was prepared, for the record at `record`, which must be published after it.
   *
   * @returns false if there is no room; that is counted
   */
  publish(record: number): boolean {
    const text = this.#attributes ?? ''
    const childrenNs = this.#childrenNs
    this.discard()
    const start = this.#reserve(DETAIL_HEADER_BYTES + UTF8_BYTES_PER_UNIT * text.length + 8)
    if (start === undefined) {
      const counter = detailsDroppedCounter(this.#slot)
      this.#counters[counter] = this.#counters[counter]! + 1
      return false
    }
    const at = start & this.#mask
    const length = text === '' ? 0 : this.#text.write(text, at + DETAIL_HEADER_BYTES, 'utf8')
    this.#view.setUint32(at, record >>> 0, true)
    this.#view.setUint32(at + 4, length, true)
    this.#view.setFloat64(at + 8, childrenNs, true)
    const end = (start + DETAIL_HEADER_BYTES + 8 * Math.ceil(length / 8)) | 0
    Atomics.store(this.#control, detailHeadWord(this.#slot), end)
    return true
  }

  /**
   * Lock owner: the entries from the tail on, in order.
   *
   * @param position where to look; detailTail() at first, then what the call before gave as `next`
   * @returns the entry of `record`, undefined if it is not there
   */
  find(position: number, record: number): DetailEntry | undefined {
    const head = Atomics.load(this.#control, detailHeadWord(this.#slot))
    while ((head - position) | 0) {
      const at = position & this.#mask
      const length = this.#view.getUint32(at + 4, true)
      if (length === DETAIL_WRAP) {
        position = (position + this.#mask + 1 - at) | 0
        continue
      }
      const distance = (record - this.#view.getUint32(at, true)) | 0
      if (distance < 0 || length > MAX_TEXT_BYTES) return undefined
      const next = (position + DETAIL_HEADER_BYTES + 8 * Math.ceil(length / 8)) | 0
      if (distance === 0) {
        const from = at + DETAIL_HEADER_BYTES
        return {
          next,
          childrenNs: this.#view.getFloat64(at + 8, true),
          attributes: length === 0 ? undefined : this.#bytes.slice(from, from + length),
        }
      }
      position = next
    }
    return undefined
  }

  /** Lock owner: where the first entry stands that has not been released. */
  get tail(): number {
    return Atomics.load(this.#control, detailTailWord(this.#slot))
  }

  /** Lock owner: what is below `position` may be overwritten. */
  release(position: number): void {
    Atomics.store(this.#control, detailTailWord(this.#slot), position)
  }

  /** @returns position at which so many bytes in one piece are free, undefined if there are none */
  #reserve(bytes: number): number | undefined {
    const capacity = this.#mask + 1
    const head = Atomics.load(this.#control, detailHeadWord(this.#slot))
    const free = capacity - ((head - Atomics.load(this.#control, detailTailWord(this.#slot))) | 0)
    const toEnd = capacity - (head & this.#mask)
    if (bytes <= toEnd) return bytes <= free ? head : undefined
    if (toEnd + bytes > free) return undefined
    this.#view.setUint32((head & this.#mask) + 4, DETAIL_WRAP, true)
    return (head + toEnd) | 0
  }
}

export interface DetailEntry {
  next: number
  childrenNs: number // NaN: as the stack tells
  attributes: Uint8Array | undefined // UTF-8 text of a JSON object
}
