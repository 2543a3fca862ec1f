/**
 * @module database/format/wal-details
 * What a frame of a log stores of its rows' details. Format v1; the full text is docs/format/wal.md. A frame whose rows
 * all have the defaults has none of this.
 *
 *   behind the frame's header, if any of the flags below is set:
 *   byte  size  field                type    meaning
 *      0     4  childrenCount        u32 LE  rows with a childrenNs that is not 0
 *      4     4  attributeCount       u32 LE  rows with attributes
 *      8     4  attributesSizeBytes  u32 LE  all texts together, at most MAX_FRAME_ATTRIBUTES_SIZE_BYTES
 *     12     4  reserved                     zero
 *
 *   behind the errors, each if its flag is set:
 *   bit 2 contexts u32 x rowCount | bit 4 weights u32 x rowCount | bit 3 children { row u32, childrenNs u64 }
 *   | bit 5 attributes { row u32, length u32 }, then their texts one after the other
 *
 * Rows ascend in both lists.
 */
import type { LogKernels } from '../kernels/kernels.ts'
import { readSafeU64, write64 } from './file-bytes.ts'
import {
  MAX_ATTRIBUTES_SIZE_BYTES,
  MAX_DURATION_NS,
  MAX_WEIGHT,
  type RowColumns,
  type RowDetails,
} from './rows.ts'
import type { WalFrame } from './wal-frame.ts'

export const DETAILS_HEADER_SIZE_BYTES = 16
/** Texts of one frame; rows with more make several frames. */
export const MAX_FRAME_ATTRIBUTES_SIZE_BYTES = 1 << 24

const FLAG_CONTEXTS = 4
const FLAG_CHILDREN = 8
const FLAG_WEIGHTS = 16
const FLAG_ATTRIBUTES = 32
/** All flags of a frame that mean details. */
export const DETAIL_FLAGS = FLAG_CONTEXTS | FLAG_CHILDREN | FLAG_WEIGHTS | FLAG_ATTRIBUTES

const CHILDREN_SIZE_BYTES = 12
const ATTRIBUTE_SIZE_BYTES = 8

export interface DetailCounts {
  childrenCount: number
  attributeCount: number
  attributesSizeBytes: number
}

/** What a frame is going to store of its rows' details. */
export interface DetailsPlan extends DetailCounts {
  flags: number
  attributeRows: readonly number[] // ascending
}

/** Where the details of a checked frame stand in the kernels' memory; 0: there are none of the kind. */
export interface FrameDetails extends DetailCounts {
  contexts: number
  weights: number
  children: number
  attributes: number // the list
  texts: number
}

/** Bytes of the sections, without the header. */
export function detailsLength(rowCount: number, flags: number, counts: DetailCounts): number {
  return (
    ((flags & FLAG_CONTEXTS) !== 0 ? 4 * rowCount : 0) +
    ((flags & FLAG_WEIGHTS) !== 0 ? 4 * rowCount : 0) +
    CHILDREN_SIZE_BYTES * counts.childrenCount +
    ATTRIBUTE_SIZE_BYTES * counts.attributeCount +
    counts.attributesSizeBytes
  )
}

/** What must be stored of rows [from, end); undefined if all have the defaults. */
export function planDetails(rows: RowColumns, from: number, end: number): DetailsPlan | undefined {
  const { details, durationsNs } = rows
  if (details === undefined) return undefined
  let contexts = 0
  let weights = 0
  let childrenCount = 0
  for (let row = from; row < end; row++) {
    contexts |= details.contexts[row]!
    weights |= weightOf(details, row) ^ 1
    if (childrenOf(details, durationsNs, row) > 0) childrenCount++
  }
  const attributeRows = attributeRowsOf(details, from, end)
  let attributesSizeBytes = 0
  for (const row of attributeRows) attributesSizeBytes += details.attributes.get(row)!.length
  const flags =
    (contexts !== 0 ? FLAG_CONTEXTS : 0) |
    (childrenCount > 0 ? FLAG_CHILDREN : 0) |
    (weights !== 0 ? FLAG_WEIGHTS : 0) |
    (attributeRows.length > 0 ? FLAG_ATTRIBUTES : 0)
  if (flags === 0) return undefined
  const attributeCount = attributeRows.length
  return { flags, childrenCount, attributeCount, attributesSizeBytes, attributeRows }
}

/**
 * How many of the rows from `from` on fit one frame.
 *
 * @param count at least 1
 * @returns 1 .. count
 */
export function rowsOfOneFrame(
  { attributes }: RowDetails,
  { attributeRows, attributesSizeBytes }: DetailsPlan,
  from: number,
  count: number,
): number {
  if (attributesSizeBytes <= MAX_FRAME_ATTRIBUTES_SIZE_BYTES) return count
  let sizeBytes = 0
  for (const row of attributeRows) {
    sizeBytes += attributes.get(row)!.length
    if (sizeBytes > MAX_FRAME_ATTRIBUTES_SIZE_BYTES) return row - from
  }
  return count
}

