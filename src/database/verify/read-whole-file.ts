/**
 * @module database/verify/read-whole-file
 * A log, which has to be in memory to be put in order, or a roll-up, which is small.
 */
import { readAt, type FileLayer } from '../file.ts'
import type { FileBytes } from '../format/file-bytes.ts'
import type { Kernels } from '../kernels/kernels.ts'
import { Scratch } from '../scratch.ts'

/** @returns all of the file, in the kernels' memory */
export function readWholeFile(files: FileLayer, kernels: Kernels, path: string): FileBytes {
  const descriptor = files.open(path, 'r')
  try {
    const { sizeBytes } = files.fstat(descriptor)
    const pointer = new Scratch(kernels).reserve(Math.max(8, sizeBytes))
    const count = readAt(files, descriptor, kernels.u8, pointer, sizeBytes, 0)
    return { kernels, pointer, sizeBytes: count, path, offset: 0 }
  } finally {
    files.close(descriptor)
  }
}
