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
/** Of counts that are 32-bit integers, whatever the sign. */
const MOST_WHOLE_BYTES = 3
/** Behind all that two bytes can name. */
const NO_BUCKET = 0x1_00_00

/** Ascending; only the first `entries` are meant. */
export interface MergedCounts extends Counts {
  buckets: Uint16Array
  counts: Float64Array
  entries: number
}

/** The last one: very many are made, and none is kept. */
const merged: MergedCounts = {
  buckets: new Uint16Array(BUCKET_COUNT),
  counts: new Float64Array(BUCKET_COUNT),
  entries: 0,
}

/**
 * The histogram's calls and the added ones, in one pass: that is most of what saving a function costs. Bytes behind the last whole
 * entry are ignored. What is returned is good until the next call.
 */
export function mergeHistogram(
  bytes: Uint8Array | null,
  { buckets: addedBuckets, counts: addedCounts }: Counts,
): MergedCounts {
  const { buckets, counts } = merged
  const width = bytes?.[0] ?? 0
  const entryBytes = BUCKET_BYTES + width
  const end = width === 0 ? 0 : bytes!.length - entryBytes
  let at = HEADER_BYTES
  let added = 0
  let entries = 0
  for (;;) {
    const left = at <= end ? (bytes![at]! << 8) | bytes![at + 1]! : NO_BUCKET
    const right = added < addedBuckets.length ? addedBuckets[added]! : NO_BUCKET
    if (left === NO_BUCKET && right === NO_BUCKET) break
    let count = 0
    if (left <= right) {
      count = bytes![at + BUCKET_BYTES]!
      for (let i = 1; i < width; i++) count = count * BYTE + bytes![at + BUCKET_BYTES + i]!
      at += entryBytes
    }
    if (right <= left) count += addedCounts[added++]!
    buckets[entries] = left < right ? left : right
    counts[entries++] = count
  }
  merged.entries = entries
  return merged
}

/** @param into has it if its length is right; undefined: none */
export function encodeHistogram(
  { buckets, counts }: Counts,
  entries = buckets.length,
  into?: Uint8Array | null,
): Uint8Array {
  const width = widthOf(counts, entries)
  const sizeBytes = entries === 0 ? 0 : HEADER_BYTES + entries * (BUCKET_BYTES + width)
  // from a pool: memory of its own takes longer than all the rest
  const bytes = into?.length === sizeBytes ? into : Buffer.allocUnsafe(sizeBytes)
  if (entries === 0) return bytes
  bytes[0] = width
  let at = HEADER_BYTES
  for (let i = 0; i < entries; i++) {
    const bucket = buckets[i]!
    bytes[at++] = bucket >>> 8
    bytes[at++] = bucket & 0xff
    if (width <= MOST_WHOLE_BYTES) {
      const count = counts[i]! | 0
      for (let bits = (width - 1) * 8; bits >= 0; bits -= 8) bytes[at++] = (count >> bits) & 0xff
      continue
    }
    let rest = counts[i]!
    for (let shift = BYTE ** (width - 1); shift >= 1; shift /= BYTE) {
      const digit = Math.floor(rest / shift)
      bytes[at++] = digit
      rest -= digit * shift
    }
  }
  return bytes
}

/** Bytes that the largest count needs. */
function widthOf(counts: ArrayLike<number>, entries: number): number {
  let largest = 0
  for (let i = 0; i < entries; i++) if (counts[i]! > largest) largest = counts[i]!
  let width = 1
  for (let limit = BYTE; largest >= limit; limit *= BYTE) width++
  return width
}