/**
 * Writes the sections at `to`, a multiple of 4. Impossible values are moved to the border of what is possible.
 *
 * @returns their end
 */
export function writeDetails(
  kernels: LogKernels,
  rows: RowColumns,
  from: number,
  end: number,
  plan: DetailsPlan,
  to: number,
): number {
  const { u8, u32, view } = kernels
  const { durationsNs } = rows
  const details = rows.details!
  let at = to
  if ((plan.flags & FLAG_CONTEXTS) !== 0) {
    u32.set(details.contexts.subarray(from, end), at / 4)
    at += 4 * (end - from)
  }
  if ((plan.flags & FLAG_WEIGHTS) !== 0) {
    for (let row = from; row < end; row++, at += 4) u32[at / 4] = weightOf(details, row)
  }
  if ((plan.flags & FLAG_CHILDREN) !== 0) {
    for (let row = from; row < end; row++) {
      const childrenNs = childrenOf(details, durationsNs, row)
      if (childrenNs === 0) continue
      view.setUint32(at, row - from, true)
      write64(view, at + 4, childrenNs)
      at += CHILDREN_SIZE_BYTES
    }
  }
  let text = at + ATTRIBUTE_SIZE_BYTES * plan.attributeCount
  for (const row of plan.attributeRows) {
    const bytes = details.attributes.get(row)!
    view.setUint32(at, row - from, true)
    view.setUint32(at + 4, bytes.length, true)
    u8.set(bytes, text)
    at += ATTRIBUTE_SIZE_BYTES
    text += bytes.length
  }
  return text
}

/** Writes the header of the details at `to`. */
export function writeDetailsHeader(kernels: LogKernels, plan: DetailsPlan, to: number): void {
  const { view } = kernels
  view.setUint32(to, plan.childrenCount, true)
  view.setUint32(to + 4, plan.attributeCount, true)
  view.setUint32(to + 8, plan.attributesSizeBytes, true)
  view.setUint32(to + 12, 0, true)
}

/** Reads the header of the details, of which nothing is checked yet. */
export function readDetailCounts(view: DataView, from: number): DetailCounts {
  return {
    childrenCount: view.getUint32(from, true),
    attributeCount: view.getUint32(from + 4, true),
    attributesSizeBytes: view.getUint32(from + 8, true),
  }
}

/** Whether the counts are impossible, so that a length must not be computed from them. */
export function areImpossible(counts: DetailCounts, rowCount: number, flags: number): boolean {
  const { attributeCount, attributesSizeBytes, childrenCount } = counts
  return (
    childrenCount > rowCount ||
    attributeCount > rowCount ||
    attributesSizeBytes > MAX_FRAME_ATTRIBUTES_SIZE_BYTES ||
    childrenCount > 0 !== ((flags & FLAG_CHILDREN) !== 0) ||
    attributeCount > 0 !== ((flags & FLAG_ATTRIBUTES) !== 0)
  )
}

/** @param from address of the sections */
export function placeDetails(
  counts: DetailCounts,
  rowCount: number,
  flags: number,
  from: number,
): FrameDetails {
  const hasContexts = (flags & FLAG_CONTEXTS) !== 0
  const hasWeights = (flags & FLAG_WEIGHTS) !== 0
  const weights = from + (hasContexts ? 4 * rowCount : 0)
  const children = weights + (hasWeights ? 4 * rowCount : 0)
  const attributes = children + CHILDREN_SIZE_BYTES * counts.childrenCount
  return {
    ...counts,
    contexts: hasContexts ? from : 0,
    weights: hasWeights ? weights : 0,
    children,
    attributes,
    texts: attributes + ATTRIBUTE_SIZE_BYTES * counts.attributeCount,
  }
}

/**
 * What is wrong with the details of a frame whose checksum holds: a writer's bug, or forged.
 *
 * @param durationsNs of the frame's rows; looked at only if there is a childrenNs
 */
export function findDetailsFault(
  kernels: LogKernels,
  details: FrameDetails,
  rowCount: number,
  durationsNs: Float64Array,
): string | undefined {
  return (
    findWeightFault(kernels, details, rowCount) ??
    findChildrenFault(kernels, details, rowCount, durationsNs) ??
    findAttributesFault(kernels, details, rowCount)
  )
}

function findWeightFault(
  { u32 }: LogKernels,
  { weights }: FrameDetails,
  rowCount: number,
): string | undefined {
  if (weights === 0) return undefined
  for (let row = 0; row < rowCount; row++) {
    const weight = u32[weights / 4 + row]!
    if (weight < 1 || weight > MAX_WEIGHT) return 'a weight is out of range'
  }
  return undefined
}

