/**
 * Files that no writer would write: cut off anywhere, put together from two, random bytes, and numbers at their extremes
 * under checksums that are right. A reader may complain or answer; it may not hang, fail in another way than with an error
 * of its own, or allocate what a number in a file tells it to.
 *
 *   KRONICLER_FUZZ   files of each kind of fuzzing (default 20)
 *   KRONICLER_SEED   (default 1)
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { KroniclerError } from '../../src/database.ts'
import type * as kernelsModule from '../../src/database/kernels/kernels.ts'
import { verifyDatabaseOn } from '../../src/database/verify/verify.ts'
import { openDatabaseOn } from '../../src/query/open-database.ts'
import { QUESTIONS, writeSampleDatabase } from '../corruption/sample-database.ts'
import { withDamage } from '../support/damaged-files.ts'
import { randomFrom } from '../support/random-calls.ts'
import { sectionsOf, type Section } from '../support/sealed-sections.ts'
import {
  countArrays,
  countingFiles,
  countingKernels,
  measured,
  type Work,
} from '../support/step-budget.ts'

vi.mock('../../src/database/kernels/kernels.ts', async (importOriginal) => {
  const original = await importOriginal<typeof kernelsModule>()
  return { ...original, loadKernels: () => countingKernels(original.loadKernels()) }
})

const FILES = Number(process.env['KRONICLER_FUZZ'] ?? 20)
const SEED = Number(process.env['KRONICLER_SEED'] ?? 1)
const ROWS_SHARE = 1 / 25
const EXTREMES = [0, 1, 0x7f, 0x80, 0xff, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff]
const TIMEOUT_MS = 60_000 + 3000 * FILES

interface SoundFile {
  path: string
  content: Uint8Array
}

let directory: string
let files: SoundFile[]
let budget: Work

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'kronicler-fuzz-'))
  const paths = await writeSampleDatabase(directory, ROWS_SHARE)
  files = paths.map((path) => ({ path, content: Uint8Array.from(readFileSync(path)) }))
  countArrays()
  const [, sound] = await measured(() => readEverything('', new Uint8Array()))
  expect(sound.kernelCalls).toBeGreaterThan(100)
  expect(sound.fileOperations).toBeGreaterThan(100)
  expect(sound.allocatedBytes).toBeGreaterThan(100_000)
  budget = {
    fileOperations: 8 * sound.fileOperations,
    kernelCalls: 8 * sound.kernelCalls,
    allocatedBytes: 2 * sound.allocatedBytes + 64 * 1024 * 1024,
  }
})

afterAll(() => {
  vi.unstubAllGlobals()
  rmSync(directory, { recursive: true, force: true })
})

test(
  'cut off anywhere',
  async () => {
    for (const { path, content } of files) {
      const step = Math.max(1, Math.ceil((files.length * content.length) / (2 * FILES)))
      for (let size = 0; size < content.length; size += step) {
        await attempt(path, content.subarray(0, size), `cut to ${size}`)
      }
    }
  },
  TIMEOUT_MS,
)

test(
  'put together from two',
  async () => {
    const random = randomFrom(SEED)
    for (let i = 0; i < FILES; i++) {
      const { path, content } = pick(files, random)
      const other = pick(files, random).content
      const at = Math.floor(content.length * random())
      const from = random() < 0.5 ? at : Math.floor(other.length * random())
      const spliced = Buffer.concat([content.subarray(0, at), other.subarray(from)])
      await attempt(path, spliced, `${at} bytes, then another file from ${from} on`)
    }
  },
  TIMEOUT_MS,
)

test(
  'random bytes, in a part or everywhere',
  async () => {
    const random = randomFrom(SEED + 1)
    for (let i = 0; i < FILES; i++) {
      const { path, content } = pick(files, random)
      const noisy = Uint8Array.from(content)
      const from = random() < 0.3 ? 0 : Math.floor(noisy.length * random())
      const end =
        random() < 0.3 ? noisy.length : from + Math.floor((noisy.length - from) * random() ** 4)
      for (let at = from; at < end; at++) noisy[at] = Math.floor(256 * random())
      await attempt(path, noisy, `random bytes from ${from} to ${end}`)
    }
  },
  TIMEOUT_MS,
)

test(
  'extreme numbers under right checksums',
  async () => {
    const random = randomFrom(SEED + 2)
    const sections = files.flatMap((file) =>
      sectionsOf(file.path, file.content).map((section) => ({ file, section })),
    )
    const names = new Set(sections.map(({ section }) => section.name))
    expect([...names]).toEqual(expect.arrayContaining(['header', 'frame', 'footer', 'directory']))
    for (let i = 0; i < 3 * FILES; i++) {
      const { file, section } = pick(sections, random)
      const forged = Uint8Array.from(file.content)
      const what = forge(forged, section, random)
      section.seal(forged)
      await attempt(file.path, forged, `${section.name} at ${section.from}: ${what}`)
    }
  },
  TIMEOUT_MS,
)

/** Overwrites one to three numbers of some width. @returns what was done */
function forge(bytes: Uint8Array, { from, sizeBytes }: Section, random: () => number): string {
  const done: string[] = []
  for (let count = 1 + Math.floor(3 * random() ** 2); count > 0; count--) {
    const width = pick([1, 2, 4, 8], random)
    const value = random() < 0.8 ? pick(EXTREMES, random) : Math.floor(2 ** 32 * random())
    // headers and the like consist of aligned words; directories and pages do not
    const offset = Math.floor((sizeBytes - width) * random())
    const at = from + Math.max(0, random() < 0.5 ? offset & -width : offset)
    for (let i = 0; i < width && at + i < from + sizeBytes; i++) {
      bytes[at + i] = i < 4 ? value >>> (8 * i) : value === 0xffff_ffff ? 0xff : 0
    }
    done.push(`${value} as ${width} bytes at ${at}`)
  }
  return done.join(', ')
}

async function attempt(path: string, content: Uint8Array, how: string): Promise<void> {
  const what = `seed ${SEED}, ${relative(directory, path)}: ${how}`
  try {
    await measured(() => readEverything(path, content), budget)
  } catch (error) {
    throw new Error(what, { cause: error })
  }
}

/** Every question and the verification, with damage reported and then without; errors of our own are fine. */
async function readEverything(path: string, content: Uint8Array): Promise<void> {
  const layer = countingFiles(withDamage(path, content))
  await tolerant(async () => {
    const database = openDatabaseOn(layer, directory, { onFault: () => undefined })
    try {
      for (const ask of Object.values(QUESTIONS)) await tolerant(() => ask(database))
    } finally {
      await database.close()
    }
  })
  await tolerant(() => verifyDatabaseOn(layer, directory))
}

async function tolerant(work: () => Promise<unknown>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (error instanceof KroniclerError) return
    // an instant far in the future is one that a program may have stored
    const tooLong = error instanceof RangeError && error.message.startsWith('step is too short')
    if (!tooLong) throw error
  }
}

function pick<T>(values: readonly T[], random: () => number): T {
  return values[Math.floor(values.length * random())]!
}
