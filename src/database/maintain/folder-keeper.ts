/**
 * @module database/maintain/folder-keeper
 * Tidies up in a writer's folder: seals logs that a dead process has left, merges segments, removes what is superseded.
 * The caller has the folder to himself: he is the writer, or has claimed it from one that is gone.
 *
 * A new file gets its name when it is complete and durable, and what it supersedes is removed after that: a crash or a
 * failure at any point loses nothing and doubles nothing, and leaves only files that the next one removes.
 */
import { dirname, join } from 'node:path'
import { CorruptionError, KroniclerError } from '../../errors.ts'
import { planCompaction, type PlannedSegment } from './compact-plan.ts'
import { readAt, systemCode, toIoError, type FileLayer } from '../file.ts'
import { contentsOf, type FolderContents, type IntervalFile } from './folder-contents.ts'
import {
  DICTIONARY_FILE,
  rollUpFileName,
  segmentFileName,
  TEMPORARY_SUFFIX,
  walFileName,
} from '../format/directory.ts'
import {
  decodeSegmentHeader,
  SEGMENT_HEADER_SIZE_BYTES,
  type SegmentHeader,
} from '../format/segment-header.ts'
import { SEGMENT_VERSION } from '../format/versions.ts'
import { WAL_HEADER_SIZE_BYTES } from '../format/wal-header.ts'
import { loadFallbackKernels, loadKernels, type Kernels } from '../kernels/kernels.ts'
import { MergeInput } from './merge-input.ts'
import { mergeSegments } from './merge-segments.ts'
import type { Pace } from '../pace.ts'
import { ReaderContext } from '../read/reader-context.ts'
import { RollUpReader } from '../read/roll-up-reader.ts'
import { rollUpRows } from './roll-up-rows.ts'
import { RollUpWriter } from './roll-up-writer.ts'
import { Sealer } from '../write/seal.ts'
import { SegmentReader } from '../read/segment-reader.ts'
import { SegmentWriter } from '../write/segment-writer.ts'

/**
 * From the moment a file stands for others until they are removed: a reader that was listing the folder meanwhile may have
 * seen neither the one nor, otherwise, the others.
 */
const GRACE_MS = 100
/** Pages that are kept, encoded: merging keeps them itself. */
const MERGE_POOL_SIZE_BYTES = 512 * 1024
/** Of all that expire together. */
const EXPIRY_POOL_SIZE_BYTES = 8 * 1024 * 1024
/** A larger roll-up is not written again. */
const SMALL_ROLL_UP_SIZE_BYTES = 4 * 1024 * 1024

export interface KeeperOptions {
  files: FileLayer
  /** The writer himself: his logs and what he is sealing are left alone. */
  isOwner: boolean
}

export interface CompactOptions {
  all: boolean // merge whatever can be
  minAgeMs: number // younger segments are left alone
  newest: number // as many of the newest ones, too
  upgrade?: boolean | undefined // rewrite what is of an older format, also alone (default false)
  most?: number | undefined // files that are merged at once (default MAX_MERGED_SEGMENTS)
  dense?: boolean | undefined // durations take less room, and longer to be scanned (default false)
  onRows?: ((rows: number) => void) | undefined // told how many rows have been written since the last time
}

/** What one merge after the other works with. */
interface Workshop {
  context: ReaderContext
  writer: SegmentWriter
}

export class FolderKeeper {
  readonly path: string
  readonly #files: FileLayer
  readonly #isOwner: boolean
  readonly #headers = new Map<string, SegmentHeader | undefined>() // undefined: damaged
  readonly #damaged = new Set<string>() // files that are left as they are
  /** Kept until nothing is left to be merged: to touch new memory takes a good part of the time of a merge. */
  #workshop: Workshop | undefined
  /** Files for which others stand, until their grace is over. */
  readonly #superseded: { name: string; sinceMs: number }[] = []

  constructor(path: string, { files, isOwner }: KeeperOptions) {
    this.path = path
    this.#files = files
    this.#isOwner = isOwner
  }

