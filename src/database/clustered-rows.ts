/**
 * @module database/clustered-rows
 * The rows of a log in the order of a segment: by function id, then by weight, then by start, then by arrival.
 *
 * Counting sort by function, straight from the frames' bytes, then a sort by start within each function. If some frame
 * has details, every row carries its number with it through the sort, by which its details are found.
 */
import { ArrivedDetails } from './arrived-details.ts'
import type { FileBytes } from './format/file-bytes.ts'
import type { SlotSequences } from './format/slot-sequences.ts'
import {
  decodeStarts,
  forEachError,
  forEachLong,
  functionIdsOf,
  readWalFrame,
  type WalFrame,
} from './format/wal-frame.ts'
import { MAX_FRAME_ROWS } from './format/wal-frame-layout.ts'
import type { Kernels } from './kernels/kernels.ts'
import type { ColumnsPlace, GroupRows } from './page-rows.ts'
import type { Progress } from './progress.ts'
import { Scratch } from './scratch.ts'
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
  readonly #table = new Uint32Array(TABLE_IDS) // rows of each id, later the next row to fill
  readonly #map = new Map<number, number>() // the same for the ids beyond the table
  readonly #positions = new Uint32Array(MAX_FRAME_ROWS) // where the rows of a frame went

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
    this.#table.fill(0)
    this.#map.clear()
    const skips: number[] = []
    let hasDetails = false
    for (const position of positions) {
      const frame = readWalFrame(file, position)
      if (frame.details !== undefined) hasDetails = true
      skips.push(slots.take(frame))
    }
    positions.forEach((position, i) => {
      this.#count(functionIdsOf(this.#kernels, readWalFrame(file, position)), skips[i]!)
      progress.tick()
    })
    this.#place()
    this.details = hasDetails ? new ArrivedDetails(this.#kernels, this.rowCount) : undefined
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

  #count(ids: Uint16Array | Uint32Array, skip: number): void {
    const table = this.#table
    for (let row = skip; row < ids.length; row++) {
      const id = ids[row]!
      if (id < TABLE_IDS) table[id]!++
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
    const table = this.#table
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
    const positions = this.#positions
    this.details?.add(frame, skip, positions)
    forEachLong(kernels, frame, (row, durationNs) => {
      if (row >= skip) f64[this.durationsNs / 8 + positions[row]!] = durationNs
    })
    forEachError(kernels, frame, (row, type) => {
      if (row >= skip) u16[this.errorTypes / 2 + positions[row]!] = type
    })
  }

  /** Nearly every frame: one pass, because this loop decides how fast sealing is. */
  #scatterNarrow(frame: WalFrame, skip: number): void {
    const { u16, u32, f64 } = this.#kernels
    const { baseUs, rowCount } = frame
    const table = this.#table
    const positions = this.#positions
    const ids = frame.functionIds >>> 1
    const offsets = frame.startOffsets >>> 2
    const durations = frame.durations >>> 2
    const startsTo = this.startsUs >>> 3
    const durationsTo = this.durationsNs >>> 3
    for (let row = skip; row < rowCount; row++) {
      const id = u16[ids + row]!
      const to = table[id]!
      table[id] = to + 1
      positions[row] = to
      f64[startsTo + to] = baseUs + u32[offsets + row]!
      f64[durationsTo + to] = u32[durations + row]!
    }
  }

  #scatterWide(frame: WalFrame, skip: number): void {
    const kernels = this.#kernels
    const { u32, f64 } = kernels
    const ids = functionIdsOf(kernels, frame)
    const startsUs = new Float64Array(frame.rowCount)
    decodeStarts(kernels, frame, 0, startsUs, 0)
    for (let row = skip; row < frame.rowCount; row++) {
      const to = this.#takePosition(ids[row]!)
      this.#positions[row] = to
      f64[this.startsUs / 8 + to] = startsUs[row]!
      f64[this.durationsNs / 8 + to] = u32[frame.durations / 4 + row]!
    }
  }

  /** Where the function's next row goes. */
  #takePosition(id: number): number {
    if (id < TABLE_IDS) return this.#table[id]!++
    const position = this.#map.get(id)!
    this.#map.set(id, position + 1)
    return position
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
