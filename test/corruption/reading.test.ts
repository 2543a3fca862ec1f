/**
 * One bit flipped, or the end cut off, in every kind of file: an answer is right, or there is an error with the file
 * and the byte. Never a wrong answer, never anything but a CorruptionError.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CorruptionError } from '../../src/database.ts'
import { openDatabaseOn } from '../../src/query/open-database.ts'
import { withDamage } from '../support/damaged-files.ts'
import { randomFrom } from '../support/random-calls.ts'
import {
  answersOf,
  expectPart,
  mayBeUnfinished,
  writeSampleDatabase,
  type Answers,
} from './sample-database.ts'

const ROWS_SHARE = 0.2
const FLIPS_PER_FILE = 18 // bit-flips.test.ts has more
const CUTS_PER_FILE = 10
const TIMEOUT_MS = 300_000

let directory: string
let files: string[]
let expected: Answers
let expectedText: string

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'kronicler-corruption-'))
  files = await writeSampleDatabase(directory, ROWS_SHARE)
  expected = await answersOf(openDatabaseOn(withDamage('', new Uint8Array()), directory))
  expectedText = JSON.stringify(expected)
})

afterAll(() => {
  rmSync(directory, { recursive: true, force: true })
})

interface Damage {
  path: string
  content: Uint8Array
  what: string
}

function* damages(path: string): Generator<Damage> {
  const sound = readFileSync(path)
  const random = randomFrom(sound.length)
  const positions = new Set<number>()
  for (let byte = 0; byte < Math.min(64, sound.length); byte += 9) positions.add(byte)
  for (let byte = Math.max(0, sound.length - 128); byte < sound.length; byte += 21)
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

const KINDS: [string, RegExp][] = [
  ['FORMAT', /FORMAT$/],
  ['LOCK', /LOCK$/],
  ['names', /dict$/],
  ['logs', /wal\.\d+$/],
  ['segments', /seg\.[\d-]+$/],
  ['roll-ups', /roll\.[\d-]+$/],
]

describe.each(KINDS)('damaged %s', { timeout: TIMEOUT_MS }, (_kind, pattern) => {
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
          expectPart(outcome, expected, what)
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
        if (faults.length > 0 || mayBeUnfinished(path, content)) expectPart(outcome, expected, what)
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
