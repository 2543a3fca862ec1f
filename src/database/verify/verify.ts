/**
 * @module database/verify/verify
 * Reads every byte of a database and says what is wrong where, without changing anything. Takes no locks: writers go on
 * writing, sealing and merging meanwhile.
 */
import { join } from 'node:path'
import { CorruptionError, KroniclerError } from '../../errors.ts'
import { checkOptionNames } from '../../internal/check-options.ts'
import { FileFaults, type FileFault } from './file-faults.ts'
import { nodeFiles, systemCode, toIoError, type FileLayer } from '../file.ts'
import { CONTROL_FILE, decodeFormat, FORMAT_FILE, isWriterFolder } from '../format/directory.ts'
import { loadKernels } from '../kernels/kernels.ts'
import { Pacer, type PacerOptions } from '../pacer.ts'
import { ReaderContext } from '../read/reader-context.ts'
import { verifyFolder } from './verify-folder.ts'

export interface VerifyReport {
  files: number
  bytes: number // of them
  rows: number // that can be read
  faults: FileFault[] // empty: every byte is as it was written
  faultsLeft: number // faults that are not in the list, which ends after ten thousand
  torn: FileFault[] // tails that a crash has cut off; the rows before them are all there, so these are no faults
}

export type VerifyOptions = PacerOptions

/** Pages are read once, in order, so there is no use in keeping many. */
const CACHE_SIZE_BYTES = 4 * 1024 * 1024
const YOUNG_MS = 5000

/**
 * Reads all files of a database: every checksum, and everything that can be computed from the rows and is stored as well.
 * Memory is bounded whatever the size. A file that the system cannot read is a fault too.
 *
 * @param directory as given to openDatabase
 * @throws {KroniclerError} KRONICLER_NOT_FOUND: missing, or not a Kronicler directory; KRONICLER_IO: it cannot be listed
 */
export function verifyDatabase(
  directory: string,
  options: VerifyOptions = {},
): Promise<VerifyReport> {
  return verifyDatabaseOn(nodeFiles, directory, options)
}

/** The same over another file layer, for tests. */
export async function verifyDatabaseOn(
  files: FileLayer,
  directory: string,
  options: VerifyOptions = {},
): Promise<VerifyReport> {
  checkOptions(directory, options)
  const names = listRoot(files, directory)
  const folders = names.filter(isWriterFolder).sort()
  const faults = new FileFaults()
  const pacer = new Pacer(options, sizeOf(files, directory, names))
  const report = (fault: CorruptionError): void => faults.add(fault)
  const context = new ReaderContext(files, loadKernels(), CACHE_SIZE_BYTES, report)
  let rows = 0
  let count = checkRootFiles(files, directory, names, faults, pacer)
  try {
    for (const name of folders) {
      const found = await verifyFolder({ context, faults, pacer }, join(directory, name))
      rows += found.rows
      count += found.files
    }
  } catch (error) {
    throw systemCode(error) === undefined ? error : toIoError(error, `reading ${directory}`)
  }
  pacer.tell()
  return {
    files: count,
    bytes: pacer.bytes,
    rows,
    faults: faults.faults,
    faultsLeft: faults.left,
    torn: faults.torn,
  }
}

function checkOptions(directory: unknown, options: VerifyOptions): void {
  if (typeof directory !== 'string' || directory === '') {
    throw new TypeError(`directory must be a path, not ${JSON.stringify(directory)}`)
  }
  checkOptionNames(options, 'options', ['signal', 'onProgress'])
  const { onProgress, signal } = options
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new TypeError('signal must be an AbortSignal')
  }
  if (onProgress !== undefined && typeof onProgress !== 'function') {
    throw new TypeError('onProgress must be a function')
  }
}

export function listRoot(files: FileLayer, directory: string): string[] {
  let names: string[]
  try {
    names = files.readdir(directory)
  } catch (error) {
    const code = systemCode(error)
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw toIoError(error, `opening ${directory}`)
    const what = code === 'ENOENT' ? 'there is no directory' : 'this is a file, not a directory:'
    throw new KroniclerError('KRONICLER_NOT_FOUND', `${what} ${directory}`, { cause: error })
  }
  if (!names.includes(FORMAT_FILE) && !names.some(isWriterFolder)) {
    throw new KroniclerError('KRONICLER_NOT_FOUND', `not a Kronicler directory: ${directory}`)
  }
  return names
}

/** Bytes that there are to read; what goes while it is counted has another name. */
export function sizeOf(files: FileLayer, directory: string, names: readonly string[]): number {
  const size = (path: string): number => {
    try {
      const status = files.stat(path)
      return status.isDirectory ? 0 : status.sizeBytes
    } catch {
      return 0
    }
  }
  const list = (path: string): string[] => {
    try {
      return files.readdir(path)
    } catch {
      return []
    }
  }
  let sizeBytes = size(join(directory, FORMAT_FILE)) + size(join(directory, CONTROL_FILE))
  for (const folder of names.filter(isWriterFolder)) {
    for (const name of list(join(directory, folder)))
      sizeBytes += size(join(directory, folder, name))
  }
  return sizeBytes
}

/** FORMAT and control.json. @returns how many of them there are */
function checkRootFiles(
  files: FileLayer,
  directory: string,
  names: readonly string[],
  faults: FileFaults,
  pacer: Pacer,
): number {
  let count = 0
  const check = (name: string, decode: (text: string, path: string) => void): void => {
    const path = join(directory, name)
    try {
      const text = files.readText(path)
      count++
      pacer.add(files.stat(path).sizeBytes)
      decode(text, path)
    } catch (error) {
      if (error instanceof CorruptionError) faults.add(error)
      else if (error instanceof SyntaxError) {
        faults.note(path, 0, 'KRONICLER_CONTROL', error.message)
      } else if (systemCode(error) !== 'ENOENT') {
        faults.note(path, 0, 'KRONICLER_IO', error instanceof Error ? error.message : String(error))
      }
    }
  }
  if (names.includes(FORMAT_FILE)) {
    check(FORMAT_FILE, (text, path) => {
      // the first writer has made the file and is about to fill it
      if (text === '' && Date.now() - files.stat(path).modifiedMs < YOUNG_MS) return
      decodeFormat(text, path)
    })
  } else {
    faults.note(join(directory, FORMAT_FILE), 0, 'KRONICLER_CORRUPT', 'the file is missing')
  }
  // what its rules say is for those to judge who apply them
  check(CONTROL_FILE, (text) => void JSON.parse(text.replace(/^\ufeff/, '')))
  return count
}
