/**
 * @module database/verify/open-damaged-segment
 * Opens a segment whose header, footer or directory may have a flipped bit: without them nothing else can be read.
 */
import { CorruptionError } from '../../errors.ts'
import { correctBit, correctedFiles, type Correction } from './correct-bit.ts'
import { readAt, type FileLayer } from '../file.ts'
import type { SequenceInterval } from '../format/directory.ts'
import type { FileBytes } from '../format/file-bytes.ts'
import {
  decodeSegmentFooter,
  decodeSegmentHeader,
  SEGMENT_FOOTER_SIZE_BYTES,
  SEGMENT_HEADER_SIZE_BYTES,
  type SegmentFooter,
  type SegmentHeader,
} from '../format/segment-header.ts'
import type { Kernels } from '../kernels/kernels.ts'
import { ReaderContext } from '../read/reader-context.ts'
import { Scratch } from '../scratch.ts'
import { SegmentReader } from '../read/segment-reader.ts'

const CACHE_SIZE_BYTES = 4 * 1024 * 1024

export interface DamagedSegment {
  context: ReaderContext
  reader: SegmentReader | undefined // undefined: nothing of it can be read
  header: SegmentHeader | undefined // as far as it can be read
}

/** Faults of what is read later go nowhere: they are known. */
export function openDamagedSegment(
  files: FileLayer,
  kernels: Kernels,
  path: string,
  interval: SequenceInterval,
): DamagedSegment {
  const { corrections, header } = findCorrections(files, kernels, path)
  const corrected = corrections.length === 0 ? files : correctedFiles(files, path, corrections)
  const context = new ReaderContext(corrected, kernels, CACHE_SIZE_BYTES, () => undefined)
  try {
    return { context, reader: new SegmentReader(context, path, interval), header }
  } catch (error) {
    if (!(error instanceof CorruptionError)) throw error
    return { context, reader: undefined, header }
  }
}

function findCorrections(
  files: FileLayer,
  kernels: Kernels,
  path: string,
): { corrections: Correction[]; header: SegmentHeader | undefined } {
  const corrections: Correction[] = []
  const scratch = new Scratch(kernels)
  const descriptor = files.open(path, 'r')
  try {
    const { sizeBytes: fileSize } = files.fstat(descriptor)
    /** Decodes a part, with one bit corrected if need be. */
    const decode = <T>(
      offset: number,
      sizeBytes: number,
      decoder: (file: FileBytes) => T,
    ): T | undefined => {
      if (offset < 0 || offset + sizeBytes > fileSize) return undefined
      const bytes = new Uint8Array(sizeBytes)
      readAt(files, descriptor, bytes, 0, sizeBytes, offset)
      const attempt = (tried: Uint8Array): T | undefined => {
        const pointer = scratch.reserve(sizeBytes)
        kernels.u8.set(tried, pointer)
        try {
          return decoder({ kernels, pointer, sizeBytes, path, offset })
        } catch (error) {
          if (error instanceof CorruptionError) return undefined
          throw error
        }
      }
      let found: T | undefined
      const isSound = (tried: Uint8Array): boolean => {
        found = attempt(tried)
        return found !== undefined
      }
      const correction = correctBit(bytes, offset, isSound)
      if (correction !== undefined) corrections.push(correction)
      return found ?? (correction === undefined ? attempt(bytes) : undefined)
    }
    const header = decode(0, SEGMENT_HEADER_SIZE_BYTES, decodeSegmentHeader)
    if (header === undefined) return { corrections, header }
    const footer = decode(
      fileSize - SEGMENT_FOOTER_SIZE_BYTES,
      SEGMENT_FOOTER_SIZE_BYTES,
      (file): SegmentFooter => decodeSegmentFooter(file, header),
    )
    if (footer === undefined) return { corrections, header }
    const { offset, sizeBytes } = footer.directory
    decode(offset, sizeBytes, ({ pointer }) =>
      kernels.xxh64(pointer, sizeBytes) === footer.directoryChecksum ? true : undefined,
    )
    return { corrections, header }
  } finally {
    files.close(descriptor)
  }
}
