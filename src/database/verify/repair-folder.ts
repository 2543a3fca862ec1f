/**
 * @module database/verify/repair-folder
 * The folder of one writer that is gone: every damaged file is replaced by a sound one with what could be read of it.
 *
 * A sound file is written under a temporary name and synced, the damaged one is copied to `damaged/`, and only then does
 * the sound one take its place, by one rename. Whatever happens in between, the folder holds what it held before or what
 * it is to hold, and the next attempt goes on from there.
 */
import { join } from 'node:path'
import { CorruptionError } from '../../errors.ts'
import { FileFaults, type FileFault } from './file-faults.ts'
import { systemCode, writeAt, type FileLayer } from '../file.ts'
import { readCounters } from '../write/counters-file.ts'
import { interpretListing } from '../directory-listing.ts'
import {
  COUNTERS_FILE,
  DICTIONARY_FILE,
  LOCK_FILE,
  parseRollUpFileName,
  parseSegmentFileName,
  parseWalFileName,
  segmentFileName,
  TEMPORARY_SUFFIX,
  type SequenceInterval,
} from '../format/directory.ts'
import { COUNTERS_RECORD_SIZE_BYTES, encodeCounters } from '../format/counters.ts'
import { loadKernels, type Kernels } from '../kernels/kernels.ts'
import { lenientFiles } from './lenient-files.ts'
import { openDamagedSegment } from './open-damaged-segment.ts'
import type { Pacer } from '../pacer.ts'
import { ReaderContext } from '../read/reader-context.ts'
import { nothingLost, type Salvage } from './salvage.ts'
import { salvageLog } from './salvage-log.ts'
import { salvageRollUp } from './salvage-roll-up.ts'
import { readNames, unknownName, writeNames } from './salvage-names.ts'
import { salvageSegment } from './salvage-segment.ts'
import { SegmentWriter } from '../write/segment-writer.ts'
import { copyAside, moveAside } from './set-aside.ts'
import { verifyFolder, type VerifiedFolder } from './verify-folder.ts'

/** A damaged file, and what became of it. */
export interface RepairedFile {
  path: string
  setAside: string | undefined // where the damaged file is now; undefined: there was none
  savedRows: number // rows of it that are in the sound file
  lostRows: number | undefined // rows that are not; undefined: nobody knows how many
  lost: LostFunction[] // as far as known
  lostErrors: number // rows of which nobody knows any more that they failed
  lostDetails: number // rows without their caller, self time and attributes, if they had any
  lostNames: string[] // stand-ins of the names that cannot be read
}

/** Rows of a function that are lost; they started from `fromMs` to `toMs`. */
export interface LostFunction {
  function: string | undefined // undefined: nobody knows of which functions they were
  rows: number
  fromMs: number
  toMs: number
}

const CACHE_SIZE_BYTES = 4 * 1024 * 1024

export class FolderRepair {
  readonly #files: FileLayer
  readonly #lenient: FileLayer
  readonly #kernels: Kernels
  readonly #path: string
  readonly #pacer: Pacer
  readonly #context: ReaderContext
  readonly #faults = new FileFaults()
  #verified: VerifiedFolder | undefined
  #writer: SegmentWriter | undefined

  constructor(files: FileLayer, kernels: Kernels, path: string, pacer: Pacer) {
    this.#files = files
    this.#lenient = lenientFiles(files)
    this.#kernels = kernels
    this.#path = path
    this.#pacer = pacer
    const report = (fault: CorruptionError): void => this.#faults.add(fault)
    this.#context = new ReaderContext(this.#lenient, kernels, CACHE_SIZE_BYTES, report)
  }

