/** Looking for a few rows of a chunk finds what looking through all of its starts does. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { DatabaseWriter } from '../../src/database.ts'
import { loadFallbackKernels, loadKernels } from '../../src/database/kernels/kernels.ts'
import { lowerBound, type ChunkSource } from '../../src/database/read/chunk-source.ts'
import { Snapshot } from '../../src/database/read/snapshot.ts'
import { randomOf } from './kernels-fixture.ts'

const EPOCH_US = 1_700_000_000_000_000

/** Rows of each function, and the gaps between their starts in µs: none, some, or too wide for 32 bits. */
const FUNCTIONS = [
  { rows: 3, maxGapUs: 1000 },
  { rows: 2047, maxGapUs: 1000 },
  { rows: 2048, maxGapUs: 3 },
  { rows: 5001, maxGapUs: 1 },
  { rows: 16_384, maxGapUs: 0 },
  { rows: 40_000, maxGapUs: 100_000 },
  { rows: 3000, maxGapUs: 2 ** 34 },
]

const root = mkdtempSync(join(tmpdir(), 'kronicler-'))
await write()
const snapshots = [loadKernels(), loadFallbackKernels()].map(
  (kernels) => new Snapshot(root, { kernels }),
)
afterAll(() => {
  for (const snapshot of snapshots) snapshot.close()
  rmSync(root, { recursive: true })
})

async function write(): Promise<void> {
  const random = randomOf(5)
  const writer = DatabaseWriter.open(root)
  for (const [index, { maxGapUs, rows }] of FUNCTIONS.entries()) {
    const functionId = writer.functionId(`f${index}`)
    let startUs = EPOCH_US
    const startsUs = Float64Array.from(
      { length: rows },
      () => (startUs += Math.floor(random() ** 4 * (maxGapUs + 1))),
    )
    writer.append({
      count: rows,
      functionIds: new Uint32Array(rows).fill(functionId),
      startsUs,
      durationsNs: new Float64Array(rows).fill(7),
      errorTypes: new Uint16Array(rows),
    })
  }
  await writer.close()
}

function sourcesOf(snapshot: Snapshot): readonly ChunkSource[] {
  return snapshot.indexes.flatMap(({ sources }) => sources)
}

describe.each(snapshots.map((snapshot) => ({ kind: snapshot.context.kernels.kind, snapshot })))(
  'with kernels in $kind',
  ({ snapshot }) => {
    test('rows before an instant are those that the starts tell', () => {
      const random = randomOf(1)
      let looks = 0
      for (const source of sourcesOf(snapshot)) {
        for (let chunk = 0; chunk < source.chunkCount; chunk++) {
          const starts = source.startsOf(chunk)!.slice()
          const last = starts.length - 1
          const rows = Array.from({ length: 60 }, () => Math.floor(random() * starts.length))
          for (const row of [0, 1, 1023, 1024, 1025, 2047, 2048, last - 1, last, ...rows]) {
            const startUs = starts[Math.min(Math.max(row, 0), last)]!
            for (const us of [startUs - 1, startUs, startUs + 1]) {
              forgetStarts(snapshot)
              expect(source.rowsBefore(chunk, us)).toBe(lowerBound(starts, starts.length, us))
              looks++
            }
          }
          forgetStarts(snapshot)
          expect(source.rowsBefore(chunk, -Infinity)).toBe(0)
          expect(source.rowsBefore(chunk, Infinity)).toBe(starts.length)
        }
      }
      expect(looks).toBeGreaterThan(1500)
    })

    test('starts near a row are part of all starts, and the row is among them', () => {
      for (const source of sourcesOf(snapshot)) {
        for (let chunk = 0; chunk < source.chunkCount; chunk++) {
          const starts = source.startsOf(chunk)!.slice()
          forgetStarts(snapshot)
          for (let row = 0; row < starts.length; row += 311) {
            const { firstRow, startsUs } = source.startsNear(chunk, row)!
            expect(firstRow).toBeLessThanOrEqual(row)
            expect(firstRow + startsUs.length).toBeGreaterThan(row)
            expect(startsUs).toEqual(starts.subarray(firstRow, firstRow + startsUs.length))
          }
        }
      }
    })

    test('a look into a large chunk does not decode all of it', () => {
      const looks: number[] = []
      for (const source of sourcesOf(snapshot)) {
        for (let chunk = 0; chunk < source.chunkCount; chunk++) {
          if (source.rowCounts[chunk]! < 5000) continue
          forgetStarts(snapshot)
          looks.push(source.startsNear(chunk, 2500)!.startsUs.length)
          expect(snapshot.context.loadedStarts).toBeUndefined()
        }
      }
      expect(looks.length).toBeGreaterThan(4)
      expect(Math.max(...looks)).toBe(1024)
    })
  },
)

function forgetStarts({ context }: Snapshot): void {
  context.loadedStarts = undefined
}
