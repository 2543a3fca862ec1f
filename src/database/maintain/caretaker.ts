/**
 * @module database/maintain/caretaker
 * What a program does for its database besides writing to it: merges its own segments, lets rows expire, and looks after
 * the folders of writers that are gone. In the background, and everything in small steps.
 */
import { join } from 'node:path'
import type { CorruptionError } from '../../errors.ts'
import { nodeFiles, systemCode, toIoError, type FileLayer } from '../file.ts'
import { FolderClaim } from './folder-claim.ts'
import { FolderKeeper, type CompactOptions } from './folder-keeper.ts'
import type { IntervalFile } from './folder-contents.ts'
import { isWriterFolder } from '../format/directory.ts'
import type { Pace } from '../pace.ts'
import { findSurplus, type Retention, type Surplus } from './retention.ts'
import { currentIdentity } from '../writer-identity.ts'

/**
 * Segments are left alone for so long: whoever follows the rows as they arrive has read their logs by then, and reads no
 * merged segment, which would give him rows twice.
 */
const MIN_AGE_MS = 60_000
const NEWEST = 2
const OWN: CompactOptions = { all: false, minAgeMs: MIN_AGE_MS, newest: NEWEST }
const LEFT_BEHIND: CompactOptions = { all: true, minAgeMs: MIN_AGE_MS, newest: 0 }
/** Segments that expire together: each is open meanwhile. */
const MAX_EXPIRING_SEGMENTS = 16
/** A folder in which there was nothing to do is not looked at again for so long unless it has changed. */
const IDLE_MS = 10 * 60_000

export interface CaretakerOptions {
  files?: FileLayer | undefined
  compaction?: boolean | undefined // merge segments (default true)
  retention?: Retention | undefined // (default: rows stay)
  clock?: (() => number) | undefined // milliseconds since the Unix epoch (default: Date.now)
}

export class Caretaker {
  readonly #root: string
  readonly #files: FileLayer
  readonly #compaction: boolean
  readonly #retention: Retention
  readonly #clock: () => number
  readonly #onDamage: (fault: CorruptionError) => void
  readonly #keepers = new Map<string, FolderKeeper>() // by name of the folder
  readonly #idle = new Map<string, { modifiedMs: number; untilMs: number }>() // likewise

  /** @param onDamage told of files that are left as they are because they cannot be read */
  constructor(
    root: string,
    onDamage: (fault: CorruptionError) => void,
    options: CaretakerOptions = {},
  ) {
    this.#root = root
    this.#onDamage = onDamage
    this.#files = options.files ?? nodeFiles
    this.#compaction = options.compaction ?? true
    this.#retention = options.retention ?? {}
    this.#clock = options.clock ?? Date.now
  }

