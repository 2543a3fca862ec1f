/**
 * @module query/summary-tree
 * Summaries above those of segments: of what 16 and 256 neighbouring segments hold of each function. They are made when a
 * question first covers a node, for 16 functions at a time, and kept in the buffer pool like the extents that they are made
 * from: within its limit, dropped when they are not used, made anew when a segment below has come or gone.
 *
 *   page    byte  size  field
 *              0  1280  summaries    16 x { calls, errors, sumHigh, sumLow, squaredDeviations, minNs, maxNs, childrenNs, firstUs,
 *                                    lastUs: f64 }; of rows, each counted once
 *           1280    64  histograms   16 x u32: position of the sparse histogram in the page; 0: none
 *           1344        sparse histograms
 */
import { CallTotals } from '../database/call-totals.ts'
import type {
  IndexedSource,
  IndexView,
  LeafNode,
  TopNode,
} from '../database/read/function-index.ts'
import { forEachGroup } from '../database/read/function-index.ts'
import { PAGE_GROUPS, type IndexNode } from '../database/read/index-node.ts'
import { MISS } from '../database/read/buffer-pool.ts'
import { SPARSE_HISTOGRAM_MAX_BYTES } from '../database/kernels/sizes.ts'
import type { ReaderContext } from '../database/read/reader-context.ts'
import { CallAccumulator } from './accumulator.ts'
import type { RangeUs } from './time.ts'

const FIELDS = 10
const HISTOGRAMS_AT = 8 * FIELDS * PAGE_GROUPS
const HEADER_SIZE_BYTES = HISTOGRAMS_AT + 4 * PAGE_GROUPS
const MAX_PAGE_SIZE_BYTES = HEADER_SIZE_BYTES + PAGE_GROUPS * SPARSE_HISTOGRAM_MAX_BYTES

/** A node with one child is looked into: its summary would be that of the child. */
const MIN_CHILDREN = 2

const EVERYTHING: RangeUs = { fromUs: -Infinity, toUs: Infinity }

/** Adds the rows of a group of a source that start in the range, each as `weight` calls. */
export type AddGroup = (
  indexed: IndexedSource,
  group: number,
  range: RangeUs,
  into: CallAccumulator,
  weight: number,
) => void

/** Where pages of one level are made. */
interface Workshop {
  accumulator: CallAccumulator
  page: number // address of MAX_PAGE_SIZE_BYTES
}

export class SummaryTree {
  readonly #context: ReaderContext
  readonly #addGroup: AddGroup
  readonly #part = new CallTotals()
  #leafWorkshop: Workshop | undefined
  #topWorkshop: Workshop | undefined

  constructor(context: ReaderContext, addGroup: AddGroup) {
    this.#context = context
    this.#addGroup = addGroup
  }

  /** Adds all calls of a function in the index that start in the range. */
  addFunction(
    index: IndexView,
    functionNumber: number,
    range: RangeUs,
    into: CallAccumulator,
  ): void {
    for (const top of index.nodes) {
      if (!(top.lastUs >= range.fromUs && top.firstUs < range.toUs)) continue
      forEachGroup(top, functionNumber, (group) => {
        this.#addTop(top, group, range, into, top.weightOf(group))
      })
    }
  }