  /** Reads every byte. @returns what is damaged and can be repaired */
  async findFaults(): Promise<FileFault[]> {
    const tools = { context: this.#context, faults: this.#faults, pacer: this.#pacer }
    this.#verified = await verifyFolder(tools, this.#path)
    const tooNew = new Set(
      this.#faults.faults
        .filter(({ code }) => code === 'KRONICLER_VERSION')
        .map(({ path }) => path),
    )
    return this.#faults.faults.filter(({ path }) => !tooNew.has(path))
  }

  /** Repairs what findFaults() has found. Nobody else may write to the folder meanwhile. */
  async run(faults: readonly FileFault[]): Promise<RepairedFile[]> {
    const repaired: RepairedFile[] = []
    const missing = this.#verified!.missingNames
    const lacksNames = missing.functions.length + missing.errorTypes.length > 0
    const dictionary = join(this.#path, DICTIONARY_FILE)
    const unnamed = / has no name in the dictionary$/
    const paths = new Set(
      faults.filter(({ message }) => !unnamed.test(message)).map(({ path }) => path),
    )
    if (lacksNames) paths.add(dictionary)
    for (const path of [...paths].sort()) {
      this.#pacer.begin(path)
      const file =
        path === dictionary ? await this.#repairNames(path) : await this.#repairFile(path)
      if (file !== undefined) repaired.push(file)
      await this.#pacer.pause()
    }
    return repaired
  }

  /** @returns undefined if there is nothing to be done */
  async #repairFile(path: string): Promise<RepairedFile | undefined> {
    const name = path.slice(this.#path.length + 1)
    if (name === LOCK_FILE) return emptyResult(path, moveAside(this.#files, path))
    if (name === COUNTERS_FILE) return this.#repairCounters(path)
    const log = parseWalFileName(name)
    if (log !== undefined) return this.#repairLog(path, log)
    const segment = parseSegmentFileName(name)
    if (segment !== undefined) return this.#repairSegment(path, segment)
    const rollUp = parseRollUpFileName(name)
    return rollUp === undefined ? undefined : this.#repairRollUp(path, rollUp)
  }

  /** Areas of the kernels' memory are never given back, so each file has kernels of its own to be read with. */
  async #repairLog(path: string, sequence: number): Promise<RepairedFile> {
    const { coveredWals } = this.#list()
    if (coveredWals.some((log) => log.sequence === sequence)) {
      return emptyResult(path, moveAside(this.#files, path)) // its segment has the rows
    }
    const nextRow = this.#firstRowBehind(sequence)
    const segment = join(this.#path, segmentFileName(sequence, sequence))
    const salvage = await this.#write(segment, (descriptor) =>
      salvageLog(
        this.#lenient,
        loadKernels(),
        path,
        sequence,
        nextRow,
        this.#segmentWriter(),
        descriptor,
      ),
    )
    return this.#resultOf(path, moveAside(this.#files, path), salvage)
  }

  async #repairSegment(path: string, interval: SequenceInterval): Promise<RepairedFile> {
    if (!this.#exists(path)) return this.#fillHole(interval.low)
    const { coveredWals } = this.#list()
    const { high, low } = interval
    const covered = coveredWals.filter(({ sequence }) => sequence >= low && sequence <= high)
    if (covered.length === high - low + 1) {
      return emptyResult(path, moveAside(this.#files, path)) // its logs are still there
    }
    const { context, header, reader } = openDamagedSegment(
      this.#lenient,
      loadKernels(),
      path,
      interval,
    )
    let aside: string | undefined
    const salvage = await this.#write(path, async (descriptor) => {
      const writer = this.#segmentWriter()
      const found =
        reader === undefined
          ? this.#writeEmpty(descriptor, interval, header?.rowCount)
          : await salvageSegment(context, reader, writer, descriptor, this.#pacer)
      reader?.close()
      aside = copyAside(this.#lenient, path)
      return found
    })
    return this.#resultOf(path, aside, salvage)
  }

  /** No file holds the rows of some logs. A segment without rows says so, once and for all. */
  async #fillHole(low: number): Promise<RepairedFile> {
    const next = this.#verified!.contents.find((file) => file.low > low)
    const interval = { low, high: next === undefined ? low : next.low - 1 }
    const path = join(this.#path, segmentFileName(interval.low, interval.high))
    const salvage = await this.#write(path, (descriptor) =>
      this.#writeEmpty(descriptor, interval, undefined),
    )
    return this.#resultOf(path, undefined, salvage)
  }

  /** @param rowCount that the segment had, if that is known */
  #writeEmpty(
    descriptor: number,
    { high, low }: SequenceInterval,
    rowCount: number | undefined,
  ): Salvage {
    const nextRow = this.#firstRowBehind(high)
    const firstRow = this.#verified!.contents.findLast((file) => file.high < low)?.endRow ?? 0
    const sequences = { sequenceLow: low, sequenceHigh: high }
    const starts = { minStartUs: 0, maxStartUs: 0 }
    const shape = { ...sequences, ...starts, rowCount: 0, firstRow, hasDetails: false }
    const writer = this.#segmentWriter()
    writer.begin(descriptor, shape)
    writer.finish()
    const between = nextRow === undefined ? undefined : Math.max(0, nextRow - firstRow)
    return { ...nothingLost(), lostRows: rowCount ?? between }
  }

  async #repairRollUp(path: string, interval: SequenceInterval): Promise<RepairedFile> {
    let aside: string | undefined
    const salvage = await this.#write(path, (descriptor) => {
      const saved = salvageRollUp(this.#lenient, this.#kernels, path, interval, descriptor)
      aside = copyAside(this.#lenient, path)
      return saved
    })
    return this.#resultOf(path, aside, salvage)
  }

  async #repairCounters(path: string): Promise<RepairedFile> {
    let counters: ReturnType<typeof readCounters>
    try {
      counters = readCounters(this.#lenient, this.#path, (bytes, from, offset) =>
        this.#context.place(bytes, from, offset),
      )
    } catch (error) {
      if (!(error instanceof CorruptionError)) throw error
    }
    if (counters === undefined) return emptyResult(path, moveAside(this.#files, path))
    const { attributesDropped, dropped, filtered } = counters
    let aside: string | undefined
    await this.#write(path, (descriptor) => {
      const to = this.#kernels.allocate(COUNTERS_RECORD_SIZE_BYTES)
      encodeCounters(this.#kernels, { dropped, filtered, attributesDropped }, 0, to)
      const { u8 } = this.#kernels
      writeAt(this.#files, descriptor, u8, to, COUNTERS_RECORD_SIZE_BYTES, 0)
      aside = copyAside(this.#lenient, path)
      return nothingLost()
    })
    return emptyResult(path, aside)
  }

  async #repairNames(path: string): Promise<RepairedFile> {
    const { missingNames } = this.#verified!
    const names = readNames(this.#context, path)
    let aside: string | undefined
    await this.#write(path, (descriptor) => {
      writeNames(this.#files, this.#kernels, descriptor, names, missingNames)
      if (this.#exists(path)) aside = copyAside(this.#lenient, path)
      return nothingLost()
    })
    const lostNames = [
      ...missingNames.functions.map((id) => unknownName('function', id)),
      ...missingNames.errorTypes.map((id) => unknownName('error type', id)),
    ]
    return { ...emptyResult(path, aside), lostNames }
  }

  /** Writes a file under a temporary name, makes it durable, and puts it into its place. */
  async #write(
    path: string,
    write: (descriptor: number) => Salvage | Promise<Salvage>,
  ): Promise<Salvage> {
    const files = this.#files
    const temporary = path + TEMPORARY_SUFFIX
    if (this.#exists(temporary)) files.unlink(temporary)
    const descriptor = files.open(temporary, 'wx+')
    let salvage: Salvage
    try {
      try {
        salvage = await write(descriptor)
        files.fdatasyncSync(descriptor)
      } finally {
        files.close(descriptor)
      }
      files.rename(temporary, path)
    } catch (error) {
      if (this.#exists(temporary)) files.unlink(temporary)
      throw error
    }
    files.fsyncDirectory(this.#path)
    return salvage
  }

  #resultOf(path: string, setAside: string | undefined, salvage: Salvage): RepairedFile {
    const { lost, lostDetails, lostErrors, lostRows, savedRows } = salvage
    const { functions } = readNames(this.#context, join(this.#path, DICTIONARY_FILE))
    const nameOf = (id: number): string | undefined =>
      id < 0 ? undefined : (functions.get(id) ?? unknownName('function', id))
    return {
      ...emptyResult(path, setAside),
      savedRows,
      lostRows,
      lost: lost.map(({ fromUs, functionId, rows, toUs }) => ({
        function: nameOf(functionId),
        rows,
        fromMs: fromUs / 1000,
        toMs: toUs / 1000,
      })),
      lostErrors,
      lostDetails,
    }
  }

  /** Arrival number of the first row behind the log. */
  #firstRowBehind(sequence: number): number | undefined {
    return this.#verified!.contents.find(({ low }) => low === sequence + 1)?.firstRow
  }

  #segmentWriter(): SegmentWriter {
    this.#writer ??= new SegmentWriter(this.#kernels, this.#files)
    return this.#writer
  }

  #list() {
    return interpretListing(this.#files.readdir(this.#path))
  }

  #exists(path: string): boolean {
    try {
      this.#files.stat(path)
      return true
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return false
      throw error
    }
  }
}

function emptyResult(path: string, setAside: string | undefined): RepairedFile {
  return {
    path,
    setAside,
    savedRows: 0,
    lostRows: 0,
    lost: [],
    lostErrors: 0,
    lostDetails: 0,
    lostNames: [],
  }
}
