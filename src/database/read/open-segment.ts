/**
 * @module database/read/open-segment
 * What must be read of a segment before any of its pages: header, footer and directory.
 */
import { CorruptionError } from '../../errors.ts'
import type { SequenceInterval } from '../format/directory.ts'
import type { FileBytes } from '../format/file-bytes.ts'
import { decodeSegmentDirectory, type SegmentDirectory } from '../format/segment-directory.ts'
import {
  decodeSegmentFooter,
  decodeSegmentHeader,
  SEGMENT_FOOTER_SIZE_BYTES,
  SEGMENT_HEADER_SIZE_BYTES,
  type SegmentHeader,
} from '../format/segment-header.ts'

/**
 * @param path      for messages
 * @param sizeBytes of the file
 * @param interval  of the file's name
 * @param read      a part of the file, valid until the next one is read
 * @throws {CorruptionError} the segment cannot be used at all
 */
export function openSegment(
  path: string,
  sizeBytes: number,
  interval: SequenceInterval,
  read: (offset: number, sizeBytes: number) => FileBytes,
): { header: SegmentHeader; directory: SegmentDirectory } {
  if (sizeBytes < SEGMENT_HEADER_SIZE_BYTES + SEGMENT_FOOTER_SIZE_BYTES) {
    throw new CorruptionError(path, 0, `${sizeBytes} bytes are no segment`)
  }
  const header = decodeSegmentHeader(read(0, SEGMENT_HEADER_SIZE_BYTES))
  if (header.sequenceLow !== interval.low || header.sequenceHigh !== interval.high) {
    const inside = `${header.sequenceLow}-${header.sequenceHigh}`
    throw new CorruptionError(path, 8, `the file is named otherwise, it holds logs ${inside}`)
  }
  const footerAt = sizeBytes - SEGMENT_FOOTER_SIZE_BYTES
  const footer = decodeSegmentFooter(read(footerAt, SEGMENT_FOOTER_SIZE_BYTES), header)
  const { offset, sizeBytes: directorySize } = footer.directory
  return {
    header,
    directory: decodeSegmentDirectory(read(offset, directorySize), header, footer),
  }
}
