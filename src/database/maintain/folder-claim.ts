/**
 * @module database/maintain/folder-claim
 * Takes over the folder of a writer that is gone, for as long as there is something to tidy up in it.
 *
 * Claims are numbered files beside the writer's LOCK, each created with O_EXCL: LOCK.1, LOCK.2, … A claim with the next
 * higher number is made only if all the locks that stand there name processes that are gone, so a crash in the middle
 * leaves a claim that the next one passes. Whoever has made a claim lists the folder again, and has it only if no lock
 * has come that he did not see before: of several who come at once at most one stays, whatever the order in which they
 * look, write, finish and clean up. A lock that reads otherwise than before is another lock.
 */
import { join } from 'node:path'
import { systemCode, type FileLayer } from '../file.ts'
import {
  claimFileName,
  DICTIONARY_FILE,
  LOCK_FILE,
  parseLockFileName,
  type WriterIdentity,
} from '../format/directory.ts'
import { stateOfLock, writeLock } from '../lock-file.ts'

/**
 * Why a folder is not to be had.
 *
 * - alive: its writer, or another one who tidies up, is at work
 * - unknown: it may be; the lock is of another machine, cannot be read, or is being made
 */
export type ClaimRefusal = 'alive' | 'unknown'

export class FolderClaim {
  readonly path: string
  readonly #files: FileLayer
  readonly #locks: readonly string[] // files, the own one last

  private constructor(path: string, files: FileLayer, locks: readonly string[]) {
    this.path = path
    this.#files = files
    this.#locks = locks
  }

  /**
   * @param identity of this process
   * @throws the file system's error; nothing is left behind if it can be helped
   */
  static take(
    files: FileLayer,
    path: string,
    identity: WriterIdentity,
  ): FolderClaim | ClaimRefusal {
    const seen = locksOfTheGone(files, path)
    if (typeof seen === 'string') return seen
    const number = 1 + Math.max(0, ...seen.keys())
    const claim = join(path, claimFileName(number))
    try {
      writeLock(files, claim, identity)
      const others = lockNumbers(files.readdir(path)).filter((other) => other !== number)
      if (others.every((other) => seen.get(other) === textOf(files, path, other))) {
        return new FolderClaim(path, files, [...seen.keys(), number].map(lockName))
      }
    } catch (error) {
      if (systemCode(error) === 'EEXIST') return 'alive' // somebody was faster
      removeQuietly(files, claim)
      throw error
    }
    removeQuietly(files, claim)
    return 'alive'
  }

  /** Whether the folder is to be had as far as can be told without claiming it. */
  static refusalOf(files: FileLayer, path: string): ClaimRefusal | undefined {
    const seen = locksOfTheGone(files, path)
    return typeof seen === 'string' ? seen : undefined
  }

  /** Gives the folder up. It counts as closed from then on. */
  release(): void {
    for (const name of this.#locks) removeQuietly(this.#files, join(this.path, name))
  }
}

/** Texts of the locks in the folder by number, ascending, if all of them name processes that are gone. */
function locksOfTheGone(
  files: FileLayer,
  path: string,
): Map<number, string | undefined> | ClaimRefusal {
  const names = files.readdir(path)
  const seen = lockNumbers(names)
  if (!seen.includes(0) && !names.includes(DICTIONARY_FILE)) return 'unknown' // being made
  const texts = new Map<number, string | undefined>()
  for (const number of seen) {
    texts.set(number, textOf(files, path, number)) // before the state: it may change in between
    const state = stateOfLock(files, join(path, lockName(number)))
    if (state === 'alive') return 'alive'
    if (state !== 'dead' && !(state === 'damaged' && number > 0)) return 'unknown'
  }
  return texts
}

/** A number may be used again once all claims were given up: what a lock says tells which one it is. */
function textOf(files: FileLayer, path: string, number: number): string | undefined {
  try {
    return files.readText(join(path, lockName(number)))
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}

function lockName(number: number): string {
  return number === 0 ? LOCK_FILE : claimFileName(number)
}

/** Ascending. */
function lockNumbers(names: readonly string[]): number[] {
  const numbers = names.map(parseLockFileName).filter((number) => number !== undefined)
  return numbers.sort((a, b) => a - b)
}

/** What stays is passed by the next one once this process is gone. */
function removeQuietly(files: FileLayer, path: string): void {
  try {
    files.unlink(path)
  } catch {
    // see above
  }
}
