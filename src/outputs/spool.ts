/**
 * @module outputs/spool
 * Batches that are not known to be saved, in a file: one for each process and output, in the folder `outputs` of the Kronicler
 * directory. A batch is written there before it is sent, and the file is removed when all of it has been saved, so that a process
 * that dies leaves what is missing to whoever comes next. Format v1; the full text is docs/format/spool.md.
 *
 *   header  16 B   magic u32 LE "KRSP", version u16 LE 1, reserved u16, length u32 LE, checksum u32 LE; then `length` bytes JSON
 *   frame    8 B   length u32 LE, checksum u32 LE; then `length` bytes JSON: a batch
 *
 * A checksum is the low half of the XXH64 of the JSON. What follows the last whole frame is torn: it was never sent.
 */
import { dirname, join } from 'node:path'
import { CorruptionError } from '../errors.ts'
import { decodeUtf8, encodeUtf8 } from '../internal/utf8.ts'
import { readAt, systemCode, writeAt, type FileLayer } from '../database/file.ts'
import type { WriterIdentity } from '../database/format/directory.ts'
import { SPOOL_MAGIC, SPOOL_VERSION } from '../database/format/versions.ts'
import { xxh64OfBytes } from '../database/kernels/xxh64.ts'
import type { Batch, FunctionDifference } from './output.ts'

export const SPOOL_FOLDER = 'outputs'
const SUFFIX = '.spool'
const HEADER_BYTES = 16
const FRAME_HEADER_BYTES = 8

/** Whose batches they are, and for which output. */
export interface SpoolOwner {
  identity: WriterIdentity
  writer: string
  process: string
  output: string // key of the output: see output-key
}

/** Where a batch stands in the file. */
export interface FramePlace {
  sequence: number
  fromMs: number // of its batch
  position: number
  sizeBytes: number
}

/** A function's calls as they are written: by position, as names of properties would be most of it. */
type FunctionFrame = [
  name: string,
  calls: number,
  errors: number,
  sumNs: number,
  squaredDeviations: number,
  minNs: number,
  maxNs: number,
  newExtremes: number, // bit 0: the minimum is of this batch; bit 1: the maximum
  buckets: number[],
  counts: number[],
]

interface BatchFrame {
  sequence: number
  fromMs: number
  toMs: number
  functions: FunctionFrame[]
}

export function spoolPath(directory: string, { writer, output }: SpoolOwner): string {
  return join(directory, SPOOL_FOLDER, `${writer}.${output}${SUFFIX}`)
}

/** Files of spools in the directory. */
export function spoolPaths(files: FileLayer, directory: string): string[] {
  const folder = join(directory, SPOOL_FOLDER)
  try {
    const names = files.readdir(folder).filter((name) => name.endsWith(SUFFIX))
    return names.sort().map((name) => join(folder, name))
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return []
    throw error
  }
}

/**
 * Writes the batch behind what is there; makes the file if there is none.
 *
 * @throws the file system's error; what is there is as before
 */
export function appendBatch(
  files: FileLayer,
  path: string,
  owner: SpoolOwner,
  batch: Batch,
): FramePlace {
  const descriptor = openOrCreate(files, path)
  const end = files.fstat(descriptor).sizeBytes
  try {
    const header = end === 0 ? encodeHeader(owner) : new Uint8Array()
    const frame = encodeFrame(batch)
    writeAt(files, descriptor, header, 0, header.length, 0)
    const position = end + header.length
    writeAt(files, descriptor, frame, 0, frame.length, position)
    const { sequence, fromMs } = batch
    return { sequence, fromMs, position, sizeBytes: frame.length }
  } catch (error) {
    files.truncate(descriptor, end)
    throw error
  } finally {
    files.close(descriptor)
  }
}

/**
 * Whose the file is.
 *
 * @throws {CorruptionError} it is no spool, or a newer version's
 * @throws the file system's error
 */
export function readSpoolOwner(files: FileLayer, path: string): SpoolOwner {
  return withFile(files, path, (descriptor) => readOwner(files, path, descriptor).owner)
}

/** The same, and the places of its batches up to the first that is torn. */
export function readSpool(
  files: FileLayer,
  path: string,
): { owner: SpoolOwner; frames: FramePlace[] } {
  return withFile(files, path, (descriptor) => {
    const { owner, sizeBytes } = readOwner(files, path, descriptor)
    const frames: FramePlace[] = []
    let position = sizeBytes
    for (;;) {
      const frame = readFrame(files, descriptor, position)
      if (frame === undefined) break
      const { sequence, fromMs } = frame.value
      frames.push({ sequence, fromMs, position, sizeBytes: frame.sizeBytes })
      position += frame.sizeBytes
    }
    return { owner, frames }
  })
}

/** @throws {CorruptionError} it is not whole any more */
export function readBatch(
  files: FileLayer,
  path: string,
  owner: SpoolOwner,
  { position }: FramePlace,
): Batch {
  return withFile(files, path, (descriptor) => {
    const frame = readFrame(files, descriptor, position)
    if (frame === undefined) throw new CorruptionError(path, position, 'the batch is damaged')
    const { sequence, fromMs, toMs, functions } = frame.value
    return {
      writer: owner.writer,
      process: owner.process,
      sequence,
      fromMs,
      toMs,
      functions: functions.map(decodeFunction),
    }
  })
}

