/**
 * @module database/format/dictionary
 * Names of function ids and error types, and where functions are defined, append-only. Format v1; the full text is
 * docs/format/dictionary.md.
 *
 *   file header                                  frame
 *   byte  size  field                            byte  size  field
 *      0     4  magic     u32 LE  "KRDC"            0     4  magic          u32 LE  "KRDF"
 *      4     2  version   u16 LE  1                 4     4  payloadLength  u32 LE
 *      6     2  reserved          zero              8     8  checksum       u64 LE  xxh64 of the frame, field zero
 *      8     8  checksum  u64 LE  of bytes 0..8    16        entries
 *
 *   entry: 0 kind u8 | 1 zero x3 | 4 id u32 | 8 byteLength u32 | 12 UTF-8 bytes
 *   kind:  0 name of a function | 1 name of an error type | 2 where the function with this id is defined
 *
 * A later entry for the same kind and id supersedes the earlier one. Two ids may have the same name. Entries of other
 * kinds are passed over: a later version may add some.
 */
import type { CorruptionError } from '../../errors.ts'
import { decodeUtf8, encodeUtf8 } from '../../internal/utf8.ts'
import type { LogKernels } from '../kernels/kernels.ts'
import {
  corruption,
  hasChecksum,
  sealChecksum,
  tooNew,
  torn,
  type FileBytes,
} from './file-bytes.ts'
import { DICTIONARY_FRAME_MAGIC, DICTIONARY_MAGIC, DICTIONARY_VERSION } from './versions.ts'

export const DICTIONARY_HEADER_SIZE_BYTES = 16
export const DICTIONARY_FRAME_HEADER_SIZE_BYTES = 16
export const ENTRY_HEADER_SIZE_BYTES = 12
export const KIND_FUNCTION = 0
export const KIND_ERROR_TYPE = 1
export const KIND_PLACE = 2
const CHECKSUM = 8

/** 0: name of a function, 1: of an error type, 2: where a function is defined, such as `src/orders.ts:12`. */
export type EntryKind = typeof KIND_FUNCTION | typeof KIND_ERROR_TYPE | typeof KIND_PLACE

/** One entry. Lone surrogates of the text become U+FFFD. */
export function encodeDictionaryEntry(kind: EntryKind, id: number, text: string): Uint8Array {
  const bytes = encodeUtf8(text)
  const entry = new Uint8Array(ENTRY_HEADER_SIZE_BYTES + bytes.length)
  const view = new DataView(entry.buffer)
  view.setUint8(0, kind)
  view.setUint32(4, id, true)
  view.setUint32(8, bytes.length, true)
  entry.set(bytes, ENTRY_HEADER_SIZE_BYTES)
  return entry
}

/** Writes the file header at `to` in the kernels' memory; DICTIONARY_HEADER_SIZE_BYTES long. */
export function encodeDictionaryHeader(kernels: LogKernels, to: number): void {
  const { view } = kernels
  view.setUint32(to, DICTIONARY_MAGIC, true)
  view.setUint16(to + 4, DICTIONARY_VERSION, true)
  view.setUint16(to + 6, 0, true)
  view.setBigUint64(to + 8, kernels.xxh64(to, 8), true)
}

/**
 * Writes whole entries as one frame at `to` in the kernels' memory.
 *
 * @returns size of the frame: DICTIONARY_FRAME_HEADER_SIZE_BYTES + entries.length
 */
export function encodeDictionaryFrame(
  kernels: LogKernels,
  entries: Uint8Array,
  to: number,
): number {
  const { view } = kernels
  const sizeBytes = DICTIONARY_FRAME_HEADER_SIZE_BYTES + entries.length
  view.setUint32(to, DICTIONARY_FRAME_MAGIC, true)
  view.setUint32(to + 4, entries.length, true)
  kernels.u8.set(entries, to + DICTIONARY_FRAME_HEADER_SIZE_BYTES)
  sealChecksum(kernels, to, sizeBytes, CHECKSUM)
  return sizeBytes
}

/**
 * @param file begins at byte 0 of the dictionary
 * @throws {CorruptionError} KRONICLER_TORN: shorter than a header; KRONICLER_VERSION; KRONICLER_CORRUPT
 */
export function decodeDictionaryHeader(file: FileBytes): void {
  const { kernels, pointer } = file
  if (file.sizeBytes < DICTIONARY_HEADER_SIZE_BYTES) {
    throw torn(file, 0, 'the file header is cut off')
  }
  const { view } = kernels
  if (view.getBigUint64(pointer + 8, true) !== kernels.xxh64(pointer, 8)) {
    throw corruption(file, 0, 'checksum of the dictionary header does not match')
  }
  if (view.getUint32(pointer, true) !== DICTIONARY_MAGIC) {
    throw corruption(file, 0, 'not a dictionary file')
  }
  const version = view.getUint16(pointer + 4, true)
  if (version === 0) throw corruption(file, 4, 'dictionary version 0')
  if (version > DICTIONARY_VERSION) throw tooNew(file, 4, `dictionary version ${version}`)
}

