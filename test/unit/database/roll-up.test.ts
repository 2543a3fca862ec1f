/** The file of hourly totals: what was written is read, and damage is told. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { CallTotals, type CallSummary } from '../../../src/database/call-totals.ts'
import { nodeFiles } from '../../../src/database/file.ts'
import {
  parseRollUpFileName,
  rollUpFileName,
  type SequenceInterval,
} from '../../../src/database/format/directory.ts'
import type { RollUpEntry } from '../../../src/database/format/roll-up.ts'
import { ROLL_UP_VERSION } from '../../../src/database/format/versions.ts'
import { loadKernels } from '../../../src/database/kernels/kernels.ts'
import { ReaderContext } from '../../../src/database/read/reader-context.ts'
import { RollUpReader } from '../../../src/database/read/roll-up-reader.ts'
import { RollUpWriter } from '../../../src/database/maintain/roll-up-writer.ts'
import type { CorruptionError } from '../../../src/errors.ts'
import { BUCKET_COUNT, bucketOf } from '../../../src/metrics/histogram.ts'
import { goldenEntries } from '../../golden/roll-up-v1/entries.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

/** An entry with the durations that its histogram counts. */
export type PlainEntry = Omit<RollUpEntry, 'histogram' | 'histogramSize'> & {
  histogramOf: number[]
}

const kernels = loadKernels()
const dense = kernels.allocate(4 * BUCKET_COUNT)
const sparse = kernels.allocate(32_768)
const INTERVAL = { low: 3, high: 17 }

function write(path: string, entries: readonly PlainEntry[], interval: SequenceInterval): void {
  const descriptor = nodeFiles.open(path, 'wx+')
  const minStartUs = Math.min(...entries.map(({ firstUs }) => firstUs))
  const maxStartUs = Math.max(...entries.map(({ lastUs }) => lastUs))
  const range = entries.length > 0 ? { minStartUs, maxStartUs } : { minStartUs: 0, maxStartUs: 0 }
  const writer = new RollUpWriter(kernels, nodeFiles, descriptor, range)
  for (const entry of entries) {
    for (const durationNs of entry.histogramOf) kernels.u32[dense / 4 + bucketOf(durationNs)]!++
    const histogramSize = kernels.histogramEncode(dense, sparse, true)
    writer.add({ ...entry, histogram: sparse, histogramSize })
  }
  writer.finish(interval)
  nodeFiles.close(descriptor)
}

function read(path: string, onFault?: (fault: CorruptionError) => void) {
  const context = new ReaderContext(nodeFiles, kernels, undefined, onFault)
  const reader = new RollUpReader(context, path, INTERVAL)
  const summary = new CallTotals()
  const entries = Array.from({ length: reader.chunkCount }, (_, chunk) => {
    reader.chunkSummary(chunk, summary)
    expect(kernels.histogramMerge(reader.chunkHistogram(chunk), dense)).toBeGreaterThan(0)
    const counts = kernels.u32.subarray(dense / 4, dense / 4 + BUCKET_COUNT)
    const buckets: [number, number][] = []
    counts.forEach((count, bucket) => {
      if (count > 0) buckets.push([bucket, count])
    })
    counts.fill(0)
    return {
      ...plain(summary),
      functionId: reader.functionIds[chunk]!,
      weight: reader.weights[chunk]!,
      buckets,
    }
  })
  const { header } = reader
  const groups = Array.from({ length: reader.groupCount }, (_, group) => {
    reader.groupSummary(group, summary)
    return { ...plain(summary), first: reader.firstChunks[group]! }
  })
  reader.close()
  context.faults.flush()
  return { header, entries, groups }
}

function plain(summary: CallSummary): CallSummary {
  return Object.assign({}, summary)
}

function expected({ histogramOf, ...entry }: PlainEntry) {
  const counts = new Map<number, number>()
  for (const ns of histogramOf) counts.set(bucketOf(ns), (counts.get(bucketOf(ns)) ?? 0) + 1)
  return { ...entry, buckets: [...counts].sort(([a], [b]) => a - b) }
}

