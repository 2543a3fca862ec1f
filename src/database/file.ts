/**
 * @module database/file
 * Everything the database asks of the file system, behind an interface: the only importer of `node:fs` here, so that
 * a test can pass a file layer that fails.
 *
 * All functions are those of `node:fs` under shorter names, and throw what it throws; `toIoError` wraps that.
 */
import * as fs from 'node:fs'
import { dirname } from 'node:path'
import { KroniclerError } from '../errors.ts'

export interface FileStatus {
  sizeBytes: number
  modifiedMs: number // with fractions, as fine as the file system keeps it
  inode: number
  isDirectory: boolean
}

export interface FileLayer {
  /** @param flags of open(2): 'r' to read, 'r+' to read and write, 'wx+' to create a file that must not exist */
  open(path: string, flags: 'r' | 'r+' | 'wx+'): number
  close(descriptor: number): void
  /** May read less than asked for; 0 at the end of the file. */
  read(
    descriptor: number,
    into: Uint8Array,
    at: number,
    sizeBytes: number,
    position: number,
  ): number
  /** May write less than asked for. */
  write(
    descriptor: number,
    from: Uint8Array,
    at: number,
    sizeBytes: number,
    position: number,
  ): number
  truncate(descriptor: number, sizeBytes: number): void
  fdatasyncSync(descriptor: number): void
  fdatasync(descriptor: number): Promise<void>
  /** Makes names created, renamed or removed in the folder durable; does nothing where the system cannot. */
  fsyncDirectory(path: string): void
  rename(from: string, to: string): void
  unlink(path: string): void
  /** Creates a folder and its missing parents; no error if it exists. */
  mkdir(path: string): void
  readdir(path: string): string[]
  stat(path: string): FileStatus
  fstat(descriptor: number): FileStatus
  readText(path: string): string
}

/** The operating system's files. */
export const nodeFiles: FileLayer = {
  open: (path, flags) => fs.openSync(path, flags),
  close: (descriptor) => fs.closeSync(descriptor),
  read: (descriptor, into, at, sizeBytes, position) =>
    fs.readSync(descriptor, into, at, sizeBytes, position),
  write: (descriptor, from, at, sizeBytes, position) =>
    fs.writeSync(descriptor, from, at, sizeBytes, position),
  truncate: (descriptor, sizeBytes) => fs.ftruncateSync(descriptor, sizeBytes),
  fdatasyncSync: (descriptor) => fs.fdatasyncSync(descriptor),
  fdatasync: (descriptor) =>
    new Promise((resolve, reject) => {
      fs.fdatasync(descriptor, (error) => {
        if (error === null) resolve()
        else reject(error)
      })
    }),
  fsyncDirectory,
  rename: (from, to) => fs.renameSync(from, to),
  unlink: (path) => fs.unlinkSync(path),
  mkdir: makeFolders,
  readdir: (path) => fs.readdirSync(path),
  stat: (path) => statusOf(fs.statSync(path)),
  fstat: (descriptor) => statusOf(fs.fstatSync(descriptor)),
  readText: (path) => fs.readFileSync(path, 'utf8'),
}

/**
 * Reads until `sizeBytes` are there or the file ends.
 *
 * @returns bytes read; less than `sizeBytes` only at the end of the file
 */
export function readAt(
  files: FileLayer,
  descriptor: number,
  into: Uint8Array,
  at: number,
  sizeBytes: number,
  position: number,
): number {
  let done = 0
  while (done < sizeBytes) {
    const count = files.read(descriptor, into, at + done, sizeBytes - done, position + done)
    if (count <= 0) break
    done += count
  }
  return done
}

/** Writes all of it, going on after short writes. @throws also when the system writes nothing at all */
export function writeAt(
  files: FileLayer,
  descriptor: number,
  from: Uint8Array,
  at: number,
  sizeBytes: number,
  position: number,
): void {
  let done = 0
  while (done < sizeBytes) {
    const count = files.write(descriptor, from, at + done, sizeBytes - done, position + done)
    if (count <= 0) {
      throw new KroniclerError('KRONICLER_IO', `nothing written at byte ${position + done}`)
    }
    done += count
  }
}

/**
 * What the system calls the error: 'ENOENT', 'ENOSPC', …; undefined for other values. An error of the system is no `Error`
 * of the realm that test runners give a module, so what counts is the code.
 */
export function systemCode(error: unknown): string | undefined {
  const code =
    typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : undefined
}

/** KRONICLER_IO with the system's error as cause; a KroniclerError stays what it is. */
export function toIoError(error: unknown, doing: string): KroniclerError {
  if (error instanceof KroniclerError && error.code !== 'KRONICLER_IO') return error
  const message = error instanceof Error ? error.message : String(error)
  return new KroniclerError('KRONICLER_IO', `${doing}: ${message}`, { cause: error })
}

/** One by one: Node's own recursive form never returns below /proc. */
function makeFolders(path: string): void {
  try {
    fs.mkdirSync(path)
  } catch (error) {
    const code = systemCode(error)
    if (code === 'EEXIST') {
      if (!fs.statSync(path).isDirectory()) throw error
      return
    }
    const parent = dirname(path)
    if (code !== 'ENOENT' || parent === path) throw error
    makeFolders(parent)
    try {
      fs.mkdirSync(path)
    } catch (again) {
      if (systemCode(again) !== 'EEXIST') throw again // another process was faster
    }
  }
}

function fsyncDirectory(path: string): void {
  let descriptor: number
  try {
    descriptor = fs.openSync(path, 'r')
  } catch (error) {
    if (isUnsupported(error)) return
    throw error
  }
  try {
    fs.fsyncSync(descriptor)
  } catch (error) {
    if (!isUnsupported(error)) throw error
  } finally {
    fs.closeSync(descriptor)
  }
}

/** Windows opens no folders, and some network file systems sync none. */
function isUnsupported(error: unknown): boolean {
  return ['EPERM', 'EACCES', 'EISDIR', 'EINVAL', 'ENOTSUP', 'EBADF'].includes(
    systemCode(error) ?? '',
  )
}

function statusOf(status: fs.Stats): FileStatus {
  return {
    sizeBytes: status.size,
    modifiedMs: status.mtimeMs,
    inode: status.ino,
    isDirectory: status.isDirectory(),
  }
}
