/**
 * @module database/read/snapshot
 * All rows of a database as of the last refresh: every writer's segments and logs, and one list of functions.
 */
import { join } from 'node:path'
import { CorruptionError, KroniclerError } from '../../errors.ts'
import type { ChunkSource } from './chunk-source.ts'
import { DirectoryReader } from './directory-reader.ts'
import type { FaultListener } from './fault-log.ts'
import { nodeFiles, systemCode, toIoError, type FileLayer } from '../file.ts'
import type { Counters } from '../format/counters.ts'
import {
  FORMAT_FILE,
  decodeFormat,
  isWriterFolder,
  writerFolderStartMs,
} from '../format/directory.ts'
import { FunctionIndex, IndexedSource, type IndexView } from './function-index.ts'
import { FunctionNumbers } from './function-numbers.ts'
import { FunctionTable } from './function-table.ts'
import { loadKernels, type Kernels } from '../kernels/kernels.ts'
import { ReaderContext } from './reader-context.ts'
import { RollUpReader } from './roll-up-reader.ts'

export interface SnapshotOptions {
  onFault?: FaultListener | undefined
  cacheSizeBytes?: number | undefined
  files?: FileLayer | undefined
  kernels?: Kernels | undefined
  openFileLimit?: number | undefined // segments whose files are open at a time (default 256)
}

/** See directory-reader.ts. */
const TICK_MS = 50
const YOUNG_MS = 5000

/** What there was at a moment, for questions that go on while the snapshot is refreshed. */
export type SnapshotView = Pick<Snapshot, 'context' | 'functions' | 'indexes' | 'rollUps'>

/** What is in the index of a writer's folder. */
interface IndexedDirectory {
  segmentsVersion: number
  namesVersion: number
  numbers: FunctionNumbers
  sources: Map<ChunkSource, IndexedSource> // segments and roll-ups
}

export class Snapshot {
  readonly path: string
  readonly context: ReaderContext
  readonly functions = new FunctionTable()
  readonly #directories = new Map<string, DirectoryReader>()
  readonly #indexed = new Map<DirectoryReader, IndexedDirectory>()
  readonly #owners = new WeakMap<ChunkSource, DirectoryReader>() // of those held by a question, too
  readonly #segments: FunctionIndex
  readonly #logs: FunctionIndex
  readonly #rollUps: FunctionIndex
  #logSources = new Map<ChunkSource, IndexedSource>()
  #namesVersion = 0
  #places: { version: number; byName: ReadonlyMap<string, string> } | undefined
  #listedModifiedMs = NaN
  #closed = false

  /**
   * Opens the directory and takes in what is there.
   *
   * @throws {KroniclerError} KRONICLER_NOT_FOUND, KRONICLER_IO
   * @throws {CorruptionError} something is damaged and `onFault` is not given
   */
  constructor(path: string, options: SnapshotOptions = {}) {
    this.path = path
    const { cacheSizeBytes, onFault } = options
    const files = options.files ?? nodeFiles
    this.context = new ReaderContext(
      files,
      options.kernels ?? loadKernels(),
      cacheSizeBytes,
      onFault,
      options.openFileLimit,
    )
    const takeKeys = (count: number) => this.context.takeKeys(count)
    this.#segments = new FunctionIndex(takeKeys)
    this.#logs = new FunctionIndex(takeKeys)
    this.#rollUps = new FunctionIndex(takeKeys)
    try {
      this.#checkFormat()
      this.refresh()
    } catch (error) {
      this.close()
      throw error
    }
  }

  get isClosed(): boolean {
    return this.#closed
  }

