/**
 * @module database/read/directory-reader
 * The rows of one writing process: its segments, its logs and its names. Takes no locks; the writer goes on writing.
 *
 * A refresh sees a prefix of what was written: the folder is listed first, then the logs are read in order (a log
 * that is not the newest was complete before the listing), and the names last, because a name is written before the
 * first row that needs it.
 */
import { join } from 'node:path'
import { CorruptionError } from '../../errors.ts'
import { encodeUtf8 } from '../../internal/utf8.ts'
import type { ChunkSource } from './chunk-source.ts'
import { readCounters } from '../write/counters-file.ts'
import { DictionaryReader } from './dictionary-reader.ts'
import { interpretListing, type DirectoryListing, type SegmentEntry } from '../directory-listing.ts'
import { systemCode } from '../file.ts'
import type { Counters } from '../format/counters.ts'
import {
  DICTIONARY_FILE,
  LOCK_FILE,
  decodeLock,
  segmentFileName,
  walFileName,
  type SequenceInterval,
  type WriterIdentity,
} from '../format/directory.ts'
import { SlotSequences } from '../format/slot-sequences.ts'
import type { Closable, ReaderContext } from './reader-context.ts'
import { RollUpReader } from './roll-up-reader.ts'
import { SegmentReader } from './segment-reader.ts'
import { WalChunks } from './wal-chunks.ts'
import { WalReader } from './wal-reader.ts'
import { livenessOf } from '../writer-liveness.ts'

/** A change this shortly before a listing may be missing from it, and the next change not seen: clocks tick slowly. */
const TICK_MS = 50
const LISTING_ATTEMPTS = 20
/** How often to wait for two listings that are alike. */
const SETTLE_ATTEMPTS = 3
/** A file this young may still be on its way to its first content. */
const YOUNG_MS = 5000
const NOTHING_COUNTED: Counters = { dropped: 0, filtered: 0, attributesDropped: 0 }

type ReaderOf<Reader> = new (
  context: ReaderContext,
  path: string,
  interval: SequenceInterval,
) => Reader

interface Tail {
  wal: WalReader
  chunks: WalChunks | undefined // of the first chunks.rowCount rows
}

export class DirectoryReader {
  readonly path: string
  readonly dictionary: DictionaryReader
  /** Raised whenever a segment or a roll-up was added or removed. */
  segmentsVersion = 0

  readonly #context: ReaderContext
  readonly #slots = new SlotSequences()
  #segments = new Map<string, SegmentReader>() // by file name, ascending
  #rollUps = new Map<string, RollUpReader>() // likewise
  #tails = new Map<number, Tail>() // by sequence, ascending
  readonly #damaged = new Set<string>() // segments and roll-ups that cannot be used
  #listedModifiedMs = NaN
  #staleCount = 0 // of the open files, when the folder was listed
  #lockChecked = false

  constructor(context: ReaderContext, path: string) {
    this.#context = context
    this.path = path
    this.dictionary = new DictionaryReader(context, join(path, DICTIONARY_FILE))
  }

  get segments(): Iterable<SegmentReader> {
    return this.#segments.values()
  }

  get rollUps(): Iterable<RollUpReader> {
    return this.#rollUps.values()
  }

