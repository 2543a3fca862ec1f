/**
 * @module database/clustered-rows
 * The rows of a log in the order of a segment: by function id, then by start, then by arrival.
 *
 * Counting sort by function, straight from the frames' bytes, then a sort by start within each function.
 */
import type { FileBytes } from './format/file-bytes.ts'
import type { SlotSequences } from './format/slot-sequences.ts'
import {
  decodeStarts,
  forEachError,
  forEachLong,
  functionIdsOf,
  MAX_FRAME_ROWS,
  readWalFrame,
} from './format/wal-frame.ts'
import type { Kernels } from './kernels/kernels.ts'
import type { Progress } from './progress.ts'
import { Scratch } from './scratch.ts'
import { sortRows, type SortColumns } from './sort-rows.ts'

/** Rows [first, end) belong to one function. */
export interface FunctionRows {
  functionId: number
  first: number
  end: number
}

/** Ids below this are counted in a table, the others through a map. */
const TABLE_IDS = 65_536

export class ClusteredRows {
  readonly #kernels: Kernels
  readonly #starts: Scratch
  readonly #durations: Scratch
  readonly #errors: Scratch
  readonly #table = new Uint32Array(TABLE_IDS) // rows of each id, later the next row to fill
  readonly #map = new Map<number, number>() // the same for the ids beyond the table
  readonly #positions = new Uint32Array(MAX_FRAME_ROWS)
  readonly #offsets = new Float64Array(MAX_FRAME_ROWS)

  #views: SortColumns | undefined

  rowCount = 0
  minStartUs = 0 // both 0 without rows
  maxStartUs = 0
  functions: FunctionRows[] = []
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
    const skips = positions.map((position) => {
      const frame = readWalFrame(file, position)
      return slots.take(frame)
    })
    positions.forEach((position, i) => {
      this.#count(functionIdsOf(this.#kernels, readWalFrame(file, position)), skips[i]!)
      progress.tick()
    })
    this.#place()
    this.#views = undefined
    this.startsUs = this.#starts.reserve(8 * this.rowCount)
    this.durationsNs = this.#durations.reserve(8 * this.rowCount)
    this.errorTypes = this.#errors.reserve(2 * this.rowCount)
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
      this.functions.push({ functionId, first, end: first + count })
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
    const { rowCount } = frame
    this.#take(functionIdsOf(kernels, frame), skip)
    decodeStarts(kernels, frame, 0, this.#offsets, 0)
    const { u32, f64, u16 } = kernels
    const positions = this.#positions
    const offsets = this.#offsets
    const starts = this.startsUs / 8
    const durations = this.durationsNs / 8
    const source = frame.durations / 4
    for (let row = skip; row < rowCount; row++) {
      const to = positions[row]!
      f64[starts + to] = offsets[row]!
      f64[durations + to] = u32[source + row]!
    }
    forEachLong(kernels, frame, (row, durationNs) => {
      if (row >= skip) f64[durations + positions[row]!] = durationNs
    })
    forEachError(kernels, frame, (row, type) => {
      if (row >= skip) u16[this.errorTypes / 2 + positions[row]!] = type
    })
  }

  /** Where the frame's rows go. */
  #take(ids: Uint16Array | Uint32Array, skip: number): void {
    const table = this.#table
    const positions = this.#positions
    for (let row = skip; row < ids.length; row++) {
      const id = ids[row]!
      if (id < TABLE_IDS) {
        positions[row] = table[id]!++
      } else {
        const position = this.#map.get(id)!
        positions[row] = position
        this.#map.set(id, position + 1)
      }
    }
  }

  #sort(progress: Progress): void {
    let minUs = Infinity
    let maxUs = -Infinity
    for (const { first, end } of this.functions) {
      const columns = this.columns()
      const { startsUs } = columns
      sortRows(columns, first, end)
      minUs = Math.min(minUs, startsUs[first]!)
      maxUs = Math.max(maxUs, startsUs[end - 1]!)
      progress.tick()
    }
    this.minStartUs = this.rowCount > 0 ? minUs : 0
    this.maxStartUs = this.rowCount > 0 ? maxUs : 0
  }

  /** The columns as views, which live until the kernels' memory grows. */
  columns(): SortColumns {
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
