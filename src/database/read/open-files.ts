/**
 * @module database/read/open-files
 * Files that are read for as long as a database is open, with a limit on how many of them have a descriptor: that of the file
 * that was not read for the longest time is closed, and the file is opened again when it is needed.
 *
 * A file with a descriptor can be read also after its name is gone. One without may be gone for good when it is needed: its rows
 * stand in another file by then, and whoever asks has to look at the directory once more.
 */
import { KroniclerError } from '../../errors.ts'
import { systemCode, type FileLayer, type FileStatus } from '../file.ts'

export const DEFAULT_OPEN_FILES = 256

/** A file was removed or replaced while nobody had it open. */
export class StaleFileError extends KroniclerError {
  constructor(path: string, options?: ErrorOptions) {
    super('KRONICLER_IO', `${path}: removed while it was being asked for`, options)
  }
}

export interface OpenFile {
  readonly path: string
  readonly status: FileStatus // when it was opened for the first time
  isStale: boolean // its name is gone, or that of another file now
}

export class OpenFiles {
  readonly #files: FileLayer
  readonly #limit: number
  readonly #descriptors = new Map<OpenFile, number>() // in order of use
  #staleCount = 0

  constructor(files: FileLayer, limit = DEFAULT_OPEN_FILES) {
    this.#files = files
    this.#limit = limit
  }

  /** Files that have been found to be stale so far. */
  get staleCount(): number {
    return this.#staleCount
  }

  /** @throws the file system's error */
  open(path: string): OpenFile {
    this.#makeRoom()
    const descriptor = this.#files.open(path, 'r')
    try {
      const file = { path, status: this.#files.fstat(descriptor), isStale: false }
      this.#descriptors.set(file, descriptor)
      return file
    } catch (error) {
      this.#files.close(descriptor)
      throw error
    }
  }

  /** Until the next call of anything here. @throws {StaleFileError} */
  descriptorOf(file: OpenFile): number {
    const descriptor = this.#descriptors.get(file) ?? this.#reopen(file)
    this.#descriptors.delete(file)
    this.#descriptors.set(file, descriptor)
    return descriptor
  }

  close(file: OpenFile): void {
    const descriptor = this.#descriptors.get(file)
    if (descriptor === undefined) return
    this.#descriptors.delete(file)
    this.#files.close(descriptor)
  }

  #reopen(file: OpenFile): number {
    this.#makeRoom()
    let descriptor: number
    try {
      descriptor = this.#files.open(file.path, 'r')
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error
      throw this.#stale(file, { cause: error })
    }
    const { inode, sizeBytes } = this.#files.fstat(descriptor)
    if (inode !== file.status.inode || sizeBytes !== file.status.sizeBytes) {
      this.#files.close(descriptor)
      throw this.#stale(file)
    }
    return descriptor
  }

  #stale(file: OpenFile, options?: ErrorOptions): StaleFileError {
    file.isStale = true
    this.#staleCount++
    return new StaleFileError(file.path, options)
  }

  #makeRoom(): void {
    for (const [file] of this.#descriptors) {
      if (this.#descriptors.size < this.#limit) return
      this.close(file)
    }
  }
}
