/**
 * @module database/format/directory-extents
 * Extents: neighbouring pages of one region, which are read and checked together. What both versions of the directory
 * share.
 */
import { corruption, type FileBytes } from './file-bytes.ts'
import type { VarintReader } from './varint.ts'

/** Neighbouring pages are checked together up to this size; a larger page is an extent of its own. */
export const MAX_EXTENT_SIZE_BYTES = 65_536

/** Pages of a region that are read and checked together. */
export interface Extents {
  count: number
  offsets: Float64Array // of each in the file
  sizes: Float64Array // bytes
  checksums: Uint32Array // low 32 bits of the xxh64 of each
  pageExtent: Uint32Array // extent of page i; in H, of histogram i (the pages', then the groups')
}

/** Extents as a writer makes them: pages in each and its checksum. */
export interface ExtentList {
  pageCounts: number[]
  checksums: number[]
}

/**
 * Which pages belong together. Offsets and checksums are filled in later.
 *
 * @param count     as the file tells it
 * @param pageSizes of the region
 * @throws {CorruptionError}
 */
export function readExtents(
  file: FileBytes,
  reader: VarintReader,
  count: number,
  pageSizes: Uint32Array,
): Extents {
  const pageCount = pageSizes.length
  if (count > pageCount) throw corruption(file, 0, 'more extents than pages')
  const extents: Extents = {
    count,
    offsets: new Float64Array(count),
    sizes: new Float64Array(count),
    checksums: new Uint32Array(count),
    pageExtent: new Uint32Array(pageCount),
  }
  let page = 0
  for (let extent = 0; extent < count; extent++) {
    const end = page + reader.next(pageCount - page)
    let sizeBytes = 0
    for (; page < end; page++) {
      extents.pageExtent[page] = extent
      sizeBytes += pageSizes[page]!
    }
    extents.sizes[extent] = sizeBytes
  }
  if (page !== pageCount) throw corruption(file, 0, 'the extents do not cover their region')
  return extents
}

/**
 * Gives extents [from, end) their offsets: they follow each other.
 *
 * @returns end of the last one
 */
export function placeExtents(extents: Extents, from: number, end: number, offset: number): number {
  for (let extent = from; extent < end; extent++) {
    extents.offsets[extent] = offset
    offset += extents.sizes[extent]!
  }
  return offset
}

/** Offsets in the file of the pages, which follow each other in their extents. */
export function offsetsOfPages({ offsets, pageExtent }: Extents, sizes: Uint32Array): Float64Array {
  const pageOffsets = new Float64Array(sizes.length)
  let offset = 0
  for (let page = 0; page < sizes.length; page++) {
    const extent = pageExtent[page]!
    if (page === 0 || extent !== pageExtent[page - 1]) offset = offsets[extent]!
    pageOffsets[page] = offset
    offset += sizes[page]!
  }
  return pageOffsets
}

/**
 * Reads the columns of fixed width: f64 of the summarised pages, then the checksums of all extents. They end the directory.
 *
 * @param position of the file
 * @throws {CorruptionError}
 */
export function readRawColumns(
  file: FileBytes,
  position: number,
  squaredDeviations: Float64Array,
  isSummarised: (page: number) => boolean,
  extents: readonly Extents[],
): void {
  const { pointer, sizeBytes } = file
  const { view } = file.kernels
  let summarised = 0
  for (let page = 0; page < squaredDeviations.length; page++) if (isSummarised(page)) summarised++
  const checksums = extents.reduce((sum, { count }) => sum + count, 0)
  if (position + 8 * summarised + 4 * checksums !== sizeBytes) {
    throw corruption(file, position, 'the segment directory does not end with its checksums')
  }
  for (let page = 0; page < squaredDeviations.length; page++) {
    if (!isSummarised(page)) continue
    const squares = view.getFloat64(pointer + position, true)
    if (!(squares >= 0 && squares < Infinity)) {
      throw corruption(file, position, 'impossible squared deviations')
    }
    squaredDeviations[page] = squares
    position += 8
  }
  for (const extent of extents) {
    for (let i = 0; i < extent.count; i++) {
      extent.checksums[i] = view.getUint32(pointer + position, true)
      position += 4
    }
  }
}
