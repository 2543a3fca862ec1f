/**
 * @module database/format/directory-pages
 * Where the pages of all regions stand, from their lengths and extents: the same in both versions of the directory.
 */
import type { DetailColumns } from './detail-columns.ts'
import { offsetsOfPages, type Extents } from './directory-extents.ts'
import type { SegmentDirectory } from './segment-directory.ts'

/** Lengths as the directory tells them, and what else it tells of pages of details. */
export interface PageLengths {
  durationSizes: Uint32Array
  startSizes: Uint32Array
  errorSizes: Uint32Array
  histogramSizes: Uint32Array // of the pages
  totalHistogramSizes: Uint32Array // of the groups with several chunks
  // both or none
  weights: Uint32Array | undefined // of chunks
  details: Omit<DetailColumns, 'weights' | 'pageOffsets'> | undefined
}

/** Lengths by region: D, T, E, H with those of the groups behind those of the pages, and X if there are details. */
export function lengthsByRegion(lengths: PageLengths): Uint32Array[] {
  const { details, durationSizes, errorSizes, histogramSizes, startSizes } = lengths
  const allHistogramSizes = joined(histogramSizes, lengths.totalHistogramSizes)
  const regions = [durationSizes, startSizes, errorSizes, allHistogramSizes]
  return details === undefined ? regions : [...regions, details.pageSizes]
}

/** @param extents of the regions, with their offsets */
export function placePages(lengths: PageLengths, extents: readonly Extents[]) {
  const { details, weights, ...sizes } = lengths
  const offsets = lengthsByRegion(lengths).map((all, i) => offsetsOfPages(extents[i]!, all))
  const pageCount = sizes.histogramSizes.length
  return {
    ...sizes,
    durationOffsets: offsets[0]!,
    startOffsets: offsets[1]!,
    errorOffsets: offsets[2]!,
    histogramOffsets: offsets[3]!.subarray(0, pageCount),
    totalHistogramOffsets: offsets[3]!.subarray(pageCount),
    details:
      details === undefined || weights === undefined
        ? undefined
        : { weights, ...details, pageOffsets: offsets[4]! },
    durationExtents: extents[0]!,
    startExtents: extents[1]!,
    errorExtents: extents[2]!,
    histogramExtents: extents[3]!,
    detailsExtents: extents[4],
  } satisfies Partial<SegmentDirectory>
}

function joined(first: Uint32Array, second: Uint32Array): Uint32Array {
  const both = new Uint32Array(first.length + second.length)
  both.set(first)
  both.set(second, first.length)
  return both
}