  /** Sources of rows by function: sealed ones and those of the logs. */
  get indexes(): readonly IndexView[] {
    return [this.#segments.view, this.#logs.view]
  }

  /** Hourly totals of rows that have expired: no question about rows looks there. */
  get rollUps(): IndexView {
    return this.#rollUps.view
  }

  /** All of that as it is now. */
  view(): SnapshotView {
    const { context, functions, indexes, rollUps } = this
    return { context, functions, indexes, rollUps }
  }

  /**
   * Takes in everything written before the call. Costs a few microseconds for every writer if nothing changed.
   *
   * @throws {KroniclerError} KRONICLER_CLOSED, KRONICLER_NOT_FOUND, KRONICLER_IO
   * @throws {CorruptionError} something is damaged and `onFault` is not given
   */
  refresh(): void {
    if (this.#closed) throw new KroniclerError('KRONICLER_CLOSED', 'the database is closed')
    try {
      this.#listDirectories()
      for (const [name, directory] of this.#directories) this.#refreshDirectory(name, directory)
    } catch (error) {
      if (error instanceof RangeError) throw error
      throw toIoError(error, `reading ${this.path}`)
    }
    this.#index()
    this.context.faults.flush()
  }

  /** Rows that the writers refused because their queues were full, in all. */
  dropped(): number {
    return this.counters().dropped
  }

  /** What the writers tell of rows that they did not store as they were, added up. */
  counters(): Counters {
    const sum: Counters = { dropped: 0, filtered: 0, attributesDropped: 0 }
    for (const directory of this.#directories.values()) {
      const { attributesDropped, dropped, filtered } = directory.counters()
      sum.dropped += dropped
      sum.filtered += filtered
      sum.attributesDropped += attributesDropped
    }
    this.context.faults.flush()
    return sum
  }

  /** The writer's folder that a source belongs to. */
  ownerOf(source: ChunkSource): DirectoryReader {
    const owner = this.#owners.get(source)
    if (owner === undefined) throw new TypeError(`${source.path} is not part of this database`)
    return owner
  }

  /** The writer's folder with the name. */
  directory(name: string): DirectoryReader | undefined {
    return this.#directories.get(name)
  }

  /** Number of the function that a chunk's rows belong to. */
  functionOf(source: ChunkSource, chunk: number): number {
    const id = source.functionIds[chunk]!
    const owner = this.ownerOf(source)
    const known = this.#indexed.get(owner)
    if (known !== undefined) return known.numbers.numberOf(id)
    return this.functions.numberOf(owner.functionName(id)) // removed, and held by a question
  }

  close(): void {
    this.#closed = true
    for (const directory of this.#directories.values()) directory.close()
    this.context.closeRetired()
    this.#directories.clear()
    this.#index()
  }

  #checkFormat(): void {
    const { faults, files } = this.context
    const path = join(this.path, FORMAT_FILE)
    let names: string[]
    try {
      names = files.readdir(this.path)
    } catch (error) {
      const code = systemCode(error)
      if (code !== 'ENOENT' && code !== 'ENOTDIR') throw toIoError(error, `opening ${this.path}`)
      const what = code === 'ENOENT' ? 'there is no directory' : 'this is a file, not a directory:'
      throw new KroniclerError('KRONICLER_NOT_FOUND', `${what} ${this.path}`, { cause: error })
    }
    if (!names.includes(FORMAT_FILE)) {
      if (!names.some(isWriterFolder)) {
        throw new KroniclerError('KRONICLER_NOT_FOUND', `not a Kronicler directory: ${this.path}`)
      }
      faults.add(new CorruptionError(path, 0, 'the file is missing'))
      return
    }
    try {
      const text = files.readText(path)
      // the first writer has made the file and is about to fill it
      if (text === '' && Date.now() - files.stat(path).modifiedMs < YOUNG_MS) return
      decodeFormat(text, path)
    } catch (error) {
      if (!(error instanceof CorruptionError)) throw toIoError(error, `opening ${this.path}`)
      faults.add(error)
    }
  }

  #listDirectories(): void {
    const { files } = this.context
    const { modifiedMs } = this.#statRoot()
    if (modifiedMs === this.#listedModifiedMs) return
    const listedMs = Date.now()
    const names = files.readdir(this.path).filter(isWriterFolder).sort()
    for (const [name, directory] of this.#directories) {
      if (names.includes(name)) continue
      directory.close()
      this.#directories.delete(name)
    }
    for (const name of names) {
      if (this.#directories.has(name)) continue
      this.#directories.set(name, new DirectoryReader(this.context, join(this.path, name)))
    }
    this.#listedModifiedMs = listedMs - modifiedMs < TICK_MS ? NaN : modifiedMs
  }

  #statRoot() {
    try {
      return this.context.files.stat(this.path)
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error
      const message = `the directory was removed: ${this.path}`
      throw new KroniclerError('KRONICLER_NOT_FOUND', message, { cause: error })
    }
  }

  #refreshDirectory(name: string, directory: DirectoryReader): void {
    try {
      directory.refresh()
    } catch (error) {
      if (systemCode(error) !== 'ENOENT' || this.#exists(directory.path)) throw error
      directory.close() // removed since it was listed
      this.#directories.delete(name)
    }
  }

  #exists(path: string): boolean {
    try {
      this.context.files.stat(path)
      return true
    } catch {
      return false
    }
  }

  #index(): void {
    const directories = new Set(this.#directories.values())
    const added: IndexedSource[] = []
    const removed = new Set<IndexedSource>()
    for (const [directory, { sources }] of this.#indexed) {
      if (directories.has(directory)) continue
      for (const source of sources.values()) removed.add(source)
      this.#indexed.delete(directory)
      this.#namesVersion++
    }
    for (const directory of directories) this.#indexDirectory(directory, added, removed)
    this.#own(added)
    const { pool } = this.context
    const isRollUp = ({ source }: IndexedSource) => source instanceof RollUpReader
    const [newRollUps, newSegments] = partition(added, isRollUp)
    const [oldRollUps, oldSegments] = partition(removed, isRollUp)
    this.#rollUps.update(newRollUps, new Set(oldRollUps))
    const dropped = this.#segments.update(newSegments, new Set(oldSegments))
    for (const { firstPageKey, pageCount } of dropped) {
      for (let page = 0; page < pageCount; page++) pool.delete(firstPageKey + page)
    }
    this.#indexLogs()
  }

  #indexDirectory(
    directory: DirectoryReader,
    added: IndexedSource[],
    removed: Set<IndexedSource>,
  ): void {
    let known = this.#indexed.get(directory)
    if (known === undefined || known.numbers.isOutdated) {
      for (const source of known?.sources.values() ?? []) removed.add(source)
      const numbers = new FunctionNumbers(directory, this.functions)
      known = { segmentsVersion: NaN, namesVersion: NaN, numbers, sources: new Map() }
      this.#indexed.set(directory, known)
    }
    if (known.namesVersion !== directory.dictionary.version) {
      known.namesVersion = directory.dictionary.version
      this.#namesVersion++
    }
    if (known.segmentsVersion === directory.segmentsVersion) return
    known.segmentsVersion = directory.segmentsVersion
    const before = known.sources
    known.sources = new Map()
    for (const segment of [...directory.segments, ...directory.rollUps]) {
      let source = before.get(segment)
      if (source === undefined) {
        source = new IndexedSource(segment, directory, known.numbers)
        added.push(source)
      }
      known.sources.set(segment, source)
      before.delete(segment)
    }
    for (const source of before.values()) removed.add(source)
  }

  #indexLogs(): void {
    const before = this.#logSources
    const removed = new Set(before.values())
    const added: IndexedSource[] = []
    this.#logSources = new Map()
    for (const directory of this.#directories.values()) {
      const { numbers } = this.#indexed.get(directory)!
      for (const log of directory.walChunks()) {
        let source = before.get(log)
        if (source?.numbers !== numbers) {
          source = new IndexedSource(log, directory, numbers)
          added.push(source)
        }
        removed.delete(source)
        this.#logSources.set(log, source)
      }
    }
    this.#own(added)
    this.#logs.update(added, removed)
  }

