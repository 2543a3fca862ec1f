/**
 * @module database/read/shared-pages
 * Pages that several functions share, decoded. Questions about all functions go from function to function and, for each,
 * from segment to segment: as long as there are no more segments than pages are kept, each page is decoded once.
 */
import type { Arena } from '../arena.ts'
import type { LongDurations } from '../format/pages.ts'

/** Rows of a page at most; larger ones, which no writer makes, are not kept. */
export const MAX_KEPT_ROWS = 1024
/** Pages kept at most: 6 MiB, if there are so many. */
const MAX_KEPT_PAGES = 512
const COLUMN_SIZE_BYTES = 4 * MAX_KEPT_ROWS

export interface DecodedPage {
  readonly durations: number // u32[MAX_KEPT_ROWS] in the kernels' memory
  readonly gaps: number // the same, between starts
  readonly highGaps: number // the same, of their bits from 32 on, if they are that wide
  hasDurations: boolean
  hasGaps: boolean
  longs: LongDurations | undefined
}

export class SharedPages {
  readonly #arena: Arena
  readonly #pages: DecodedPage[] = []
  readonly #keys: number[] = [] // of each of them
  readonly #byKey = new Map<number, DecodedPage>()
  #next = 0 // the one to be used for something else: the oldest

  constructor(arena: Arena) {
    this.#arena = arena
  }

  /** The page with that key, of which perhaps nothing is decoded yet; it is the caller's until the next call. */
  take(key: number): DecodedPage {
    const kept = this.#byKey.get(key)
    if (kept !== undefined) return kept
    const index = this.#next
    this.#next = (index + 1) % MAX_KEPT_PAGES
    const page = this.#pages[index] ?? this.#add()
    this.#byKey.delete(this.#keys[index]!)
    this.#keys[index] = key
    this.#byKey.set(key, page)
    page.hasDurations = false
    page.hasGaps = false
    page.longs = undefined
    return page
  }

  #add(): DecodedPage {
    const { pointer } = this.#arena.take(3 * COLUMN_SIZE_BYTES)
    const page: DecodedPage = {
      durations: pointer,
      gaps: pointer + COLUMN_SIZE_BYTES,
      highGaps: pointer + 2 * COLUMN_SIZE_BYTES,
      hasDurations: false,
      hasGaps: false,
      longs: undefined,
    }
    this.#pages.push(page)
    return page
  }
}
