/**
 * @module database/writer-liveness
 * Whether the process that writes a folder is still there. Only then may an unfinished tail still become whole.
 */
import { hostname } from 'node:os'
import { systemCode, type FileLayer } from './file.ts'
import type { WriterIdentity } from './format/directory.ts'
import { readBootId, readProcessStart } from './writer-identity.ts'

/** 'unknown': a process of another machine. */
export type Liveness = 'alive' | 'dead' | 'unknown'

export function livenessOf(writer: WriterIdentity, files: FileLayer): Liveness {
  if (writer.hostname !== hostname()) return 'unknown'
  const bootId = readBootId(files)
  if (differ(bootId, writer.bootId) || !processExists(writer.pid)) return 'dead'
  // another process may have got the number since
  return differ(readProcessStart(files, writer.pid), writer.processStart) ? 'dead' : 'alive'
}

/** Null is not known, and differs from nothing. */
function differ<T>(a: T | null, b: T | null): boolean {
  return a !== null && b !== null && a !== b
}

function processExists(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false // 0 and below are process groups
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return systemCode(error) !== 'ESRCH'
  }
}
