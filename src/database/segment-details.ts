/**
 * @module database/segment-details
 * Region X of a segment that is being written: the details of clustered rows, chunk by chunk.
 */
import type { ArrivedDetails } from './arrived-details.ts'
import type { AttributeList } from './format/attribute-blocks.ts'
import {
  detailsPageBound,
  encodeDetailsPage,
  sumOf,
  type PageDetails,
} from './format/details-page.ts'
import { MAX_CHUNK_ROWS } from './format/pages.ts'
import type { DetailColumns } from './format/segment-directory.ts'
import type { Kernels } from './kernels/kernels.ts'
import type { Progress } from './progress.ts'
import type { SegmentOutput } from './segment-output.ts'

export class SegmentDetails {
  readonly #kernels: Kernels
  readonly #output: SegmentOutput
  readonly #scratch: number // u32[MAX_CHUNK_ROWS], with room to a multiple of 128
  // of one chunk
  readonly #contexts = new Uint32Array(MAX_CHUNK_ROWS)
  readonly #childrenNs = new Float64Array(MAX_CHUNK_ROWS)
  readonly #attributes: AttributeList = {
    count: 0,
    rows: new Uint16Array(MAX_CHUNK_ROWS),
    pointers: new Uint32Array(MAX_CHUNK_ROWS),
    sizes: new Uint32Array(MAX_CHUNK_ROWS),
  }

  /** @param scratch as above */
  constructor(kernels: Kernels, output: SegmentOutput, scratch: number) {
    this.#kernels = kernels
    this.#output = output
    this.#scratch = scratch
  }

  /**
   * Writes the page of a chunk, and what the directory says of it.
   *
   * @param durationsNs of all clustered rows; the chunk's are [first, first + count)
   * @param i           number of the chunk
   */
  writePage(
    details: ArrivedDetails,
    durationsNs: Float64Array,
    first: number,
    count: number,
    columns: DetailColumns,
    i: number,
    progress: Progress,
  ): void {
    columns.weights[i] = details.weights[details.arrivals[first]!]!
    const page = this.#gather(details, durationsNs, first, count)
    const output = this.#output
    const to = output.reserve(detailsPageBound(count, page.attributes))
    const end = encodeDetailsPage(this.#kernels, page, this.#scratch, to, () => {
      progress.tick()
    })
    columns.pageSizes[i] = output.endPage(end, progress)
    const sum = sumOf(page.childrenNs)
    columns.childrenSumsHigh[i] = sum.high
    columns.childrenSumsLow[i] = sum.low
    progress.tick()
  }

  #gather(
    details: ArrivedDetails,
    durationsNs: Float64Array,
    first: number,
    count: number,
  ): PageDetails {
    const { arrivals, attributePointers, attributeSizes } = details
    const contexts = this.#contexts.subarray(0, count)
    const childrenNs = this.#childrenNs.subarray(0, count)
    const list = this.#attributes
    list.count = 0
    for (let row = 0; row < count; row++) {
      const arrival = arrivals[first + row]!
      contexts[row] = details.contexts[arrival]!
      childrenNs[row] = details.childrenNs[arrival]!
      const sizeBytes = attributeSizes?.[arrival] ?? 0
      if (sizeBytes === 0) continue
      list.rows[list.count] = row
      list.pointers[list.count] = attributePointers![arrival]!
      list.sizes[list.count++] = sizeBytes
    }
    // copied: encoding may let others make the kernels' memory grow
    const durations = durationsNs.slice(first, first + count)
    return { contexts, childrenNs, durationsNs: durations, attributes: list }
  }
}