  /** Rows that are not sealed, clustered. Valid until the next refresh. */
  walChunks(): ChunkSource[] {
    const sources: ChunkSource[] = []
    for (const tail of this.#tails.values()) {
      const { rows, path } = tail.wal
      if (rows.count === 0) continue
      if (tail.chunks?.rowCount !== rows.count) {
        if (tail.chunks !== undefined) this.#context.retire(tail.chunks)
        tail.chunks = undefined
        tail.chunks = new WalChunks(this.#context, path, rows)
      }
      sources.push(tail.chunks)
    }
    return sources
  }

  /** Takes in everything written before the call. Faults are added to the log of faults. */
  refresh(): void {
    this.#checkLock()
    for (let attempt = 0; ; attempt++) {
      if (this.#refreshFiles(attempt)) break
    }
    const names = [...this.#tails.values()]
    names.forEach(({ wal }, i) => wal.refresh(i < names.length - 1))
    this.#refreshNames(false)
    if (this.#hasUnfinishedTail() && this.#writerIsGone()) {
      for (const { wal } of names) wal.refresh(true)
      this.#refreshNames(true)
    }
    this.#checkContinuity()
  }

  functionName(id: number): string {
    const name = this.dictionary.functions.get(id)
    if (name !== undefined) return name
    this.#context.faults.add(this.dictionary.missing('function', id))
    return `(unknown function ${id})`
  }

  errorName(type: number): string {
    const name = this.dictionary.errorTypes.get(type)
    if (name !== undefined) return name
    this.#context.faults.report(this.dictionary.missing('error type', type))
    return `(unknown error type ${type})`
  }

  /** What the writer last told of rows that it did not store as they were. */
  counters(): Counters {
    const { faults, files } = this.#context
    try {
      const counters = readCounters(files, this.path, (bytes, path, offset) =>
        this.#context.place(bytes, path, offset),
      )
      if (counters?.fault !== undefined) faults.add(counters.fault)
      return counters ?? NOTHING_COUNTED
    } catch (error) {
      if (!(error instanceof CorruptionError)) throw error
      faults.add(error)
      return NOTHING_COUNTED
    }
  }

  close(): void {
    for (const segment of this.#segments.values()) this.#context.retire(segment)
    for (const rollUp of this.#rollUps.values()) this.#context.retire(rollUp)
    for (const tail of this.#tails.values()) this.#retireTail(tail)
    this.#segments.clear()
    this.#rollUps.clear()
    this.#tails.clear()
    this.dictionary.close()
  }

  /** @returns false if the folder changed meanwhile and must be listed again */
  #refreshFiles(attempt: number): boolean {
    const { files, openFiles } = this.#context
    const { modifiedMs } = files.stat(this.path)
    const { staleCount } = openFiles
    if (modifiedMs === this.#listedModifiedMs && staleCount === this.#staleCount) return true
    const listedMs = Date.now()
    const names = files.readdir(this.path)
    const isRecent = listedMs - modifiedMs < TICK_MS
    const listing = interpretListing(names)
    const lastAttempt = attempt === LISTING_ATTEMPTS - 1
    if (!lastAttempt && this.#looksIncomplete(listing)) return false
    if (isRecent && attempt < SETTLE_ATTEMPTS) {
      if (names.join() !== files.readdir(this.path).join()) return false
    }
    try {
      this.#take(listing)
    } catch (error) {
      // sealed or merged between the listing and the opening
      if (systemCode(error) === 'ENOENT' && !lastAttempt) return false
      throw error
    }
    this.#listedModifiedMs = isRecent ? NaN : modifiedMs
    this.#staleCount = staleCount
    return true
  }

  /** A listing taken while a log is sealed may show neither the log nor its segment. */
  #looksIncomplete({ hole, last }: DirectoryListing): boolean {
    const known = [...this.#tails.keys()].at(-1) ?? -1
    return hole !== undefined || last < known
  }

  /** Opens what is new and closes what is gone; if that fails everything stays as it was. */
  #take(listing: DirectoryListing): void {
    const opened: Closable[] = []
    try {
      const segments = this.#openAll(listing.segments, this.#segments, SegmentReader, opened)
      const rollUps = this.#openAll(listing.rollUps, this.#rollUps, RollUpReader, opened)
      const tails = this.#openTails(listing, segments, rollUps, opened)
      this.#replace(segments, rollUps, tails)
    } catch (error) {
      for (const file of opened) file.close()
      throw error
    }
    if (listing.hole !== undefined) this.#reportHole(listing.hole)
  }

  /** Readers of all usable files of the listing, those that are open already among them. */
  #openAll<Reader extends Closable & { isStale?: boolean }>(
    entries: readonly SegmentEntry[],
    known: ReadonlyMap<string, Reader>,
    Kind: ReaderOf<Reader>,
    opened: Closable[],
  ): Map<string, Reader> {
    const readers = new Map<string, Reader>()
    for (const entry of entries) {
      if (this.#damaged.has(entry.name)) continue
      const before = known.get(entry.name)
      const open = before?.isStale === true ? undefined : before
      const reader = open ?? this.#open(entry, Kind)
      if (reader === undefined) continue
      if (open === undefined) opened.push(reader)
      readers.set(entry.name, reader)
    }
    return readers
  }

  /** Readers of all logs that no usable file covers. What was read of a log outlives its file. */
  #openTails(
    listing: DirectoryListing,
    segments: Map<string, SegmentReader>,
    rollUps: ReadonlyMap<string, RollUpReader>,
    opened: Closable[],
  ): Map<number, Tail> {
    const covering = [...listing.segments, ...listing.rollUps]
    const isSealed = (sequence: number) =>
      covering.some(
        ({ low, high, name }) =>
          low <= sequence && sequence <= high && (segments.has(name) || rollUps.has(name)),
      )
    const isCovered = (sequence: number) =>
      covering.some(({ low, high }) => low <= sequence && sequence <= high)
    const sequences = new Set([
      ...[...listing.wals, ...listing.coveredWals].map(({ sequence }) => sequence),
      ...[...this.#tails.keys()].filter(isCovered),
    ])
    const tails = new Map<number, Tail>()
    for (const sequence of [...sequences].sort((a, b) => a - b)) {
      if (isSealed(sequence)) continue
      const known = this.#tails.get(sequence)
      const tail = known ?? this.#openTail(sequence, segments, opened)
      if (tail === undefined) continue
      if (known === undefined) opened.push(tail.wal)
      tails.set(sequence, tail)
    }
    return tails
  }

  /** @returns undefined if the log was sealed since it was listed: then its segment is among the segments */
  #openTail(
    sequence: number,
    segments: Map<string, SegmentReader>,
    opened: Closable[],
  ): Tail | undefined {
    const path = join(this.path, walFileName(sequence))
    try {
      const wal = new WalReader(this.#context, path, sequence, this.#slots)
      return { wal, chunks: undefined }
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error
      const name = segmentFileName(sequence, sequence)
      const segment = this.#open({ low: sequence, high: sequence, name }, SegmentReader)
      if (segment !== undefined) {
        segments.set(name, segment)
        opened.push(segment)
      }
      return undefined
    }
  }

  /** @returns undefined if the file cannot be used, which is reported */
  #open<Reader>(entry: SegmentEntry, Kind: ReaderOf<Reader>): Reader | undefined {
    try {
      return new Kind(this.#context, join(this.path, entry.name), entry)
    } catch (error) {
      if (!(error instanceof CorruptionError)) throw error
      this.#damaged.add(entry.name)
      this.#context.faults.add(error)
      return undefined
    }
  }

  #replace(
    segments: Map<string, SegmentReader>,
    rollUps: Map<string, RollUpReader>,
    tails: Map<number, Tail>,
  ): void {
    const count = segments.size + rollUps.size
    let kept = 0
    for (const [name, reader] of [...this.#segments, ...this.#rollUps]) {
      if (segments.get(name) === reader || rollUps.get(name) === reader) kept++
      else this.#context.retire(reader)
    }
    if (kept < count || kept < this.#segments.size + this.#rollUps.size) this.segmentsVersion++
    for (const [sequence, tail] of this.#tails) {
      if (!tails.has(sequence)) this.#retireTail(tail)
    }
    this.#segments = segments
    this.#rollUps = rollUps
    this.#tails = tails
  }

  #reportHole(sequence: number): void {
    const path = join(this.path, segmentFileName(sequence, sequence))
    this.#context.faults.add(
      new CorruptionError(path, 0, `no file holds the rows of log ${sequence}`),
    )
  }

  #refreshNames(final: boolean): void {
    try {
      this.dictionary.refresh(final)
    } catch (error) {
      // the writer makes it before its first row
      if (systemCode(error) !== 'ENOENT') throw error
    }
  }

  #hasUnfinishedTail(): boolean {
    const newest = [...this.#tails.values()].at(-1)
    return newest?.wal.isUnfinished === true || this.dictionary.isUnfinished
  }

  #writerIsGone(): boolean {
    const writer = this.#readLock()
    if (writer === 'closed') return true
    return typeof writer === 'object' && livenessOf(writer, this.#context.files) === 'dead'
  }

  #checkLock(): void {
    if (this.#lockChecked) return
    this.#lockChecked = true
    this.#readLock()
  }

  #readLock(): WriterIdentity | 'closed' | 'unknown' {
    const { faults, files, kernels } = this.#context
    const path = join(this.path, LOCK_FILE)
    try {
      const text = files.readText(path)
      return decodeLock(text, path, (hashed) => {
        const bytes = this.#context.place(encodeUtf8(hashed), path, 0)
        return kernels.xxh64(bytes.pointer, bytes.sizeBytes)
      })
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return 'closed'
      if (!(error instanceof CorruptionError)) throw error
      if (this.#isYoung(path)) this.#lockChecked = false
      else faults.add(error)
      return 'unknown'
    }
  }

  #isYoung(path: string): boolean {
    try {
      return Date.now() - this.#context.files.stat(path).modifiedMs < YOUNG_MS
    } catch {
      return true // removed this moment
    }
  }

  /** Finds rows that a finished log should hold and does not: it was cut off between two frames. */
  #checkContinuity(): void {
    const firstRows = new Map<number, number | undefined>()
    for (const { header } of this.#segments.values()) {
      firstRows.set(header.sequenceLow, header.firstRow)
    }
    for (const [sequence, { wal }] of this.#tails) firstRows.set(sequence, wal.firstRow)
    for (const [sequence, { wal }] of this.#tails) wal.checkEnd(firstRows.get(sequence + 1))
  }

  #retireTail({ chunks, wal }: Tail): void {
    wal.close() // its rows are in memory
    if (chunks !== undefined) this.#context.retire(chunks)
  }
}
