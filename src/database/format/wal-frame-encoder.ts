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
const SCRATCH_BOUNDS_SIZE_BYTES = 16

/** Bytes that `encodeWalFrame` may write for so many rows: the frame, and behind it a copy of one column at a time. */
export function walFrameBound(rowCount: number, plan?: DetailsPlan): number {
  return largestFrame(rowCount, plan) + SCRATCH_BOUNDS_SIZE_BYTES + 8 * rowCount
}

function largestFrame(rowCount: number, plan: DetailsPlan | undefined): number {
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
  const scratch = to + largestFrame(rowCount, plan)
  writeIds(kernels, rows.functionIds, from, end, flags, idsAt)
  writeStarts(kernels, startsUs, from, end, baseUs, flags, startsAt, scratch)
  const { durationsNs, errorTypes } = rows
  const longCount = writeDurations(kernels, durationsNs, from, end, durationsAt, longsAt, scratch)
  const errorsAt = longsAt + LONG_SIZE_BYTES * longCount
  const errorCount = writeErrors(kernels, errorTypes, from, end, errorsAt, scratch)

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
  u16[to / 2 + end - from] = 0 // the padding, if the number is odd; else overwritten by the starts
  u16.set(functionIds.subarray(from, end), to / 2)
}

function writeStarts(
  kernels: LogKernels,
  startsUs: Float64Array,
  from: number,
  end: number,
  baseUs: number,
  flags: number,
  to: number,
  scratch: number,
): void {
  if ((flags & FLAG_WIDE_STARTS) !== 0) {
    const { view } = kernels
    for (let row = from; row < end; row++, to += 8) {
      const startUs = Math.floor(Math.min(startsUs[row]!, MAX_START_US))
      write64(view, to, startUs >= baseUs ? startUs - baseUs : 0)
    }
  } else narrow(kernels, startsUs, from, end, baseUs, to, scratch)
}

/** @returns number of long durations written to `longsAt` */
function writeDurations(
  kernels: LogKernels,
  durationsNs: Float64Array,
  from: number,
  end: number,
  to: number,
  longsAt: number,
  scratch: number,
): number {
  const maxNs = narrow(kernels, durationsNs, from, end, 0, to, scratch)
  if (!(maxNs >= LONG_DURATION_NS)) return 0
  const { view } = kernels
  let longCount = 0
  for (let row = from; row < end; row++) {
    const durationNs = durationsNs[row]!
    if (!(durationNs >= LONG_DURATION_NS)) continue
    const entry = longsAt + LONG_SIZE_BYTES * longCount++
    view.setUint32(entry, row - from, true)
    write64(view, entry + 4, Math.floor(Math.min(durationNs, MAX_DURATION_NS)))
  }
  return longCount
}

/** Writes what the rows are above `base` as u32. @returns the greatest of it */
function narrow(
  kernels: LogKernels,
  column: Float64Array,
  from: number,
  end: number,
  base: number,
  to: number,
  scratch: number,
): number {
  const { f64 } = kernels
  const copy = scratch + SCRATCH_BOUNDS_SIZE_BYTES
  f64.set(column.subarray(from, end), copy / 8)
  kernels.narrow(copy, end - from, base, to, scratch)
  return f64[scratch / 8 + 1]!
}

/** @returns number of errors written to `to` */
function writeErrors(
  kernels: LogKernels,
  errorTypes: Uint16Array,
  from: number,
  end: number,
  to: number,
  scratch: number,
): number {
  const { u16, view } = kernels
  const copy = scratch + SCRATCH_BOUNDS_SIZE_BYTES
  const rows = copy + 2 * (end - from)
  u16.set(errorTypes.subarray(from, end), copy / 2)
  const errorCount = kernels.nonZeroRows(copy, end - from, rows)
  for (let i = 0; i < errorCount; i++, to += ERROR_SIZE_BYTES) {
    const row = u16[rows / 2 + i]!
    view.setUint32(to, row, true)
    view.setUint16(to + 4, errorTypes[from + row]!, true)
    view.setUint16(to + 6, 0, true)
  }
  return errorCount
}
