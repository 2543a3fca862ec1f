/**
 * The parts of a file that a checksum covers, each with a way to make the checksum right again after the part was changed:
 * a forger's tool, to find out what a reader does with numbers that no writer would write.
 */
import { basename } from 'node:path'
import {
  parseRollUpFileName,
  parseSegmentFileName,
  parseWalFileName,
} from '../../src/database/format/directory.ts'
import { sealChecksum } from '../../src/database/format/file-bytes.ts'
import {
  decodeSegmentFooter,
  decodeSegmentHeader,
} from '../../src/database/format/segment-header.ts'
import { loadFallbackKernels } from '../../src/database/kernels/kernels.ts'
import { fileBytes, part, readSegment } from './read-folder.ts'

export interface Section {
  name: string
  from: number
  sizeBytes: number
  /** Makes the checksums of the changed bytes right. */
  seal(bytes: Uint8Array): void
}

const kernels = loadFallbackKernels()
const scratch = kernels.allocate(1 << 20)

/** @param bytes of a sound file of less than a megabyte; kinds without a binary checksum have no sections */
export function sectionsOf(path: string, bytes: Uint8Array): Section[] {
  const name = basename(path)
  if (name === 'dict')
    return framesOf(bytes, 16, 8, (view, at) => 16 + view.getUint32(at + 4, true))
  if (name === 'counters') {
    const records = [0, 64].filter((from) => from < bytes.length) // one of them if it was written once
    return records.map((from) => field('record', from, 64, 56))
  }
  if (parseWalFileName(name) !== undefined) {
    return framesOf(bytes, 64, 56, (view, at) => 64 + view.getUint32(at + 8, true))
  }
  if (parseRollUpFileName(name) !== undefined) {
    return framesOf(bytes, 64, 16, (view, at) => view.getUint32(at + 4, true), 56)
  }
  return parseSegmentFileName(name) === undefined ? [] : segmentSections(path, bytes)
}

/** A header, then frames without gaps, each with its checksum at `field`. */
function framesOf(
  bytes: Uint8Array,
  headerSizeBytes: number,
  checksumAt: number,
  sizeAt: (view: DataView, at: number) => number,
  headerChecksumAt = checksumAt,
): Section[] {
  const view = viewOf(bytes)
  const sections = [field('header', 0, headerSizeBytes, headerChecksumAt)]
  for (let at = headerSizeBytes; at < bytes.length;) {
    const sizeBytes = sizeAt(view, at)
    sections.push(field('frame', at, sizeBytes, checksumAt))
    at += sizeBytes
  }
  return sections
}

/** Header, footer, directory, and every extent of pages. */
function segmentSections(path: string, bytes: Uint8Array): Section[] {
  const footerAt = bytes.length - 128
  const footerOf = field('footer', footerAt, 128, 112)
  const file = fileBytes(loadFallbackKernels(), bytes, path)
  const header = decodeSegmentHeader(part(file, 0, 64))
  const { directory: region } = decodeSegmentFooter(part(file, footerAt, 128), header)
  const sealDirectory = (changed: Uint8Array): void => {
    const checksum = xxh64(changed, region.offset, region.sizeBytes)
    viewOf(changed).setBigUint64(footerAt + 88, checksum, true)
    footerOf.seal(changed)
  }
  const sections: Section[] = [
    field('header', 0, 64, 56),
    footerOf,
    { name: 'directory', from: region.offset, sizeBytes: region.sizeBytes, seal: sealDirectory },
  ]
  const { directory } = readSegment(file)
  for (const [name, extents] of Object.entries(directory)) {
    if (!name.endsWith('Extents') || extents === undefined) continue
    const { count, offsets, checksums } = extents as typeof directory.durationExtents
    for (let i = 0; i < count; i++) {
      const from = offsets[i]!
      const sizeBytes = offsets[i + 1]! - from
      const at = lastIndexOf(bytes, checksums[i]!, region.offset, region.sizeBytes)
      const seal = (changed: Uint8Array): void => {
        const low = Number(xxh64(changed, from, sizeBytes) & 0xffff_ffffn)
        viewOf(changed).setUint32(at, low, true)
        sealDirectory(changed)
      }
      if (sizeBytes > 0) sections.push({ name, from, sizeBytes, seal })
    }
  }
  return sections
}

/** A part with its own checksum in a field. */
function field(name: string, from: number, sizeBytes: number, checksumAt: number): Section {
  return {
    name,
    from,
    sizeBytes,
    seal(bytes) {
      kernels.u8.set(bytes.subarray(from, from + sizeBytes), scratch)
      sealChecksum(kernels, scratch, sizeBytes, checksumAt)
      bytes.set(kernels.u8.subarray(scratch, scratch + sizeBytes), from)
    },
  }
}

function xxh64(bytes: Uint8Array, from: number, sizeBytes: number): bigint {
  kernels.u8.set(bytes.subarray(from, from + sizeBytes), scratch)
  return kernels.xxh64(scratch, sizeBytes)
}

function lastIndexOf(bytes: Uint8Array, word: number, from: number, sizeBytes: number): number {
  const view = viewOf(bytes)
  for (let at = from + sizeBytes - 4; at >= from; at--) {
    if (view.getUint32(at, true) === word) return at
  }
  throw new Error(`no checksum ${word} in the directory`)
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
