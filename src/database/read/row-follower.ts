/**
 * @module database/read/row-follower
 * Rows as they arrive, each once. It reads the logs by itself, apart from the readers that questions use: it must not
 * lose a log's last rows when the log is sealed and unlinked, so it holds its own descriptor and reads that to the end
 * before it goes on to the next log. A log that came and went between two polls is read from its segment.
 */
import { join } from 'node:path'
import type { ChunkSource, DecodedDetails, RowAttributes } from './chunk-source.ts'
import { DictionaryReader } from './dictionary-reader.ts'
import { interpretListing, type SegmentEntry } from '../directory-listing.ts'
import { systemCode } from '../file.ts'
import { DICTIONARY_FILE, isWriterFolder, walFileName } from '../format/directory.ts'
import {
  createRowColumns,
  createRowDetails,
  detailsOf,
  reserveRows,
  type RowColumns,
  type RowDetails,
} from '../format/rows.ts'
import { SlotSequences } from '../format/slot-sequences.ts'
import { attempt, type ReaderContext } from './reader-context.ts'
import { SegmentReader } from './segment-reader.ts'
import { WalReader } from './wal-reader.ts'

/** A log may be sealed between the listing and the opening, but not twice. */
const MAX_MISSES = 3

/** Rows of one writer, in the order in which it stored them; those of a segment by start. */
export interface ArrivedRows {
  path: string // of the file
  rows: RowColumns
  functionName: (id: number) => string
  errorName: (type: number) => string
}

export class RowFollower {
  readonly #context: ReaderContext
  readonly #root: string
  readonly #folders = new Map<string, FolderFollower>()

