/**
 * @module outputs/sparse-histogram
 * A histogram as bytes that plain SQL can take apart. Format v1; the full text is docs/format/output-histogram.md.
 *
 *   byte  size  field    type    meaning, for each bucket that is not empty, in ascending order
 *      0     2  bucket   u16 BE  index of metrics/histogram, 0..4095
 *      2     6  count    u48 BE  calls
 */
export const ENTRY_BYTES = 8
const WORD = 2 ** 32

interface Counts {
  buckets: number[]
  counts: number[]
}

export function encodeHistogram({ buckets, counts }: Counts): Uint8Array {
  const bytes = new Uint8Array(buckets.length * ENTRY_BYTES)
  const view = new DataView(bytes.buffer)
  for (const [i, bucket] of buckets.entries()) {
    const count = counts[i]!
    view.setUint16(i * ENTRY_BYTES, bucket)
    view.setUint16(i * ENTRY_BYTES + 2, Math.floor(count / WORD))
    view.setUint32(i * ENTRY_BYTES + 4, count % WORD)
  }
  return bytes
}

/** Bytes behind the last whole entry are ignored. */
export function decodeHistogram(stored: Uint8Array | ArrayBuffer | null): Counts {
  const bytes = stored instanceof Uint8Array ? stored : new Uint8Array(stored ?? new ArrayBuffer(0))
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const decoded: Counts = { buckets: [], counts: [] }
  for (let at = 0; at + ENTRY_BYTES <= bytes.length; at += ENTRY_BYTES) {
    decoded.buckets.push(view.getUint16(at))
    decoded.counts.push(view.getUint16(at + 2) * WORD + view.getUint32(at + 4))
  }
  return decoded
}
