/**
 * @module bench/codecs
 * How fast are the inner loops of the database, and how small are their pages? Each over the gaps or the durations of the
 * busiest function of a data set, in chunks as large as they are stored, in WebAssembly and in TypeScript; copying the
 * decoded values is the limit.
 */
import { MAX_CHUNK_ROWS } from '../src/database/format/pages.ts'
import {
  huffmanMaxBytes,
  loadFallbackKernels,
  loadKernels,
  pforMaxBytes,
  type Kernels,
} from '../src/database/kernels/kernels.ts'
import { BUCKET_COUNT } from '../src/metrics/histogram.ts'
import { dataSet } from './datasets.ts'
import { progress } from './harness/report.ts'
import { withRatios, type BenchRow } from './harness/result.ts'
import { median, percentiles } from './harness/statistics.ts'
import type { Suite } from './harness/suite.ts'

const ROWS = 1e6
const DEFAULT_ROUNDS = 40
/** A sample is not shorter: the clock's steps and a single interruption must not show. */
const SAMPLE_MS = 1
/** Until then the engine is still compiling what it runs. */
const WARM_UP_MS = 60

interface Columns {
  gaps: Uint32Array
  durations: Uint32Array
}

export const codecsSuite: Suite = {
  peers: [],
  run({ rounds = DEFAULT_ROUNDS, sets = ['A', 'C'] }) {
    const rows = sets.flatMap((name) => {
      progress(`${name}: making the rows`)
      return measureSet(name, busiestChunk(name), rounds)
    })
    return Promise.resolve({ rows: withRatios(rows, 'typescript') })
  },
}

/** The first chunk of the function with the most calls. */
function busiestChunk(name: string): Columns {
  const calls = new Map<number, { startsUs: number[]; durationsNs: number[] }>()
  for (const { count, durationsNs, functionIds, startsUs } of dataSet(name).batches(ROWS)) {
    for (let row = 0; row < count; row++) {
      const id = functionIds[row]!
      let columns = calls.get(id)
      if (columns === undefined) calls.set(id, (columns = { startsUs: [], durationsNs: [] }))
      columns.startsUs.push(startsUs[row]!)
      columns.durationsNs.push(durationsNs[row]!)
    }
  }
  const [busiest] = [...calls.values()].sort((a, b) => b.startsUs.length - a.startsUs.length)
  const startsUs = Float64Array.from(busiest!.startsUs).sort().subarray(0, MAX_CHUNK_ROWS)
  return {
    gaps: Uint32Array.from(startsUs, (startUs, row) => startUs - startsUs[Math.max(row - 1, 0)]!),
    durations: Uint32Array.from(busiest!.durationsNs.slice(0, MAX_CHUNK_ROWS)),
  }
}

function measureSet(name: string, columns: Columns, rounds: number): BenchRow[] {
  const contenders = [
    { who: 'kronicler', ...loopsOver(loadKernels(), columns) },
    { who: 'typescript', ...loopsOver(loadFallbackKernels(), columns) },
  ]
  const n = columns.gaps.length
  const rows: BenchRow[] = []
  for (const what of Object.keys(contenders[0]!.loops)) {
    const samples = contenders.map((): number[] => [])
    for (const { loops } of contenders) valuesPerSecond(loops[what]!, n, WARM_UP_MS)
    for (let round = 0; round < rounds; round++) {
      contenders.forEach(({ loops }, i) => samples[i]!.push(valuesPerSecond(loops[what]!, n)))
    }
    contenders.forEach(({ who }, i) => {
      const rates = samples[i]!
      const value = median(rates)
      const shown = `${what}-${name}`
      rows.push({
        name: `${who}/${shown}`,
        value,
        unit: 'values/s',
        n: rounds,
        ...percentiles(rates),
      })
      progress(`${shown}: ${who} ${(value / 1e6).toFixed(0)} M values/s`)
    })
  }
  for (const [what, sizeBytes] of Object.entries(contenders[0]!.sizes)) {
    rows.push({
      name: `kronicler/${what}-${name}`,
      value: (8 * sizeBytes) / n,
      unit: 'bit/value',
      n,
    })
  }
  return rows
}

function valuesPerSecond(loop: () => void, n: number, sampleMs = SAMPLE_MS): number {
  const start = performance.now()
  let times = 0
  let ms: number
  do {
    loop()
    times++
    ms = performance.now() - start
  } while (ms < sampleMs)
  return (1000 * n * times) / ms
}

/** Loops of each kind over the columns, and the sizes of their pages. */
function loopsOver(kernels: Kernels, { durations, gaps }: Columns) {
  const n = gaps.length
  const area = (values: Uint32Array): number => {
    const at = kernels.allocate(4 * n + 512)
    kernels.u32.set(values, at / 4)
    return at
  }
  const gapsAt = area(gaps)
  const durationsAt = area(durations)
  const page = (sizeBytes: number) => kernels.allocate(sizeBytes)
  const huffmanGaps = page(huffmanMaxBytes(n))
  const huffmanDurations = page(huffmanMaxBytes(n))
  const pforGaps = page(pforMaxBytes(n))
  const pforDurations = page(pforMaxBytes(n))
  const out = kernels.allocate(4 * n + 512)
  const instants = kernels.allocate(8 * n + 512)
  const rows = kernels.allocate(4 * n)
  const histogram = kernels.allocate(4 * BUCKET_COUNT)
  const totals = kernels.allocate(16)

  const base = durations.reduce((least, ns) => Math.min(least, ns))
  const p99 = durations.toSorted()[Math.floor(0.99 * n)]!
  const end = kernels.pforEncode(durationsAt, n, base, pforDurations)
  const sizes = {
    'start-huffman': kernels.huffmanEncode(gapsAt, n, huffmanGaps) - huffmanGaps,
    'start-pfor': kernels.pforEncode(gapsAt, n, 0, pforGaps) - pforGaps,
    'duration-huffman': kernels.huffmanEncode(durationsAt, n, huffmanDurations) - huffmanDurations,
    'duration-pfor': end - pforDurations,
  }
  const encoded = { from: pforDurations, end, n, base, rowStart: 0, rowEnd: n }
  const loops: Record<string, () => void> = {
    'huffman-encode': () => kernels.huffmanEncode(gapsAt, n, huffmanGaps),
    'huffman-decode': () => kernels.huffmanDecode(huffmanGaps, n, out),
    'pfor-encode': () => kernels.pforEncode(durationsAt, n, base, pforDurations),
    'pfor-decode': () => kernels.pforDecode(pforDurations, n, base, out),
    'pfor-count-p99': () => kernels.pforCountBetween(encoded, p99, 0xffffffff),
    'pfor-select-p99': () => kernels.pforSelectBetween(encoded, p99, 0xffffffff, rows, out),
    'gaps-to-starts': () => {
      kernels.deltaDecode(gapsAt, n, 0, instants)
    },
    aggregate: () => {
      kernels.aggregate(durationsAt, n, histogram, totals)
    },
    copy: () => kernels.u8.copyWithin(out, durationsAt, durationsAt + 4 * n),
  }
  return { loops, sizes }
}
