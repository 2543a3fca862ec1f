/**
 * @module database/format/wal-frame
 * One batch of rows in a write-ahead log. Format v1; the full text is docs/format/wal.md.
 *
 *   byte  size  field          type    meaning
 *      0     4  magic          u32 LE  "KRWF" in file order
 *      4     2  version        u16 LE  1
 *      6     2  flags          u16 LE  bit 0: start offsets are u64, else u32; bit 1: function ids are u32, else u16;
 *                                      bits 2-5: details, see wal-details.ts
 *      8     4  payloadLength  u32 LE  bytes behind this header, padding included
 *     12     4  rowCount       u32 LE  1..65536
 *     16     4  longCount      u32 LE  durations of 2^32 - 1 ns and more
 *     20     4  errorCount     u32 LE  rows with an error
 *     24     8  firstRow       u64 LE  arrival number of the first row in this writer
 *     32     8  baseUs         i64 LE  smallest start of the frame
 *     40     4  slot           u32 LE  who produced the rows
 *     44     4  sequence       u32 LE  of the log
 *     48     8  slotSequence   u64 LE  rows this slot had produced before the frame
 *     56     8  checksum       u64 LE  xxh64 of header and payload with this field zero
 *     64        [header of the details] | function ids | start offsets, µs | durations u32, ns, 0xFFFFFFFF = see longs
 *               | longs { row u32, durationNs u64 } | errors { row u32, type u16, zero u16 } | [details], each padded to 4
 *               bytes
 *
 * Invariant: the payload's length follows from the counts and the flags, and header and payload are padded to 8 bytes.
 */
import type { CorruptionError } from '../../errors.ts'
import type { Kernels } from '../kernels/kernels.ts'
import {
  corruption,
  hasChecksum,
  readSafeI64,
  readSafeU64,
  sealChecksum,
  tooNew,
  write64,
  type FileBytes,
} from './file-bytes.ts'
import {
  LONG_DURATION_NS,
  MAX_DURATION_NS,
  MAX_START_US,
  detailsOf,
  reserveRows,
  type RowColumns,
} from './rows.ts'
import { WAL_FRAME_MAGIC, WAL_FRAME_VERSION } from './versions.ts'
import {
  areImpossible,
  decodeDetails,
  DETAIL_FLAGS,
  DETAILS_HEADER_SIZE_BYTES,
  detailsLength,
  findDetailsFault,
  MAX_FRAME_ATTRIBUTES_SIZE_BYTES,
  placeDetails,
  planDetails,
  readDetailCounts,
  writeDetails,
  writeDetailsHeader,
  type DetailCounts,
  type DetailsPlan,
  type FrameDetails,
} from './wal-details.ts'

export const WAL_FRAME_HEADER_SIZE_BYTES = 64
export const MAX_FRAME_ROWS = 65_536
const CHECKSUM = 56
const FLAG_WIDE_STARTS = 1
const FLAG_WIDE_IDS = 2
const LONG_SIZE_BYTES = 12
const ERROR_SIZE_BYTES = 8
const WORD = 2 ** 32

const KNOWN_FLAGS = FLAG_WIDE_IDS | FLAG_WIDE_STARTS | DETAIL_FLAGS
const NO_COUNTS: DetailCounts = { childrenCount: 0, attributeCount: 0, attributesSizeBytes: 0 }

/** Largest payload: every section at its widest. */
const MAX_PAYLOAD_SIZE_BYTES = payloadLength(
  MAX_FRAME_ROWS,
  MAX_FRAME_ROWS,
  MAX_FRAME_ROWS,
  KNOWN_FLAGS,
  {
    childrenCount: MAX_FRAME_ROWS,
    attributeCount: MAX_FRAME_ROWS,
    attributesSizeBytes: MAX_FRAME_ATTRIBUTES_SIZE_BYTES,
  },
)

export interface FrameOrigin {
  slot: number // u32
  slotSequence: number // rows this slot had produced before the frame
}

/** Where a checked frame stands, and its header. Pointers are into the kernels' memory, multiples of 4. */
export interface WalFrame extends FrameOrigin {
  position: number // of the header, in the FileBytes
  end: number // position behind the frame
  rowCount: number
  longCount: number
  errorCount: number
  firstRow: number
  baseUs: number
  sequence: number
  wideIds: boolean // function ids are u32, else u16
  wideStarts: boolean // start offsets are u64, else u32
  functionIds: number
  startOffsets: number
  durations: number
  longs: number
  errors: number
  details: FrameDetails | undefined // undefined: all rows have the defaults
}

