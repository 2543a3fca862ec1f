/**
 * @module database/format/wal-frame
 * Frames of a write-ahead log on their way in: checked, then decoded. Their layout is told in wal-frame-layout.ts.
 */
import type { CorruptionError } from '../../errors.ts'
import type { Kernels } from '../kernels/kernels.ts'
import {
  corruption,
  hasChecksum,
  readSafeI64,
  readSafeU64,
  tooNew,
  type FileBytes,
} from './file-bytes.ts'
import { LONG_DURATION_NS, MAX_START_US, detailsOf, reserveRows, type RowColumns } from './rows.ts'
import { WAL_FRAME_MAGIC, WAL_FRAME_VERSION } from './versions.ts'
import {
  areImpossible,
  decodeDetails,
  DETAIL_FLAGS,
  DETAILS_HEADER_SIZE_BYTES,
  findDetailsFault,
  MAX_FRAME_ATTRIBUTES_SIZE_BYTES,
  placeDetails,
  readDetailCounts,
  type FrameDetails,
} from './wal-details.ts'
import {
  detailsHeaderLength,
  ERROR_SIZE_BYTES,
  FLAG_WIDE_IDS,
  FLAG_WIDE_STARTS,
  FRAME_CHECKSUM,
  idsLength,
  KNOWN_FLAGS,
  LONG_SIZE_BYTES,
  MAX_FRAME_ROWS,
  NO_COUNTS,
  payloadLength,
  startsLength,
  WAL_FRAME_HEADER_SIZE_BYTES,
  type FrameOrigin,
} from './wal-frame-layout.ts'

const WORD = 2 ** 32

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
  if (!hasChecksum(kernels, at, sizeBytes, FRAME_CHECKSUM)) {
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
