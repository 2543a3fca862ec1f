/**
 * @module database/lock-file
 * A file that says which process has a folder to itself.
 */
import { CorruptionError } from '../errors.ts'
import { encodeUtf8 } from '../internal/utf8.ts'
import { createFile } from './write/create-files.ts'
import { systemCode, type FileLayer } from './file.ts'
import { decodeLock, encodeLock, type WriterIdentity } from './format/directory.ts'
import { ByteKernels } from './kernels/byte-kernels.ts'
import { Scratch } from './scratch.ts'
import { livenessOf, type Liveness } from './writer-liveness.ts'

/** A file that cannot be read and is this young may be on its way to its content. */
const YOUNG_MS = 60_000

/** @throws the file system's error; EEXIST if there is one */
export function writeLock(files: FileLayer, path: string, identity: WriterIdentity): void {
  createFile(files, path, encodeLock(identity, checksumText))
}

/**
 * Whether the process that a lock names is there.
 *
 * @returns 'missing': there is no such file; 'damaged': it names nobody, and that will not change
 */
export function stateOfLock(files: FileLayer, path: string): Liveness | 'missing' | 'damaged' {
  try {
    return livenessOf(decodeLock(files.readText(path), path, checksumText), files)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return 'missing'
    if (!(error instanceof CorruptionError)) throw error
    return isYoung(files, path) ? 'unknown' : 'damaged'
  }
}

function isYoung(files: FileLayer, path: string): boolean {
  try {
    return Date.now() - files.stat(path).modifiedMs < YOUNG_MS
  } catch {
    return true // removed this moment
  }
}

function checksumText(text: string): bigint {
  const kernels = new ByteKernels()
  const bytes = encodeUtf8(text)
  const at = new Scratch(kernels).reserve(bytes.length)
  kernels.u8.set(bytes, at)
  return kernels.xxh64(at, bytes.length)
}
