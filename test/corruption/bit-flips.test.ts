/**
 * Bits flipped anywhere in a directory with every kind of file: every question is answered as if nothing had happened, or
 * with the damage; with `onFault`, from the rows that are left.
 *
 *   KRONICLER_FLIPS   how many (default 300, with and without `onFault` in turns; a tenth of that for verify)
 *   KRONICLER_SEED    of the places (default 1)
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join, relative } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { CorruptionError, type Database } from '../../src/database.ts'
import { verifyDatabaseOn } from '../../src/database/verify/verify.ts'
import { openDatabaseOn } from '../../src/query/open-database.ts'
import { withDamage } from '../support/damaged-files.ts'
import { randomFrom } from '../support/random-calls.ts'
import {
  answersOf,
  expectPart,
  mayBeUnfinished,
  QUESTIONS,
  writeSampleDatabase,
  type Answers,
} from './sample-database.ts'

const FLIPS = Number(process.env['KRONICLER_FLIPS'] ?? 300)
const SEED = Number(process.env['KRONICLER_SEED'] ?? 1)

let directory: string
let files: { path: string; content: Uint8Array; weight: number }[]
let expected: Answers
let expectedTexts: Map<string, string>

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'kronicler-flips-'))
  const paths = await writeSampleDatabase(directory)
  files = paths.map((path) => {
    const content = Uint8Array.from(readFileSync(path))
    return { path, content, weight: Math.sqrt(content.length) } // small files matter as well
  })
  expected = await answersOf(openDatabaseOn(withDamage('', new Uint8Array()), directory))
  expectedTexts = new Map(Object.entries(expected).map(([name, answer]) => [name, textOf(answer)]))
})

afterAll(() => {
  rmSync(directory, { recursive: true, force: true })
})

test(
  `${FLIPS} flipped bits: never a wrong answer`,
  async () => {
    const found = { thrown: 0, reported: 0, harmless: 0 }
    await withFlips(FLIPS, async ({ path, content, what, flip }) => {
      const outcome =
        flip % 2 === 0 ? await askStrictly(path, content, what) : await askOn(path, content, what)
      found[outcome]++
    })
    console.log(`seed ${SEED}: ${JSON.stringify(found)}`)
    expect(found.thrown).toBeGreaterThan(FLIPS / 5)
    expect(found.reported).toBeGreaterThan(FLIPS / 5)
  },
  60_000 + FLIPS * 1000,
)

test(
  `${FLIPS / 10} flipped bits: verify finds each, and names its file`,
  async () => {
    const sound = await verifyDatabaseOn(withDamage('', new Uint8Array()), directory)
    expect(sound.faults).toEqual([])
    await withFlips(FLIPS / 10, async ({ path, content, what }) => {
      if (mayBeUnfinished(path, content)) return
      const { faults, rows } = await verifyDatabaseOn(withDamage(path, content), directory)
      // an entry of the names that seems to be longer than the file looks like one that is being written: what is found
      // then is the rows of the same folder that have no name
      const isDictionary = basename(path) === 'dict'
      const place = isDictionary ? dirname : (file: string) => file
      if (isDictionary && faults.length === 0) {
        // the entry at the end, and no row has its name
        expect(await askStrictly(path, content, what), what).toBe('harmless')
        return
      }
      expect(
        faults.map((fault) => place(fault.path)),
        what,
      ).toContain(place(path))
      expect(rows, what).toBeLessThanOrEqual(sound.rows)
    })
  },
  60_000 + FLIPS * 1000,
)

interface Flip {
  path: string
  content: Uint8Array // with the bit flipped
  what: string
  flip: number // which one
}

async function withFlips(count: number, work: (flip: Flip) => Promise<void>): Promise<void> {
  const random = randomFrom(SEED)
  for (let flip = 0; flip < count; flip++) {
    const { path, content } = pickFile(random)
    const byte = Math.floor(random() * content.length)
    const bit = 1 << Math.floor(8 * random())
    const what = `seed ${SEED}, flip ${flip}: ${relative(directory, path)}, bit ${bit} of byte ${byte}`
    content[byte]! ^= bit
    try {
      await work({ path, content, what, flip })
    } finally {
      content[byte]! ^= bit
    }
  }
}

function pickFile(random: () => number): (typeof files)[number] {
  let left = random() * files.reduce((sum, { weight }) => sum + weight, 0)
  return files.find(({ weight }) => (left -= weight) < 0) ?? files[0]!
}

/** Without `onFault`: each answer is right, or the question throws. */
async function askStrictly(path: string, content: Uint8Array, what: string) {
  const database = openOrFault(path, content)
  if (database instanceof CorruptionError) return 'thrown'
  let thrown = false
  try {
    for (const [name, ask] of Object.entries(QUESTIONS)) {
      let answer: unknown
      try {
        answer = await ask(database)
      } catch (error) {
        if (!(error instanceof CorruptionError)) throw new Error(what, { cause: error })
        expect(error.path, what).toContain(directory)
        thrown = true
        continue
      }
      if (mayBeUnfinished(path, content)) continue
      if (textOf(answer) !== expectedTexts.get(name)) {
        expect(answer, `${what}: ${name}`).toEqual(expected[name as keyof Answers])
      }
    }
  } finally {
    await database.close()
  }
  return thrown ? 'thrown' : 'harmless'
}

function openOrFault(path: string, content: Uint8Array): Database | CorruptionError {
  try {
    return openDatabaseOn(withDamage(path, content), directory)
  } catch (error) {
    if (error instanceof CorruptionError) return error
    throw error
  }
}

/** With `onFault`: what is answered differently has been told, and comes from fewer rows. */
async function askOn(path: string, content: Uint8Array, what: string) {
  const faults: CorruptionError[] = []
  const onFault = (fault: CorruptionError): void => void faults.push(fault)
  const answers = await answersOf(openDatabaseOn(withDamage(path, content), directory, { onFault }))
  expectPart(answers, expected, what)
  if (faults.length > 0) return 'reported'
  if (mayBeUnfinished(path, content)) return 'harmless'
  for (const [name, answer] of Object.entries(answers)) {
    if (textOf(answer) === expectedTexts.get(name)) continue
    expect(answer, `${what}: ${name}, not reported`).toEqual(expected[name as keyof Answers])
  }
  return 'harmless'
}

/** Tells NaN from null, which JSON does not. */
function textOf(answer: unknown): string {
  return JSON.stringify(answer, (_key, value: unknown) =>
    typeof value === 'number' && !Number.isFinite(value) ? String(value) : value,
  )
}