  /** @throws {KroniclerError} KRONICLER_IO */
  contents(): FolderContents {
    return this.#doing('listing', () => contentsOf(this.#files.readdir(this.path)))
  }

  /** Logs that nobody will seal: those with rows, but not those that cannot be read. */
  unsealedLogs(): number[] {
    if (this.#isOwner) return []
    const { logs } = this.contents()
    return logs.filter((sequence) => {
      const name = walFileName(sequence)
      if (this.#damaged.has(name)) return false
      return sequence !== logs.at(-1) || this.#sizeOf(name) > WAL_HEADER_SIZE_BYTES
    })
  }

  /** Whether there is anything that removeLeftovers() would remove. */
  hasLeftovers(): boolean {
    return this.#leftovers().length > 0
  }

  /** Removes what crashes have left: superseded files, and those that were not completed. */
  removeLeftovers(): void {
    this.#doing('tidying up', () => {
      for (const name of this.#leftovers()) this.#remove(name)
    })
  }

  /**
   * Seals the logs of a writer that is gone.
   *
   * @returns how many
   * @throws {KroniclerError} KRONICLER_IO
   */
  async sealLogs(pace: Pace, onDamage: (fault: CorruptionError) => void): Promise<number> {
    const logs = this.unsealedLogs()
    if (logs.length === 0) return 0
    this.#doing('syncing', () => {
      this.#syncNames()
    })
    const sealer = new Sealer(this.path, this.#files, loadKernels())
    let sealed = 0
    for (const sequence of logs) {
      try {
        await sealer.seal(sequence, pace.onTurn)
        sealed++
      } catch (error) {
        if (!(error instanceof CorruptionError)) throw error
        this.#damaged.add(walFileName(sequence)) // stays as it is, for a reader to take what can be read
        onDamage(error)
      }
      await pace.step()
    }
    return sealed
  }

  /**
   * Reads the headers that nextMerge() and segmentsBefore() need, so that they are quick. Nothing happens to what is
   * removed meanwhile.
   */
  async learnHeaders(pace: Pace): Promise<void> {
    const place = headerPlace()
    const folder = this.#unlessGone(() => this.#files.readdir(this.path))
    for (const segment of contentsOf(folder ?? []).segments) {
      this.#unlessGone(() => this.#headerOf(segment, place))
      if (pace.isDue) await pace.step()
    }
  }

