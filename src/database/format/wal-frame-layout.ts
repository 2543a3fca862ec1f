/**
 * @module database/format/wal-frame-layout
 * A frame, one batch of rows in a write-ahead log: where what stands in it. Format v1; the full text is docs/format/wal.md.
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
import {
  DETAIL_FLAGS,
  DETAILS_HEADER_SIZE_BYTES,
  detailsLength,
  type DetailCounts,
} from './wal-details.ts'

export const WAL_FRAME_HEADER_SIZE_BYTES = 64
export const MAX_FRAME_ROWS = 65_536
export const FRAME_CHECKSUM = 56
export const FLAG_WIDE_STARTS = 1
export const FLAG_WIDE_IDS = 2
export const KNOWN_FLAGS = FLAG_WIDE_IDS | FLAG_WIDE_STARTS | DETAIL_FLAGS
export const LONG_SIZE_BYTES = 12
export const ERROR_SIZE_BYTES = 8
export const NO_COUNTS: DetailCounts = {
  childrenCount: 0,
  attributeCount: 0,
  attributesSizeBytes: 0,
}

export interface FrameOrigin {
  slot: number // u32
  slotSequence: number // rows this slot had produced before the frame
}

/** Bytes of the function ids. */
export function idsLength(rowCount: number, flags: number): number {
  return (flags & FLAG_WIDE_IDS) !== 0 ? 4 * rowCount : 4 * Math.ceil(rowCount / 2)
}

/** Bytes of the start offsets. */
export function startsLength(rowCount: number, flags: number): number {
  return (flags & FLAG_WIDE_STARTS) !== 0 ? 8 * rowCount : 4 * rowCount
}

/** 0 without details. */
export function detailsHeaderLength(flags: number): number {
  return (flags & DETAIL_FLAGS) !== 0 ? DETAILS_HEADER_SIZE_BYTES : 0
}

/** Bytes behind the header, padding included. */
export function payloadLength(
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
