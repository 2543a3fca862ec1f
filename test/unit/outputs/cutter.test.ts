import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MetricsAccumulator } from '../../../src/metrics/accumulator.ts'
import { mergeSums, sparseQuantile } from '../../../src/metrics/merge-sums.ts'
import { MetricsSlab, slabSizeBytes } from '../../../src/metrics/slab.ts'
import { SlabMirror, type CallSums } from '../../../src/metrics/slab-mirror.ts'
import { decodeHistogram, encodeHistogram } from '../../../src/outputs/sparse-histogram.ts'

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
        for (const q of [0, 0.5, 0.9, 0.99, 1]) {
          expect(sparseQuantile(sum, q, truth.minNs, truth.maxNs)).toBeCloseTo(truth.quantile(q), 6)
        }
      }
    }),
    { numRuns: 200 },
  )
})

test('a histogram comes back from its bytes', () => {
  const entry = fc.tuple(
    fc.nat(4095),
    fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 2 ** 47 })),
  )
  const histogram = fc.uniqueArray(entry, { selector: ([bucket]) => bucket })
  fc.assert(
    fc.property(histogram, (entries) => {
      entries.sort(([a], [b]) => a - b)
      const given = { buckets: entries.map(([b]) => b), counts: entries.map(([, c]) => c) }
      const { buckets, counts } = decodeHistogram(encodeHistogram(given))
      expect([Array.from(buckets), Array.from(counts)]).toEqual([given.buckets, given.counts])
    }),
  )
  expect(decodeHistogram(null).buckets).toHaveLength(0)
  expect(encodeHistogram({ buckets: [258], counts: [3] })).toEqual(Uint8Array.of(1, 1, 2, 3))
})

function noSums(): CallSums {
  return { calls: 0, errors: 0, sumNs: 0, squaredDeviations: 0, buckets: [], counts: [] }
}

function kept(sums: CallSums): CallSums {
  return { ...sums, buckets: Array.from(sums.buckets), counts: Array.from(sums.counts) }
}