/** What stands at a position of a log. */
export type WalVerdict =
  | { kind: 'frame'; frame: WalFrame }
  | { kind: 'incomplete'; reason: string } // the file ends inside the frame
  | { kind: 'corrupt'; error: CorruptionError; end: number } // end: behind the frame if that is known, else -1

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
  kernels: Kernels,
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
  let minUs = Infinity
  let maxUs = -Infinity
  for (let row = from; row < end; row++) {
    const startUs = startsUs[row]!
    if (startUs < minUs) minUs = startUs
    if (startUs > maxUs) maxUs = startUs
  }
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
  sealChecksum(kernels, to, sizeBytes, CHECKSUM)
  return sizeBytes
}

/**
 * Checks what stands at `position`: bounds, checksum, then every number that is later used as an index.
 * O(size of the frame); reads nothing outside the FileBytes.
 *
 * @param file     may begin anywhere in the log; `position` is a multiple of 8 below file.sizeBytes
 * @param sequence of the log; a frame of another log is corrupt here
 */
export function inspectWalFrame(file: FileBytes, position: number, sequence: number): WalVerdict {
  const { kernels } = file
  const left = file.sizeBytes - position
  if (left < WAL_FRAME_HEADER_SIZE_BYTES) {
    return { kind: 'incomplete', reason: `${left} of the 64 bytes of a frame's header` }
  }
  const at = file.pointer + position
  const { view } = kernels
  if (view.getUint32(at, true) !== WAL_FRAME_MAGIC) return damaged('no frame begins here')
  const length = view.getUint32(at + 8, true)
  const version = view.getUint16(at + 4, true)
  const flags = view.getUint16(at + 6, true)
  const known = version === WAL_FRAME_VERSION && (flags & ~KNOWN_FLAGS) === 0
  const rowCount = view.getUint32(at + 12, true)
  const longCount = view.getUint32(at + 16, true)
  const errorCount = view.getUint32(at + 20, true)
  if (length > MAX_PAYLOAD_SIZE_BYTES || length % 8 !== 0) return damaged('impossible frame length')
  if (known) {
    if (rowCount < 1 || rowCount > MAX_FRAME_ROWS) return damaged('impossible number of rows')
    if (longCount > rowCount || errorCount > rowCount) return damaged('impossible frame counts')
    let counts = NO_COUNTS
    if ((flags & DETAIL_FLAGS) !== 0) {
      const begun = WAL_FRAME_HEADER_SIZE_BYTES + DETAILS_HEADER_SIZE_BYTES
      if (left < begun) return { kind: 'incomplete', reason: `${left} bytes of a frame` }
      counts = readDetailCounts(view, at + WAL_FRAME_HEADER_SIZE_BYTES)
      if (areImpossible(counts, rowCount, flags)) return damaged('impossible counts of details')
    }
    if (length !== payloadLength(rowCount, longCount, errorCount, flags, counts)) {
      return damaged('the frame length does not fit its counts')
    }
    if (view.getUint32(at + 44, true) !== sequence) return damaged('a frame of another log')
  }
  const sizeBytes = WAL_FRAME_HEADER_SIZE_BYTES + length
  if (sizeBytes > left) {
    return { kind: 'incomplete', reason: `${left} of the ${sizeBytes} bytes of a frame` }
  }
  if (!hasChecksum(kernels, at, sizeBytes, CHECKSUM)) {
    return damaged('checksum of the frame does not match')
  }
  const end = position + sizeBytes
  if (!known) {
    const reason = `frame version ${version} with flags ${flags}`
    return { kind: 'corrupt', error: tooNew(file, position, reason), end }
  }
  const frame = readWalFrame(file, position)
  const fault = findFault(kernels, frame)
  return fault === undefined ? { kind: 'frame', frame } : { ...damaged(fault), end }

  function damaged(reason: string) {
    return { kind: 'corrupt' as const, error: corruption(file, position, reason), end: -1 }
  }
}

