/**
 * @module bench/storage/regions
 * Of which parts a database consists, in bytes: where to look when it takes more room than it should.
 */
import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { isWriterFolder, parseSegmentFileName } from '../../src/database/format/directory.ts'
import { loadKernels } from '../../src/database/kernels/kernels.ts'
import { openSegment } from '../../src/database/read/open-segment.ts'
import { Scratch } from '../../src/database/scratch.ts'

/** Sizes of the regions of all segments, named as in docs/format/segment.md, and of everything else. */
export function regionSizes(directory: string): Record<string, number> {
  const sizes: Record<string, number> = { D: 0, T: 0, E: 0, H: 0, X: 0, M: 0, other: 0 }
  const kernels = loadKernels()
  const scratch = new Scratch(kernels)
  for (const folder of readdirSync(directory).filter(isWriterFolder)) {
    for (const name of readdirSync(join(directory, folder))) {
      const path = join(directory, folder, name)
      const { size } = statSync(path)
      const interval = parseSegmentFileName(name)
      if (interval === undefined) {
        sizes['other']! += size
        continue
      }
      const descriptor = openSync(path, 'r')
      const opened = openSegment(path, size, interval, (offset, sizeBytes) => {
        const pointer = scratch.reserve(sizeBytes)
        readSync(descriptor, kernels.u8, pointer, sizeBytes, offset)
        return { kernels, pointer, sizeBytes, path, offset }
      })
      closeSync(descriptor)
      const { directory: of } = opened
      const extents = {
        D: of.durationExtents,
        T: of.startExtents,
        E: of.errorExtents,
        H: of.histogramExtents,
        X: of.detailsExtents,
      }
      let paged = 0
      for (const [region, { sizes: all } = { sizes: [] as number[] }] of Object.entries(extents)) {
        let sum = 0
        for (const sizeBytes of all) sum += sizeBytes
        sizes[region]! += sum
        paged += sum
      }
      sizes['M']! += size - paged
    }
  }
  return sizes
}
