/** repairDatabase: everything outside the damaged part is saved, nothing is deleted, and any attempt may be cut off. */
import { cpSync, readFileSync, readdirSync, unlinkSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { repairDatabase, verifyDatabase } from '../../../src/database.ts'
import { nodeFiles, type FileLayer } from '../../../src/database/file.ts'
import type { Extents } from '../../../src/database/format/directory-extents.ts'
import { parseSegmentFileName } from '../../../src/database/format/directory.ts'
import { loadKernels } from '../../../src/database/kernels/kernels.ts'
import { ReaderContext } from '../../../src/database/read/reader-context.ts'
import { repairDatabaseOn } from '../../../src/database/verify/repair.ts'
import { SegmentReader } from '../../../src/database/read/segment-reader.ts'
import { allRows, fillDatabase, filesOf } from '../../support/filled-database.ts'
import { sharedTemporaryDirectory, temporaryDirectory } from '../../support/temporary-directory.ts'

/** Rows of the largest segment. */
const SIZE = 2400

const sound = sharedTemporaryDirectory()
let rows: string[]

beforeAll(async () => {
  await fillDatabase(sound, SIZE)
  // its writer lives: what it has left is damaged in a test of its own
  for (const path of filesOf(sound)) if (basename(path) === 'LOCK') unlinkSync(path)
  rows = await allRows(sound)
})

/** A copy of the database, to be damaged. */
function copy(): string {
  const directory = temporaryDirectory()
  cpSync(sound, directory, { recursive: true, preserveTimestamps: true })
  return directory
}

function flip(path: string, byte: number): void {
  const content = readFileSync(path)
  content[byte]! ^= 0x10
  writeFileSync(path, content)
}

const find = (directory: string, name: string | RegExp) =>
  filesOf(directory).filter((path) =>
    typeof name === 'string' ? path.endsWith(name) : name.test(path),
  )

/** What identifies a row, without what damaged errors and details cost. */
const keyOf = (row: string): string => {
  const { durationNs, function: name, startMs, weight } = JSON.parse(row)
  return `${name} ${startMs} ${durationNs} ${weight}`
}
const keysOf = (all: readonly string[]) => all.map(keyOf).sort()

/** `toEqual` takes minutes to tell how two lists of fifty thousand rows differ. */
function expectSame(actual: readonly string[], expected: readonly string[], what = ''): void {
  const at = expected.findIndex((row, i) => row !== actual[i])
  expect([actual.length, actual[at]], what).toEqual([expected.length, expected[at]])
}

/** The sound file's directory. */
function openSegment(path: string): SegmentReader {
  const context = new ReaderContext(nodeFiles, loadKernels(), undefined, undefined)
  return new SegmentReader(context, path, parseSegmentFileName(basename(path))!)
}

async function expectClean(directory: string): Promise<void> {
  expect(await verifyDatabase(directory)).toMatchObject({ faults: [], torn: [] })
  expect(await repairDatabase(directory)).toEqual({ repaired: [], refused: [], faults: [] })
}

describe('segments', () => {
  const paths = () => find(sound, /seg\.000000-000000$/)

  test('each extent: all rows but those of its chunks, or all rows without its errors or details', async () => {
    for (const path of paths()) {
      const { directory } = openSegment(path)
      const regions: [string, Extents | undefined][] = [
        ['rows', directory.durationExtents],
        ['rows', directory.startExtents],
        ['errors', directory.errorExtents],
        ['histograms', directory.histogramExtents],
        ['details', directory.detailsExtents],
      ]
      for (const [what, extents] of regions) {
        for (let extent = 0; extent < (extents?.count ?? 0); extent++) {
          if (extents!.sizes[extent] === 0) continue
          const damaged = copy()
          flip(join(damaged, path.slice(sound.length)), extents!.offsets[extent]!)
          const lost = rowsOfExtent(directory, extents!, extent)
          const { faults, repaired } = await repairDatabase(damaged)
          const note = `${path} ${what} ${extent}`
          expect(faults, note).toEqual([])
          expect(repaired, note).toHaveLength(1)
          const after = await allRows(damaged)
          const expected = what === 'rows' ? lost : 0
          expect(repaired[0]!.lostRows, note).toBe(expected)
          expect(
            repaired[0]!.lost.reduce((sum, part) => sum + part.rows, 0),
            note,
          ).toBe(expected)
          expect(after.length, note).toBe(rows.length - expected)
          const left = new Set(rows)
          const changed = after.filter((row) => !left.has(row)).length
          if (what === 'errors') expect(changed, note).toBe(repaired[0]!.lostErrors)
          else if (what === 'details')
            expect(changed, note).toBeLessThanOrEqual(repaired[0]!.lostDetails)
          else expect(changed, note).toBe(0)
          const keys = new Set(keysOf(rows))
          expect(
            keysOf(after).every((key) => keys.has(key)),
            note,
          ).toBe(true)
          expect(readFileSync(repaired[0]!.setAside!).equals(readFileSync(path))).toBe(false)
          expect(readFileSync(repaired[0]!.setAside!).length).toBe(readFileSync(path).length)
          await expectClean(damaged)
        }
      }
    }
  }, 60_000)

  test('of several extents: exactly the rows of the others are saved', async () => {
    const large = temporaryDirectory()
    await fillDatabase(large)
    const before = await allRows(large)
    const path = find(large, /seg\.000000-000000$/)[0]!
    const reader = openSegment(path)
    const { durationExtents, pages } = reader.directory
    expect(durationExtents.count).toBeGreaterThan(1)
    const lost: [id: number, fromMs: number, toMs: number, rows: number][] = []
    pages.forEach((page, chunk) => {
      if (durationExtents.pageExtent[page] !== 0) return
      const startsUs = reader.startsOf(chunk)!
      const id = reader.functionIds[chunk]!
      lost.push([id, startsUs[0]! / 1000, startsUs.at(-1)! / 1000, startsUs.length])
    })
    flip(path, durationExtents.offsets[0]!)
    const { repaired } = await repairDatabase(large)
    const after = await allRows(large)
    const count = lost.reduce((sum, [, , , rowCount]) => sum + rowCount, 0)
    expect(repaired[0]!.lostRows).toBe(count)
    expect(after.length).toBe(before.length - count)
    const left = new Set(after)
    const gone = before.filter((row) => !left.has(row)).map((row) => JSON.parse(row).startMs)
    expect(gone).toHaveLength(count)
    const isLost = (ms: number) => lost.some(([, fromMs, toMs]) => fromMs <= ms && ms <= toMs)
    expect(gone.every(isLost)).toBe(true)
  }, 60_000)

  function rowsOfExtent(
    directory: SegmentReader['directory'],
    extents: Extents,
    extent: number,
  ): number {
    let count = 0
    directory.rowCounts.forEach((rowCount, chunk) => {
      if (extents.pageExtent[directory.pages[chunk]!] === extent) count += rowCount
    })
    return count
  }

  test('a flipped bit of the header, the footer or the directory costs nothing', async () => {
    for (const path of paths()) {
      const size = readFileSync(path).length
      for (const byte of [0, 30, size - 20, size - 140]) {
        const damaged = copy()
        flip(join(damaged, path.slice(sound.length)), byte)
        const { faults, repaired } = await repairDatabase(damaged)
        expect({ faults, lost: repaired[0]!.lostRows }).toEqual({ faults: [], lost: 0 })
        expectSame(await allRows(damaged), rows)
        await expectClean(damaged)
      }
    }
  }, 30_000)

  test('of which nothing can be read, cut off, or missing: the rows of the others', async () => {
    for (const content of [
      Buffer.alloc(0),
      Buffer.from('nothing'),
      Buffer.alloc(100_000),
      undefined,
    ]) {
      const damaged = copy()
      const path = find(damaged, /seg\.000001-000001$/)[0]!
      const gone = SIZE / 20
      if (content === undefined) unlinkSync(path)
      else writeFileSync(path, content)
      const { faults, repaired } = await repairDatabase(damaged)
      expect(faults).toEqual([])
      expect(repaired).toMatchObject([{ path, savedRows: 0, lostRows: gone }])
      expect((await allRows(damaged)).length).toBe(rows.length - gone)
      if (content !== undefined)
        expect(readFileSync(repaired[0]!.setAside!).equals(content)).toBe(true)
      await expectClean(damaged)
    }
  })
})

describe('logs', () => {
  test('all frames but the damaged one', async () => {
    for (const path of find(sound, /wal\.\d+$/)) {
      const size = readFileSync(path).length
      if (size === 64) continue
      for (const byte of [20, 64 + 12, size - 20]) {
        const damaged = copy()
        const log = join(damaged, path.slice(sound.length))
        flip(log, byte)
        if ((await verifyDatabase(damaged)).faults.length === 0) continue // as a crash leaves it
        const { faults, repaired } = await repairDatabase(damaged)
        expect(faults, `${path} ${byte}`).toEqual([])
        expect(repaired).toHaveLength(1)
        expect(repaired[0]!.setAside).toBe(join(dirname(log), 'damaged', basename(log)))
        const after = await allRows(damaged)
        const all = new Set(rows)
        expect(after.every((row) => all.has(row))).toBe(true)
        if (byte < 64) expectSame(after, rows)
        else
          expect(after.length).toBe(
            rows.length - (repaired[0]!.lostRows ?? rows.length - after.length),
          )
        await expectClean(damaged)
      }
    }
  }, 30_000)

  test('cut off between frames: what is left, and it is told how much is not', async () => {
    const damaged = copy()
    const [log] = find(damaged, /wal\.000001$/).filter((path) =>
      readdirSync(dirname(path)).includes('wal.000000'),
    )
    writeFileSync(log!, readFileSync(log!).subarray(0, 64))
    const { faults, repaired } = await repairDatabase(damaged)
    expect(faults).toEqual([])
    expect(repaired).toMatchObject([{ path: log, savedRows: 0, lostRows: 600 }])
    expect(repaired[0]!.lost).toMatchObject([{ function: undefined, rows: 600 }])
    await expectClean(damaged)
  })

  test('that a segment covers are set aside, segments whose logs are there too', async () => {
    for (const which of ['log', 'segment'] as const) {
      const damaged = copy()
      const [log] = find(damaged, /wal\.000000$/)
      const { repaired: sealed } = await damageAndRepair(damaged, log!)
      expect(sealed).toHaveLength(1)
      // as after a crash between the rename and the unlink
      const folder = dirname(log!)
      writeFileSync(log!, readFileSync(join(sound, log!.slice(damaged.length))))
      const path = which === 'log' ? log! : join(folder, 'seg.000000-000000')
      const { faults, repaired } = await damageAndRepair(damaged, path)
      expect({ faults, count: repaired.length }).toEqual({ faults: [], count: 1 })
      if (which === 'segment') expectSame(await allRows(damaged), rows)
      await expectClean(damaged)
    }
  })

  function damageAndRepair(directory: string, path: string) {
    flip(path, 64 + 20)
    return repairDatabase(directory)
  }
})

describe('small files', () => {
  test('names: stand-ins for those that are lost', async () => {
    const damaged = copy()
    const [dictionary] = find(damaged, /dict$/)
    flip(dictionary!, 16 + 30)
    const { faults, repaired } = await repairDatabase(damaged)
    expect(faults).toEqual([])
    expect(repaired).toHaveLength(1)
    expect(repaired[0]!.lostNames).toEqual(['(unknown function 0)'])
    expect(keysOf(await allRows(damaged)).length).toBe(rows.length)
    await expectClean(damaged)
  })

  test.each(['FORMAT', 'counters', 'dict'])('%s, nothing but noise, or missing', async (name) => {
    for (const content of [Buffer.from('noise'), undefined]) {
      const damaged = copy()
      const [path] = find(damaged, name)
      if (content === undefined) unlinkSync(path!)
      else writeFileSync(path!, content)
      expect((await repairDatabase(damaged)).faults).toEqual([])
      expect((await allRows(damaged)).length).toBe(rows.length)
      await expectClean(damaged)
    }
  })
})

test('a folder whose writer lives is left alone, with a reason', async () => {
  const live = temporaryDirectory()
  await fillDatabase(live, SIZE)
  const [lock] = find(live, 'LOCK')
  const log = join(dirname(lock!), 'wal.000000')
  flip(log, 64 + 20)
  const before = readFileSync(log)
  const { faults, refused, repaired } = await repairDatabase(live)
  expect(repaired).toEqual([])
  expect(refused).toMatchObject([{ path: dirname(lock!) }])
  expect(refused[0]!.reason).toBe(`process ${process.pid} writes there: end it first`)
  expect(faults).toHaveLength(1)
  expect(readFileSync(log).equals(before)).toBe(true)
  // nobody can tell who writes there
  writeFileSync(lock!, 'noise')
  expect((await repairDatabase(live)).refused[0]!.reason).toContain('make sure that it has')
  expect(await repairDatabase(live, { force: true })).toMatchObject({ refused: [] })
})

test('may be cut off at any moment: nothing that can be read is lost, and the next attempt completes it', async () => {
  const damage = (directory: string) => {
    const [log] = find(directory, /wal\.000000$/)
    flip(log!, 64 + 20)
    flip(join(dirname(log!), 'dict'), 20)
    const segment = find(directory, /seg\.000000-000000$/).at(-1)!
    flip(segment, 64)
  }
  const reference = copy()
  damage(reference)
  const readable = keysOf(await allRows(reference))
  await repairDatabase(reference)
  const expected = keysOf(await allRows(reference))
  for (let n = 0; ; n++) {
    const directory = copy()
    damage(directory)
    const failing = failingAt(n)
    const failed = await repairDatabaseOn(failing.files, directory).then(
      () => false,
      () => true,
    )
    if (!failed) {
      expect(n).toBeGreaterThan(20)
      break
    }
    // who has really died leaves a claim that is passed
    for (const claim of find(directory, /LOCK\.\d+$/)) unlinkSync(claim)
    const between = await allRows(directory)
    expect(between.length, `operation ${n}: ${failing.name()}`).toBeGreaterThanOrEqual(
      readable.length,
    )
    expect((await repairDatabase(directory)).faults, `operation ${n}`).toEqual([])
    expectSame(keysOf(await allRows(directory)), expected, `operation ${n}`)
  }
}, 60_000)

/** Files of which the n-th change fails, and all after it: as if the process had died. */
function failingAt(n: number): { files: FileLayer; name: () => string } {
  let left = n
  let name = ''
  const failing =
    <Args extends unknown[], Result>(what: string, call: (...args: Args) => Result) =>
    (...args: Args): Result => {
      if (left-- > 0) return call(...args)
      if (name === '') name = what
      throw Object.assign(new Error('dead'), { code: 'EROFS' })
    }
  const { fdatasyncSync, fsyncDirectory, mkdir, rename, unlink, write } = nodeFiles
  const files: FileLayer = {
    ...nodeFiles,
    write: failing('write', write),
    rename: failing('rename', rename),
    unlink: failing('unlink', unlink),
    mkdir: failing('mkdir', mkdir),
    fsyncDirectory: failing('fsyncDirectory', fsyncDirectory),
    fdatasyncSync: failing('fdatasync', fdatasyncSync),
    open(path, flags) {
      if (flags !== 'wx+') return nodeFiles.open(path, flags)
      return failing('create', nodeFiles.open)(path, flags)
    },
  }
  return { files, name: () => name }
}

test('what a disk does not give any more is lost, and the rest is saved', async () => {
  const damaged = copy()
  const path = find(damaged, /seg\.000000-000000$/)[0]!
  const bad = new Set<number>()
  const files: FileLayer = {
    ...nodeFiles,
    open(name, flags) {
      const descriptor = nodeFiles.open(name, flags)
      if (name === path && flags === 'r') bad.add(descriptor)
      return descriptor
    },
    close(descriptor) {
      bad.delete(descriptor)
      nodeFiles.close(descriptor)
    },
    read(descriptor, into, at, sizeBytes, position) {
      if (bad.has(descriptor) && position < 8192 && position + sizeBytes > 4096) {
        throw Object.assign(new Error('input/output error'), { code: 'EIO' })
      }
      return nodeFiles.read(descriptor, into, at, sizeBytes, position)
    },
    rename(from, to) {
      if (to === path) bad.clear()
      nodeFiles.rename(from, to)
    },
  }
  const { repaired } = await repairDatabaseOn(files, damaged)
  expect(repaired).toHaveLength(1)
  expect(repaired[0]!.savedRows).toBeGreaterThanOrEqual(0)
  expect(repaired[0]!.lostRows).toBeGreaterThan(0)
  await expectClean(damaged)
})

test('bad arguments are refused', async () => {
  await expect(repairDatabase('')).rejects.toThrow(TypeError)
  await expect(repairDatabase(sound, { force: 1 } as object)).rejects.toThrow(TypeError)
  await expect(repairDatabase(join(sound, 'nowhere'))).rejects.toMatchObject({
    code: 'KRONICLER_NOT_FOUND',
  })
})
