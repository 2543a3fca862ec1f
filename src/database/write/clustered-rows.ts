/**
 * @module database/write/clustered-rows
 * The rows of a log in the order of a segment: by function id, then by weight, then by start, then by arrival.
 *
 * Counting sort by function, straight from the frames' bytes, then a sort by start within each function. If some frame
 * has details, every row carries its number with it through the sort, by which its details are found.
 */
import { ArrivedDetails } from './arrived-details.ts'
import type { FileBytes } from '../format/file-bytes.ts'
import type { SlotSequences } from '../format/slot-sequences.ts'
import {
  decodeStarts,
  forEachError,
  forEachLong,
  functionIdsOf,
  readWalFrame,
  type WalFrame,
} from '../format/wal-frame.ts'
import { MAX_FRAME_ROWS } from '../format/wal-frame-layout.ts'
import type { Kernels } from '../kernels/kernels.ts'
import type { ColumnsPlace, GroupRows } from './page-rows.ts'
import type { Progress } from '../progress.ts'
import { Scratch } from '../scratch.ts'
import { sortRows } from './sort-rows.ts'
import { splitByWeight } from './split-by-weight.ts'

/** Rows [first, end) belong to one function and have one weight. */
export interface FunctionRows {
  functionId: number
  weight: number
  first: number
  end: number
}

export interface ClusteredColumns {
  startsUs: Float64Array
  durationsNs: Float64Array
  errorTypes: Uint16Array
}

/** Ids below this are counted in a table, the others through a map. */
const TABLE_IDS = 65_536

export class ClusteredRows implements GroupRows {
  readonly #kernels: Kernels
  readonly #starts: Scratch
  readonly #durations: Scratch
  readonly #errors: Scratch
  readonly #table: number // u32[TABLE_IDS] in the kernels' memory: rows of each id, later the next row to fill
  readonly #map = new Map<number, number>() // the same for the ids beyond the table
  readonly #positions: number // u32[MAX_FRAME_ROWS] there: where the rows of a frame went

  readonly #details: ArrivedDetails
  #views: ClusteredColumns | undefined

  rowCount = 0
  minStartUs = 0 // both 0 without rows
  maxStartUs = 0
  functions: FunctionRows[] = [] // a function whose rows have several weights stands in it as often
  details: ArrivedDetails | undefined // undefined: all rows have the defaults
  place: ColumnsPlace | undefined
  // f64[rowCount], f64[rowCount] and u16[rowCount] in the kernels' memory
  startsUs = 0
  durationsNs = 0
  errorTypes = 0

  constructor(kernels: Kernels) {
    this.#kernels = kernels
    this.#starts = new Scratch(kernels)
    this.#durations = new Scratch(kernels)
    this.#errors = new Scratch(kernels)
    this.#table = kernels.allocate(4 * TABLE_IDS)
    this.#positions = kernels.allocate(4 * MAX_FRAME_ROWS)
    this.#details = new ArrivedDetails(kernels)
  }

  /**
   * @param file      the log, in the kernels' memory
   * @param positions of its valid frames, in file order
   * @param slots     what was read of each slot before this log; taken further
   */
  load(
    file: FileBytes,
    positions: readonly number[],
    slots: SlotSequences,
    progress: Progress,
  ): void {
    this.#kernels.u32.fill(0, this.#table / 4, this.#table / 4 + TABLE_IDS)
    this.#map.clear()
    const skips: number[] = []
    let hasDetails = false
    for (const position of positions) {
      const frame = readWalFrame(file, position)
      if (frame.details !== undefined) hasDetails = true
      skips.push(slots.take(frame))
    }
    positions.forEach((position, i) => {
      this.#count(readWalFrame(file, position), skips[i]!)
      progress.tick()
    })
    this.#place()
    if (hasDetails) this.#details.begin(this.rowCount)
    this.details = hasDetails ? this.#details : undefined
    this.#views = undefined
    this.startsUs = this.#starts.reserve(8 * this.rowCount)
    this.durationsNs = this.#durations.reserve(8 * this.rowCount)
    this.errorTypes = this.#errors.reserve(2 * this.rowCount)
    const { durationsNs, errorTypes, startsUs } = this
    this.place = { startsUs, durationsNs, errorTypes, isFixed: true }
    this.#kernels.u16.fill(0, this.errorTypes / 2, this.errorTypes / 2 + this.rowCount)
    positions.forEach((position, i) => {
      this.#scatter(file, position, skips[i]!)
      progress.tick()
    })
    this.#sort(progress)
  }

