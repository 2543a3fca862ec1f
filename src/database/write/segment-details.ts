/**
 * @module database/write/segment-details
 * Region X of a segment that is being written: the details of the rows of a page.
 */
import type { AttributeShredder } from '../format/attribute-shredder.ts'
import { detailsPageBound, encodeDetailsPage, sumOf } from '../format/details-page.ts'
import type { PageEntry } from '../format/directory-builder.ts'
import type { Kernels } from '../kernels/kernels.ts'
import type { PageRows } from './page-rows.ts'
import type { Progress } from '../progress.ts'
import { DETAILS, type SegmentOutput } from './segment-output.ts'

/**
 * Writes the details of a page, and what the directory says of them.
 *
 * @param dense   whether attributes shall be small rather than quickly stored
 * @param scratch pointer to u32[MAX_CHUNK_ROWS], with room to a multiple of 128
 */
export function writeDetails(
  kernels: Kernels,
  output: SegmentOutput,
  rows: PageRows,
  shredder: AttributeShredder,
  dense: boolean,
  scratch: number,
  into: PageEntry,
  progress: Progress,
): void {
  const attributes = shredder.encode(rows.attributes, rows.count, dense, () => {
    progress.tick()
  })
  const page = {
    contexts: rows.contexts.subarray(0, rows.count),
    childrenNs: rows.childrenNs.subarray(0, rows.count),
    durationsNs: rows.copyDurations(), // the page may make the kernels' memory grow
    attributes,
  }
  const to = output.reserve(DETAILS, detailsPageBound(page))
  const end = encodeDetailsPage(kernels, page, scratch, to)
  into.detailsSize = output.endPage(DETAILS, end, progress)
  const sum = sumOf(page.childrenNs)
  into.childrenHigh = sum.high
  into.childrenLow = sum.low
}
