/**
 * @module database/maintain/compact
 * Tidies up a whole database: what programs that are running do in the background, at once and as far as it goes.
 */
import { join } from 'node:path'
import type { CorruptionError } from '../../errors.ts'
import { checkOptionNames } from '../../internal/check-options.ts'
import { nodeFiles, toIoError, type FileLayer } from '../file.ts'
import { FolderClaim, type ClaimRefusal } from './folder-claim.ts'
import { FolderKeeper, type CompactOptions } from './folder-keeper.ts'
import { isWriterFolder } from '../format/directory.ts'
import { Pace } from '../pace.ts'
import { currentIdentity } from '../writer-identity.ts'

export interface CompactDatabaseOptions {
  signal?: AbortSignal | undefined // ends the work; what is not complete is as it was
  onProgress?: ((progress: CompactProgress) => void) | undefined // called now and then
  dense?: boolean | undefined // durations take less room, and longer to be scanned (default false)
}

export interface CompactProgress {
  rows: number // written so far
  totalRows: number // to be written
}

export interface CompactResult {
  folders: CompactedFolder[]
}

export interface CompactedFolder {
  folder: string // name
  /**
   * - compacted: everything that can be merged is
   * - alive: a program writes there and tidies up by itself, or another process is at it
   * - unknown: perhaps: the writer was on another machine, or its LOCK cannot be read
   */
  state: 'compacted' | ClaimRefusal
  sealedLogs: number // of writers that did not end in order
  segmentsBefore: number
  segmentsAfter: number
  sizeBytesBefore: number
  sizeBytesAfter: number
  faults: CorruptionError[] // damaged files, which are left as they are
}

/**
 * What is younger is waited for. Nobody writes to these folders any more, but whoever follows the rows as they arrive reads a
 * log that came and went between two of his looks, every 100 ms, from its segment, and must not find it merged with rows
 * that he has seen. Others may look at any moment: a reader that does not find a file lists the folder again.
 */
const SETTLING_MS = 300
/** A program of its own has the memory to merge as many logs as make the largest segment in one go. */
const MOST_MERGED_SEGMENTS = 64
const EVERYTHING: CompactOptions = {
  all: true,
  minAgeMs: 0,
  newest: 0,
  upgrade: true,
  most: MOST_MERGED_SEGMENTS,
}

/**
 * Merges the segments of all writers that are not running, up to 16 million rows each and one file a day at least. Rows
 * and answers stay the same; programs may read the database meanwhile.
 *
 * @throws {KroniclerError} KRONICLER_IO: what was complete by then stays
 * @throws the signal's reason
 */
export async function compactDatabase(
  directory: string,
  options: CompactDatabaseOptions = {},
): Promise<CompactResult> {
  checkOptionNames(options, 'options', ['signal', 'onProgress', 'dense'])
  const { dense, onProgress, signal } = options
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new TypeError('signal must be an AbortSignal')
  }
  if (onProgress !== undefined && typeof onProgress !== 'function') {
    throw new TypeError('onProgress must be a function')
  }
  if (dense !== undefined && typeof dense !== 'boolean') {
    throw new TypeError('dense must be true or false')
  }
  return compactDatabaseOn(nodeFiles, directory, options)
}

/** The same over another file layer, for tests. */
export async function compactDatabaseOn(
  files: FileLayer,
  directory: string,
  { dense, onProgress, signal }: CompactDatabaseOptions = {},
): Promise<CompactResult> {
  const pace = new Pace({ signal })
  const progress: CompactProgress = { rows: 0, totalRows: 0 }
  const folders: CompactedFolder[] = []
  const held: { claim: FolderClaim; keeper: FolderKeeper; result: CompactedFolder }[] = []
  try {
    for (const folder of listWriters(files, directory)) {
      const path = join(directory, folder)
      const claim = FolderClaim.take(files, path, currentIdentity(files))
      const result = emptyResult(folder, typeof claim === 'string' ? claim : 'compacted')
      folders.push(result)
      if (typeof claim === 'string') continue
      const keeper = new FolderKeeper(path, { files, isOwner: false })
      held.push({ claim, keeper, result })
      const onDamage = (fault: CorruptionError): void => {
        result.faults.push(fault)
      }
      keeper.removeLeftovers()
      result.sizeBytesBefore = sizeOf(files, path)
      result.sealedLogs = await keeper.sealLogs(pace, onDamage)
      result.segmentsBefore = keeper.contents().segments.length
      progress.totalRows += keeper.rowsToMerge(EVERYTHING)
      await pace.step()
    }
    onProgress?.({ ...progress })
    if (progress.totalRows > 0) await pace.wait(settlingMs(held.map(({ keeper }) => keeper)))
    for (const { claim, keeper, result } of held) {
      const onRows = (rows: number): void => {
        progress.rows += rows
        onProgress?.({ ...progress })
      }
      const onDamage = (fault: CorruptionError): void => {
        result.faults.push(fault)
      }
      while (await keeper.compact({ ...EVERYTHING, dense, onRows }, pace, onDamage));
      result.segmentsAfter = keeper.contents().segments.length
      result.sizeBytesAfter = sizeOf(files, keeper.path)
      claim.release()
    }
  } finally {
    for (const { claim } of held) claim.release()
  }
  return { folders }
}

/** Until the youngest segment is as old as it must be. */
function settlingMs(keepers: readonly FolderKeeper[]): number {
  const youngestMs = Math.max(...keepers.map((keeper) => keeper.newestSegmentMs()))
  const leftMs = youngestMs + SETTLING_MS - Date.now()
  return Math.min(Math.max(0, leftMs), SETTLING_MS) // the file system's clock may be another one
}

function emptyResult(folder: string, state: CompactedFolder['state']): CompactedFolder {
  return {
    folder,
    state,
    sealedLogs: 0,
    segmentsBefore: 0,
    segmentsAfter: 0,
    sizeBytesBefore: 0,
    sizeBytesAfter: 0,
    faults: [],
  }
}

function listWriters(files: FileLayer, directory: string): string[] {
  try {
    return files.readdir(directory).filter(isWriterFolder).sort()
  } catch (error) {
    throw toIoError(error, `listing ${directory}`)
  }
}

function sizeOf(files: FileLayer, folder: string): number {
  try {
    return files
      .readdir(folder)
      .reduce((sum, name) => sum + files.stat(join(folder, name)).sizeBytes, 0)
  } catch (error) {
    throw toIoError(error, `listing ${folder}`)
  }
}
