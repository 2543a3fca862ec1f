/**
 * @module outputs/thread-priority
 * Lets all other threads go first when there is too little processor for everybody. Linux has a priority for each thread, and
 * anybody may lower his own; elsewhere it would be the whole process's, and nothing is done.
 */
import { readlinkSync } from 'node:fs'
import { setPriority } from 'node:os'

/** Niceness: about a tenth of what a thread gets that wants all it can have. */
const NICENESS = 10

export function lowerThreadPriority(): void {
  if (process.platform !== 'linux') return
  try {
    const [pid, , tid] = readlinkSync('/proc/thread-self').split('/')
    if (Number(pid) !== process.pid || tid === pid) return // another one's /proc; the main thread
    setPriority(Number(tid), NICENESS)
  } catch {
    // not allowed here
  }
}
