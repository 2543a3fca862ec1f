/**
 * @module database/format/wal-scan
 * Walks over the frames of a write-ahead log: the rule for damaged and unfinished tails in one place.
 *
 * - The file ends inside a frame: the log is still being written, or a crash cut it off (torn).
 * - A frame is complete but wrong, and a valid one follows: corrupt, the walk goes on behind it.
 * - A frame is complete but wrong, and nothing valid follows: a write in progress if the log is live, else corrupt.
 *   A tail of zeros is torn, not corrupt: some file systems leave it where a power cut hit a growing file.
 */
import type { CorruptionError } from '../../errors.ts'
import { corruption, torn, type FileBytes } from './file-bytes.ts'
import { WAL_FRAME_MAGIC } from './versions.ts'
import { inspectWalFrame, type WalFrame } from './wal-frame.ts'
import { WAL_FRAME_HEADER_SIZE_BYTES } from './wal-frame-layout.ts'

export interface WalScanOptions {
  sequence: number // of the log
  final: boolean // nothing will be added: the writer is dead, or has begun the next log
  onFrame: (frame: WalFrame) => void // in file order; the frame is valid until the memory is reused
  onFault: (fault: CorruptionError) => void // KRONICLER_CORRUPT, _VERSION or (final only) _TORN
}

/** A forged file full of headers must not make the search quadratic: bytes it may hash, times the file's size. */
const SEARCH_EFFORT = 4
const SEARCH_EFFORT_MIN_BYTES = 1 << 24

/**
 * Reports every valid frame from `position` on.
 *
 * @param file     begins at a multiple of 8 of the log
 * @param position behind the header, a multiple of 8; where the last walk ended
 * @returns position of the first byte not accounted for: where the next walk of a live log begins.
 *          file.sizeBytes if `final`.
 */
export function scanWal(file: FileBytes, position: number, options: WalScanOptions): number {
  while (position < file.sizeBytes) {
    const verdict = inspectWalFrame(file, position, options.sequence)
    if (verdict.kind === 'frame') {
      options.onFrame(verdict.frame)
      position = verdict.frame.end
      continue
    }
    if (verdict.kind === 'corrupt' && verdict.end >= 0) {
      options.onFault(verdict.error)
      position = verdict.end
      continue
    }
    if (verdict.kind === 'incomplete' && !options.final) return position
    const next = findWalFrame(file, position + 8, options.sequence)
    if (next < 0 && !options.final) return position
    options.onFault(faultOf(file, position, next, verdict))
    position = next < 0 ? file.sizeBytes : next
  }
  return position
}

/**
 * Position of the first valid frame at or behind `from` (a multiple of 8), -1 if there is none.
 * Frames begin at multiples of 8, so only those are looked at.
 */
export function findWalFrame(file: FileBytes, from: number, sequence: number): number {
  const { u32 } = file.kernels
  const last = file.sizeBytes - WAL_FRAME_HEADER_SIZE_BYTES
  let effort = Math.max(SEARCH_EFFORT_MIN_BYTES, SEARCH_EFFORT * file.sizeBytes)
  for (let position = from; position <= last; position += 8) {
    if (u32[(file.pointer + position) / 4] !== WAL_FRAME_MAGIC) continue
    const verdict = inspectWalFrame(file, position, sequence)
    if (verdict.kind === 'frame' || (verdict.kind === 'corrupt' && verdict.end >= 0))
      return position
    effort -= WAL_FRAME_HEADER_SIZE_BYTES + u32[(file.pointer + position + 8) / 4]!
    if (effort < 0) return -1
  }
  return -1
}

function faultOf(
  file: FileBytes,
  position: number,
  next: number,
  verdict: { kind: 'incomplete'; reason: string } | { kind: 'corrupt'; error: CorruptionError },
): CorruptionError {
  if (next < 0) {
    if (verdict.kind === 'incomplete') return torn(file, position, verdict.reason)
    if (isZero(file, position)) return torn(file, position, 'nothing but zeros up to the end')
  }
  if (verdict.kind === 'corrupt') return verdict.error
  return corruption(file, position, `${verdict.reason}, and a valid frame behind it`)
}

function isZero(file: FileBytes, position: number): boolean {
  const { u8 } = file.kernels
  for (let at = file.pointer + position; at < file.pointer + file.sizeBytes; at++) {
    if (u8[at] !== 0) return false
  }
  return true
}