  #count(frame: WalFrame, skip: number): void {
    const kernels = this.#kernels
    const { functionIds, rowCount, wideIds } = frame
    if (!wideIds) {
      kernels.countIds(functionIds + 2 * skip, rowCount - skip, this.#table)
      return
    }
    const ids = functionIdsOf(kernels, frame)
    for (let row = skip; row < rowCount; row++) {
      const id = ids[row]!
      if (id < TABLE_IDS) kernels.u32[this.#table / 4 + id]!++
      else this.#map.set(id, (this.#map.get(id) ?? 0) + 1)
    }
  }

  /** Turns the counts into the row at which each function begins. */
  #place(): void {
    this.functions = []
    let first = 0
    const add = (functionId: number, count: number) => {
      this.functions.push({ functionId, weight: 1, first, end: first + count })
      first += count
    }
    const table = this.#kernels.u32.subarray(this.#table / 4, this.#table / 4 + TABLE_IDS)
    for (let id = 0; id < TABLE_IDS; id++) {
      const count = table[id]!
      table[id] = first
      if (count > 0) add(id, count)
    }
    for (const id of [...this.#map.keys()].sort((a, b) => a - b)) {
      const count = this.#map.get(id)!
      this.#map.set(id, first)
      add(id, count)
    }
    this.rowCount = first
  }

  #scatter(file: FileBytes, position: number, skip: number): void {
    const kernels = this.#kernels
    const frame = readWalFrame(file, position)
    if (frame.wideIds || frame.wideStarts) this.#scatterWide(frame, skip)
    else this.#scatterNarrow(frame, skip)
    const { f64, u16 } = kernels
    const positions = this.#positionsOf(frame)
    this.details?.add(frame, skip, positions)
    forEachLong(kernels, frame, (row, durationNs) => {
      if (row >= skip) f64[this.durationsNs / 8 + positions[row]!] = durationNs
    })
    forEachError(kernels, frame, (row, type) => {
      if (row >= skip) u16[this.errorTypes / 2 + positions[row]!] = type
    })
  }

  /** Nearly every frame: one pass, because this decides how fast sealing is. */
  #scatterNarrow(frame: WalFrame, skip: number): void {
    this.#kernels.scatterRows({
      ids: frame.functionIds + 2 * skip,
      startOffsets: frame.startOffsets + 4 * skip,
      durations: frame.durations + 4 * skip,
      n: frame.rowCount - skip,
      baseUs: frame.baseUs,
      next: this.#table,
      startsTo: this.startsUs,
      durationsTo: this.durationsNs,
      positions: this.#positions + 4 * skip,
    })
  }

  #scatterWide(frame: WalFrame, skip: number): void {
    const kernels = this.#kernels
    const { u32, f64 } = kernels
    const ids = functionIdsOf(kernels, frame)
    const startsUs = new Float64Array(frame.rowCount)
    decodeStarts(kernels, frame, 0, startsUs, 0)
    const positions = this.#positionsOf(frame)
    for (let row = skip; row < frame.rowCount; row++) {
      const to = this.#takePosition(ids[row]!)
      positions[row] = to
      f64[this.startsUs / 8 + to] = startsUs[row]!
      f64[this.durationsNs / 8 + to] = u32[frame.durations / 4 + row]!
    }
  }

  /** Where the function's next row goes. */
  #takePosition(id: number): number {
    if (id < TABLE_IDS) return this.#kernels.u32[this.#table / 4 + id]!++
    const position = this.#map.get(id)!
    this.#map.set(id, position + 1)
    return position
  }

  /** Where the rows of a frame went. */
  #positionsOf({ rowCount }: WalFrame): Uint32Array {
    const first = this.#positions / 4
    return this.#kernels.u32.subarray(first, first + rowCount)
  }

  #sort(progress: Progress): void {
    if (this.details !== undefined) this.#splitFunctions(this.details, progress)
    let minUs = Infinity
    let maxUs = -Infinity
    for (const { first, end } of this.functions) {
      const { durationsNs, errorTypes, startsUs } = this.columns()
      const tags = this.details?.arrivals ?? errorTypes
      sortRows({ startsUs, durationsNs, tags }, first, end)
      minUs = Math.min(minUs, startsUs[first]!)
      maxUs = Math.max(maxUs, startsUs[end - 1]!)
      progress.tick()
    }
    if (this.details !== undefined) this.#placeErrors(this.details)
    this.minStartUs = this.rowCount > 0 ? minUs : 0
    this.maxStartUs = this.rowCount > 0 ? maxUs : 0
  }

  /** Puts each function's rows in the order of their weights. */
  #splitFunctions({ arrivals, weights }: ArrivedDetails, progress: Progress): void {
    const functions: FunctionRows[] = []
    for (const { functionId, first, end } of this.functions) {
      const { durationsNs, startsUs } = this.columns()
      const columns = { startsUs, durationsNs, tags: arrivals }
      splitByWeight(columns, weights, first, end, (weight, runFirst, runEnd) => {
        functions.push({ functionId, weight, first: runFirst, end: runEnd })
      })
      progress.tick()
    }
    this.functions = functions
  }

  /** Numbers were sorted in the place of error types, which now go where their rows went. */
  #placeErrors({ arrivals, errorTypes }: ArrivedDetails): void {
    const columns = this.columns()
    arrivals.forEach((arrival, row) => {
      columns.errorTypes[row] = errorTypes[arrival]!
    })
  }

  /** The columns as views, which live until the kernels' memory grows. */
  columns(): ClusteredColumns {
    const { f64, u16 } = this.#kernels
    const views = this.#views
    const { rowCount } = this
    if (views?.startsUs.buffer === f64.buffer && views.startsUs.length === rowCount) return views
    this.#views = {
      startsUs: f64.subarray(this.startsUs / 8, this.startsUs / 8 + rowCount),
      durationsNs: f64.subarray(this.durationsNs / 8, this.durationsNs / 8 + rowCount),
      errorTypes: u16.subarray(this.errorTypes / 2, this.errorTypes / 2 + rowCount),
    }
    return this.#views
  }
}
