/** Rows filtered by duration, in pages of every codec, against a plain loop over what was stored. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { SelectedRows } from '../../src/database/read/duration-filter.ts'
import { MAX_CHUNK_ROWS } from '../../src/database/format/pages.ts'
import {
  loadFallbackKernels,
  loadKernels,
  type Kernels,
} from '../../src/database/kernels/kernels.ts'
import { ReaderContext } from '../../src/database/read/reader-context.ts'
import { SegmentReader } from '../../src/database/read/segment-reader.ts'
import { SegmentWriter } from '../../src/database/write/segment-writer.ts'
import { MemoryFiles } from '../support/memory-files.ts'
import { randomFrom } from '../support/random-calls.ts'

/** Durations of each function, one of which has a page of its own in every form, others share one. */
function durationsOf(seed: number): number[][] {
  const random = randomFrom(seed)
  const column = (count: number, ns: (i: number) => number) =>
    Array.from({ length: count }, (_, i) => ns(i))
  const width = Math.floor(random() * 33)
  return [
    column(1 + Math.floor(random() * 3000), () => Math.floor(random() * 2 ** width)),
    column(20_000, (i) => (i % 50 === 0 ? 5_000_000 : 1000) + Math.floor(random() * 300)),
    column(1500, (i) => (i % 7 === 0 ? 2 ** 32 - 2 + (i % 5) : Math.floor(random() * 1000))),
    column(3, () => Math.floor(random() * 100)),
    column(40, (i) => (i === 5 ? 2 ** 40 : i)),
    column(600, () => 77),
  ]
}

function write(
  files: MemoryFiles,
  kernels: Kernels,
  functions: number[][],
  dense: boolean,
): string {
  const path = `/seg.${files.names.size}`
  const descriptor = files.open(path, 'wx+')
  const writer = new SegmentWriter(kernels, files)
  const rowCount = functions.reduce((sum, { length }) => sum + length, 0)
  const most = Math.max(...functions.map(({ length }) => length))
  const shape = {
    ...{ sequenceLow: 0, sequenceHigh: 0, rowCount, firstRow: 0, hasDetails: false },
    ...{ minStartUs: 0, maxStartUs: most - 1 },
  }
  writer.begin(descriptor, shape, undefined, dense)
  functions.forEach((durations, functionId) => {
    const { length } = durations
    const columns = {
      startsUs: Float64Array.from({ length }, (_, i) => i),
      durationsNs: Float64Array.from(durations),
      errorTypes: new Uint16Array(length),
    }
    writer.beginGroup(functionId, 1, length)
    writer.addRows({ columns: () => columns, details: undefined }, 0, length)
  })
  writer.finish()
  files.close(descriptor)
  return path
}

describe.each([
  ['WebAssembly', loadKernels],
  ['TypeScript', loadFallbackKernels],
])('%s kernels', (_, load) => {
  test.each([false, true])('also over several chunks of a page, dense: %s', (dense) => {
    const kernels = load()
    const into: SelectedRows = {
      rows: new Uint32Array(MAX_CHUNK_ROWS),
      durationsNs: new Float64Array(MAX_CHUNK_ROWS),
    }
    const bound = fc.oneof(
      fc.nat(400),
      fc.nat(6_000_000),
      fc.integer({ min: 2 ** 32 - 4, max: 2 ** 32 + 4 }),
      fc.constantFrom(0, 1300, 2 ** 40, 2 ** 40 + 1, Infinity),
    )
    fc.assert(
      fc.property(
        fc.nat(),
        fc.array(fc.tuple(bound, bound, fc.nat(), fc.nat()), { minLength: 3, maxLength: 6 }),
        (seed, questions) => {
          const files = new MemoryFiles()
          const functions = durationsOf(seed)
          const path = write(files, kernels, functions, dense)
          const context = new ReaderContext(files, kernels, undefined, undefined)
          const reader = new SegmentReader(context, path, { low: 0, high: 0 })
          const done = functions.map(() => 0)
          for (let chunk = 0; chunk < reader.chunkCount; chunk++) {
            const id = reader.functionIds[chunk]!
            const count = reader.rowCounts[chunk]!
            const stored = functions[id]!.slice(done[id], (done[id]! += count))
            for (const [a, b, c, d] of questions) {
              const [minNs, maxNs] = a <= b ? [a, b] : [b, a]
              const [first, end] = [c % (count + 1), d % (count + 1)].sort((x, y) => x - y) as [
                number,
                number,
              ]
              const span = c % 2 === 0 ? { first: 0, end: count } : { first, end }
              if (minNs === Infinity) continue
              const expected: [number, number][] = []
              for (let row = span.first; row < span.end; row++) {
                const ns = stored[row]!
                if (ns >= minNs && ns < maxNs) expected.push([row, ns])
              }
              const bounds = { minNs, maxNs }
              expect(reader.selectDurations(chunk, span, bounds)).toBe(expected.length)
              expect(reader.selectDurations(chunk, span, bounds, into)).toBe(expected.length)
              const found = expected.map((_, i) => [into.rows[i]!, into.durationsNs[i]!])
              expect(found).toEqual(expected)
            }
          }
          expect(done).toEqual(functions.map(({ length }) => length))
          const stored = [...functions[3]!, ...functions[4]!, ...functions[5]!]
          const chunk = reader.functionIds.indexOf(3)
          expect([...reader.sharesPage.subarray(chunk)]).toEqual([1, 1, 0])
          expect(reader.pageOf(chunk + 1)).toBe(reader.pageOf(chunk))
          for (const [a, b, c] of questions) {
            const [minNs, maxNs] = a <= b ? [a, b] : [b, a]
            if (minNs === Infinity) continue
            const span = { first: c % 4, end: functions[3]!.length + functions[4]!.length }
            const found = stored
              .slice(span.first, span.end)
              .filter((ns) => ns >= minNs && ns < maxNs)
            const bounds = { minNs, maxNs }
            expect(reader.selectDurations(chunk, span, bounds)).toBe(found.length)
            expect(reader.selectDurations(chunk, span, bounds, into)).toBe(found.length)
            expect([...into.durationsNs.subarray(0, found.length)]).toEqual(found)
          }
          reader.close()
        },
      ),
      { numRuns: 8 },
    )
  })
})
