/**
 * @module database/verify/verify-folder
 * All files of one writer's folder, while the writer goes on: a file that was sealed or merged into another one before
 * it could be read is looked for again under its new name, and what is written later is left alone.
 */
import { join } from 'node:path'
import { CorruptionError } from '../../errors.ts'
import { encodeUtf8 } from '../../internal/utf8.ts'
import { readCounters } from '../write/counters-file.ts'
import { DictionaryReader } from '../read/dictionary-reader.ts'
import { interpretListing, type DirectoryListing } from '../directory-listing.ts'
import type { FileFaults } from './file-faults.ts'
import { systemCode } from '../file.ts'
import { COUNTERS_FILE_SIZE_BYTES } from '../format/counters.ts'
import {
  COUNTERS_FILE,
  decodeLock,
  DICTIONARY_FILE,
  LOCK_FILE,
  parseRollUpFileName,
  segmentFileName,
  walFileName,
  type SequenceInterval,
  type WriterIdentity,
} from '../format/directory.ts'
import { SlotSequences } from '../format/slot-sequences.ts'
import { NamesUsed } from '../write/names-used.ts'
import type { Pacer } from '../pacer.ts'
import type { ReaderContext } from '../read/reader-context.ts'
import { RollUpReader } from '../read/roll-up-reader.ts'
import { verifyLog, type VerifiedRows } from './verify-log.ts'
import { verifySegment } from './verify-segment.ts'
import { livenessOf, type Liveness } from '../writer-liveness.ts'

/** How often to look again for files that a listing does not show, and how long to wait in between. */
const HOLE_ATTEMPTS = 20
const HOLE_WAIT_MS = 10
/** A file this young may still be on its way to its first content. */
const YOUNG_MS = 5000

export interface VerifyTools {
  context: ReaderContext
  faults: FileFaults
  pacer: Pacer
}

export interface VerifiedFolder {
  files: number
  rows: number
  contents: VerifiedFile[] // segments and logs in order, without what others cover
  missingNames: { functions: number[]; errorTypes: number[] } // ids that rows use
}

/** A segment or a log. */
interface RowsFile extends SequenceInterval {
  name: string
}

export interface VerifiedFile extends RowsFile {
  firstRow: number | undefined // arrival number of its first row; undefined: not known
  endRow: number
}

/** @throws the file system's error, but for those of single files, which are faults */
export function verifyFolder(tools: VerifyTools, path: string): Promise<VerifiedFolder> {
  return new FolderCheck(tools, path).run()
}

class FolderCheck {
  readonly #tools: VerifyTools
  readonly #path: string
  readonly #names = new NamesUsed()
  readonly #slots = new SlotSequences()
  readonly #checked = new Map<string, VerifiedRows>() // by file name
  #files = 0

  constructor(tools: VerifyTools, path: string) {
    this.#tools = tools
    this.#path = path
  }

  async run(): Promise<VerifiedFolder> {
    const listing = await this.#checkRowsFiles()
    if (listing === undefined) {
      // the folder was removed
      return { files: 0, rows: 0, contents: [], missingNames: { functions: [], errorTypes: [] } }
    }
    this.#checkRollUps()
    this.#checkContinuity(listing)
    this.#checkCounters()
    const missingNames = this.#checkNames(this.#checkLock() === 'dead')
    this.#tools.context.faults.flush()
    let rows = 0
    const contents: VerifiedFile[] = []
    for (const file of rowsFilesOf(listing).sort((a, b) => a.low - b.low)) {
      const found = this.#checked.get(file.name)
      rows += found?.rows ?? 0
      contents.push({ ...file, firstRow: found?.firstRow, endRow: found?.endRow ?? 0 })
    }
    return { files: this.#files, rows, contents, missingNames }
  }

  /** @returns the last listing, all of whose files have been read but for those that are newer than the first */
  async #checkRowsFiles(): Promise<DirectoryListing | undefined> {
    let last: number | undefined
    for (let holes = 0; ;) {
      const listing = this.#list()
      if (listing === undefined) return undefined
      last ??= listing.last
      const limit = last
      const left = [...rowsFilesOf(listing), ...coveredFilesOf(listing)].filter(
        ({ low, name }) => low <= limit && !this.#checked.has(name),
      )
      if (left.length === 0) {
        if (listing.hole === undefined || listing.hole > limit) return listing
        if (++holes > HOLE_ATTEMPTS) {
          this.#reportHole(listing.hole)
          return listing
        }
        await new Promise((resolve) => setTimeout(resolve, HOLE_WAIT_MS))
      }
      for (const file of left) await this.#checkRowsFile(file, listing)
    }
  }

