/**
 * @module database/snapshot
 * All rows of a database as of the last refresh: every writer's segments and logs, and one list of functions.
 */
import { join } from 'node:path'
import { CorruptionError, KroniclerError } from '../errors.ts'
import type { ChunkSource } from './chunk-source.ts'
import { DirectoryReader } from './directory-reader.ts'
import type { FaultListener } from './fault-log.ts'
import { nodeFiles, systemCode, toIoError, type FileLayer } from './file.ts'
import type { Counters } from './format/counters.ts'
import {
  FORMAT_FILE,
  decodeFormat,
  isWriterFolder,
  writerFolderStartMs,
} from './format/directory.ts'
import { FunctionTable } from './function-table.ts'
import { loadKernels, type Kernels } from './kernels/kernels.ts'
import { NodeIndex } from './node-index.ts'
import { ReaderContext } from './reader-context.ts'

export interface SnapshotOptions {
  onFault?: FaultListener | undefined
  cacheSizeBytes?: number | undefined
  files?: FileLayer | undefined
  kernels?: Kernels | undefined
}

/** See directory-reader.ts. */
const TICK_MS = 50
const YOUNG_MS = 5000
const NO_NODES = new NodeIndex([], () => 0)

export class Snapshot {
  readonly path: string
  readonly context: ReaderContext
  readonly functions = new FunctionTable()
  readonly #directories = new Map<string, DirectoryReader>()
  readonly #owners = new WeakMap<ChunkSource, DirectoryReader>() // of those held by a question, too
  #segments = NO_NODES
  #segmentsVersion = ''
  #places: { version: string; byName: ReadonlyMap<string, string> } | undefined
  #logs = NO_NODES
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
    )
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
  get indexes(): readonly NodeIndex[] {
    return [this.#segments, this.#logs]
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
    const name = this.ownerOf(source).functionName(source.functionIds[chunk]!)
    return this.functions.numberOf(name)
  }

  close(): void {
    this.#closed = true
    for (const directory of this.#directories.values()) directory.close()
    this.context.closeRetired()
    this.#directories.clear()
    this.#segments = NO_NODES
    this.#logs = NO_NODES
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
    const owners = this.#owners
    const segments: ChunkSource[] = []
    const logs: ChunkSource[] = []
    let version = ''
    for (const [name, directory] of this.#directories) {
      version += `${name} ${directory.segmentsVersion} ${directory.dictionary.version} `
      for (const source of directory.segments) {
        owners.set(source, directory)
        segments.push(source)
      }
      for (const source of directory.walChunks()) {
        owners.set(source, directory)
        logs.push(source)
      }
    }
    const numberOf = (sources: ChunkSource[]) => (source: number, id: number) =>
      this.functions.numberOf(owners.get(sources[source]!)!.functionName(id))
    if (version !== this.#segmentsVersion) {
      this.#segments = new NodeIndex(segments, numberOf(segments))
      this.#segmentsVersion = version
    }
    this.#logs = new NodeIndex(logs, numberOf(logs))
  }

  /** Where functions are defined, by name, such as `src/orders.ts:12`; as the process that began last tells it. */
  placesOfDefinition(): ReadonlyMap<string, string> {
    if (this.#places?.version !== this.#segmentsVersion) {
      const byName = new Map<string, string>()
      const startMs = writerFolderStartMs
      const directories = [...this.#directories].sort(([a], [b]) => startMs(a) - startMs(b))
      for (const [, { dictionary }] of directories) {
        for (const [id, place] of dictionary.places) {
          const name = dictionary.functions.get(id)
          if (name !== undefined) byName.set(name, place)
        }
      }
      this.#places = { version: this.#segmentsVersion, byName }
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