/** Reads the header of a frame that `inspectWalFrame` has found valid, in bytes unchanged since. */
export function readWalFrame(file: FileBytes, position: number): WalFrame {
  const { view } = file.kernels
  const at = file.pointer + position
  const flags = view.getUint16(at + 6, true)
  const rowCount = view.getUint32(at + 12, true)
  const longCount = view.getUint32(at + 16, true)
  const errorCount = view.getUint32(at + 20, true)
  const functionIds = at + WAL_FRAME_HEADER_SIZE_BYTES + detailsHeaderLength(flags)
  const startOffsets = functionIds + idsLength(rowCount, flags)
  const durations = startOffsets + startsLength(rowCount, flags)
  const longs = durations + 4 * rowCount
  const errors = longs + LONG_SIZE_BYTES * longCount
  return {
    position,
    end: position + WAL_FRAME_HEADER_SIZE_BYTES + view.getUint32(at + 8, true),
    rowCount,
    longCount,
    errorCount,
    firstRow: readSafeU64(view, at + 24),
    baseUs: readSafeI64(view, at + 32),
    slot: view.getUint32(at + 40, true),
    sequence: view.getUint32(at + 44, true),
    slotSequence: readSafeU64(view, at + 48),
    wideIds: (flags & FLAG_WIDE_IDS) !== 0,
    wideStarts: (flags & FLAG_WIDE_STARTS) !== 0,
    functionIds,
    startOffsets,
    durations,
    longs,
    errors,
    details:
      (flags & DETAIL_FLAGS) === 0
        ? undefined
        : placeDetails(
            readDetailCounts(view, at + WAL_FRAME_HEADER_SIZE_BYTES),
            rowCount,
            flags,
            errors + ERROR_SIZE_BYTES * errorCount,
          ),
  }
}

/**
 * Appends the frame's rows from its row `skip` on to `into`, which grows as needed, and gets details if the frame has.
 *
 * @param file the FileBytes that the frame was inspected in, unchanged since
 */
export function decodeWalRows(
  file: FileBytes,
  frame: WalFrame,
  skip: number,
  into: RowColumns,
): void {
  const { kernels } = file
  const { rowCount } = frame
  const first = into.count
  const added = rowCount - skip
  if (added <= 0) return
  reserveRows(into, first + added)
  const ids = functionIdsOf(kernels, frame)
  for (let i = 0; i < added; i++) into.functionIds[first + i] = ids[skip + i]!
  decodeStarts(kernels, frame, skip, into.startsUs, first)
  decodeDurations(kernels, frame, skip, into.durationsNs, first)
  into.errorTypes.fill(0, first, first + added)
  forEachError(kernels, frame, (row, type) => {
    if (row >= skip) into.errorTypes[first + row - skip] = type
  })
  if (frame.details !== undefined) detailsOf(into)
  if (into.details !== undefined) decodeDetails(kernels, frame, skip, into.details, first)
  into.count = first + added
}

/** The frame's function ids, a view that lives until the kernels' memory grows. */
export function functionIdsOf(kernels: Kernels, frame: WalFrame): Uint16Array | Uint32Array {
  const { functionIds, rowCount } = frame
  return frame.wideIds
    ? kernels.u32.subarray(functionIds / 4, functionIds / 4 + rowCount)
    : kernels.u16.subarray(functionIds / 2, functionIds / 2 + rowCount)
}

/** Starts of the frame's rows from `skip` on, to `into[first]` and behind. */
export function decodeStarts(
  kernels: Kernels,
  frame: WalFrame,
  skip: number,
  into: Float64Array,
  first: number,
): void {
  const { baseUs, rowCount } = frame
  const { u32 } = kernels
  let at = frame.startOffsets / 4
  if (frame.wideStarts) {
    at += 2 * skip
    for (let row = skip; row < rowCount; row++, at += 2) {
      into[first++] = baseUs + u32[at]! + u32[at + 1]! * WORD
    }
  } else {
    at += skip
    for (let row = skip; row < rowCount; row++) into[first++] = baseUs + u32[at++]!
  }
}

/** Durations of the frame's rows from `skip` on, exact, to `into[first]` and behind. */
export function decodeDurations(
  kernels: Kernels,
  frame: WalFrame,
  skip: number,
  into: Float64Array,
  first: number,
): void {
  const { rowCount } = frame
  const { u32 } = kernels
  const durations = frame.durations / 4
  const shift = first - skip
  for (let row = skip; row < rowCount; row++) into[shift + row] = u32[durations + row]!
  forEachLong(kernels, frame, (row, durationNs) => {
    if (row >= skip) into[shift + row] = durationNs
  })
}

