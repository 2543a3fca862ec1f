/**
 * @module bench/scale/reader-memory
 * How much memory does a process need that only reads?
 */
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const PROGRAM = fileURLToPath(new URL('reader.mjs', import.meta.url))

/** @returns the most that the process had resident, Node itself included, in bytes */
export function readerMemoryBytes(directory: string, functionNames: readonly string[]): number {
  const names = JSON.stringify(functionNames.slice(0, 1000))
  return Number(execFileSync(process.execPath, [PROGRAM, directory, names], { encoding: 'utf8' }))
}
