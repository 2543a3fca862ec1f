/**
 * One bit flipped, or the end cut off, in every kind of file: an answer is right, or there is an error with the file
 * and the byte. Never a wrong answer, never anything but a CorruptionError.
 */
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  unlinkSync,
  utimesSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  CorruptionError,
  DatabaseWriter,
  type CallInput,
  type Database,
} from '../../src/database.ts'
import { DirectoryWriter } from '../../src/database/directory-writer.ts'
import { KIND_FUNCTION, encodeDictionaryEntry } from '../../src/database/format/dictionary.ts'
import { createRowColumns } from '../../src/database/format/rows.ts'
import { openDatabaseOn } from '../../src/query/open-database.ts'
import { withDamage } from '../support/damaged-files.ts'
import { randomFrom } from '../support/random-calls.ts'

const FLIPS_PER_FILE = 100
const CUTS_PER_FILE = 24
const START_MS = Date.UTC(2025, 0, 1)

let directory: string
let files: string[]
let expected: Answers
let expectedText: string

type Answers = Awaited<ReturnType<typeof answersOf>>

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'kronicler-corruption-'))
  // closed: segments of several chunks and of tiny ones; then left behind by a crash: a segment and two logs, whose rows
  // have details
  const closed = DatabaseWriter.open(directory, { segmentRows: 25_000 })
  fill(closed, 60_000, 1)
  await closed.close()
  const crashed = DatabaseWriter.open(directory, { segmentRows: 20_000 })
  fill(crashed, 20_000, 2, true)
  crashed.flush()
  await crashed.sealed()
  fill(crashed, 3000, 3, true)
  crashed.flush()
  await crashed.sealed()
  const other = DatabaseWriter.open(directory)
  fill(other, 50, 4)
  other.flush()
  unlinkSync(join(crashed.path, 'LOCK'))
  unlinkSync(join(leaveUnsealedLogs(), 'LOCK'))
  files = listFiles(directory)
  expected = await answersOf(openDatabaseOn(withDamage('', new Uint8Array()), directory))
  expectedText = JSON.stringify(expected)
  const old = new Date(Date.now() - 60_000)
  for (const file of files) utimesSync(file, old, old)
})

afterAll(() => {
  rmSync(directory, { recursive: true, force: true })
})

function fill(writer: DatabaseWriter, count: number, seed: number, detailed = false): void {
  const random = randomFrom(seed)
  for (let i = 0; i < count; i++) {
    const f = Math.floor(12 * random() ** 3)
    const durationNs = f === 5 ? random() * 1e11 : 1000 * (1 + f) * (1 + random())
    writer.insert({
      function: `work.${f}`,
      startMs: START_MS + seed * 1e6 + i + random(),
      durationNs,
      error: random() < 0.03 ? 'TypeError' : undefined,
      ...(detailed ? detailsOf(random, Math.round(durationNs)) : {}),
    })
  }
}

function detailsOf(random: () => number, durationNs: number): Partial<CallInput> {
  return {
    parent: random() < 0.7 ? `work.${Math.floor(5 * random())}` : undefined,
    async: random() < 0.5,
    selfNs: Math.floor(durationNs * random()),
    weight: random() < 0.2 ? 8 : 1,
    attributes: random() < 0.4 ? { order: Math.floor(1e6 * random()) } : undefined,
  }
}

/** Two logs, of which the first is finished and not sealed. @returns the folder */
function leaveUnsealedLogs(): string {
  const writer = DirectoryWriter.create(directory)
  const rows = createRowColumns(300)
  rows.count = 300
  for (let row = 0; row < 300; row++) {
    rows.startsUs[row] = START_MS * 1000 + row
    rows.durationsNs[row] = 5000 + row
  }
  writer.appendNames(encodeDictionaryEntry(KIND_FUNCTION, 0, 'work.0'))
  writer.append(rows, { slot: 0, slotSequence: 0 })
  writer.append(rows, { slot: 0, slotSequence: 300 })
  writer.rotate()
  writer.append(rows, { slot: 0, slotSequence: 600 })
  return writer.path
}

function listFiles(root: string): string[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .map((name) => join(root, name))
    .filter((path) => statSync(path).isFile())
    .sort()
}

/** Questions that read every page at least in part. */
async function answersOf(database: Database) {
  try {
    const from = START_MS + 1e6 + 3333
    return {
      functions: await database.functions(),
      part: await database.functions({ from, to: START_MS + 3e6 + 1234 }),
      count: await database.count({ from }),
      slowest: await database.slowest({ limit: 100 }),
      slowestOfOne: await database.slowest({ function: 'work.0', limit: 300, from }),
      tail: await database.tail(100),
      names: await database.functionNames(),
    }
  } finally {
    await database.close()
  }
}

interface Damage {
  path: string
  content: Uint8Array
  what: string
}

