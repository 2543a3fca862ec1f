/** verifyDatabase: every flipped bit is found where it is, what is no damage is none, and a writer may go on writing. */
import { readFileSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { DatabaseWriter, openDatabase, verifyDatabase } from '../../../src/database.ts'
import { nodeFiles, type FileLayer } from '../../../src/database/file.ts'
import { loadKernels } from '../../../src/database/kernels/kernels.ts'
import { verifyDatabaseOn } from '../../../src/database/verify/verify.ts'
import { withDamage } from '../../support/damaged-files.ts'
import { fileBytes, readSegment } from '../../support/read-folder.ts'
import { fillDatabase, filesOf } from '../../support/filled-database.ts'
import { randomFrom } from '../../support/random-calls.ts'
import { sharedTemporaryDirectory, temporaryDirectory } from '../../support/temporary-directory.ts'

const FLIPS_PER_FILE = 10

const directory = sharedTemporaryDirectory()
let files: string[]

beforeAll(async () => {
  await fillDatabase(directory)
  files = filesOf(directory)
})

test('a sound database has no faults, and every byte of it was read', async () => {
  const report = await verifyDatabase(directory)
  expect(report).toMatchObject({ faults: [], faultsLeft: 0, torn: [] })
  expect(report.files).toBe(files.length)
  expect(report.bytes).toBe(files.reduce((sum, path) => sum + statSync(path).size, 0))
  const database = await openDatabase(directory)
  expect(report.rows).toBe((await database.stats()).rows)
  await database.close()
})

describe.each(['LOCK', 'counters', 'dict', 'wal', 'seg'])('in a file %s', (kind) => {
  test('a flipped bit is found, in its file and not behind it', async () => {
    const paths = files.filter((path) => basename(path).startsWith(kind))
    expect(paths.length).toBeGreaterThan(0)
    for (const path of paths) {
      const sound = readFileSync(path)
      const random = randomFrom(sound.length)
      for (let i = 0; i < Math.min(FLIPS_PER_FILE, sound.length); i++) {
        const byte = i === 0 ? sound.length - 1 : Math.floor(sound.length * random())
        const content = Uint8Array.from(sound)
        content[byte]! ^= 1 << Math.floor(8 * random())
        const { faults, torn } = await verifyDatabaseOn(withDamage(path, content), directory)
        const what = `${path}: byte ${byte} of ${sound.length}`
        if (mayBeUnfinished(path)) continue
        // the length of the last frame of names may be wrong because it was cut off
        const found = [...faults, ...torn].filter((fault) => fault.path === path)
        expect(found.length, what).toBeGreaterThan(0)
        for (const { offset } of found) expect(offset, what).toBeLessThanOrEqual(sound.length)
        // what is damaged begins before the bit, or is the whole that no longer adds up
        if (kind !== 'seg') expect(found[0]!.offset, what).toBeLessThanOrEqual(byte)
      }
    }
  })
})

/** The writer of the last folder lives: a frame at the end that does not fit its checksum may be on its way. */
function mayBeUnfinished(path: string): boolean {
  return (
    /wal.000002$|dict$/.test(path) && filesOf(join(path, '..')).some((name) => /LOCK$/.test(name))
  )
}

test('a tail that a crash cut off is torn, and no fault', async () => {
  const path = tornLog()
  const content = readFileSync(path).subarray(0, statSync(path).size - 9)
  const { faults, torn } = await verifyDatabaseOn(withDamage(path, content), directory)
  expect(faults).toEqual([])
  expect(torn).toMatchObject([{ path, code: 'KRONICLER_TORN' }])
})

/** The newest log of the process that crashed. */
function tornLog(): string {
  const folder = files.map((path) => join(path, '..')).find((path) => isCrashed(path))!
  return filesOf(folder).findLast((path) => basename(path).startsWith('wal.'))!
}

function isCrashed(folder: string): boolean {
  const names = filesOf(folder).map((path) => basename(path))
  return !names.includes('LOCK') && names.includes('wal.000001')
}

test('a log that ends between two frames lacks the rows up to the next log', async () => {
  const path = files.find((name) => name.endsWith('wal.000000'))!
  const content = readFileSync(path).subarray(0, 64)
  const { faults } = await verifyDatabaseOn(withDamage(path, content), directory)
  expect(faults).toMatchObject([{ path, code: 'KRONICLER_CORRUPT' }])
  expect(faults[0]!.message).toContain('rows 0 to 599 are missing')
})

test('a missing log, a missing dictionary and a missing FORMAT are faults', async () => {
  const log = join(
    files.find((name) => name.endsWith('LOCK'))!,
    '..',
    'wal.000001',
  )
  const dictionary = files.find((name) => name.endsWith('dict'))!
  for (const path of [log, dictionary, join(directory, 'FORMAT')]) {
    const { faults } = await verifyDatabaseOn(without(path), directory)
    expect(faults.length, path).toBeGreaterThan(0)
    expect(faults[0]!.code, path).toBe('KRONICLER_CORRUPT')
  }
})

function without(path: string): FileLayer {
  const missing = (): never => {
    throw Object.assign(new Error('no such file'), { code: 'ENOENT' })
  }
  return {
    ...nodeFiles,
    open: (name, flags) => (name === path ? missing() : nodeFiles.open(name, flags)),
    readText: (name) => (name === path ? missing() : nodeFiles.readText(name)),
    readdir: (folder) => nodeFiles.readdir(folder).filter((name) => join(folder, name) !== path),
  }
}

test('what the system cannot read is a fault, and the rest is read', async () => {
  const path = files.find((name) => basename(name).startsWith('seg.'))!
  const descriptors = new Set<number>()
  const failing: FileLayer = {
    ...nodeFiles,
    open(name, flags) {
      const descriptor = nodeFiles.open(name, flags)
      if (name === path) descriptors.add(descriptor)
      return descriptor
    },
    read(descriptor, into, at, sizeBytes, position) {
      if (descriptors.has(descriptor)) throw Object.assign(new Error('bad disk'), { code: 'EIO' })
      return nodeFiles.read(descriptor, into, at, sizeBytes, position)
    },
    close(descriptor) {
      descriptors.delete(descriptor)
      nodeFiles.close(descriptor)
    },
  }
  const { faults, files: count } = await verifyDatabaseOn(failing, directory)
  expect(faults).toMatchObject([{ path, code: 'KRONICLER_IO' }])
  expect(count).toBe(files.length)
})

test('what is wrong under a valid checksum is found', async () => {
  const path = files.find((name) => basename(name).startsWith('seg.'))!
  const { faults } = await verifyDatabaseOn(withDamage(path, forgeHistogram(path)), directory)
  expect(faults.map(({ message }) => message)).toEqual(['a histogram is not that of the rows'])
})

/** Adds one to a count in the first histogram of a segment and makes all checksums right again. */
function forgeHistogram(path: string): Uint8Array {
  const content = Uint8Array.from(readFileSync(path))
  const kernels = loadKernels()
  const { directory } = readSegment(fileBytes(kernels, content, path))
  const base = kernels.allocate(content.length)
  const hash = (from: number, to: number): bigint => {
    kernels.u8.set(content.subarray(from, to), base)
    return kernels.xxh64(base, to - from)
  }
  const view = new DataView(content.buffer)
  const footer = content.length - 128
  const directoryAt = Number(view.getBigUint64(footer + 64, true))
  const { checksums, offsets, sizes: extentSizes } = directory.histogramExtents
  const histograms = offsets[0]!
  const sizes = content[histograms + 2]! & 0x7f
  content[histograms + 4 + Math.ceil(sizes / 4)]! ^= 1
  const after = Number(hash(histograms, histograms + extentSizes[0]!) & 0xffff_ffffn)
  for (let at = directoryAt; at < footer - 3; at++) {
    if (view.getUint32(at, true) === checksums[0]) view.setUint32(at, after, true)
  }
  view.setBigUint64(footer + 88, hash(directoryAt, footer), true)
  view.setBigUint64(footer + 112, 0n, true)
  view.setBigUint64(footer + 112, hash(footer, content.length), true)
  return content
}

test('a log that is sealed before it is read is looked for as a segment', async () => {
  const live = temporaryDirectory()
  const writer = DatabaseWriter.open(live, { segmentRows: 100_000, sync: 'never' })
  for (let i = 0; i < 1000; i++) writer.insert({ function: 'f', startMs: i, durationNs: i })
  writer.flush()
  let closing: Promise<void> | undefined
  const files: FileLayer = {
    ...nodeFiles,
    open(path, flags) {
      if (path.endsWith('wal.000000') && flags === 'r' && closing === undefined) {
        closing = Promise.resolve()
        throw Object.assign(new Error('sealed'), { code: 'ENOENT' })
      }
      return nodeFiles.open(path, flags)
    },
  }
  const report = await verifyDatabaseOn(files, live)
  expect(report).toMatchObject({ faults: [], torn: [], rows: 1000 })
  await writer.close()
})

test('a writer that goes on writing and sealing raises no alarm', async () => {
  const live = temporaryDirectory()
  const writer = DatabaseWriter.open(live, { segmentRows: 2000, sync: 'never' })
  let written = 0
  const write = (count: number) => {
    for (let i = 0; i < count; i++) {
      writer.insert({ function: `f${written % 7}`, startMs: written, durationNs: written++ })
    }
  }
  write(5000)
  writer.flush()
  const files: FileLayer = {
    ...nodeFiles,
    readdir(path) {
      const names = nodeFiles.readdir(path)
      write(777) // between the listing and the reading
      return names
    },
  }
  for (let i = 0; i < 20; i++) {
    const before = written
    const { faults, rows, torn } = await verifyDatabaseOn(files, live)
    expect({ faults, torn }).toEqual({ faults: [], torn: [] })
    expect(rows).toBeGreaterThan(before - 5000)
  }
  await writer.close()
  expect(await verifyDatabase(live)).toMatchObject({ faults: [], torn: [], rows: written })
})

test('it can be ended, and tells how far it is', async () => {
  const told: number[] = []
  const onProgress = ({ bytes, totalBytes }: { bytes: number; totalBytes: number }) => {
    expect(bytes).toBeLessThanOrEqual(totalBytes)
    told.push(bytes)
  }
  const { bytes } = await verifyDatabase(directory, { onProgress })
  expect(told.at(-1)).toBe(bytes)
  await expect(verifyDatabase(directory, { signal: AbortSignal.abort('enough') })).rejects.toBe(
    'enough',
  )
})

test('bad arguments are refused', async () => {
  await expect(verifyDatabase('')).rejects.toThrow(TypeError)
  await expect(verifyDatabase(directory, { dry: true } as object)).rejects.toThrow(TypeError)
  await expect(verifyDatabase(join(directory, 'nowhere'))).rejects.toMatchObject({
    code: 'KRONICLER_NOT_FOUND',
  })
})
