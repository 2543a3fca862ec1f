/**
 * Conditions on attributes, asked of whole databases: what is matched column by column is what looking at every row finds,
 * whatever the columns are and whether functions share their pages.
 */
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  DatabaseWriter,
  openDatabase,
  type CallFilter,
  type JsonValue,
} from '../../src/database.ts'
import { isSameJson } from '../../src/database/format/attribute-match.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

type Attributes = Record<string, JsonValue>

interface Call {
  function: string
  startMs: number
  durationNs: number
  error: string | undefined
  weight: number
  attributes: Attributes | undefined
}

const START_MS = Date.UTC(2026, 0, 1)
const LONG_TEXT = 'long '.repeat(60)

/** Columns of each codec, by a random number. */
const COLUMNS: readonly ((noise: number) => JsonValue)[] = [
  () => 'always the same',
  (noise) => [200, 200, 404, 500][noise % 4]!,
  (noise) => `/route/${noise % 17}`,
  (noise) => (noise % 1000) / 100,
  (noise) => (noise % 3) * 2 ** 40 + (noise % 5),
  (noise) => noise.toString(16).padStart(8, '0'),
  (noise) => `user-${noise % 700}`,
  (noise) => `${LONG_TEXT}${noise % 5}`,
  (noise) => `${noise % 90} is "quoted"`,
  (noise) => (noise % 2 === 0 ? { a: 1, b: noise % 3 } : { b: noise % 3, a: 1 }), // the same in other words
  (noise) => [1, '1', true, null, [1], 'x'][noise % 6]!, // mixed
]
const KEYS = 'abcdefgh'

const databases = fc.record({
  seed: fc.integer({ min: 1, max: 2 ** 30 }),
  rowCount: fc.integer({ min: 1, max: 3000 }),
  functionCount: fc.constantFrom(1, 3, 40, 400),
  columns: fc.array(fc.nat(COLUMNS.length - 1), { minLength: 1, maxLength: KEYS.length }),
  missing: fc.constantFrom(0, 0, 0.01, 0.5), // share of the rows that do not have a key
  bare: fc.constantFrom(0, 0, 0.3), // that have no attributes at all
  hasWeights: fc.boolean(),
  segmentRows: fc.constantFrom(500, 65_536),
})
type Shape = typeof databases extends fc.Arbitrary<infer Value> ? Value : never

function noiseFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) >>> 0
  }
}

function callsOf(shape: Shape, noise: () => number): Call[] {
  const isChosen = (share: number) => noise() < share * 2 ** 32
  return Array.from({ length: shape.rowCount }, (_, i) => ({
    // some have many rows, most have few
    function: `f${Math.floor((noise() % shape.functionCount) * (noise() / 2 ** 32))}`,
    startMs: START_MS + i,
    durationNs: noise() % 5000,
    error: isChosen(0.1) ? `Error${noise() % 2}` : undefined,
    weight: shape.hasWeights ? 1 + (noise() % 3) : 1,
    attributes: isChosen(shape.bare)
      ? undefined
      : Object.fromEntries(
          shape.columns.flatMap((column, at) =>
            isChosen(shape.missing) ? [] : [[KEYS[at]!, COLUMNS[column]!(noise())]],
          ),
        ),
  }))
}

interface Question {
  where: CallFilter
  functions: ReadonlySet<string> | undefined
  from: number
  to: number
}

function questionsOf(calls: readonly Call[], noise: () => number): Question[] {
  return Array.from({ length: 12 }, (_, i) => {
    const { attributes = {}, ...call } = calls[noise() % calls.length]!
    const entries = Object.entries(attributes)
    const some = entries.slice(noise() % (entries.length + 1)).slice(0, 1 + (noise() % 3))
    const [from, to] = [noise() % (calls.length + 1), noise() % (calls.length + 1)]
    const isWhole = i % 3 === 0
    return {
      where: {
        attributes: some.length > 0 ? Object.fromEntries(some) : { a: 'nowhere' },
        ...(noise() % 3 === 0 && { duration: { min: noise() % 5000, max: 5000 } }),
        ...(noise() % 4 === 0 && { error: [true, false, 'Error1'][noise() % 3]! }),
      },
      functions: noise() % 3 === 0 ? new Set([call.function, 'f0']) : undefined,
      from: START_MS + (isWhole ? 0 : Math.min(from, to)),
      to: START_MS + (isWhole ? calls.length : Math.max(from, to)),
    }
  })
}

/** One call by itself. */
function passes(call: Call, { from, functions, to, where }: Question): boolean {
  const { attributes = {}, duration, error } = where
  if (call.startMs < from || call.startMs >= to) return false
  if (functions?.has(call.function) === false) return false
  if (call.durationNs < (duration?.min ?? 0) || call.durationNs >= (duration?.max ?? Infinity)) {
    return false
  }
  if (typeof error === 'string' && call.error !== error) return false
  if (typeof error === 'boolean' && (call.error !== undefined) !== error) return false
  return Object.entries(attributes).every(([key, value]) => {
    const own = call.attributes ?? {}
    return Object.hasOwn(own, key) && isSameJson(own[key]!, value)
  })
}

test('rows are counted and listed as if each was looked at', { timeout: 60_000 }, async () => {
  const directory = temporaryDirectory()
  let databaseCount = 0
  await fc.assert(
    fc.asyncProperty(databases, async (shape) => {
      const folder = join(directory, `${shape.seed}-${databaseCount++}`)
      const noise = noiseFrom(shape.seed)
      const calls = callsOf(shape, noise)
      const writer = DatabaseWriter.open(folder, { segmentRows: shape.segmentRows })
      for (const call of calls) writer.insert(call)
      await writer.close()
      const database = await openDatabase(folder)
      try {
        for (const question of questionsOf(calls, noise)) {
          const { from, functions, to, where } = question
          const expected = calls.filter((call) => passes(call, question))
          const query = { where, from, to, function: functions && [...functions] }
          const weight = expected.reduce((sum, call) => sum + call.weight, 0)
          expect(await database.count(query)).toBe(weight)
          const starts: number[] = []
          for await (const { startMs } of database.calls(query)) starts.push(startMs)
          expect(starts).toEqual(expected.map(({ startMs }) => startMs))
        }
      } finally {
        await database.close()
      }
    }),
    { numRuns: 20 },
  )
})
