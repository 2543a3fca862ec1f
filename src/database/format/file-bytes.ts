/**
 * @module database/format/file-bytes
 * A part of a file that stands in the kernels' memory, as every decoder takes it, and what decoders share.
 *
 * Positions are bytes from the beginning of the part; `offset + position` is the byte in the file, as errors tell it.
 * The kernels' views are replaced when their memory grows, so nobody keeps one over an allocate().
 */
import { CorruptionError } from '../../errors.ts'
import type { Kernels, LogKernels } from '../kernels/kernels.ts'

export interface FileBytes {
  kernels: Kernels
  pointer: number // of the first byte in the kernels' memory; a multiple of 8
  sizeBytes: number
  path: string
  offset: number // in the file, of the first byte
}

const WORD = 2 ** 32

/** xxh64 of `sizeBytes` at `pointer` with the 8 bytes at `pointer + field` read as zero. */
export function checksumWithoutField(
  kernels: LogKernels,
  pointer: number,
  sizeBytes: number,
  field: number,
): bigint {
  const { view } = kernels
  const stored = view.getBigUint64(pointer + field, true)
  view.setBigUint64(pointer + field, 0n, true)
  const checksum = kernels.xxh64(pointer, sizeBytes)
  kernels.view.setBigUint64(pointer + field, stored, true)
  return checksum
}

/** Writes that checksum into its field. */
export function sealChecksum(
  kernels: LogKernels,
  pointer: number,
  sizeBytes: number,
  field: number,
): void {
  const checksum = checksumWithoutField(kernels, pointer, sizeBytes, field)
  kernels.view.setBigUint64(pointer + field, checksum, true)
}

export function hasChecksum(
  kernels: LogKernels,
  pointer: number,
  sizeBytes: number,
  field: number,
): boolean {
  const stored = kernels.view.getBigUint64(pointer + field, true)
  return stored === checksumWithoutField(kernels, pointer, sizeBytes, field)
}

/** A u64 that must be a safe integer; NaN when it is not. */
export function readSafeU64(view: DataView, pointer: number): number {
  const value = view.getUint32(pointer + 4, true) * WORD + view.getUint32(pointer, true)
  return value <= Number.MAX_SAFE_INTEGER ? value : NaN
}

/** An i64 that must be a safe integer; NaN when it is not. */
export function readSafeI64(view: DataView, pointer: number): number {
  const value = view.getInt32(pointer + 4, true) * WORD + view.getUint32(pointer, true)
  return Number.isSafeInteger(value) ? value : NaN
}

/** Writes a safe integer, negative ones too, as 64 bits. */
export function write64(view: DataView, pointer: number, value: number): void {
  const high = Math.floor(value / WORD)
  view.setUint32(pointer, value - high * WORD, true)
  view.setInt32(pointer + 4, high, true)
}

export function corruption(file: FileBytes, position: number, reason: string): CorruptionError {
  return new CorruptionError(file.path, file.offset + position, reason)
}

export function tooNew(file: FileBytes, position: number, reason: string): CorruptionError {
  return new CorruptionError(file.path, file.offset + position, reason, {
    code: 'KRONICLER_VERSION',
  })
}

export function torn(file: FileBytes, position: number, reason: string): CorruptionError {
  return new CorruptionError(file.path, file.offset + position, reason, { code: 'KRONICLER_TORN' })
}