function findChildrenFault(
  { view }: LogKernels,
  details: FrameDetails,
  rowCount: number,
  durationsNs: Float64Array,
): string | undefined {
  let previous = -1
  for (let i = 0, at = details.children; i < details.childrenCount; i++) {
    const row = view.getUint32(at, true)
    const childrenNs = readSafeU64(view, at + 4)
    if (row <= previous || row >= rowCount) return 'a time in children of an impossible row'
    if (!(childrenNs >= 1 && childrenNs <= durationsNs[row]!)) {
      return 'a time in children is out of range'
    }
    previous = row
    at += CHILDREN_SIZE_BYTES
  }
  return undefined
}

function findAttributesFault(
  { view }: LogKernels,
  details: FrameDetails,
  rowCount: number,
): string | undefined {
  let previous = -1
  let sizeBytes = 0
  for (let i = 0, at = details.attributes; i < details.attributeCount; i++) {
    const row = view.getUint32(at, true)
    const length = view.getUint32(at + 4, true)
    if (row <= previous || row >= rowCount) return 'attributes of an impossible row'
    if (length < 1 || length > MAX_ATTRIBUTES_SIZE_BYTES) return 'attributes of an impossible size'
    sizeBytes += length
    previous = row
    at += ATTRIBUTE_SIZE_BYTES
  }
  return sizeBytes === details.attributesSizeBytes
    ? undefined
    : 'the attributes do not fill their section'
}

/**
 * Details of the frame's rows from `skip` on, to the row `first` of `into` and behind; the defaults where the frame has
 * none. Attributes are copied. `into.attributes` must have none of these rows.
 */
export function decodeDetails(
  kernels: LogKernels,
  frame: WalFrame,
  skip: number,
  into: RowDetails,
  first: number,
): void {
  const { details, rowCount } = frame
  const shift = first - skip
  const end = first + rowCount - skip
  const copy = (column: Uint32Array, pointer: number, otherwise: number): void => {
    if (pointer === 0) column.fill(otherwise, first, end)
    else column.set(kernels.u32.subarray(pointer / 4 + skip, pointer / 4 + rowCount), first)
  }
  copy(into.contexts, details?.contexts ?? 0, 0)
  copy(into.weights, details?.weights ?? 0, 1)
  into.childrenNs.fill(0, first, end)
  if (details === undefined) return
  forEachChildren(kernels, details, (row, childrenNs) => {
    if (row >= skip) into.childrenNs[shift + row] = childrenNs
  })
  forEachAttribute(kernels, details, (row, pointer, sizeBytes) => {
    if (row >= skip)
      into.attributes.set(shift + row, kernels.u8.slice(pointer, pointer + sizeBytes))
  })
}

/** Calls `visit` for every row of the frame with a childrenNs that is not 0. */
export function forEachChildren(
  { view }: LogKernels,
  details: FrameDetails,
  visit: (row: number, childrenNs: number) => void,
): void {
  for (let i = 0, at = details.children; i < details.childrenCount; i++) {
    visit(view.getUint32(at, true), readSafeU64(view, at + 4))
    at += CHILDREN_SIZE_BYTES
  }
}

/** Calls `visit` for every row of the frame with attributes. */
export function forEachAttribute(
  { view }: LogKernels,
  details: FrameDetails,
  visit: (row: number, pointer: number, sizeBytes: number) => void,
): void {
  let text = details.texts
  for (let i = 0, at = details.attributes; i < details.attributeCount; i++) {
    const sizeBytes = view.getUint32(at + 4, true)
    visit(view.getUint32(at, true), text, sizeBytes)
    text += sizeBytes
    at += ATTRIBUTE_SIZE_BYTES
  }
}

/** Possible, whatever the writer was given; 0 is the default. */
function childrenOf({ childrenNs }: RowDetails, durationsNs: Float64Array, row: number): number {
  const wholeNs = Math.floor(Math.min(childrenNs[row]!, durationsNs[row]!, MAX_DURATION_NS))
  return wholeNs >= 1 ? wholeNs : 0
}

function weightOf({ weights }: RowDetails, row: number): number {
  return Math.min(Math.max(weights[row]!, 1), MAX_WEIGHT)
}

/** Rows of [from, end) with attributes that can be stored, ascending. */
function attributeRowsOf({ attributes }: RowDetails, from: number, end: number): number[] {
  const rows: number[] = []
  let isAscending = true
  for (const [row, { length }] of attributes) {
    if (row < from || row >= end || length < 1 || length > MAX_ATTRIBUTES_SIZE_BYTES) continue
    if (rows.length > 0 && row < rows[rows.length - 1]!) isAscending = false
    rows.push(row)
  }
  return isAscending ? rows : rows.sort((a, b) => a - b)
}