export interface DictionaryScanOptions {
  final: boolean // nothing will be added: the writer is dead
  onEntry: (kind: EntryKind, id: number, text: string) => void
  onFault: (fault: CorruptionError) => void // KRONICLER_CORRUPT or (final only) _TORN
}

/**
 * Reports every entry of every valid frame from `position` on; the rule for tails is that of scanWal.
 *
 * @param position behind the header; where the last walk ended
 * @returns position of the first byte not accounted for; file.sizeBytes if `final`
 */
export function scanDictionary(
  file: FileBytes,
  position: number,
  options: DictionaryScanOptions,
): number {
  while (position < file.sizeBytes) {
    const sizeBytes = frameSize(file, position)
    if (sizeBytes > 0) {
      decodeEntries(file, position, sizeBytes, options)
      position += sizeBytes
      continue
    }
    const cut = sizeBytes === INCOMPLETE
    const next = findFrame(file, position + 1)
    if (next < 0 && !options.final) return position
    const fault =
      next < 0 && (cut || isZero(file, position))
        ? torn(file, position, 'the last frame is cut off')
        : corruption(file, position, 'a frame of names is damaged')
    options.onFault(fault)
    position = next < 0 ? file.sizeBytes : next
  }
  return position
}

const INCOMPLETE = 0
const DAMAGED = -1

/** Size of the valid frame at `position`, INCOMPLETE if the file ends inside it, or DAMAGED. */
function frameSize(file: FileBytes, position: number): number {
  const { kernels } = file
  const left = file.sizeBytes - position
  const at = file.pointer + position
  if (left >= 4 && kernels.view.getUint32(at, true) !== DICTIONARY_FRAME_MAGIC) return DAMAGED
  if (left < DICTIONARY_FRAME_HEADER_SIZE_BYTES) return INCOMPLETE
  const sizeBytes = DICTIONARY_FRAME_HEADER_SIZE_BYTES + kernels.view.getUint32(at + 4, true)
  if (sizeBytes > left) return INCOMPLETE
  return hasChecksum(kernels, at, sizeBytes, CHECKSUM) ? sizeBytes : DAMAGED
}

/** Frames begin anywhere. A forged file must not make the search quadratic, so it hashes a bounded number of bytes. */
function findFrame(file: FileBytes, from: number): number {
  const { u8, view } = file.kernels
  let effort = Math.max(1 << 24, 4 * file.sizeBytes)
  const last = file.sizeBytes - DICTIONARY_FRAME_HEADER_SIZE_BYTES
  for (let position = from; position <= last; position++) {
    const at = file.pointer + position
    if (u8[at] !== (DICTIONARY_FRAME_MAGIC & 255)) continue
    if (view.getUint32(at, true) !== DICTIONARY_FRAME_MAGIC) continue
    if (frameSize(file, position) > 0) return position
    const length = view.getUint32(at + 4, true)
    if (length <= file.sizeBytes - position) effort -= length
    if (effort < 0) return -1
  }
  return -1
}

function decodeEntries(
  file: FileBytes,
  position: number,
  sizeBytes: number,
  options: DictionaryScanOptions,
): void {
  const { u8, view } = file.kernels
  const end = position + sizeBytes
  let at = position + DICTIONARY_FRAME_HEADER_SIZE_BYTES
  while (at < end) {
    const pointer = file.pointer + at
    const left = end - at - ENTRY_HEADER_SIZE_BYTES
    const length = left >= 0 ? view.getUint32(pointer + 8, true) : 0
    if (left < 0 || length > left) {
      options.onFault(corruption(file, at, 'a name reaches beyond its frame'))
      return
    }
    const kind = view.getUint8(pointer)
    const text = pointer + ENTRY_HEADER_SIZE_BYTES
    if (kind === KIND_FUNCTION || kind === KIND_ERROR_TYPE || kind === KIND_PLACE) {
      const decoded = decodeUtf8(u8.slice(text, text + length)) // a name may begin with U+FEFF
      options.onEntry(kind, view.getUint32(pointer + 4, true), decoded)
    }
    at += ENTRY_HEADER_SIZE_BYTES + length
  }
}

function isZero(file: FileBytes, position: number): boolean {
  const { u8 } = file.kernels
  for (let at = file.pointer + position; at < file.pointer + file.sizeBytes; at++) {
    if (u8[at] !== 0) return false
  }
  return true
}
