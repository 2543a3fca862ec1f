/**
 * Text as bytes, by Node's Buffer and not by the global TextEncoder: a test environment that plays a browser has none,
 * and one that is torn down takes it away before the last calls are stored.
 */
import { Buffer, isUtf8 } from 'node:buffer'

/** Lone surrogates become U+FFFD. */
export function encodeUtf8(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(text, 'utf8')) // with an own buffer, and slices that are copies
}

/** What is not UTF-8 becomes U+FFFD; a byte order mark is kept, as a name may begin with it. */
export function decodeUtf8(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
}

/** @throws {TypeError} it is not UTF-8 */
export function decodeUtf8Strictly(bytes: Uint8Array): string {
  if (!isUtf8(bytes)) throw new TypeError('not UTF-8')
  return decodeUtf8(bytes)
}
