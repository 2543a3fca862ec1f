/**
 * @module database/format/wal-frame-encoder
 * Rows → a frame of a write-ahead log. Its layout is told in wal-frame-layout.ts.
 */
import type { LogKernels } from '../kernels/kernels.ts'
import { sealChecksum, write64 } from './file-bytes.ts'
import { LONG_DURATION_NS, MAX_DURATION_NS, MAX_START_US, type RowColumns } from './rows.ts'
import { WAL_FRAME_MAGIC, WAL_FRAME_VERSION } from './versions.ts'
import {
  MAX_FRAME_ATTRIBUTES_SIZE_BYTES,
  planDetails,
  writeDetails,
  writeDetailsHeader,
  type DetailsPlan,
} from './wal-details.ts'
import {
  detailsHeaderLength,
  ERROR_SIZE_BYTES,
  FLAG_WIDE_IDS,
  FLAG_WIDE_STARTS,
  FRAME_CHECKSUM,
  idsLength,
  LONG_SIZE_BYTES,
  MAX_FRAME_ROWS,
  NO_COUNTS,
  payloadLength,
  startsLength,
  WAL_FRAME_HEADER_SIZE_BYTES,
  type FrameOrigin,
} from './wal-frame-layout.ts'

const WORD = 2 ** 32

/** Bytes that `encodeWalFrame` may write for so many rows. */
export function walFrameBound(rowCount: number, plan?: DetailsPlan): number {
  const widest = FLAG_WIDE_IDS | FLAG_WIDE_STARTS | (plan?.flags ?? 0)
  const length = payloadLength(rowCount, rowCount, rowCount, widest, plan ?? NO_COUNTS)
  return WAL_FRAME_HEADER_SIZE_BYTES + length
}

/**
 * Writes rows `from` to `from + rowCount` as one frame at `to` in the kernels' memory. Allocates nothing if they have no
 * details. Starts and durations outside [0, 2^53) are moved to its border, fractions cut off: one impossible row must
 * not cost the others. Attributes that are too large are left out.
 *
 * @param to   multiple of 8, with walFrameBound(rowCount, plan) bytes behind it
 * @param plan planDetails() of these rows
 * @returns size of the frame, a multiple of 8
 * @throws {RangeError} rowCount is not in 1..MAX_FRAME_ROWS, or the attributes are too large for one frame
 */
export function encodeWalFrame(
  kernels: LogKernels,
  rows: RowColumns,
  from: number,
  rowCount: number,
  place: FrameOrigin & { firstRow: number; sequence: number },
  to: number,
  plan: DetailsPlan | undefined = planDetails(rows, from, from + rowCount),
): number {
  if (!(rowCount >= 1 && rowCount <= MAX_FRAME_ROWS)) {
    throw new RangeError(`a frame holds 1 to ${MAX_FRAME_ROWS} rows, not ${rowCount}`)
  }
  if (plan !== undefined && plan.attributesSizeBytes > MAX_FRAME_ATTRIBUTES_SIZE_BYTES) {
    throw new RangeError(`a frame holds no attributes of ${plan.attributesSizeBytes} bytes`)
  }
  const end = from + rowCount
  const { startsUs } = rows
  const { maxUs, minUs } = boundsOf(startsUs, from, end)
  const possible = minUs >= 0 && maxUs <= MAX_START_US
  const baseUs = possible ? Math.floor(minUs) : 0
  const flags =
    (possible && maxUs - baseUs < WORD ? 0 : FLAG_WIDE_STARTS) |
    (hasWideId(rows.functionIds, from, end) ? FLAG_WIDE_IDS : 0) |
    (plan?.flags ?? 0)
  const idsAt = to + WAL_FRAME_HEADER_SIZE_BYTES + detailsHeaderLength(flags)
  const startsAt = idsAt + idsLength(rowCount, flags)
  const durationsAt = startsAt + startsLength(rowCount, flags)
  const longsAt = durationsAt + 4 * rowCount
  writeIds(kernels, rows.functionIds, from, end, flags, idsAt)
  writeStarts(kernels, startsUs, from, end, baseUs, flags, startsAt)
  const longCount = writeDurations(kernels, rows.durationsNs, from, end, durationsAt, longsAt)
  const errorsAt = longsAt + LONG_SIZE_BYTES * longCount
  const errorCount = writeErrors(kernels, rows.errorTypes, from, end, errorsAt)

  let used = errorsAt + ERROR_SIZE_BYTES * errorCount
  if (plan !== undefined) {
    writeDetailsHeader(kernels, plan, to + WAL_FRAME_HEADER_SIZE_BYTES)
    used = writeDetails(kernels, rows, from, end, plan, used)
  }

  const length = payloadLength(rowCount, longCount, errorCount, flags, plan ?? NO_COUNTS)
  const { view } = kernels
  kernels.u8.fill(0, used, to + WAL_FRAME_HEADER_SIZE_BYTES + length)
  view.setUint32(to, WAL_FRAME_MAGIC, true)
  view.setUint16(to + 4, WAL_FRAME_VERSION, true)
  view.setUint16(to + 6, flags, true)
  view.setUint32(to + 8, length, true)
  view.setUint32(to + 12, rowCount, true)
  view.setUint32(to + 16, longCount, true)
  view.setUint32(to + 20, errorCount, true)
  write64(view, to + 24, place.firstRow)
  write64(view, to + 32, baseUs)
  view.setUint32(to + 40, place.slot, true)
  view.setUint32(to + 44, place.sequence, true)
  write64(view, to + 48, place.slotSequence)
  const sizeBytes = WAL_FRAME_HEADER_SIZE_BYTES + length
  sealChecksum(kernels, to, sizeBytes, FRAME_CHECKSUM)
  return sizeBytes
}

