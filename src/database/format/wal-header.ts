/**
 * @module database/format/wal-header
 * First 64 bytes of a write-ahead log. Format v1; the full text is docs/format/wal.md.
 *
 *   byte  size  field      type    meaning
 *      0     4  magic      u32 LE  "KRWL" in file order
 *      4     2  version    u16 LE  1
 *      6     2  flags      u16 LE  0
 *      8     4  sequence   u32 LE  number in the file's name
 *     12     4  reserved           zero
 *     16     8  firstRow   u64 LE  rows this writer had taken before this log
 *     24     8  createdUs  i64 LE  microseconds since the Unix epoch
 *     32    24  reserved           zero
 *     56     8  checksum   u64 LE  xxh64 of the header with this field zero
 */
import type { LogKernels } from '../kernels/kernels.ts'
import {
  corruption,
  hasChecksum,
  readSafeI64,
  readSafeU64,
  sealChecksum,
  tooNew,
  torn,
  write64,
  type FileBytes,
} from './file-bytes.ts'
import { WAL_MAGIC, WAL_VERSION } from './versions.ts'

export const WAL_HEADER_SIZE_BYTES = 64
const CHECKSUM = 56

export interface WalHeader {
  sequence: number
  firstRow: number
  createdUs: number
}

/** Writes the header at `to` in the kernels' memory; WAL_HEADER_SIZE_BYTES long. */
export function encodeWalHeader(kernels: LogKernels, header: WalHeader, to: number): void {
  kernels.u8.fill(0, to, to + WAL_HEADER_SIZE_BYTES)
  const { view } = kernels
  view.setUint32(to, WAL_MAGIC, true)
  view.setUint16(to + 4, WAL_VERSION, true)
  view.setUint32(to + 8, header.sequence, true)
  write64(view, to + 16, header.firstRow)
  write64(view, to + 24, header.createdUs)
  sealChecksum(kernels, to, WAL_HEADER_SIZE_BYTES, CHECKSUM)
}

/**
 * @param file begins at byte 0 of the log
 * @throws {CorruptionError} KRONICLER_TORN: shorter than a header; KRONICLER_VERSION; KRONICLER_CORRUPT
 */
export function decodeWalHeader(file: FileBytes): WalHeader {
  const { kernels, pointer } = file
  if (file.sizeBytes < WAL_HEADER_SIZE_BYTES) throw torn(file, 0, 'the file header is cut off')
  if (!hasChecksum(kernels, pointer, WAL_HEADER_SIZE_BYTES, CHECKSUM)) {
    throw corruption(file, 0, 'checksum of the log header does not match')
  }
  const { view } = kernels
  if (view.getUint32(pointer, true) !== WAL_MAGIC) throw corruption(file, 0, 'not a log file')
  const version = view.getUint16(pointer + 4, true)
  if (version > WAL_VERSION) throw tooNew(file, 4, `log version ${version}`)
  if (version === 0) throw corruption(file, 4, 'log version 0')
  const flags = view.getUint16(pointer + 6, true)
  if (flags !== 0) throw tooNew(file, 6, `unknown log flags ${flags}`)
  const header = {
    sequence: view.getUint32(pointer + 8, true),
    firstRow: readSafeU64(view, pointer + 16),
    createdUs: readSafeI64(view, pointer + 24),
  }
  if (Number.isNaN(header.firstRow + header.createdUs)) {
    throw corruption(file, 16, 'a number of the log header is out of range')
  }
  return header
}
