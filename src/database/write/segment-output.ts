/**
 * @module database/write/segment-output
 * Pages on their way into a segment's file. Those of one region are gathered, grouped into extents and hashed, and once there
 * are many they are written as a run behind the runs that are there: so a segment of any size is made in a few megabytes
 * of the kernels' memory, in one pass over the file.
 */
import { writeAt, type FileLayer } from '../file.ts'
import { MAX_EXTENT_SIZE_BYTES, type ExtentList } from '../format/directory-extents.ts'
import type { Run } from '../format/directory-builder.ts'
import type { Region } from '../format/segment-header.ts'
import type { Kernels } from '../kernels/kernels.ts'
import type { Progress } from '../progress.ts'
import { Scratch } from '../scratch.ts'

/** Regions, as the directory numbers them. */
export const DURATIONS = 0
export const STARTS = 1
export const ERRORS = 2
export const HISTOGRAMS = 3
export const DETAILS = 4
const REGION_COUNT = 5

/** A run is written when it has so many bytes: a scan of one column reads little of the others. */
const RUN_SIZE_BYTES = 1 << 20
const FIRST_BUFFER_SIZE_BYTES = 1 << 16
/** In one go: a system that is short of memory takes its time for each page. */
const WRITE_SIZE_BYTES = 1 << 18

export class SegmentOutput {
  readonly #kernels: Kernels
  readonly #files: FileLayer
  readonly #regions: readonly RegionBuffer[]
  readonly #part: Scratch
  #runs: Run[] = []
  #descriptor = -1
  #offset = 0 // end of what is written

  constructor(kernels: Kernels, files: FileLayer) {
    this.#kernels = kernels
    this.#files = files
    this.#regions = Array.from({ length: REGION_COUNT }, () => new RegionBuffer(kernels))
    this.#part = new Scratch(kernels)
  }

  /** Of each region, all of whose pages have been written. */
  get extents(): readonly ExtentList[] {
    return this.#regions.map(({ extents }) => extents)
  }

  /** In file order. */
  get runs(): readonly Run[] {
    return this.#runs
  }

  /** Starts a file of which nothing is written. */
  begin(descriptor: number): void {
    this.#descriptor = descriptor
    this.#offset = 0
    this.#runs = []
    for (const region of this.#regions) region.clear()
  }

  /**
   * Where to put the next page of a region, of up to `sizeBytes`. May replace the kernels' views, and the addresses given
   * before.
   */
  reserve(region: number, sizeBytes: number): number {
    return this.#regions[region]!.reserve(sizeBytes)
  }

  /** Takes over the page that was put at the reserved place. @returns its size */
  endPage(region: number, end: number, progress: Progress): number {
    const buffer = this.#regions[region]!
    const sizeBytes = buffer.endPage(end)
    if (buffer.closedSizeBytes >= RUN_SIZE_BYTES) {
      this.#writeRun(region, progress)
    }
    return sizeBytes
  }

  /** Pages put from now on are not read together with those before. */
  endExtent(region: number): void {
    this.#regions[region]!.endExtent()
  }

  /** Writes what is left of all regions. */
  endRegions(progress: Progress): void {
    for (let region = 0; region < REGION_COUNT; region++) {
      this.#regions[region]!.endExtent()
      if (this.#regions[region]!.closedSizeBytes > 0) this.#writeRun(region, progress)
    }
    // pages without a byte, as of errors that there are none of
    this.#regions.forEach(({ extents, writtenExtents }, region) => {
      const extentCount = extents.checksums.length - writtenExtents
      if (extentCount > 0) this.#runs.push({ region, extentCount })
    })
  }

  /**
   * Writes bytes that are no pages: the header, the directory, the footer.
   *
   * @param encode writes at most `sizeBytes` at an address, and tells their end
   */
  writePart(sizeBytes: number, encode: (to: number) => number): Region {
    const to = this.#part.reserve(sizeBytes)
    const size = encode(to) - to
    const offset = this.#offset
    this.#write(to, size)
    return { offset, sizeBytes: size }
  }

  #writeRun(region: number, progress: Progress): void {
    const buffer = this.#regions[region]!
    const { closedSizeBytes } = buffer
    for (let done = 0; done < closedSizeBytes; done += WRITE_SIZE_BYTES) {
      const sizeBytes = Math.min(WRITE_SIZE_BYTES, closedSizeBytes - done)
      this.#write(buffer.pointer + done, sizeBytes)
      progress.tick()
    }
    this.#runs.push({ region, extentCount: buffer.takeRun() })
  }

  #write(pointer: number, sizeBytes: number): void {
    writeAt(this.#files, this.#descriptor, this.#kernels.u8, pointer, sizeBytes, this.#offset)
    this.#offset += sizeBytes
  }
}

/** Pages of one region that are not written yet: extents that are complete, then those of the open one. */
class RegionBuffer {
  readonly #kernels: Kernels
  readonly #buffer: Scratch
  extents: ExtentList = { pageCounts: [], checksums: [] }
  writtenExtents = 0
  pointer = 0
  closedSizeBytes = 0 // of the complete extents
  #used = 0 // bytes in the buffer
  #pages = 0 // of the open extent

  constructor(kernels: Kernels) {
    this.#kernels = kernels
    this.#buffer = new Scratch(kernels)
  }

  clear(): void {
    this.extents = { pageCounts: [], checksums: [] }
    this.writtenExtents = 0
    this.closedSizeBytes = 0
    this.#used = 0
    this.#pages = 0
  }

  reserve(sizeBytes: number): number {
    const needed = this.#used + sizeBytes
    if (needed > this.#buffer.sizeBytes) {
      const from = this.pointer
      this.pointer = this.#buffer.reserve(Math.max(needed, FIRST_BUFFER_SIZE_BYTES))
      this.#kernels.u8.copyWithin(this.pointer, from, from + this.#used)
    }
    return this.pointer + this.#used
  }

  endPage(end: number): number {
    const sizeBytes = end - this.pointer - this.#used
    const openSize = this.#used - this.closedSizeBytes
    if (this.#pages > 0 && openSize + sizeBytes > MAX_EXTENT_SIZE_BYTES) this.endExtent()
    this.#used += sizeBytes
    this.#pages++
    return sizeBytes
  }

  endExtent(): void {
    if (this.#pages === 0) return
    const { checksums, pageCounts } = this.extents
    const sizeBytes = this.#used - this.closedSizeBytes
    checksums.push(this.#kernels.xxh64Low(this.pointer + this.closedSizeBytes, sizeBytes))
    pageCounts.push(this.#pages)
    this.closedSizeBytes = this.#used
    this.#pages = 0
  }

  /** Forgets the complete extents, which have been written. @returns how many they are */
  takeRun(): number {
    const { u8 } = this.#kernels
    const { closedSizeBytes, pointer } = this
    u8.copyWithin(pointer, pointer + closedSizeBytes, pointer + this.#used)
    this.#used -= closedSizeBytes
    this.closedSizeBytes = 0
    const extentCount = this.extents.checksums.length - this.writtenExtents
    this.writtenExtents += extentCount
    return extentCount
  }
}