/** Calls `visit` for every long duration of the frame. */
export function forEachLong(
  kernels: Kernels,
  frame: WalFrame,
  visit: (row: number, durationNs: number) => void,
): void {
  const { view } = kernels
  for (let i = 0, at = frame.longs; i < frame.longCount; i++, at += LONG_SIZE_BYTES) {
    visit(view.getUint32(at, true), readSafeU64(view, at + 4))
  }
}

/** Calls `visit` for every row of the frame with an error. */
export function forEachError(
  kernels: Kernels,
  frame: WalFrame,
  visit: (row: number, type: number) => void,
): void {
  const { view } = kernels
  for (let i = 0, at = frame.errors; i < frame.errorCount; i++, at += ERROR_SIZE_BYTES) {
    visit(view.getUint32(at, true), view.getUint16(at + 4, true))
  }
}

function idsLength(rowCount: number, flags: number): number {
  return (flags & FLAG_WIDE_IDS) !== 0 ? 4 * rowCount : 4 * Math.ceil(rowCount / 2)
}

function startsLength(rowCount: number, flags: number): number {
  return (flags & FLAG_WIDE_STARTS) !== 0 ? 8 * rowCount : 4 * rowCount
}

function detailsHeaderLength(flags: number): number {
  return (flags & DETAIL_FLAGS) !== 0 ? DETAILS_HEADER_SIZE_BYTES : 0
}

function payloadLength(
  rowCount: number,
  longCount: number,
  errorCount: number,
  flags: number,
  details: DetailCounts,
): number {
  const used =
    detailsHeaderLength(flags) +
    idsLength(rowCount, flags) +
    startsLength(rowCount, flags) +
    4 * rowCount +
    LONG_SIZE_BYTES * longCount +
    ERROR_SIZE_BYTES * errorCount +
    detailsLength(rowCount, flags, details)
  return 8 * Math.ceil(used / 8)
}

function hasWideId(functionIds: Uint32Array, from: number, end: number): boolean {
  let bits = 0
  for (let row = from; row < end; row++) bits |= functionIds[row]!
  return bits >>> 16 !== 0
}

function writeIds(
  kernels: Kernels,
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
  kernels: Kernels,
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
  kernels: Kernels,
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
  kernels: Kernels,
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

/** What is wrong with the numbers of a frame whose checksum holds: a writer's bug, or forged. */
function findFault(kernels: Kernels, frame: WalFrame): string | undefined {
  const { view } = kernels
  if (Number.isNaN(frame.firstRow + frame.baseUs + frame.slotSequence)) {
    return 'a number of the frame header is out of range'
  }
  if (frame.baseUs < 0) return 'a start is out of range'
  if (frame.wideStarts || !Number.isSafeInteger(frame.baseUs + WORD)) {
    const startsUs = new Float64Array(frame.rowCount)
    decodeStarts(kernels, frame, 0, startsUs, 0)
    if (!startsUs.every((startUs) => startUs >= 0 && startUs <= MAX_START_US)) {
      return 'a start is out of range'
    }
  }
  let previous = -1
  for (let i = 0, at = frame.longs; i < frame.longCount; i++, at += LONG_SIZE_BYTES) {
    const row = view.getUint32(at, true)
    if (row <= previous || row >= frame.rowCount) return 'a long duration of an impossible row'
    if (!(readSafeU64(view, at + 4) >= LONG_DURATION_NS)) return 'a long duration is out of range'
    previous = row
  }
  previous = -1
  for (let i = 0, at = frame.errors; i < frame.errorCount; i++, at += ERROR_SIZE_BYTES) {
    const row = view.getUint32(at, true)
    if (row <= previous || row >= frame.rowCount) return 'an error of an impossible row'
    if (view.getUint16(at + 4, true) === 0) return 'an error without a type'
    previous = row
  }
  const { details } = frame
  if (details === undefined) return undefined
  const durationsNs = new Float64Array(details.childrenCount > 0 ? frame.rowCount : 0)
  if (durationsNs.length > 0) decodeDurations(kernels, frame, 0, durationsNs, 0)
  return findDetailsFault(kernels, details, frame.rowCount, durationsNs)
}