  /** Neighbours that compact() would merge next. */
  nextMerge({
    all,
    minAgeMs,
    most,
    newest,
    upgrade,
  }: CompactOptions): PlannedSegment[] | undefined {
    return this.#doing('listing', () => {
      const segments = this.#plannable(minAgeMs, newest)
      return planRewrite(segments, all, most, upgrade)
    })
  }

  /** When the newest segment was written, milliseconds since the Unix epoch; 0: there is none. */
  newestSegmentMs(): number {
    return this.#doing('listing', () => {
      const newest = this.contents().segments.at(-1)
      return newest === undefined ? 0 : this.#files.stat(join(this.path, newest.name)).modifiedMs
    })
  }

  /** Rows that compact() would write. */
  rowsToMerge({ all, minAgeMs, most, newest, upgrade }: CompactOptions): number {
    let segments = this.#doing('listing', () => this.#plannable(minAgeMs, newest))
    let rows = 0
    for (;;) {
      const some = planRewrite(segments, all, most, upgrade)
      if (some === undefined) return rows
      const merged = {
        ...some[0]!,
        high: some.at(-1)!.high,
        rowCount: sumRows(some),
        version: SEGMENT_VERSION,
      }
      rows += merged.rowCount
      segments = segments.flatMap((segment) =>
        segment === some[0] ? [merged] : some.includes(segment) ? [] : [segment],
      )
    }
  }

  /**
   * Merges the next neighbours, if there are any to be merged. To be called until there are none, or it throws.
   *
   * @returns whether there were
   * @throws {KroniclerError} KRONICLER_IO: everything is as it was
   */
  async compact(
    options: CompactOptions,
    pace: Pace,
    onDamage: (fault: CorruptionError) => void,
  ): Promise<boolean> {
    await this.learnHeaders(pace)
    const segments = this.nextMerge(options)
    if (segments === undefined) {
      this.#workshop = undefined
      return false
    }
    try {
      await this.#merge(segments, pace, options)
      // the next merge may begin while readers have their grace
      await this.#removeSuperseded(pace, this.nextMerge(options) === undefined)
    } catch (error) {
      this.#workshop = undefined
      if (!(error instanceof CorruptionError)) throw this.#ioError(error, 'merging')
      for (const { name } of segments) {
        if (error.path === join(this.path, name)) this.#damaged.add(name)
      }
      onDamage(error)
    }
    return true
  }

  /**
   * Replaces segments by their hourly totals. They are neighbours; a small roll-up before them is taken in.
   *
   * @throws {KroniclerError} KRONICLER_IO: everything is as it was
   */
  async expire(
    segments: readonly IntervalFile[],
    pace: Pace,
    onDamage: (fault: CorruptionError) => void,
  ): Promise<void> {
    try {
      const before = this.contents().rollUps.find(({ high }) => high + 1 === segments[0]!.low)
      const isSmall = before !== undefined && this.#sizeOf(before.name) < SMALL_ROLL_UP_SIZE_BYTES
      await this.#rollUp(isSmall ? before : undefined, segments, pace)
    } catch (error) {
      if (!(error instanceof CorruptionError)) throw this.#ioError(error, 'rolling up')
      const path = error.path
      this.#damaged.add(path.slice(this.path.length + 1)) // stays: nobody is to lose what may be saved
      onDamage(error)
    }
  }

  /** Removes roll-ups for good. */
  removeRollUps(names: readonly string[]): void {
    this.#doing('removing roll-ups', () => {
      for (const name of names) this.#remove(name)
    })
  }

  /** Segments with these names, as runs of neighbours. */
  segmentsNamed(names: ReadonlySet<string>): IntervalFile[][] {
    const { segments } = this.contents()
    return neighbours(segments.filter(({ name }) => names.has(name) && !this.#damaged.has(name)))
  }

  /** Segments all of whose rows start before a moment, as runs of neighbours. */
  segmentsBefore(us: number): IntervalFile[][] {
    return this.#doing('listing', () =>
      neighbours(
        this.contents().segments.filter((segment) => {
          if (this.#damaged.has(segment.name)) return false
          const header = this.#headerOf(segment)
          return header !== undefined && header.maxStartUs < us
        }),
      ),
    )
  }

  async #rollUp(
    before: IntervalFile | undefined,
    segments: readonly IntervalFile[],
    pace: Pace,
  ): Promise<void> {
    const kernels = loadKernels()
    const context = new ReaderContext(this.#files, kernels, EXPIRY_POOL_SIZE_BYTES, undefined)
    const sources: (SegmentReader | RollUpReader)[] = []
    const all = before === undefined ? [...segments] : [before, ...segments]
    const interval = { low: all[0]!.low, high: all.at(-1)!.high }
    await this.#publish(rollUpFileName(interval.low, interval.high), async (descriptor) => {
      try {
        for (const file of all) {
          const Reader = file === before ? RollUpReader : SegmentReader
          sources.push(new Reader(context, join(this.path, file.name), file))
          context.faults.flush()
          await pace.step()
        }
        const headers = sources.map(({ header }) => header).filter(({ rowCount }) => rowCount > 0)
        const range = {
          minStartUs: Math.min(...headers.map((header) => header.minStartUs), Infinity),
          maxStartUs: Math.max(...headers.map((header) => header.maxStartUs), -Infinity),
        }
        const writer = new RollUpWriter(
          kernels,
          this.#files,
          descriptor,
          headers.length === 0 ? { minStartUs: 0, maxStartUs: 0 } : range,
        )
        await rollUpRows(kernels, sources, pace, (entry) => {
          writer.add(entry)
        })
        context.faults.flush()
        writer.finish(interval)
      } finally {
        closeQuietly(sources)
      }
    })
    this.#supersede(all)
    await this.#removeSuperseded(pace, true)
  }

  async #merge(
    segments: readonly IntervalFile[],
    pace: Pace,
    { dense, onRows }: CompactOptions,
  ): Promise<void> {
    const name = segmentFileName(segments[0]!.low, segments.at(-1)!.high)
    const { context, writer } = (this.#workshop ??= await this.#openWorkshop(pace))
    const inputs: MergeInput[] = []
    await this.#publish(name, async (descriptor) => {
      try {
        for (const segment of segments) {
          inputs.push(new MergeInput(context, join(this.path, segment.name), segment))
          context.faults.flush()
          await pace.step()
        }
        await mergeSegments(inputs, writer, descriptor, pace, { dense, onRows })
      } finally {
        closeQuietly(inputs)
      }
    })
    this.#headers.delete(name)
    // rewritten alone it has taken its own place
    this.#supersede(segments.filter((segment) => segment.name !== name))
  }

  async #openWorkshop(pace: Pace): Promise<Workshop> {
    const kernels = loadKernels() // with a memory of their own, which goes with them
    await pace.step()
    const context = new ReaderContext(this.#files, kernels, MERGE_POOL_SIZE_BYTES, undefined)
    await pace.step()
    const writer = new SegmentWriter(kernels, this.#files)
    await pace.step()
    return { context, writer }
  }

  /** Makes a file that appears under its name when it is complete and durable. */
  async #publish(name: string, write: (descriptor: number) => Promise<void>): Promise<void> {
    const files = this.#files
    const path = join(this.path, name)
    const temporary = path + TEMPORARY_SUFFIX
    this.#remove(name + TEMPORARY_SUFFIX)
    const descriptor = files.open(temporary, 'wx+')
    try {
      try {
        await write(descriptor)
        await files.fdatasync(descriptor)
      } finally {
        files.close(descriptor)
      }
      files.rename(temporary, path)
    } catch (error) {
      this.#discard(temporary)
      throw error
    }
    files.fsyncDirectory(this.path)
  }

  /** Another file stands for these by now. */
  #supersede(files: readonly IntervalFile[]): void {
    const sinceMs = performance.now()
    for (const { name } of files) this.#superseded.push({ name, sinceMs })
  }

  /** Removes superseded files whose grace is over. @param all waits for the others */
  async #removeSuperseded(pace: Pace, all: boolean): Promise<void> {
    for (let first = this.#superseded[0]; first !== undefined; first = this.#superseded[0]) {
      const leftMs = first.sinceMs + GRACE_MS - performance.now()
      if (leftMs > 0 && !all) return
      if (leftMs > 0) await pace.wait(leftMs)
      this.#remove(first.name) // takes milliseconds if the file is large
      this.#headers.delete(first.name)
      this.#superseded.shift()
      await pace.step()
    }
  }

  #leftovers(): string[] {
    const { covered, coveredLogs, temporary } = this.contents()
    if (this.#isOwner) return [...covered, ...temporary.filter(isMerge)]
    return [...covered, ...coveredLogs.map(walFileName), ...temporary]
  }

  /** Segments that may be merged; what cannot be read is a hole between them. */
  #plannable(minAgeMs: number, newest: number): PlannedSegment[] {
    const { segments } = this.contents()
    const before = Date.now() - minAgeMs
    const planned: PlannedSegment[] = []
    for (const segment of segments.slice(0, segments.length - newest)) {
      if (this.#damaged.has(segment.name)) continue
      const header = this.#headerOf(segment)
      if (header === undefined) continue
      if (this.#files.stat(join(this.path, segment.name)).modifiedMs > before) break
      const { maxStartUs, rowCount, version } = header
      planned.push({ ...segment, rowCount, maxStartUs, version })
    }
    return planned
  }

  #headerOf({ name }: IntervalFile, place = headerPlace()): SegmentHeader | undefined {
    if (!this.#headers.has(name)) this.#headers.set(name, this.#readHeader(name, place()))
    return this.#headers.get(name)
  }

  #readHeader(name: string, { kernels, pointer }: HeaderPlace): SegmentHeader | undefined {
    const files = this.#files
    const path = join(this.path, name)
    const descriptor = files.open(path, 'r')
    try {
      const size = SEGMENT_HEADER_SIZE_BYTES
      const sizeBytes = readAt(files, descriptor, kernels.u8, pointer, size, 0)
      return decodeSegmentHeader({ kernels, pointer, sizeBytes, path, offset: 0 })
    } catch (error) {
      if (error instanceof CorruptionError) return undefined // readers tell of it
      throw error
    } finally {
      files.close(descriptor)
    }
  }

  /** Rows must not outlive the names of their functions. */
  #syncNames(): void {
    const files = this.#files
    let descriptor: number
    try {
      descriptor = files.open(join(this.path, DICTIONARY_FILE), 'r+')
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return
      throw error
    }
    try {
      files.fdatasyncSync(descriptor)
      files.fsyncDirectory(dirname(this.path))
    } finally {
      files.close(descriptor)
    }
  }

  #sizeOf(name: string): number {
    return this.#doing('listing', () => this.#files.stat(join(this.path, name)).sizeBytes)
  }

  /** No error if it is not there. */
  #remove(name: string): void {
    try {
      this.#files.unlink(join(this.path, name))
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error
    }
  }

  /** After another failure, which is the one to report. */
  #discard(path: string): void {
    try {
      this.#files.unlink(path)
    } catch {
      // Left behind: readers ignore temporary files, and the next one removes it.
    }
  }

  #unlessGone<T>(work: () => T): T | undefined {
    try {
      return work()
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined
      throw this.#ioError(error, 'listing')
    }
  }

  #doing<T>(what: string, work: () => T): T {
    try {
      return work()
    } catch (error) {
      throw this.#ioError(error, what)
    }
  }

  /** Errors of the system become KRONICLER_IO; others, such as the reason of a signal, stay what they are. */
  #ioError(error: unknown, what: string): unknown {
    return !isIoError(error) ? error : toIoError(error, `${what} in ${this.path}`)
  }
}

