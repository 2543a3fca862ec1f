/**
 * @module database/format/detail-columns
 * What a segment's directory tells of details. Most segments have none, and then these columns take no memory.
 */
import { MAX_WEIGHT } from './rows.ts'
import type { VarintReader } from './varint.ts'

export interface DetailColumns {
  weights: Uint32Array // of each chunk: 1..MAX_WEIGHT
  // of each page
  childrenSumsHigh: Float64Array // sum of the time in children = high * 2^32 + low
  childrenSumsLow: Float64Array // in [0, 2^32)
  pageOffsets: Float64Array // in the file
  pageSizes: Uint32Array // 0: all rows of the page have the defaults, but for their weight
}

const MAX_U32 = 0xffff_ffff

/** Weights of `count` chunks. */
export function readWeights(reader: VarintReader, count: number): Uint32Array {
  const weights = new Uint32Array(count)
  for (let chunk = 0; chunk < count; chunk++) weights[chunk] = 1 + reader.next(MAX_WEIGHT - 1)
  return weights
}

/** Sizes of `count` pages and the sums of those that are not empty. */
export function readDetailPages(
  reader: VarintReader,
  count: number,
): Omit<DetailColumns, 'weights' | 'pageOffsets'> {
  const childrenSumsHigh = new Float64Array(count)
  const childrenSumsLow = new Float64Array(count)
  const pageSizes = new Uint32Array(count)
  for (let page = 0; page < count; page++) pageSizes[page] = reader.next(MAX_U32)
  for (let page = 0; page < count; page++) {
    if (pageSizes[page]! > 0) childrenSumsHigh[page] = reader.next(Number.MAX_SAFE_INTEGER)
  }
  for (let page = 0; page < count; page++) {
    if (pageSizes[page]! > 0) childrenSumsLow[page] = reader.next(MAX_U32)
  }
  return { childrenSumsHigh, childrenSumsLow, pageSizes }
}
