/**
 * @module database/segment-details
 * Region X of a segment that is being written: the details of clustered rows, chunk by chunk.
 */
import type { ArrivedDetails } from './arrived-details.ts'
import type { ClusteredRows } from './clustered-rows.ts'
import { packAttributes, type AttributeList, type PackedBlock } from './format/attribute-blocks.ts'
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
   * @param rows  the chunk's are [first, first + count)
   * @param i     number of the chunk
   */
  writePage(
    rows: ClusteredRows,
    details: ArrivedDetails,
    first: number,
    count: number,
    columns: DetailColumns,
    i: number,
    progress: Progress,
  ): void {
    const attributes = this.#packAttributes(details, first, count, progress)
    const page = this.#gather(rows, details, first, count, attributes)
    const output = this.#output
    const to = output.reserve(detailsPageBound(page))
    columns.weights[i] = details.weights[details.arrivals[first]!]!
    columns.pageSizes[i] = output.endPage(
      encodeDetailsPage(this.#kernels, page, this.#scratch, to),
      progress,
    )
    const sum = sumOf(page.childrenNs)
    columns.childrenSumsHigh[i] = sum.high
    columns.childrenSumsLow[i] = sum.low
    progress.tick()
  }

  #packAttributes(
    { arrivals, attributePointers, attributeSizes }: ArrivedDetails,
    first: number,
    count: number,
    progress: Progress,
  ): PackedBlock[] {
    if (attributePointers === undefined || attributeSizes === undefined) return []
    const list = this.#attributes
    list.count = 0
    for (let row = 0; row < count; row++) {
      const arrival = arrivals[first + row]!
      const sizeBytes = attributeSizes[arrival]!
      if (sizeBytes === 0) continue
      list.rows[list.count] = row
      list.pointers[list.count] = attributePointers[arrival]!
      list.sizes[list.count++] = sizeBytes
    }
    return packAttributes(this.#kernels, list, () => {
      progress.tick()
    })
  }

  #gather(
    rows: ClusteredRows,
    details: ArrivedDetails,
    first: number,
    count: number,
    attributes: PackedBlock[],
  ): PageDetails {
    const { arrivals } = details
    const contexts = this.#contexts.subarray(0, count)
    const childrenNs = this.#childrenNs.subarray(0, count)
    for (let row = 0; row < count; row++) {
      const arrival = arrivals[first + row]!
      contexts[row] = details.contexts[arrival]!
      childrenNs[row] = details.childrenNs[arrival]!
    }
    // copied: the page may make the kernels' memory grow
    const durationsNs = rows.columns().durationsNs.slice(first, first + count)
    return { contexts, childrenNs, durationsNs, attributes }
  }
}