/** Where a header is read to. */
interface HeaderPlace {
  kernels: Kernels
  pointer: number
}

/** One for many headers, made for the first that is read. */
function headerPlace(): () => HeaderPlace {
  let place: HeaderPlace | undefined
  return () => {
    if (place === undefined) {
      const kernels = loadFallbackKernels()
      place = { kernels, pointer: kernels.allocate(SEGMENT_HEADER_SIZE_BYTES) }
    }
    return place
  }
}

/** Runs of files between which nothing is missing. */
function neighbours(files: readonly IntervalFile[]): IntervalFile[][] {
  const runs: IntervalFile[][] = []
  for (const file of files) {
    const run = runs.at(-1)
    if (run !== undefined && run.at(-1)!.high + 1 === file.low) run.push(file)
    else runs.push([file])
  }
  return runs
}

/** Neighbours to be merged, or else one that is to be rewritten. */
function planRewrite(
  segments: readonly PlannedSegment[],
  all: boolean,
  most: number | undefined,
  upgrade = false,
): PlannedSegment[] | undefined {
  const merged = planCompaction(segments, all, most)
  if (merged !== undefined || !upgrade) return merged
  const old = segments.find(({ version }) => version < SEGMENT_VERSION)
  return old && [old]
}

function sumRows(segments: readonly PlannedSegment[]): number {
  return segments.reduce((sum, { rowCount }) => sum + rowCount, 0)
}

/** The owner may be sealing a log at this moment, which makes a segment of that log alone. */
function isMerge(name: string): boolean {
  const [low, high] = name.slice(name.indexOf('.') + 1, name.lastIndexOf('.')).split('-')
  return low !== high
}

/** Nothing depends on descriptors that were only read from. */
function closeQuietly(files: readonly { close: () => void }[]): void {
  for (const file of files) {
    try {
      file.close()
    } catch {
      // see above
    }
  }
}

function isIoError(error: unknown): boolean {
  return error instanceof KroniclerError || /^E[A-Z\d]+$/.test(systemCode(error) ?? '')
}