  async #checkRowsFile(file: RowsFile, { last }: DirectoryListing): Promise<void> {
    const { context, pacer } = this.#tools
    const { high, low, name } = file
    const path = join(this.#path, name)
    pacer.begin(path)
    const names = this.#names
    const isLog = name.startsWith('wal.')
    // asked before the log is read: what a writer appends before it dies is there then
    const final = low < last || (isLog && this.#liveness() === 'dead')
    const found = await this.#attempt(path, () =>
      isLog
        ? verifyLog(context, path, { sequence: low, final, slots: this.#slots, names, pacer })
        : verifySegment(context, path, { interval: { low, high }, names, pacer }),
    )
    if (found !== undefined) this.#checked.set(name, found)
    context.faults.flush()
  }

  /** @returns undefined if the file is gone: whoever removed it has put its rows elsewhere before */
  async #attempt(
    path: string,
    work: () => Promise<VerifiedRows>,
  ): Promise<VerifiedRows | undefined> {
    const { faults, pacer } = this.#tools
    try {
      const found = await work()
      this.#files++
      return found
    } catch (error) {
      const code = systemCode(error)
      if (code === 'ENOENT') return undefined
      if (code === undefined || pacer.isAborted || error instanceof RangeError) throw error
      this.#files++
      faults.note(path, 0, 'KRONICLER_IO', error instanceof Error ? error.message : String(error))
      return { rows: 0, firstRow: undefined, endRow: 0, isSound: false }
    }
  }

  #list(): DirectoryListing | undefined {
    try {
      return interpretListing(this.#tools.context.files.readdir(this.#path))
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined
      throw error
    }
  }

  /** Finds rows that are in no file, though the numbers of later ones show that they were there, and rows in two. */
  #checkContinuity(listing: DirectoryListing): void {
    const files = rowsFilesOf(listing).sort((a, b) => a.low - b.low)
    files.forEach(({ name, high }, i) => {
      const next = files[i + 1]
      const found = this.#checked.get(name)
      if (found?.firstRow === undefined || next?.low !== high + 1) return
      const nextRow = this.#checked.get(next.name)?.firstRow
      if (nextRow === undefined) return
      const path = join(this.#path, name)
      const { endRow, isSound } = found
      if (name.startsWith('wal.')) {
        if (nextRow > endRow && isSound) {
          this.#report(path, 0, `rows ${endRow} to ${nextRow - 1} are missing at its end`)
        }
      } else if (nextRow < endRow) {
        this.#report(
          path,
          0,
          `it holds rows up to ${endRow - 1}, ${next.name} those from ${nextRow}`,
        )
      }
    })
  }

  #reportHole(sequence: number): void {
    const path = join(this.#path, segmentFileName(sequence, sequence))
    this.#report(path, 0, `no file holds the rows of log ${sequence}`)
  }

