/**
 * @module database/verify/lenient-files
 * Files with parts that the disk does not give any more: those read as zeros, which no checksum takes for data.
 */
import { systemCode, type FileLayer } from '../file.ts'

const PIECE_SIZE_BYTES = 4096

export function lenientFiles(files: FileLayer): FileLayer {
  return {
    ...files,
    read(descriptor, into, at, sizeBytes, position) {
      try {
        return files.read(descriptor, into, at, sizeBytes, position)
      } catch (error) {
        if (systemCode(error) !== 'EIO') throw error
        return readPiece(files, descriptor, into, at, sizeBytes, position)
      }
    },
  }
}

/** Up to the end of the disk's block, so that the readable blocks beside a bad one are read. */
function readPiece(
  files: FileLayer,
  descriptor: number,
  into: Uint8Array,
  at: number,
  sizeBytes: number,
  position: number,
): number {
  const left = files.fstat(descriptor).sizeBytes - position
  const wanted = Math.min(sizeBytes, left, PIECE_SIZE_BYTES - (position % PIECE_SIZE_BYTES))
  if (wanted <= 0) return 0
  try {
    return files.read(descriptor, into, at, wanted, position)
  } catch (error) {
    if (systemCode(error) !== 'EIO') throw error
    into.fill(0, at, at + wanted)
    return wanted
  }
}