  /**
   * Does what is to be done now.
   *
   * @param own name of the folder that this process writes to, if there is one by now
   * @throws {KroniclerError} KRONICLER_IO: everything is as it was, or done
   * @throws what ends the pace
   */
  async tend(own: string | undefined, pace: Pace): Promise<void> {
    const folders = this.#doing(() => this.#files.readdir(this.#root).filter(isWriterFolder).sort())
    for (const known of this.#keepers.keys()) if (!folders.includes(known)) this.#forget(known)
    const surplus = this.#surplus(folders)
    if (own !== undefined && folders.includes(own)) {
      await this.#tendFolder(this.#keeperOf(own, true), OWN, surplus.get(own), pace)
    }
    for (const folder of folders) {
      if (folder !== own) await this.#tendLeftBehind(folder, surplus.get(folder), pace)
      await pace.step()
    }
  }

  async #tendLeftBehind(folder: string, surplus: Surplus | undefined, pace: Pace): Promise<void> {
    const path = join(this.#root, folder)
    if (surplus === undefined && this.#isIdle(folder)) return
    const files = this.#files
    if (this.#isFree(path)) await this.#keeperOf(folder, false).learnHeaders(pace)
    const claim = this.#doing(() => {
      try {
        if (FolderClaim.refusalOf(files, path) !== undefined) return 'alive'
        if (!this.#hasWork(folder, surplus)) return this.#rest(folder)
        return FolderClaim.take(files, path, currentIdentity(files))
      } catch (error) {
        if (systemCode(error) === 'ENOENT') return 'unknown' // removed meanwhile
        throw error
      }
    })
    if (typeof claim === 'string') return
    try {
      const keeper = this.#keeperOf(folder, false)
      await keeper.sealLogs(pace, this.#onDamage)
      await this.#tendFolder(keeper, LEFT_BEHIND, surplus, pace)
    } finally {
      claim.release()
    }
  }

  async #tendFolder(
    keeper: FolderKeeper,
    options: CompactOptions,
    surplus: Surplus | undefined,
    pace: Pace,
  ): Promise<void> {
    await keeper.learnHeaders(pace)
    keeper.removeLeftovers()
    if (surplus !== undefined) {
      keeper.removeRollUps(surplus.rollUps)
      await this.#expire(keeper, keeper.segmentsNamed(surplus.segments), pace)
    }
    await this.#expire(keeper, this.#expiredOf(keeper), pace)
    while (this.#compaction && (await keeper.compact(options, pace, this.#onDamage)));
  }

  async #expire(keeper: FolderKeeper, runs: IntervalFile[][], pace: Pace): Promise<void> {
    for (const run of runs) {
      for (let first = 0; first < run.length; first += MAX_EXPIRING_SEGMENTS) {
        const some = run.slice(first, first + MAX_EXPIRING_SEGMENTS)
        await keeper.expire(some, pace, this.#onDamage)
      }
    }
  }

  #expiredOf(keeper: FolderKeeper): IntervalFile[][] {
    const { maxAgeMs } = this.#retention
    if (maxAgeMs === undefined) return []
    return keeper.segmentsBefore((this.#clock() - maxAgeMs) * 1000)
  }

  #surplus(folders: readonly string[]): Map<string, Surplus> {
    const { maxSizeBytes } = this.#retention
    if (maxSizeBytes === undefined) return new Map()
    return this.#doing(() => findSurplus(this.#files, this.#root, folders, maxSizeBytes))
  }

  #hasWork(folder: string, surplus: Surplus | undefined): boolean {
    const keeper = this.#keeperOf(folder, false)
    return (
      surplus !== undefined ||
      keeper.unsealedLogs().length > 0 ||
      keeper.hasLeftovers() ||
      this.#expiredOf(keeper).length > 0 ||
      (this.#compaction && keeper.nextMerge(LEFT_BEHIND) !== undefined)
    )
  }

  #isFree(path: string): boolean {
    try {
      return FolderClaim.refusalOf(this.#files, path) === undefined
    } catch {
      return false // whoever takes it will learn why
    }
  }

  #isIdle(folder: string): boolean {
    const idle = this.#idle.get(folder)
    if (idle === undefined || Date.now() > idle.untilMs) return false
    return this.#modifiedMs(folder) === idle.modifiedMs
  }

  #rest(folder: string): 'alive' {
    const modifiedMs = this.#modifiedMs(folder)
    // segments that are too young to be merged are not for long
    const isYoung = Date.now() - modifiedMs < 2 * MIN_AGE_MS
    if (!isYoung) this.#idle.set(folder, { modifiedMs, untilMs: Date.now() + IDLE_MS })
    return 'alive'
  }

  #modifiedMs(folder: string): number {
    try {
      return this.#files.stat(join(this.#root, folder)).modifiedMs
    } catch {
      return NaN
    }
  }

  #keeperOf(folder: string, isOwner: boolean): FolderKeeper {
    const known = this.#keepers.get(folder)
    if (known !== undefined) return known
    const keeper = new FolderKeeper(join(this.#root, folder), { files: this.#files, isOwner })
    this.#keepers.set(folder, keeper)
    return keeper
  }

  #forget(folder: string): void {
    this.#keepers.delete(folder)
    this.#idle.delete(folder)
  }

  #doing<T>(work: () => T): T {
    try {
      return work()
    } catch (error) {
      throw toIoError(error, `looking after ${this.#root}`)
    }
  }
}
