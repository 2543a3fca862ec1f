/**
 * @module outputs/sparse-histogram
 * A histogram as bytes that plain SQL can take apart. Format v1; the full text is docs/format/output-histogram.md.
 *
 *   byte  size  field   type     meaning
 *      0     1  width   u8       bytes of a count, 1..6
 *
 * and for each bucket that is not empty, in ascending order:
 *
 *      0     2  bucket  u16 BE   index of metrics/histogram, 0..4095
 *      2 width  count   u(8w) BE calls
 *
 * Without calls there are no bytes at all.
 */
import { BUCKET_COUNT } from '../metrics/histogram.ts'
import type { Counts } from '../metrics/merge-sums.ts'

const HEADER_BYTES = 1
const BUCKET_BYTES = 2
const BYTE = 256

/** Of the last histogram that was decoded: very many are, and none is kept. */
const decodedBuckets = new Uint16Array(BUCKET_COUNT)
const decodedCounts = new Float64Array(BUCKET_COUNT)

export function encodeHistogram({ buckets, counts }: Counts): Uint8Array {
  const entries = buckets.length
  if (entries === 0) return new Uint8Array()
  const width = widthOf(counts)
  const bytes = new Uint8Array(HEADER_BYTES + entries * (BUCKET_BYTES + width))
  bytes[0] = width
  let at = HEADER_BYTES
  for (let i = 0; i < entries; i++) {
    const bucket = buckets[i]!
    bytes[at] = bucket >>> 8
    bytes[at + 1] = bucket
    at += BUCKET_BYTES + width
    let rest = counts[i]!
    for (let place = at - 1; place >= at - width; place--) {
      bytes[place] = rest % BYTE
      rest = Math.floor(rest / BYTE)
    }
  }
  return bytes
}

/** Bytes behind the last whole entry are ignored. What is returned is good until the next call. */
export function decodeHistogram(bytes: Uint8Array | null): Counts {
  const width = bytes?.[0] ?? 0
  const entry = BUCKET_BYTES + width
  let length = 0
  for (let at = HEADER_BYTES; width > 0 && at + entry <= bytes!.length; at += entry) {
    let count = 0
    for (let place = at + BUCKET_BYTES; place < at + entry; place++) {
      count = count * BYTE + bytes![place]!
    }
    decodedBuckets[length] = (bytes![at]! << 8) | bytes![at + 1]!
    decodedCounts[length++] = count
  }
  return { buckets: decodedBuckets.subarray(0, length), counts: decodedCounts.subarray(0, length) }
}

/** Bytes that the largest count needs. */
function widthOf(counts: ArrayLike<number>): number {
  let largest = 0
  for (let i = 0; i < counts.length; i++) largest = Math.max(largest, counts[i]!)
  let width = 1
  for (let limit = BYTE; largest >= limit; limit *= BYTE) width++
  return width
}
