/**
 * @module database/verify/repair
 * Saves what can be read of the damaged files of a database and sets the rest aside. Nothing is ever deleted.
 */
import { join } from 'node:path'
import { CorruptionError } from '../../errors.ts'
import { checkOptionNames } from '../../internal/check-options.ts'
import { createFile, provideFormat } from '../write/create-files.ts'
import type { FileFault } from './file-faults.ts'
import { nodeFiles, systemCode, toIoError, type FileLayer } from '../file.ts'
import { FolderClaim, type ClaimRefusal } from '../maintain/folder-claim.ts'
import {
  decodeFormat,
  encodeFormat,
  FORMAT_FILE,
  isWriterFolder,
  LOCK_FILE,
  TEMPORARY_SUFFIX,
} from '../format/directory.ts'
import { loadKernels } from '../kernels/kernels.ts'
import { stateOfLock } from '../lock-file.ts'
import { Pacer, type PacerOptions } from '../pacer.ts'
import { FolderRepair, type RepairedFile } from './repair-folder.ts'
import { copyAside } from './set-aside.ts'
import { listRoot, sizeOf, verifyDatabaseOn } from './verify.ts'
import { currentIdentity } from '../writer-identity.ts'

export interface RepairOptions extends PacerOptions {
  force?: boolean | undefined // also folders whose writer was on another machine, or cannot be told: make sure that none runs
}

export interface RepairReport {
  repaired: RepairedFile[] // empty: nothing was damaged, or nothing of it may be repaired
  refused: RefusedFolder[] // with damage, and left as they are
  faults: FileFault[] // what is still damaged afterwards
}

export interface RefusedFolder {
  path: string
  reason: string // for people
}

/**
 * Replaces every damaged file by a sound one with all rows that can be read; the damaged one goes to the folder `damaged`
 * beside it. Folders of processes that run are left alone. It may be ended, or die, at any moment, and be run again.
 *
 * @throws {KroniclerError} KRONICLER_NOT_FOUND: missing, or not a Kronicler directory; KRONICLER_IO
 */
export function repairDatabase(
  directory: string,
  options: RepairOptions = {},
): Promise<RepairReport> {
  return repairDatabaseOn(nodeFiles, directory, options)
}

/** The same over another file layer, for tests. */
export async function repairDatabaseOn(
  files: FileLayer,
  directory: string,
  options: RepairOptions = {},
): Promise<RepairReport> {
  checkOptions(directory, options)
  const { force = false, onProgress, signal } = options
  const names = listRoot(files, directory)
  const kernels = loadKernels()
  const pacer = new Pacer({ onProgress, signal }, sizeOf(files, directory, names))
  const report: RepairReport = { repaired: [], refused: [], faults: [] }
  try {
    repairFormat(files, directory, report.repaired)
    for (const name of names.filter(isWriterFolder).sort()) {
      const path = join(directory, name)
      const repair = new FolderRepair(files, kernels, path, pacer)
      const faults = await repair.findFaults()
      if (faults.length === 0) continue
      const claim = FolderClaim.take(files, path, currentIdentity(files))
      const reason =
        typeof claim === 'string' ? reasonToRefuse(files, path, claim, force) : undefined
      if (reason !== undefined) {
        report.refused.push({ path, reason })
        continue
      }
      try {
        report.repaired.push(...(await repair.run(faults)))
      } finally {
        if (typeof claim !== 'string') claim.release()
      }
    }
  } catch (error) {
    throw systemCode(error) === undefined ? error : toIoError(error, `repairing ${directory}`)
  }
  report.faults = (await verifyDatabaseOn(files, directory, { signal })).faults
  return report
}

function checkOptions(directory: unknown, options: RepairOptions): void {
  if (typeof directory !== 'string' || directory === '') {
    throw new TypeError(`directory must be a path, not ${JSON.stringify(directory)}`)
  }
  checkOptionNames(options, 'options', ['signal', 'onProgress', 'force'])
  const { force, onProgress, signal } = options
  if (force !== undefined && typeof force !== 'boolean') {
    throw new TypeError('force must be true or false')
  }
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new TypeError('signal must be an AbortSignal')
  }
  if (onProgress !== undefined && typeof onProgress !== 'function') {
    throw new TypeError('onProgress must be a function')
  }
}

/** The FORMAT file says nothing but the version. */
function repairFormat(files: FileLayer, directory: string, repaired: RepairedFile[]): void {
  const path = join(directory, FORMAT_FILE)
  let setAside: string | undefined
  try {
    decodeFormat(files.readText(path), path)
    return
  } catch (error) {
    if (error instanceof CorruptionError) {
      if (error.code === 'KRONICLER_VERSION') throw error
      setAside = copyAside(files, path)
      const temporary = path + TEMPORARY_SUFFIX
      removeIfThere(files, temporary)
      createFile(files, temporary, encodeFormat())
      files.rename(temporary, path)
    } else if (systemCode(error) === 'ENOENT') provideFormat(files, directory, 'repair')
    else throw error
  }
  files.fsyncDirectory(directory)
  const nothing = { savedRows: 0, lostRows: 0, lost: [], lostErrors: 0, lostDetails: 0 }
  repaired.push({ path, setAside, ...nothing, lostNames: [] })
}

/** Undefined: the user has made sure that nobody writes there. */
function reasonToRefuse(
  files: FileLayer,
  folder: string,
  refusal: ClaimRefusal,
  force: boolean,
): string | undefined {
  const pid = folder.split('w-').at(-1)!.split('-')[0]!
  if (refusal === 'alive') {
    return stateOfLock(files, join(folder, LOCK_FILE)) === 'alive'
      ? `process ${pid} writes there: end it first`
      : 'another process is tidying up there: try again'
  }
  // a folder without a LOCK is closed, also if its names are gone: it would be young if it were being made
  if (force || stateOfLock(files, join(folder, LOCK_FILE)) === 'missing') return undefined
  return 'it cannot be told whether its writer has ended, as on another machine: make sure that it has, and use force'
}

function removeIfThere(files: FileLayer, path: string): void {
  try {
    files.unlink(path)
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error
  }
}
