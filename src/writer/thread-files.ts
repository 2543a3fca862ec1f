/**
 * @module writer/thread-files
 * Files for a runtime whose descriptors belong to the thread that has opened them (Deno). What threads share is a number
 * that stands for the file's name; each opens the file itself when it first meets the number.
 */
import { join } from 'node:path'
import { nodeFiles, systemCode, type FileLayer } from '../database/file.ts'
import { isDeno } from '../internal/host-process.ts'
import { DICTIONARY_FILE, parseWalFileName, walFileName } from '../database/format/directory.ts'

/** Above all descriptors: the dictionary, then the logs by their sequence. */
const DICTIONARY = 2 ** 30
const FIRST_LOG = DICTIONARY + 1

/** Undefined where descriptors belong to the process: then the operating system's files will do. */
export function threadFiles(folder: () => string): FileLayer | undefined {
  return isDeno ? createThreadFiles(nodeFiles, folder) : undefined
}

/**
 * @param files  whose descriptors are good in this thread only
 * @param folder of the writer, as soon as there is a file in it
 */
export function createThreadFiles(files: FileLayer, folder: () => string): FileLayer {
  const own = new Map<number, number>() // this thread's descriptors, by number

  function descriptorOf(number: number): number {
    if (number < DICTIONARY) return number
    const known = own.get(number)
    if (known !== undefined) return known
    if (number !== DICTIONARY) closeLogsBelow(number - 1)
    const name = number === DICTIONARY ? DICTIONARY_FILE : walFileName(number - FIRST_LOG)
    const descriptor = files.open(join(folder(), name), 'r+')
    own.set(number, descriptor)
    return descriptor
  }

  /** Those that another thread has finished with. */
  function closeLogsBelow(number: number): void {
    for (const [open, descriptor] of own) {
      if (open === DICTIONARY || open >= number) continue
      own.delete(open)
      files.close(descriptor)
    }
  }

  /** A log that is not there any more has been sealed, and its rows are safe. */
  function isGone(number: number, error: unknown): boolean {
    return number > DICTIONARY && systemCode(error) === 'ENOENT'
  }

  return {
    ...files,
    open(path, flags) {
      const descriptor = files.open(path, flags)
      const number = flags === 'wx+' ? numberOf(path) : undefined
      if (number === undefined) return descriptor
      own.set(number, descriptor)
      return number
    },
    close(number) {
      const descriptor = number < DICTIONARY ? number : own.get(number)
      own.delete(number)
      if (descriptor !== undefined) files.close(descriptor)
    },
    read: (number, into, at, sizeBytes, position) =>
      files.read(descriptorOf(number), into, at, sizeBytes, position),
    write: (number, from, at, sizeBytes, position) =>
      files.write(descriptorOf(number), from, at, sizeBytes, position),
    truncate(number, sizeBytes) {
      files.truncate(descriptorOf(number), sizeBytes)
    },
    fdatasyncSync(number) {
      try {
        files.fdatasyncSync(descriptorOf(number))
      } catch (error) {
        if (!isGone(number, error)) throw error
      }
    },
    async fdatasync(number) {
      try {
        await files.fdatasync(descriptorOf(number))
      } catch (error) {
        if (!isGone(number, error)) throw error
      }
    },
    fstat: (number) => files.fstat(descriptorOf(number)),
  }
}

/** The number that all threads know the file by; undefined for a file that one thread makes for itself. */
function numberOf(path: string): number | undefined {
  const name = path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1)
  if (name === DICTIONARY_FILE) return DICTIONARY
  const sequence = parseWalFileName(name)
  return sequence === undefined ? undefined : FIRST_LOG + sequence
}
