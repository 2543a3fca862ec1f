/**
 * @module database/verify/correct-bit
 * A single flipped bit in the small parts of a segment that everything else depends on is found by trying: the one
 * flip under which the part's 64-bit checksum holds again is the right one.
 */
import type { FileLayer } from '../file.ts'

/** Bytes that may be hashed in all: about two seconds. Larger parts are beyond this. */
const MAX_EFFORT_BYTES = 8e9

export interface Correction {
  offset: number // in the file
  byte: number // as it was written
}

/**
 * @param bytes   of the part; left as they are
 * @param offset  of the part in the file
 * @param isSound whether the bytes are as they were written
 * @returns undefined if they are sound, or cannot be corrected
 */
export function correctBit(
  bytes: Uint8Array,
  offset: number,
  isSound: (bytes: Uint8Array) => boolean,
): Correction | undefined {
  if (bytes.length === 0 || 8 * bytes.length ** 2 > MAX_EFFORT_BYTES || isSound(bytes))
    return undefined
  const tried = Uint8Array.from(bytes)
  for (let at = 0; at < tried.length; at++) {
    const damaged = tried[at]!
    for (let bit = 0; bit < 8; bit++) {
      tried[at] = damaged ^ (1 << bit)
      if (isSound(tried)) return { offset: offset + at, byte: tried[at]! }
    }
    tried[at] = damaged
  }
  return undefined
}

/** The files, with one of them as it was before the bits of `corrections` were flipped. */
export function correctedFiles(
  files: FileLayer,
  path: string,
  corrections: readonly Correction[],
): FileLayer {
  const descriptors = new Set<number>()
  return {
    ...files,
    open(name, flags) {
      const descriptor = files.open(name, flags)
      if (name === path) descriptors.add(descriptor)
      return descriptor
    },
    close(descriptor) {
      descriptors.delete(descriptor)
      files.close(descriptor)
    },
    read(descriptor, into, at, sizeBytes, position) {
      const count = files.read(descriptor, into, at, sizeBytes, position)
      if (!descriptors.has(descriptor)) return count
      for (const { byte, offset } of corrections) {
        if (offset >= position && offset < position + count) into[at + offset - position] = byte
      }
      return count
    },
  }
}