export function removeSpool(files: FileLayer, path: string): void {
  try {
    files.unlink(path)
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error
  }
}

function openOrCreate(files: FileLayer, path: string): number {
  try {
    return files.open(path, 'r+')
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error
  }
  files.mkdir(dirname(path))
  return files.open(path, 'wx+')
}

function withFile<T>(files: FileLayer, path: string, work: (descriptor: number) => T): T {
  const descriptor = files.open(path, 'r')
  try {
    return work(descriptor)
  } finally {
    files.close(descriptor)
  }
}

function readOwner(
  files: FileLayer,
  path: string,
  descriptor: number,
): { owner: SpoolOwner; sizeBytes: number } {
  const header = readBytes(files, descriptor, HEADER_BYTES, 0)
  const view = new DataView(header.buffer)
  if (header.length < HEADER_BYTES || view.getUint32(0, true) !== SPOOL_MAGIC) {
    throw new CorruptionError(path, 0, 'not a spool')
  }
  if (view.getUint16(4, true) > SPOOL_VERSION) {
    throw new CorruptionError(path, 4, 'a spool of a newer version', { code: 'KRONICLER_VERSION' })
  }
  const length = view.getUint32(8, true)
  if (HEADER_BYTES + length > files.fstat(descriptor).sizeBytes) {
    throw new CorruptionError(path, 8, 'the header is torn')
  }
  const text = readBytes(files, descriptor, length, HEADER_BYTES)
  if (checksum(text) !== view.getUint32(12, true)) {
    throw new CorruptionError(path, HEADER_BYTES, 'the checksum of the header does not match')
  }
  const owner = JSON.parse(decodeUtf8(text)) as SpoolOwner
  return { owner, sizeBytes: HEADER_BYTES + length }
}

function encodeHeader(owner: SpoolOwner): Uint8Array {
  const text = encodeUtf8(JSON.stringify(owner))
  const bytes = new Uint8Array(HEADER_BYTES + text.length)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, SPOOL_MAGIC, true)
  view.setUint16(4, SPOOL_VERSION, true)
  view.setUint32(8, text.length, true)
  view.setUint32(12, checksum(text), true)
  bytes.set(text, HEADER_BYTES)
  return bytes
}

function encodeFrame({ sequence, fromMs, toMs, functions }: Batch): Uint8Array {
  const frame: BatchFrame = { sequence, fromMs, toMs, functions: functions.map(encodeFunction) }
  const text = encodeUtf8(JSON.stringify(frame))
  const bytes = new Uint8Array(FRAME_HEADER_BYTES + text.length)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, text.length, true)
  view.setUint32(4, checksum(text), true)
  bytes.set(text, FRAME_HEADER_BYTES)
  return bytes
}

/** @returns undefined if there is no whole one at this position */
function readFrame(
  files: FileLayer,
  descriptor: number,
  position: number,
): { value: BatchFrame; sizeBytes: number } | undefined {
  const header = readBytes(files, descriptor, FRAME_HEADER_BYTES, position)
  if (header.length < FRAME_HEADER_BYTES) return undefined
  const view = new DataView(header.buffer)
  const length = view.getUint32(0, true)
  const at = position + FRAME_HEADER_BYTES
  if (length === 0 || at + length > files.fstat(descriptor).sizeBytes) return undefined
  const text = readBytes(files, descriptor, length, at)
  if (text.length < length || checksum(text) !== view.getUint32(4, true)) return undefined
  const value = JSON.parse(decodeUtf8(text)) as BatchFrame
  return { value, sizeBytes: FRAME_HEADER_BYTES + length }
}

/** Fewer at the end of the file. */
function readBytes(
  files: FileLayer,
  descriptor: number,
  sizeBytes: number,
  position: number,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(sizeBytes)
  return bytes.slice(0, readAt(files, descriptor, bytes, 0, sizeBytes, position))
}

function checksum(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  return xxh64OfBytes(view, 0, bytes.length)
}

function encodeFunction(difference: FunctionDifference): FunctionFrame {
  const { name, calls, errors, sumNs, squaredDeviations, minNs, maxNs } = difference
  const newExtremes = Number(difference.hasNewMin) | (Number(difference.hasNewMax) << 1)
  const { buckets, counts } = difference
  return [name, calls, errors, sumNs, squaredDeviations, minNs, maxNs, newExtremes, buckets, counts]
}

function decodeFunction(frame: FunctionFrame): FunctionDifference {
  const [name, calls, errors, sumNs, squaredDeviations, minNs, maxNs, newExtremes] = frame
  return {
    name,
    calls,
    errors,
    sumNs,
    squaredDeviations,
    minNs,
    maxNs,
    hasNewMin: (newExtremes & 1) !== 0,
    hasNewMax: (newExtremes & 2) !== 0,
    buckets: frame[8],
    counts: frame[9],
  }
}