function* damages(path: string): Generator<Damage> {
  const sound = readFileSync(path)
  const random = randomFrom(sound.length)
  const positions = new Set<number>()
  for (let byte = 0; byte < Math.min(64, sound.length); byte += 3) positions.add(byte)
  for (let byte = Math.max(0, sound.length - 128); byte < sound.length; byte += 7)
    positions.add(byte)
  while (positions.size < Math.min(FLIPS_PER_FILE, sound.length)) {
    positions.add(Math.floor(random() * sound.length))
  }
  for (const byte of positions) {
    const content = Uint8Array.from(sound)
    content[byte]! ^= 1 << Math.floor(8 * random())
    yield { path, content, what: `${basename(path)}: a bit of byte ${byte}` }
  }
  const cuts = [0, 1, 15, 16, 63, 64, sound.length - 1, sound.length - 8]
  while (cuts.length < CUTS_PER_FILE) cuts.push(Math.floor(random() * sound.length))
  for (const size of cuts.filter((size) => size >= 0 && size < sound.length)) {
    yield {
      path,
      content: sound.subarray(0, size),
      what: `${basename(path)}: cut to ${size} bytes`,
    }
  }
}

/**
 * Whether the damage looks like what is no damage: the end of the newest log is where a crash cut it off, and while the
 * writer lives a frame at the end that does not fit its checksum is a write in progress.
 */
function mayBeUnfinished(path: string, content: Uint8Array): boolean {
  const folder = join(path, '..')
  if (content.length === statSync(path).size && !existsSync(join(folder, 'LOCK'))) return false
  const wals = readdirSync(folder)
    .filter((name) => name.startsWith('wal.'))
    .sort()
  return basename(path) === wals.at(-1)
}

const KINDS: [string, RegExp][] = [
  ['FORMAT', /FORMAT$/],
  ['LOCK', /LOCK$/],
  ['names', /dict$/],
  ['logs', /wal\.\d+$/],
  ['segments', /seg\.[\d-]+$/],
]

describe.each(KINDS)('damaged %s', (_kind, pattern) => {
  test('are found, or do not matter', async () => {
    let found = 0
    for (const path of files.filter((file) => pattern.test(file))) {
      for (const { content, what } of damages(path)) {
        const outcome = await attempt(path, content, undefined)
        if (outcome instanceof CorruptionError) {
          found++
          expect(outcome.path, what).toContain(directory)
          expect(outcome.offset, what).toBeGreaterThanOrEqual(0)
          expect(outcome.offset, what).toBeLessThanOrEqual(readFileSync(path).length)
        } else if (mayBeUnfinished(path, content)) {
          expectPart(outcome, what)
        } else {
          expectSame(outcome, what)
        }
      }
    }
    expect(found).toBeGreaterThan(10)
  })

  test('are reported, and the rest is still answered from', async () => {
    for (const path of files.filter((file) => pattern.test(file))) {
      for (const { content, what } of damages(path)) {
        const faults: CorruptionError[] = []
        const outcome = await attempt(path, content, (fault) => faults.push(fault))
        if (outcome instanceof CorruptionError) expect.fail(`${what}: ${outcome.message}`)
        const keys = faults.map(({ message }) => message)
        expect(new Set(keys).size, what).toBe(keys.length)
        if (faults.length > 0 || mayBeUnfinished(path, content)) expectPart(outcome, what)
        else expectSame(outcome, what)
      }
    }
  })
})

/** Compared as text first: `toEqual` is slow, and needed only to show a difference. */
function expectSame(answers: Answers, what: string): void {
  if (JSON.stringify(answers) !== expectedText) expect(answers, what).toEqual(expected)
}

async function attempt(
  path: string,
  content: Uint8Array,
  onFault: ((fault: CorruptionError) => void) | undefined,
): Promise<Answers | CorruptionError> {
  try {
    return await answersOf(openDatabaseOn(withDamage(path, content), directory, { onFault }))
  } catch (error) {
    if (error instanceof CorruptionError) return error
    throw error
  }
}

/** Fewer rows perhaps, but none that was not written, and no number that fewer rows cannot explain. */
function expectPart(answers: Answers, what: string): void {
  const calls = ({ functions }: Answers) => functions.reduce((sum, stats) => sum + stats.calls, 0)
  expect(calls(answers), what).toBeLessThanOrEqual(calls(expected))
  expect(answers.count, what).toBeLessThanOrEqual(expected.count)
  for (const stats of answers.functions) {
    const sound = expected.functions.find(({ function: name }) => name === stats.function)
    if (sound === undefined) {
      expect(stats.function, what).toMatch(/^\(unknown function \d+\)$/)
      continue
    }
    expect(stats.calls, what).toBeLessThanOrEqual(sound.calls)
    expect(stats.sumNs, what).toBeLessThanOrEqual(sound.sumNs)
    expect(stats.maxNs, what).toBeLessThanOrEqual(sound.maxNs)
    expect(stats.minNs, what).toBeGreaterThanOrEqual(sound.minNs)
  }
}