const safe = fc.oneof(fc.nat(1000), fc.maxSafeNat())
const plainEntry = fc
  .record({
    functionId: fc.oneof(fc.nat(3), fc.nat(0xffff_ffff)),
    weight: fc.constantFrom(1, 1, 10, 0x7fff_ffff),
    calls: fc.integer({ min: 1, max: 0xffff_ffff }),
    errors: fc.constant(0),
    sumHigh: safe,
    sumLow: fc.nat(0xffff_ffff),
    squaredDeviations: fc.double({ min: 0, noNaN: true }),
    durations: fc.tuple(safe, safe),
    starts: fc.tuple(safe, safe),
    childrenNs: fc.oneof(
      fc.constant(0),
      fc.double({ min: 0, max: 2 ** 80, noNaN: true }).map(Math.floor),
    ),
    histogramOf: fc.array(safe, { minLength: 1, maxLength: 6 }),
  })
  .map(({ durations, starts, ...entry }): PlainEntry => {
    return {
      ...entry,
      errors: Math.floor(entry.calls / 3),
      minNs: Math.min(...durations),
      maxNs: Math.max(...durations),
      firstUs: Math.min(...starts),
      lastUs: Math.max(...starts),
    }
  })

test('what was written is read, block after block', () => {
  const directory = temporaryDirectory()
  let n = 0
  fc.assert(
    fc.property(fc.array(plainEntry, { maxLength: 1200, size: 'max' }), (entries) => {
      entries.sort(
        (a, b) => a.functionId - b.functionId || a.weight - b.weight || a.firstUs - b.firstUs,
      )
      const path = join(directory, `roll.${n++}`)
      write(path, entries, INTERVAL)
      const { header, entries: found, groups } = read(path)
      expect(found).toEqual(entries.map(expected))
      expect(header).toMatchObject({
        sequenceLow: INTERVAL.low,
        sequenceHigh: INTERVAL.high,
        rowCount: entries.reduce((sum, { calls }) => sum + calls, 0),
        entryCount: entries.length,
      })
      const rows = groups.reduce((sum, { calls }) => sum + calls, 0)
      expect(rows).toBe(header.rowCount)
    }),
    { numRuns: 4, seed: 4, endOnFailure: true },
  )
})

test('names of roll-ups', () => {
  expect(rollUpFileName(0, 1_234_567)).toBe('roll.000000-1234567')
  expect(parseRollUpFileName('roll.000003-000017')).toEqual(INTERVAL)
  for (const name of ['roll.000017-000003', 'roll.000003', 'roll.000003-000017.tmp']) {
    expect(parseRollUpFileName(name)).toBeUndefined()
  }
})

test('a flipped bit or a cut anywhere is told, and what stands before it is read', () => {
  const path = join(temporaryDirectory(), 'roll')
  const entries = fc.sample(plainEntry, { numRuns: 25, seed: 2 })
  entries.forEach((entry, i) => Object.assign(entry, { functionId: i, histogramOf: [i] }))
  write(path, entries, INTERVAL)
  const whole = readFileSync(path)
  const all = entries.map(expected)
  const damaged = (bytes: Uint8Array, what: string) => {
    writeFileSync(path, bytes)
    const faults: CorruptionError[] = []
    try {
      const found = read(path, (fault) => faults.push(fault)).entries
      expect(found, what).toEqual(all.slice(0, found.length))
    } catch (error) {
      faults.push(error as CorruptionError)
    }
    expect(faults, what).toHaveLength(1)
    expect(faults[0]!.code, what).toMatch(/^KRONICLER_(CORRUPT|TORN)$/)
  }
  for (let bit = 0; bit < 8 * whole.length; bit += 41) {
    const bytes = Uint8Array.from(whole)
    bytes[bit >> 3]! ^= 1 << (bit & 7)
    damaged(bytes, `bit ${bit}`)
  }
  for (let size = 0; size < whole.length; size += 53) damaged(whole.subarray(0, size), `${size}`)
  damaged(Buffer.concat([whole, Buffer.alloc(1)]), 'longer')
})

test('the golden file of this version is read, and written alike', () => {
  expect(ROLL_UP_VERSION).toBe(1)
  const golden = fileURLToPath(
    new URL('../../golden/roll-up-v1/roll.000003-000017', import.meta.url),
  )
  const again = join(temporaryDirectory(), 'roll')
  write(again, goldenEntries, INTERVAL)
  expect(read(golden).entries).toEqual(goldenEntries.map(expected))
  expect(readFileSync(again).equals(readFileSync(golden))).toBe(true)
})
