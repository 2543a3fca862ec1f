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
const HEADER_BYTES = 1
const BUCKET_BYTES = 2
const BYTE = 256

export interface Counts {
  buckets: number[]
  counts: number[]
}

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

/** Bytes behind the last whole entry are ignored. */
export function decodeHistogram(bytes: Uint8Array | null): Counts {
  const decoded: Counts = { buckets: [], counts: [] }
  if (bytes === null) return decoded
  const width = bytes[0] ?? 0
  const entry = BUCKET_BYTES + width
  for (let at = HEADER_BYTES; width > 0 && at + entry <= bytes.length; at += entry) {
    let count = 0
    for (let place = at + BUCKET_BYTES; place < at + entry; place++) {
      count = count * BYTE + bytes[place]!
    }
    decoded.buckets.push((bytes[at]! << 8) | bytes[at + 1]!)
    decoded.counts.push(count)
  }
  return decoded
}

/** Bytes that the largest count needs. */
function widthOf(counts: readonly number[]): number {
  let largest = 0
  for (const count of counts) if (count > largest) largest = count
  let width = 1
  for (let limit = BYTE; largest >= limit; limit *= BYTE) width++
  return width
}
