/**
 * @module database/format/counters
 * What a writer says of itself: one record, written in two places by turns, so that a write that is cut off leaves the
 * other. Format v1; the full text is docs/format/counters.md.
 *
 *   byte  size  field       type    meaning
 *      0     4  magic       u32 LE  "KRCN" in file order
 *      4     2  version     u16 LE  1
 *      6     2  reserved            zero
 *      8     8  generation  u64 LE  records written before; the valid one with the highest counts
 *     16     8  dropped     u64 LE  rows refused since the process began
 *     24     8  filtered    u64 LE  rows left out because the user asked for it
 *     32     8  attributesDropped   u64 LE  rows stored without their attributes, for want of room
 *     40    16  reserved            zero
 *     56     8  checksum    u64 LE  xxh64 of the record with this field zero
 */
import type { CorruptionError } from '../../errors.ts'
import type { LogKernels } from '../kernels/kernels.ts'
import {
  corruption,
  hasChecksum,
  readSafeU64,
  sealChecksum,
  tooNew,
  write64,
  type FileBytes,
} from './file-bytes.ts'
import { COUNTERS_MAGIC, COUNTERS_VERSION } from './versions.ts'

export const COUNTERS_RECORD_SIZE_BYTES = 64
export const COUNTERS_FILE_SIZE_BYTES = 2 * COUNTERS_RECORD_SIZE_BYTES
const CHECKSUM = 56

export interface Counters {
  dropped: number // rows refused by a full queue; they were never in the log
  filtered: number // rows left out on request: faster than the user wants to see, or not in the sample
  attributesDropped: number // rows stored without their attributes, for want of room
}

/** Byte in the file at which the record of a generation stands. */
export function countersPosition(generation: number): number {
  return (generation % 2) * COUNTERS_RECORD_SIZE_BYTES
}

/** Writes a record at `to` in the kernels' memory; COUNTERS_RECORD_SIZE_BYTES long. */
export function encodeCounters(
  kernels: LogKernels,
  counters: Counters,
  generation: number,
  to: number,
): void {
  kernels.u8.fill(0, to, to + COUNTERS_RECORD_SIZE_BYTES)
  const { view } = kernels
  view.setUint32(to, COUNTERS_MAGIC, true)
  view.setUint16(to + 4, COUNTERS_VERSION, true)
  write64(view, to + 8, generation)
  write64(view, to + 16, counters.dropped)
  write64(view, to + 24, counters.filtered)
  write64(view, to + 32, counters.attributesDropped)
  sealChecksum(kernels, to, COUNTERS_RECORD_SIZE_BYTES, CHECKSUM)
}

/**
 * The newest valid record of a file.
 *
 * @param file the whole file
 * @returns the counters, and the fault of the other record if that one is damaged: it may have been the newest
 * @throws {CorruptionError} KRONICLER_CORRUPT: no record is valid; KRONICLER_VERSION
 */
export function decodeCounters(file: FileBytes): Counters & { fault: CorruptionError | undefined } {
  let newest: (Counters & { generation: number }) | undefined
  let fault: CorruptionError | undefined
  for (let at = 0; at < file.sizeBytes; at += COUNTERS_RECORD_SIZE_BYTES) {
    const record = decodeRecord(file, at)
    if (record === undefined) fault = corruption(file, at, 'a record of the counters is damaged')
    else if (newest === undefined || record.generation > newest.generation) newest = record
  }
  if (newest === undefined) throw fault ?? corruption(file, 0, 'the counters are empty')
  const { attributesDropped, dropped, filtered } = newest
  return { dropped, filtered, attributesDropped, fault }
}

function decodeRecord(
  file: FileBytes,
  at: number,
): (Counters & { generation: number }) | undefined {
  const { kernels } = file
  const pointer = file.pointer + at
  if (at + COUNTERS_RECORD_SIZE_BYTES > file.sizeBytes) return undefined
  if (!hasChecksum(kernels, pointer, COUNTERS_RECORD_SIZE_BYTES, CHECKSUM)) return undefined
  if (kernels.view.getUint32(pointer, true) !== COUNTERS_MAGIC) return undefined
  const version = kernels.view.getUint16(pointer + 4, true)
  if (version > COUNTERS_VERSION) throw tooNew(file, at + 4, `counters version ${version}`)
  const generation = readSafeU64(kernels.view, pointer + 8)
  const dropped = readSafeU64(kernels.view, pointer + 16)
  const filtered = readSafeU64(kernels.view, pointer + 24)
  const attributesDropped = readSafeU64(kernels.view, pointer + 32)
  if (Number.isNaN(generation + dropped + filtered + attributesDropped)) return undefined
  return { generation, dropped, filtered, attributesDropped }
}
