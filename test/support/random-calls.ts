/**
 * Random calls from a seed, in several shapes, and the same calls written as a database.
 */
import { DatabaseWriter, type JsonValue } from '../../src/database.ts'

export interface Call {
  function: string
  startUs: number
  durationNs: number
  error: string | undefined
  details?: CallDetails | undefined // without them a row has the defaults
}

export interface CallDetails {
  parent: string | undefined
  depth: number
  async: boolean
  selfNs: number
  weight: number
  attributes: Record<string, JsonValue> | undefined
}

export interface Shape {
  name: string
  functionCount: number
  duration: (random: () => number, functionNumber: number) => number
  gapUs: (random: () => number) => number // to the call before; may be negative
  errorShare: number
}

/** mulberry32: numbers in [0, 1). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

export function logNormal(random: () => number, median: number, sigma: number): number {
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
  return Math.floor(median * Math.exp(sigma * normal))
}

const HOUR_NS = 3600e9
const START_US = Date.UTC(2025, 0, 1) * 1000

export const SHAPES: readonly Shape[] = [
  {
    name: 'few functions, one call in a hundred slow',
    functionCount: 3,
    duration: (random, f) =>
      logNormal(random, 2000 * (1 + f) ** 2, 0.35) *
      (random() < 0.01 ? 8 + Math.floor(40 * random()) : 1),
    gapUs: (random) => Math.floor(2000 * random()),
    errorShare: 0.01,
  },
  {
    name: 'many functions with few calls each',
    functionCount: 700,
    duration: (random) => logNormal(random, 50_000, 1.5),
    gapUs: (random) => Math.floor(200 * random()),
    errorShare: 0.2,
  },
  {
    name: 'modes with gaps between them, calls that end in another order than they start',
    functionCount: 5,
    duration: (random) =>
      [100, 12_000, 900_000, 80_000_000][Math.floor(4 * random() ** 2)]! + Math.floor(3 * random()),
    gapUs: (random) => Math.floor(4000 * random()) - 1500,
    errorShare: 0.05,
  },
  {
    name: 'nothing but 0 ns and 1 ns, all at a few instants',
    functionCount: 2,
    duration: (random) => (random() < 0.7 ? 0 : 1),
    gapUs: (random) => (random() < 0.001 ? 1 : 0),
    errorShare: 0.5,
  },
  {
    name: 'hours, and gaps of days',
    functionCount: 4,
    duration: (random, f) =>
      f === 0 ? Math.floor(random() * 50 * HOUR_NS) : logNormal(random, 3e9, 0.7),
    gapUs: (random) => (random() < 0.002 ? 86_400e6 * 2 : Math.floor(5e6 * random())),
    errorShare: 0.01,
  },
  {
    name: 'the same calls over and over',
    functionCount: 3,
    duration: (random) => 1000 * (1 + Math.floor(3 * random())),
    gapUs: (random) => Math.floor(2 * random()),
    errorShare: 0.1,
  },
]

const ERRORS = ['TypeError', 'RangeError', 'TimeoutError', 'Ошибка']

export function randomCalls(shape: Shape, count: number, seed: number): Call[] {
  const random = randomFrom(seed)
  let startUs = START_US
  return Array.from({ length: count }, () => {
    const functionNumber = Math.floor(shape.functionCount * random() ** 1.5)
    startUs += shape.gapUs(random)
    return {
      function: `work.${functionNumber}`,
      startUs,
      durationNs: shape.duration(random, functionNumber),
      error: random() < shape.errorShare ? ERRORS[Math.floor(ERRORS.length * random())] : undefined,
    }
  })
}

const KEYS = ['route', 'user', '__proto__', 'größe', '']

/**
 * The same calls with details: stretches of calls have them and stretches have not, so that there are pages, frames and
 * logs without any.
 *
 * @param weights drawn from for the calls that are sampled, about half of all with details
 */
export function withDetails(
  calls: readonly Call[],
  weights: readonly number[],
  seed: number,
): Call[] {
  const random = randomFrom(seed)
  const pick = <T>(values: readonly T[]): T => values[Math.floor(values.length * random())]!
  let left = 0
  let detailed = false
  return calls.map((call) => {
    if (left-- === 0) {
      left = Math.floor(Math.min(2000, calls.length / 4) * random() ** 3)
      detailed = random() < 0.7
    }
    if (!detailed) return call
    const { durationNs } = call
    const details: CallDetails = {
      parent: random() < 0.5 ? pick(calls).function : undefined,
      depth: random() < 0.5 ? 0 : Math.floor(3000 * random() ** 4),
      async: random() < 0.3,
      selfNs: random() < 0.4 ? Math.floor(durationNs * random()) : durationNs,
      weight: random() < 0.5 ? 1 : pick(weights),
      attributes: random() < 0.1 ? randomAttributes(random) : undefined,
    }
    return { ...call, details }
  })
}

function randomAttributes(random: () => number): Record<string, JsonValue> {
  const entries = KEYS.filter(() => random() < 0.4).map((key): [string, JsonValue] => {
    const value = Math.floor(1000 * random())
    const kind = random()
    return [
      key,
      kind < 0.3 ? value : kind < 0.6 ? `text ${value} "\u0000\n` : [{ value }, null, false],
    ]
  })
  return Object.fromEntries(entries)
}

export interface WriteOptions {
  segmentRows: number
  writers?: number // processes, as far as the files tell (default 1)
  sealed?: boolean // whether the last rows are sealed, too (default true)
}

/** Writes calls, dealt out to the writers in runs of random length. @returns the writers that are still open */
export async function writeCalls(
  directory: string,
  calls: readonly Call[],
  { segmentRows, writers: writerCount = 1, sealed = true }: WriteOptions,
): Promise<DatabaseWriter[]> {
  const random = randomFrom(calls.length)
  const writers = Array.from({ length: writerCount }, () =>
    DatabaseWriter.open(directory, { segmentRows, sync: 'never' }),
  )
  for (let from = 0; from < calls.length;) {
    const writer = writers[Math.floor(writerCount * random())]!
    const end = Math.min(calls.length, from + 1 + Math.floor(random() * 5000))
    for (const call of calls.slice(from, end)) {
      const { details, durationNs, error, startUs } = call
      const row = { function: call.function, startMs: startUs / 1000, durationNs, error }
      writer.insert(details === undefined ? row : { ...row, ...details })
    }
    writer.flush()
    await writer.sealed()
    from = end
  }
  if (!sealed) return writers
  for (const writer of writers) await writer.close()
  return []
}
