/**
 * @module database/segment-output
 * Pages on their way into a segment's file: grouped into extents, hashed, and written in portions of a few hundred
 * kilobytes, so that a segment of any size is made in a small, reused part of the kernels' memory.
 */
import { writeAt, type FileLayer } from './file.ts'
import { MAX_EXTENT_SIZE_BYTES, type ExtentList } from './format/segment-directory.ts'
import type { Region } from './format/segment-header.ts'
import type { Kernels } from './kernels/kernels.ts'
import type { Progress } from './progress.ts'
import { Scratch } from './scratch.ts'

const PORTION_SIZE_BYTES = 262_144

export class SegmentOutput {
  readonly #kernels: Kernels
  readonly #files: FileLayer
  readonly #buffer: Scratch
  #pointer = 0 // of the buffer
  #used = 0 // bytes in the buffer
  #extentAt = 0 // index in the buffer at which the open extent begins
  #descriptor = -1
  #offset = 0 // in the file, of the buffer's first byte
  #regionOffset = 0
  #extents: ExtentList = { pageCounts: [], checksums: [] }
  #pages = 0 // of the open extent

  constructor(kernels: Kernels, files: FileLayer) {
    this.#kernels = kernels
    this.#files = files
    this.#buffer = new Scratch(kernels)
  }

  /** Starts a file of which nothing is written. */
  begin(descriptor: number): void {
    this.#descriptor = descriptor
    this.#offset = 0
    this.#used = 0
    this.#extentAt = 0
    this.#startRegion()
  }

  /** Where to put the next page, or anything, of up to `sizeBytes`. May replace the kernels' views. */
  reserve(sizeBytes: number): number {
    const needed = this.#used + sizeBytes
    if (needed > this.#buffer.sizeBytes) this.#grow(needed)
    return this.#pointer + this.#used
  }

  /** Takes over the page that was put at the reserved place. @returns its size */
  endPage(end: number, progress: Progress): number {
    const sizeBytes = end - this.#pointer - this.#used
    const extentSize = this.#used - this.#extentAt
    if (this.#pages > 0 && extentSize + sizeBytes > MAX_EXTENT_SIZE_BYTES) this.#endExtent()
    this.#used += sizeBytes
    this.#pages++
    if (this.#extentAt >= PORTION_SIZE_BYTES) {
      this.#flush(this.#extentAt)
      progress.tick()
    }
    return sizeBytes
  }

  /** Ends a region of pages. */
  endRegion(): { region: Region; extents: ExtentList } {
    if (this.#pages > 0) this.#endExtent()
    const extents = this.#extents
    const region = this.#endBytes()
    return { region, extents }
  }

  /** Takes over bytes that are not pages: the header, the directory, the footer. */
  endPart(end: number): Region {
    this.#used = end - this.#pointer
    this.#extentAt = this.#used
    return this.#endBytes()
  }

  /** Writes what is left. */
  finish(): void {
    this.#flush(this.#used)
  }

  #endBytes(): Region {
    const region = {
      offset: this.#regionOffset,
      sizeBytes: this.#offset + this.#used - this.#regionOffset,
    }
    this.#startRegion()
    return region
  }

  #startRegion(): void {
    this.#regionOffset = this.#offset + this.#used
    this.#extents = { pageCounts: [], checksums: [] }
    this.#pages = 0
  }

  #endExtent(): void {
    const { checksums, pageCounts } = this.#extents
    const sizeBytes = this.#used - this.#extentAt
    checksums.push(this.#kernels.xxh64Low(this.#pointer + this.#extentAt, sizeBytes))
    pageCounts.push(this.#pages)
    this.#extentAt = this.#used
    this.#pages = 0
  }

  /** Writes the buffer's first `sizeBytes` and moves the rest to the front. */
  #flush(sizeBytes: number): void {
    const { u8 } = this.#kernels
    const from = this.#pointer
    writeAt(this.#files, this.#descriptor, u8, from, sizeBytes, this.#offset)
    u8.copyWithin(from, from + sizeBytes, from + this.#used)
    this.#offset += sizeBytes
    this.#used -= sizeBytes
    this.#extentAt -= sizeBytes
  }

  #grow(sizeBytes: number): void {
    const from = this.#pointer
    const to = this.#buffer.reserve(Math.max(sizeBytes, 2 * PORTION_SIZE_BYTES))
    this.#pointer = to
    this.#kernels.u8.copyWithin(to, from, from + this.#used)
  }
}
