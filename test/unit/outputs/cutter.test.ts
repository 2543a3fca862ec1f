import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MetricsAccumulator } from '../../../src/metrics/accumulator.ts'
import { mergeSums, sparseQuantiles, type Counts } from '../../../src/metrics/merge-sums.ts'
import { MetricsSlab, slabSizeBytes } from '../../../src/metrics/slab.ts'
import { SlabMirror, type CallSums } from '../../../src/metrics/slab-mirror.ts'
import {
  encodeHistogram,
  mergeHistogram,
  type MergedCounts,
} from '../../../src/outputs/sparse-histogram.ts'

const FUNCTIONS = 8
/** The slab has room for four octaves a function: so many give all octaves of those that are called. */
const SLAB_FUNCTIONS = 128
const duration = fc.oneof(fc.integer({ min: 0, max: 2000 }), fc.integer({ min: 0, max: 2 ** 45 }))
const calls = fc.array(fc.tuple(fc.nat(FUNCTIONS - 1), duration, fc.boolean()), { maxLength: 60 })

test('differences add up to what the slab has, however it is cut', () => {
  fc.assert(
    fc.property(fc.array(calls, { maxLength: 6 }), (rounds) => {
      const memory = new SharedArrayBuffer(slabSizeBytes(SLAB_FUNCTIONS))
      const slab = new MetricsSlab(memory, SLAB_FUNCTIONS)
      const mirror = new SlabMirror(
        memory,
        new SharedArrayBuffer(memory.byteLength),
        SLAB_FUNCTIONS,
      )
      const sums = Array.from({ length: FUNCTIONS }, () => noSums())
      const extremes = Array.from({ length: FUNCTIONS }, () => [Infinity, 0])
      for (const round of rounds) {
        for (const call of round) slab.fold(...call)
        for (let id = 0; id < FUNCTIONS; id++) {
          mirror.copy(id)
          const difference = mirror.difference(id)
          mirror.settle(id)
          expect(mirror.hasChanged(id)).toBe(false)
          expect(difference !== undefined).toBe(round.some(([each]) => each === id))
          if (difference === undefined) continue
          const known = extremes[id]!
          expect(difference.hasNewMin).toBe(difference.minNs < known[0]!)
          extremes[id] = [difference.minNs, difference.maxNs]
          sums[id] = kept(mergeSums(sums[id]!, difference))
        }
      }
      expect(slab.unplaced).toBe(0)
      for (let id = 0; id < FUNCTIONS; id++) {
        const truth = new MetricsAccumulator()
        slab.read(id, truth)
        const all = rounds.flat().filter(([each]) => each === id)
        const sum = sums[id]!
        expect([sum.calls, sum.errors]).toEqual([truth.calls, truth.errors])
        expect(sum.sumNs).toBe(all.reduce((total, [, ns]) => total + ns, 0))
        const scale = Math.max(1, truth.squaredDeviations, truth.maxNs ** 2)
        expect(Math.abs(sum.squaredDeviations - truth.squaredDeviations) / scale).toBeLessThan(1e-9)
        if (sum.calls === 0) continue
        const quantiles = [0, 0.001, 0.5, 0.51, 0.9, 0.9, 0.99, 1]
        const entries = sum.buckets.length
        const found = sparseQuantiles(sum, entries, quantiles, truth.minNs, truth.maxNs)
        for (const [i, q] of quantiles.entries()) {
          expect(found[i]).toBeCloseTo(truth.quantile(q), 6)
        }
      }
    }),
    { numRuns: 200 },
  )
})

const entry = fc.tuple(
  fc.nat(4095),
  fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 2 ** 46 })),
)
const histogram = fc
  .uniqueArray(entry, { selector: ([bucket]) => bucket })
  .map((entries) => entries.sort(([a], [b]) => a - b))

function asCounts(entries: readonly (readonly [number, number])[]): Counts {
  return { buckets: entries.map(([b]) => b), counts: entries.map(([, c]) => c) }
}

function asEntries({ buckets, counts, entries }: MergedCounts): [number, number][] {
  return Array.from({ length: entries }, (_, i) => [buckets[i]!, counts[i]!])
}

test('a histogram comes back from its bytes', () => {
  fc.assert(
    fc.property(histogram, (given) => {
      const bytes = encodeHistogram(asCounts(given))
      expect(asEntries(mergeHistogram(bytes, asCounts([])))).toEqual(given)
    }),
  )
  expect(asEntries(mergeHistogram(null, asCounts([])))).toEqual([])
  expect([...encodeHistogram(asCounts([[258, 3]]))]).toEqual([1, 1, 2, 3])
})

test('histograms are merged, into their own bytes where they fit', () => {
  fc.assert(
    fc.property(histogram, histogram, (a, b) => {
      const expected = new Map(a)
      for (const [bucket, count] of b) expected.set(bucket, (expected.get(bucket) ?? 0) + count)
      const bytes = encodeHistogram(asCounts(a))
      const merged = mergeHistogram(bytes, asCounts(b))
      const encoded = encodeHistogram(merged, merged.entries, bytes)
      const sorted = [...expected].sort(([x], [y]) => x - y)
      expect(asEntries(mergeHistogram(encoded, asCounts([])))).toEqual(sorted)
    }),
  )
  const bytes = encodeHistogram(asCounts([[7, 300]]))
  const merged = mergeHistogram(bytes, asCounts([[7, 1]]))
  expect(encodeHistogram(merged, merged.entries, bytes)).toBe(bytes)
})

function noSums(): CallSums {
  return { calls: 0, errors: 0, sumNs: 0, squaredDeviations: 0, buckets: [], counts: [] }
}

function kept(sums: CallSums): CallSums {
  return { ...sums, buckets: Array.from(sums.buckets), counts: Array.from(sums.counts) }
}
