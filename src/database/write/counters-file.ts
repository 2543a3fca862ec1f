/**
 * @module database/write/counters-file
 * The file `counters` of a writer's folder: what the writer says of itself, kept up to date in place.
 */
import { join } from 'node:path'
import { CorruptionError } from '../../errors.ts'
import { readAt, systemCode, writeAt, type FileLayer } from '../file.ts'
import {
  COUNTERS_FILE_SIZE_BYTES,
  COUNTERS_RECORD_SIZE_BYTES,
  countersPosition,
  decodeCounters,
  encodeCounters,
  type Counters,
} from '../format/counters.ts'
import { COUNTERS_FILE } from '../format/directory.ts'
import type { FileBytes } from '../format/file-bytes.ts'
import type { LogKernels } from '../kernels/kernels.ts'
import { type Scratch } from '../scratch.ts'

/** A record may be read while it is written: it is whole at the next attempt. */
const READ_ATTEMPTS = 4

/**
 * Writes a record. Made when there is first something to count, so most folders have no such file.
 *
 * @param generation one more than at the last call for this folder, 0 at first
 * @throws what the file system throws
 */
export function writeCounters(
  files: FileLayer,
  folder: string,
  kernels: LogKernels,
  scratch: Scratch,
  counters: Counters,
  generation: number,
): void {
  const to = scratch.reserve(COUNTERS_RECORD_SIZE_BYTES)
  encodeCounters(kernels, counters, generation, to)
  const descriptor = openOrCreate(files, join(folder, COUNTERS_FILE))
  try {
    const position = countersPosition(generation)
    writeAt(files, descriptor, kernels.u8, to, COUNTERS_RECORD_SIZE_BYTES, position)
  } finally {
    files.close(descriptor)
  }
}

/**
 * @param place puts bytes into the kernels' memory
 * @returns undefined if the writer has counted nothing
 * @throws {CorruptionError} see decodeCounters
 */
export function readCounters(
  files: FileLayer,
  folder: string,
  place: (bytes: Uint8Array, path: string, offset: number) => FileBytes,
): ReturnType<typeof decodeCounters> | undefined {
  const path = join(folder, COUNTERS_FILE)
  let descriptor: number
  try {
    descriptor = files.open(path, 'r')
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
  const read = (): ReturnType<typeof decodeCounters> => {
    const bytes = new Uint8Array(COUNTERS_FILE_SIZE_BYTES)
    const sizeBytes = readAt(files, descriptor, bytes, 0, bytes.length, 0)
    return decodeCounters(place(bytes.subarray(0, sizeBytes), path, 0))
  }
  try {
    for (let attempt = 1; attempt < READ_ATTEMPTS; attempt++) {
      try {
        const counters = read()
        if (counters.fault === undefined) return counters
      } catch (error) {
        if (!(error instanceof CorruptionError)) throw error
      }
    }
    return read()
  } finally {
    files.close(descriptor)
  }
}

function openOrCreate(files: FileLayer, path: string): number {
  try {
    return files.open(path, 'r+')
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error
    return files.open(path, 'wx+')
  }
}