  #own(added: readonly IndexedSource[]): void {
    for (const { owner, source } of added) this.#owners.set(source, owner)
  }

  /** Where functions are defined, by name, such as `src/orders.ts:12`; as the process that began last tells it. */
  placesOfDefinition(): ReadonlyMap<string, string> {
    if (this.#places?.version !== this.#namesVersion) {
      const byName = new Map<string, string>()
      const startMs = writerFolderStartMs
      const directories = [...this.#directories].sort(([a], [b]) => startMs(a) - startMs(b))
      for (const [, { dictionary }] of directories) {
        for (const [id, place] of dictionary.places) {
          const name = dictionary.functions.get(id)
          if (name !== undefined) byName.set(name, place)
        }
      }
      this.#places = { version: this.#namesVersion, byName }
    }
    return this.#places.byName
  }

  /** Every name in any dictionary, also of functions without rows. */
  functionNames(): string[] {
    const names = new Set<string>()
    for (const { dictionary } of this.#directories.values()) {
      for (const name of dictionary.functions.values()) names.add(name)
    }
    return [...names].sort()
  }
}

function partition<T>(values: Iterable<T>, belongs: (value: T) => boolean): [T[], T[]] {
  const first: T[] = []
  const second: T[] = []
  for (const value of values) (belongs(value) ? first : second).push(value)
  return [first, second]
}
