/**
 * @module database/node-index
 * For every function of the database, the groups of chunks that hold its rows. One array for all functions, so that
 * building it costs little and keeping it costs eight bytes a group.
 */
import type { ChunkSource } from './chunk-source.ts'

export class NodeIndex {
  readonly sources: readonly ChunkSource[]
  readonly #offsets: Uint32Array // entries of function f: [offsets[f], offsets[f + 1])
  readonly #sourceOf: Uint32Array
  readonly #groupOf: Uint32Array

  /**
   * @param numberOf number of the function with an id of the source's writer; called once for each group
   */
  constructor(
    sources: readonly ChunkSource[],
    numberOf: (source: number, functionId: number) => number,
  ) {
    this.sources = sources
    const groups = sources.reduce((sum, { groupCount }) => sum + groupCount, 0)
    const numbers = new Uint32Array(groups)
    let functionCount = 0
    let entry = 0
    sources.forEach(({ groupCount, firstChunks, functionIds }, source) => {
      for (let group = 0; group < groupCount; group++) {
        const number = numberOf(source, functionIds[firstChunks[group]!]!)
        numbers[entry++] = number
        if (number >= functionCount) functionCount = number + 1
      }
    })
    const offsets = new Uint32Array(functionCount + 2)
    for (const number of numbers) offsets[number + 2]!++
    for (let f = 1; f < functionCount + 2; f++) offsets[f]! += offsets[f - 1]!
    this.#sourceOf = new Uint32Array(groups)
    this.#groupOf = new Uint32Array(groups)
    entry = 0
    sources.forEach(({ groupCount }, source) => {
      for (let group = 0; group < groupCount; group++) {
        const at = offsets[numbers[entry++]! + 1]!++
        this.#sourceOf[at] = source
        this.#groupOf[at] = group
      }
    })
    this.#offsets = offsets
  }

  /** Calls `visit` for every group of the function, in the order of the sources. */
  forEach(functionNumber: number, visit: (source: ChunkSource, group: number) => void): void {
    const end = this.#offsets[functionNumber + 1] ?? 0
    for (let at = this.#offsets[functionNumber] ?? end; at < end; at++) {
      visit(this.sources[this.#sourceOf[at]!]!, this.#groupOf[at]!)
    }
  }
}
