/**
 * @module database/writer-identity
 * Who this process is, told apart from a later process with the same id: the system's boot and the process's start.
 */
import { hostname } from 'node:os'
import { PACKAGE_VERSION } from '../internal/version.ts'
import type { FileLayer } from './file.ts'
import type { WriterIdentity } from './format/directory.ts'

export function currentIdentity(files: FileLayer): WriterIdentity {
  return {
    pid: process.pid,
    hostname: hostname(),
    bootId: readBootId(files),
    processStart: readProcessStart(files, process.pid),
    createdMs: Date.now(),
    node: process.version,
    kronicler: PACKAGE_VERSION,
  }
}

/** Null where there is no /proc. */
export function readBootId(files: FileLayer): string | null {
  try {
    return files.readText('/proc/sys/kernel/random/boot_id').trim()
  } catch {
    return null
  }
}

/** Clock ticks from boot to the start of the process; null where there is no /proc, or no such process. */
export function readProcessStart(files: FileLayer, pid: number): number | null {
  try {
    const text = files.readText(`/proc/${pid}/stat`)
    // The second field is the program's name in parentheses, which may hold anything.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    const start = Number(fields[19])
    return Number.isFinite(start) ? start : null
  } catch {
    return null
  }
}