  /** Roll-ups that are gone by now were superseded by others. */
  #checkRollUps(): void {
    const { context, pacer } = this.#tools
    for (const name of context.files.readdir(this.#path)) {
      const interval = parseRollUpFileName(name)
      if (interval === undefined) continue
      const path = join(this.#path, name)
      this.#checkSmallFile(path, () => {
        const { sizeBytes } = context.files.stat(path)
        const rollUp = new RollUpReader(context, path, interval)
        pacer.add(sizeBytes)
        this.#files++
        let rows = 0
        for (let chunk = 0; chunk < rollUp.chunkCount; chunk++) {
          rows += rollUp.rowCounts[chunk]!
          this.#names.useFunction(rollUp.functionIds[chunk]!, path, 0)
        }
        rollUp.close()
        if (rows !== rollUp.header.rowCount) {
          this.#report(path, 16, `it holds ${rows} rows, its header says ${rollUp.header.rowCount}`)
        }
      })
    }
  }

  #checkCounters(): void {
    const { context, pacer } = this.#tools
    const path = join(this.#path, COUNTERS_FILE)
    this.#checkSmallFile(path, () => {
      const found = readCounters(context.files, this.#path, (bytes, from, offset) =>
        context.place(bytes, from, offset),
      )
      if (found === undefined) return
      if (found.fault !== undefined) context.faults.add(found.fault)
      const { sizeBytes } = context.files.stat(path)
      pacer.add(sizeBytes)
      this.#files++
      if (sizeBytes > COUNTERS_FILE_SIZE_BYTES) {
        this.#report(path, COUNTERS_FILE_SIZE_BYTES, 'the file is longer than its two records')
      }
    })
  }

  /** @param final nobody writes the dictionary any more */
  #checkNames(final: boolean): VerifiedFolder['missingNames'] {
    const { context, pacer } = this.#tools
    const path = join(this.#path, DICTIONARY_FILE)
    const dictionary = new DictionaryReader(context, path)
    try {
      this.#checkSmallFile(path, () => {
        dictionary.refresh(final)
        pacer.add(context.files.stat(path).sizeBytes)
        this.#files++
      })
    } finally {
      dictionary.close()
    }
    for (const fault of this.#names.missingFrom(dictionary)) context.faults.add(fault)
    return this.#names.missingIds(dictionary)
  }

  /** @returns whether the writer is still there; 'dead' if it has closed its folder */
  #checkLock(): Liveness {
    const { pacer } = this.#tools
    const path = join(this.#path, LOCK_FILE)
    let liveness: Liveness = 'dead'
    this.#checkSmallFile(path, () => {
      const { context } = this.#tools
      try {
        liveness = livenessOf(this.#readLock(path), context.files)
      } catch (error) {
        if (!(error instanceof CorruptionError)) throw error
        liveness = 'unknown'
        if (!this.#isYoung(path)) throw error
      }
      pacer.add(context.files.stat(path).sizeBytes)
      this.#files++
    })
    return liveness
  }

  /** The same without reporting what is wrong with the file. */
  #liveness(): Liveness {
    try {
      return livenessOf(this.#readLock(join(this.#path, LOCK_FILE)), this.#tools.context.files)
    } catch (error) {
      return systemCode(error) === 'ENOENT' ? 'dead' : 'unknown'
    }
  }

  #readLock(path: string): WriterIdentity {
    const { files, kernels } = this.#tools.context
    return decodeLock(files.readText(path), path, (hashed) => {
      const bytes = this.#tools.context.place(encodeUtf8(hashed), path, 0)
      return kernels.xxh64(bytes.pointer, bytes.sizeBytes)
    })
  }

  #isYoung(path: string): boolean {
    return Date.now() - this.#tools.context.files.stat(path).modifiedMs < YOUNG_MS
  }

  /** A file that is not there is no fault. */
  #checkSmallFile(path: string, check: () => void): void {
    const { context, faults, pacer } = this.#tools
    pacer.begin(path)
    try {
      check()
    } catch (error) {
      if (error instanceof CorruptionError) context.faults.add(error)
      else {
        const code = systemCode(error)
        if (code === 'ENOENT') return
        if (code === undefined) throw error
        faults.note(path, 0, 'KRONICLER_IO', error instanceof Error ? error.message : code)
      }
      this.#files++
    }
  }

  #report(path: string, offset: number, reason: string): void {
    this.#tools.context.faults.add(new CorruptionError(path, offset, reason))
  }
}

/** What is left after dropping what segments cover. */
function rowsFilesOf({ segments, wals }: DirectoryListing): RowsFile[] {
  return [
    ...segments.map(({ high, low, name }) => ({ low, high, name })),
    ...wals.map(({ sequence }) => logFile(sequence)),
  ]
}

/** Logs that their segment has made superfluous, and that are needed if it is damaged. */
function coveredFilesOf({ coveredWals }: DirectoryListing): RowsFile[] {
  return coveredWals.map(({ sequence }) => logFile(sequence))
}

function logFile(sequence: number): RowsFile {
  return { low: sequence, high: sequence, name: walFileName(sequence) }
}