/** Loops that decide how fast rows are stored stand in functions of their own: so the engine compiles them early. */
function boundsOf(startsUs: Float64Array, from: number, end: number) {
  let minUs = Infinity
  let maxUs = -Infinity
  for (let row = from; row < end; row++) {
    const startUs = startsUs[row]!
    if (startUs < minUs) minUs = startUs
    if (startUs > maxUs) maxUs = startUs
  }
  return { minUs, maxUs }
}

function hasWideId(functionIds: Uint32Array, from: number, end: number): boolean {
  let bits = 0
  for (let row = from; row < end; row++) bits |= functionIds[row]!
  return bits >>> 16 !== 0
}

function writeIds(
  kernels: LogKernels,
  functionIds: Uint32Array,
  from: number,
  end: number,
  flags: number,
  to: number,
): void {
  if ((flags & FLAG_WIDE_IDS) !== 0) {
    kernels.u32.set(functionIds.subarray(from, end), to / 4)
    return
  }
  const { u16 } = kernels
  let at = to / 2
  u16[at + end - from] = 0 // the padding, if the number is odd; else overwritten by the starts
  for (let row = from; row < end; row++) u16[at++] = functionIds[row]!
}

function writeStarts(
  kernels: LogKernels,
  startsUs: Float64Array,
  from: number,
  end: number,
  baseUs: number,
  flags: number,
  to: number,
): void {
  const { u32, view } = kernels
  if ((flags & FLAG_WIDE_STARTS) !== 0) {
    for (let row = from; row < end; row++, to += 8) {
      const startUs = Math.floor(Math.min(startsUs[row]!, MAX_START_US))
      write64(view, to, startUs >= baseUs ? startUs - baseUs : 0)
    }
    return
  }
  let at = to / 4
  for (let row = from; row < end; row++) u32[at++] = startsUs[row]! - baseUs
}

/** @returns number of long durations written to `longsAt` */
function writeDurations(
  kernels: LogKernels,
  durationsNs: Float64Array,
  from: number,
  end: number,
  to: number,
  longsAt: number,
): number {
  const { u32, view } = kernels
  let at = to / 4
  let longCount = 0
  for (let row = from; row < end; row++) {
    const durationNs = durationsNs[row]!
    if (durationNs < LONG_DURATION_NS) {
      u32[at++] = durationNs < 0 ? 0 : durationNs
    } else if (durationNs >= LONG_DURATION_NS) {
      u32[at++] = LONG_DURATION_NS
      const entry = longsAt + LONG_SIZE_BYTES * longCount++
      view.setUint32(entry, row - from, true)
      write64(view, entry + 4, Math.floor(Math.min(durationNs, MAX_DURATION_NS)))
    } else {
      u32[at++] = 0 // NaN
    }
  }
  return longCount
}

/** @returns number of errors written to `to` */
function writeErrors(
  kernels: LogKernels,
  errorTypes: Uint16Array,
  from: number,
  end: number,
  to: number,
): number {
  const { view } = kernels
  let errorCount = 0
  for (let row = from; row < end; row++) {
    if (errorTypes[row] === 0) continue
    const entry = to + ERROR_SIZE_BYTES * errorCount++
    view.setUint32(entry, row - from, true)
    view.setUint16(entry + 4, errorTypes[row]!, true)
    view.setUint16(entry + 6, 0, true)
  }
  return errorCount
}