  #addTop(
    top: TopNode,
    group: number,
    range: RangeUs,
    into: CallAccumulator,
    weight: number,
  ): void {
    const make = () => this.#topPage(top, group)
    if (this.#addWhole(top, group, range, into, weight, make)) return
    top.forEachPart(group, (leaf, leafGroup) => {
      this.#addLeaf(leaf, leafGroup, range, into, weight)
    })
  }

  #addLeaf(
    leaf: LeafNode,
    group: number,
    range: RangeUs,
    into: CallAccumulator,
    weight: number,
  ): void {
    if (!(leaf.lastUs >= range.fromUs && leaf.firstUs < range.toUs)) return
    const make = () => this.#leafPage(leaf, group)
    if (this.#addWhole(leaf, group, range, into, weight, make)) return
    leaf.forEachPart(group, (indexed, sourceGroup) => {
      this.#addGroup(indexed, sourceGroup, range, into, weight)
    })
  }

  /** Adds the summary of a node that lies in the range as a whole. @returns false if it does not, or there is none */
  #addWhole(
    node: IndexNode,
    group: number,
    range: RangeUs,
    into: CallAccumulator,
    weight: number,
    make: () => number,
  ): boolean {
    const isWhole = node.firstUs >= range.fromUs && node.lastUs < range.toUs
    if (!isWhole || node.children.length < MIN_CHILDREN) return false
    const { kernels, pool } = this.#context
    const found = pool.find(pageKeyOf(node, group))
    const page = pool.pointerOf(found === MISS ? make() : found)
    const place = group % PAGE_GROUPS
    const histogram = kernels.u32[(page + HISTOGRAMS_AT) / 4 + place]!
    if (histogram === 0) return false
    const { f64 } = kernels
    const part = this.#part
    let at = page / 8 + FIELDS * place
    part.calls = f64[at++]!
    part.errors = f64[at++]!
    part.sumHigh = f64[at++]!
    part.sumLow = f64[at++]!
    part.squaredDeviations = f64[at++]!
    part.minNs = f64[at++]!
    part.maxNs = f64[at++]!
    part.childrenNs = f64[at++]!
    part.firstUs = f64[at++]!
    part.lastUs = f64[at]!
    into.addSummary(part, page + histogram, weight)
    return true
  }

  /** Slot of a new page. */
  #leafPage(leaf: LeafNode, group: number): number {
    const workshop = (this.#leafWorkshop ??= this.#openWorkshop())
    return this.#makePage(workshop, leaf, group, (member, accumulator) => {
      leaf.forEachPart(member, (indexed, sourceGroup) => {
        this.#addGroup(indexed, sourceGroup, EVERYTHING, accumulator, 1)
      })
    })
  }

  #topPage(top: TopNode, group: number): number {
    const workshop = (this.#topWorkshop ??= this.#openWorkshop())
    return this.#makePage(workshop, top, group, (member, accumulator) => {
      top.forEachPart(member, (leaf, leafGroup) => {
        this.#addLeaf(leaf, leafGroup, EVERYTHING, accumulator, 1)
      })
    })
  }

  #makePage(
    { accumulator, page }: Workshop,
    node: IndexNode,
    group: number,
    addAll: (group: number, into: CallAccumulator) => void,
  ): number {
    const { kernels, pool } = this.#context
    const first = group - (group % PAGE_GROUPS)
    const count = Math.min(PAGE_GROUPS, node.groupCount - first)
    let end = HEADER_SIZE_BYTES
    kernels.u8.fill(0, page, page + HEADER_SIZE_BYTES)
    for (let place = 0; place < count; place++) {
      accumulator.clear()
      addAll(first + place, accumulator)
      const sizeBytes = accumulator.encodeHistogram(page + end)
      if (sizeBytes === 0) continue
      this.#writeSummary(accumulator, page / 8 + FIELDS * place)
      kernels.u32[(page + HISTOGRAMS_AT) / 4 + place] = end
      end += sizeBytes
    }
    return pool.admit(pageKeyOf(node, group), end, (pointer) => {
      kernels.u8.copyWithin(pointer, page, page + end)
    })
  }

  #writeSummary(totals: CallTotals, to: number): void {
    const { f64 } = this.#context.kernels
    f64[to] = totals.calls
    f64[to + 1] = totals.errors
    f64[to + 2] = totals.sumHigh
    f64[to + 3] = totals.sumLow
    f64[to + 4] = totals.squaredDeviations
    f64[to + 5] = totals.minNs
    f64[to + 6] = totals.maxNs
    f64[to + 7] = totals.childrenNs
    f64[to + 8] = totals.firstUs
    f64[to + 9] = totals.lastUs
  }

  #openWorkshop(): Workshop {
    const { kernels, pool } = this.#context
    return {
      accumulator: new CallAccumulator(kernels, pool),
      page: kernels.allocate(MAX_PAGE_SIZE_BYTES),
    }
  }
}

function pageKeyOf({ firstPageKey }: IndexNode, group: number): number {
  return firstPageKey + Math.floor(group / PAGE_GROUPS)
}