  /** Begins behind everything that is there now. */
  constructor(context: ReaderContext, root: string) {
    this.#context = context
    this.#root = root
    for (const folder of this.#newFolders()) folder.skip()
  }

  /**
   * What has arrived since the last call. Damage is added to the log of faults.
   *
   * @throws the file system's error
   */
  *poll(): Generator<ArrivedRows> {
    this.#newFolders()
    for (const folder of this.#folders.values()) yield* folder.poll()
  }

  close(): void {
    for (const folder of this.#folders.values()) folder.close()
    this.#folders.clear()
  }

  #newFolders(): FolderFollower[] {
    const added: FolderFollower[] = []
    for (const name of this.#context.files.readdir(this.#root).filter(isWriterFolder).sort()) {
      if (this.#folders.has(name)) continue
      const folder = new FolderFollower(this.#context, join(this.#root, name))
      this.#folders.set(name, folder)
      added.push(folder)
    }
    return added
  }
}

class FolderFollower {
  readonly #context: ReaderContext
  readonly #path: string
  readonly #dictionary: DictionaryReader
  readonly #slots = new SlotSequences()
  #wal: WalReader | undefined
  #next = 0 // log to be read after #wal

  constructor(context: ReaderContext, path: string) {
    this.#context = context
    this.#path = path
    this.#dictionary = new DictionaryReader(context, join(path, DICTIONARY_FILE))
  }

  /** Passes over the rows that are there. */
  skip(): void {
    for (let attempt = 0; ; attempt++) {
      const { last } = this.#list()
      this.#next = last + 1
      if (last < 0) return
      if (this.#open(last)) break
      // the newest log was sealed: nothing more can come into it
      if (attempt > 0) return
    }
    this.#wal?.refresh(false)
    if (this.#wal !== undefined) clearRows(this.#wal.rows)
  }

  *poll(): Generator<ArrivedRows> {
    for (let misses = 0; misses < MAX_MISSES;) {
      // what is listed behind a log was begun after the log's last row
      const listing = this.#list()
      const wal = this.#wal
      if (wal !== undefined) {
        const isFinished = listing.last > wal.sequence
        wal.refresh(isFinished)
        yield* this.#take(wal)
        if (!isFinished) return
        wal.close()
        this.#wal = undefined
      }
      if (listing.last < this.#next) return
      const isNext = ({ low, high }: SegmentEntry) => low <= this.#next && this.#next <= high
      const segment = listing.segments.find(isNext)
      const rollUp = listing.rollUps.find(isNext)
      if (this.#open(this.#next)) {
        this.#next++
        misses = 0
      } else if (segment !== undefined) {
        this.#next = segment.high + 1
        misses = 0
        yield* this.#takeSegment(segment)
      } else if (rollUp !== undefined) {
        this.#next = rollUp.high + 1 // expired before they were looked at
      } else if (++misses === MAX_MISSES) {
        this.#next++ // it is gone; if it should not be, the questions' readers report it
      }
    }
  }

  close(): void {
    this.#wal?.close()
    this.#wal = undefined
    this.#dictionary.close()
  }

  #list() {
    try {
      return interpretListing(this.#context.files.readdir(this.#path))
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error
      return interpretListing([]) // removed
    }
  }

  /** @returns whether the log is there */
  #open(sequence: number): boolean {
    try {
      const path = join(this.#path, walFileName(sequence))
      this.#wal = new WalReader(this.#context, path, sequence, this.#slots)
      return true
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error
      return false
    }
  }

  *#take({ path, rows }: WalReader): Generator<ArrivedRows> {
    if (rows.count === 0) return
    this.#refreshNames()
    yield this.#arrived(path, rows)
    clearRows(rows)
  }

  *#takeSegment(entry: SegmentEntry): Generator<ArrivedRows> {
    const path = join(this.#path, entry.name)
    const segment = attempt(
      this.#context.faults,
      () => new SegmentReader(this.#context, path, entry),
    )
    if (segment === undefined) return
    let rows: RowColumns
    try {
      rows = rowsOf(segment, this.#context)
    } finally {
      segment.close()
    }
    this.#refreshNames()
    yield this.#arrived(path, rows)
  }

  #arrived(path: string, rows: RowColumns): ArrivedRows {
    const dictionary = this.#dictionary
    const { faults } = this.#context
    return {
      path,
      rows,
      functionName: (id) => {
        const name = dictionary.functions.get(id)
        if (name === undefined) faults.report(dictionary.missing('function', id))
        return name ?? `(unknown function ${id})`
      },
      errorName: (type) => {
        const name = dictionary.errorTypes.get(type)
        if (name === undefined) faults.report(dictionary.missing('error type', type))
        return name ?? `(unknown error type ${type})`
      },
    }
  }

  #refreshNames(): void {
    try {
      this.#dictionary.refresh(false)
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error
    }
  }
}

/** Forgets the rows, and the details of them, which must not be taken for those of later rows. */
function clearRows(rows: RowColumns): void {
  rows.count = 0
  rows.details = undefined
}

/** All rows of a source that can be read, by start. */
function rowsOf(source: ChunkSource, { kernels }: ReaderContext): RowColumns {
  const rows = createRowColumns(0)
  for (let chunk = 0; chunk < source.chunkCount; chunk++) {
    const count = source.rowCounts[chunk]!
    const durations = source.durationsOf(chunk)
    const errors = source.errorsOf(chunk)
    const details = source.detailsOf(chunk)
    const attributes = source.attributesOf(chunk)
    const startsUs = source.startsOf(chunk) // last: a view, which another load might invalidate
    if (
      startsUs === undefined ||
      durations === undefined ||
      errors === undefined ||
      details === undefined ||
      attributes === undefined
    ) {
      continue
    }
    const first = rows.count
    reserveRows(rows, first + count)
    rows.functionIds.fill(source.functionIds[chunk]!, first, first + count)
    rows.startsUs.set(startsUs, first)
    for (let row = 0; row < count; row++) {
      rows.durationsNs[first + row] = kernels.u32[durations.pointer / 4 + row]!
    }
    durations.longs?.rows.forEach((row, i) => {
      rows.durationsNs[first + row] = durations.longs!.durationsNs[i]!
    })
    errors.rows.forEach((row, i) => {
      rows.errorTypes[first + row] = errors.types[i]!
    })
    if (source.hasDetails[chunk] === 1 || source.weights[chunk] !== 1) {
      putDetails(details, attributes, source.weights[chunk]!, count, detailsOf(rows), first)
    }
    rows.count = first + count
  }
  return inOrderOfStart(rows)
}

/** Details of a chunk's rows, to the row `first` of `into` and behind. */
function putDetails(
  { childrenNs, contexts }: DecodedDetails,
  attributes: RowAttributes,
  weight: number,
  count: number,
  into: RowDetails,
  first: number,
): void {
  into.weights.fill(weight, first, first + count)
  if (contexts !== undefined) into.contexts.set(contexts, first)
  if (childrenNs !== undefined) into.childrenNs.set(childrenNs, first)
  for (const [row, text] of attributes) into.attributes.set(first + row, text)
}

function inOrderOfStart(rows: RowColumns): RowColumns {
  const { startsUs } = rows
  const order = Uint32Array.from({ length: rows.count }, (_, row) => row)
  order.sort((a, b) => startsUs[a]! - startsUs[b]! || a - b)
  const sorted = createRowColumns(rows.count)
  sorted.count = rows.count
  order.forEach((from, to) => {
    sorted.functionIds[to] = rows.functionIds[from]!
    sorted.startsUs[to] = rows.startsUs[from]!
    sorted.durationsNs[to] = rows.durationsNs[from]!
    sorted.errorTypes[to] = rows.errorTypes[from]!
  })
  if (rows.details !== undefined) sorted.details = permuted(rows.details, order)
  return sorted
}

function permuted(details: RowDetails, order: Uint32Array): RowDetails {
  const result = createRowDetails(order.length)
  order.forEach((from, to) => {
    result.contexts[to] = details.contexts[from]!
    result.childrenNs[to] = details.childrenNs[from]!
    result.weights[to] = details.weights[from]!
    const text = details.attributes.get(from)
    if (text !== undefined) result.attributes.set(to, text)
  })
  return result
}
