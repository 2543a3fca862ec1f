import { describe, expect, test } from 'vitest'
import { DirectoryWriter } from '../../../src/database/write/directory-writer.ts'
import { encodeDictionaryEntry } from '../../../src/database/format/dictionary.ts'
import { parseSegmentFileName, parseWalFileName } from '../../../src/database/format/directory.ts'
import { SlotSequences } from '../../../src/database/format/slot-sequences.ts'
import { loadFallbackKernels, loadKernels } from '../../../src/database/kernels/kernels.ts'
import type { CorruptionError } from '../../../src/errors.ts'
import { toColumns } from '../../support/arbitrary-rows.ts'
import { FailingFiles, MemoryFiles, type Failure } from '../../support/memory-files.ts'
import { fileBytes, readSegment, readWal, sortRows, type IdRow } from '../../support/read-folder.ts'

const BATCHES = 6
const kernels = loadKernels()

/** Of different sizes, so that a frame may be shorter than what a failed write left behind. */
function batch(i: number): IdRow[] {
  const sizes = [40, 3, 200, 1, 90, 2]
  return Array.from({ length: sizes[i]! }, (_, row) => [
    row % 4,
    1e15 + 1000 * i + row,
    row === 1 ? 2 ** 34 : row,
    row % 3,
  ])
}

/** Does `work` until it succeeds. @returns how often it failed */
async function insist(work: () => unknown): Promise<number> {
  for (let failures = 0; ; failures++) {
    try {
      await work()
      return failures
    } catch (error) {
      if ((error as { code?: string }).code !== 'KRONICLER_IO' || failures > 3) throw error
    }
  }
}

/** Names, batches, syncs, two rotations and two seals, each repeated when it fails. */
async function scenario(writer: DirectoryWriter, checkpoint: (rows: IdRow[]) => void) {
  let failures = 0
  const acknowledged: IdRow[] = []
  for (let i = 0; i < BATCHES; i++) {
    const name = encodeDictionaryEntry(0, i, 'f'.repeat(1 + ((7 * i) % 30)))
    failures += await insist(() => {
      writer.appendNames(name)
    })
    const origin = { slot: 0, slotSequence: acknowledged.length }
    failures += await insist(() => {
      writer.append(toColumns(batch(i)), origin)
    })
    acknowledged.push(...batch(i))
    checkpoint(acknowledged)
    if (i % 2 === 0) failures += await insist(() => writer.syncAsync())
    else {
      failures += await insist(() => {
        writer.sync()
      })
    }
    if (i === 2 || i === 4) {
      let sequence = -1
      failures += await insist(() => {
        sequence = writer.rotate()
      })
      checkpoint(acknowledged)
      failures += await insist(() => writer.seal(sequence))
      checkpoint(acknowledged)
    }
  }
  return { failures, acknowledged }
}

/** Everything a reader would find, with complaints about anything but a torn tail of the active log. */
function readAll(files: MemoryFiles, folder: string): IdRow[] {
  const small = loadFallbackKernels()
  const rows: IdRow[] = []
  const names = files.list(folder)
  const sealed = new Set(names.map((name) => parseSegmentFileName(name)?.low))
  const open = (name: string) => fileBytes(small, files.content(`${folder}/${name}`), name)
  for (const name of names) {
    if (parseSegmentFileName(name) !== undefined) rows.push(...readSegment(open(name)).rows)
  }
  const slots = new SlotSequences()
  const logs = names.filter((name) => parseWalFileName(name) !== undefined)
  for (const name of logs) {
    if (sealed.has(parseWalFileName(name))) continue
    if (files.content(`${folder}/${name}`).length < 64 && name === logs.at(-1)) continue
    rows.push(
      ...readWal(open(name), slots, (fault: CorruptionError) => {
        if (fault.code !== 'KRONICLER_TORN') throw fault
      }),
    )
  }
  return rows
}

describe.each<Failure>(['EIO', 'ENOSPC', 'short'])('a file layer that fails with %s', (failure) => {
  test('at any operation: every acknowledged row is read back once, then and later', async () => {
    let operations = Infinity
    const failed = new Set<string>()
    for (let failAt = 0; failAt < operations; failAt++) {
      const memory = new MemoryFiles()
      const failing = new FailingFiles(memory)
      const writer = DirectoryWriter.create('/db', { files: failing.files, kernels })
      failing.operations = 0
      failing.failAt = failAt
      failing.failure = failure
      const { failures, acknowledged } = await scenario(writer, (rows) => {
        expect(sortRows(readAll(memory, writer.path)), `failure at ${failAt}`).toEqual(
          sortRows(rows),
        )
      })
      operations = failing.operations
      if (failing.lastFailed !== undefined) failed.add(failing.lastFailed)
      if (failure === 'short') expect(failures).toBe(0)
      writer.close()
      expect(sortRows(readAll(memory, writer.path))).toEqual(sortRows(acknowledged))
      expect(memory.list(writer.path).filter((name) => name.endsWith('.tmp'))).toEqual([])
      expect(memory.openCount, `descriptors left open by a failure at ${failAt}`).toBe(0)
    }
    expect(operations).toBeGreaterThan(40)
    if (failure !== 'short') {
      expect([...failed].sort()).toEqual([
        'close',
        'fdatasync',
        'fdatasyncSync',
        'fstat',
        'fsyncDirectory',
        'open',
        'read',
        'rename',
        'stat',
        'unlink',
        'write',
      ])
    }
  })

  test('while a folder is created: the error is KRONICLER_IO and no descriptor is left', () => {
    for (let failAt = 0; ; failAt++) {
      const memory = new MemoryFiles()
      const failing = new FailingFiles(memory)
      failing.failAt = failAt
      failing.failure = failure
      try {
        DirectoryWriter.create('/db', { files: failing.files, kernels }).close()
        if (failing.operations <= failAt) break
      } catch (error) {
        expect(error).toMatchObject({ code: 'KRONICLER_IO' })
        expect(failure).not.toBe('short')
      }
      expect(memory.openCount, `failure at ${failAt}`).toBe(0)
    }
  })
})

test('a log that cannot even be cut takes the next frame as soon as it can', () => {
  const memory = new MemoryFiles()
  const failing = new FailingFiles(memory)
  const writer = DirectoryWriter.create('/db', { files: failing.files, kernels })
  const append = (i: number) => {
    writer.append(toColumns(batch(i)), { slot: 0, slotSequence: 0 })
  }
  failing.failAt = failing.operations
  expect(() => {
    append(2)
  }).toThrow(expect.objectContaining({ code: 'KRONICLER_IO' }))
  failing.failAt = failing.operations // the truncation
  expect(() => {
    append(1)
  }).toThrow(expect.objectContaining({ code: 'KRONICLER_IO' }))
  expect(failing.lastFailed).toBe('truncate')
  append(1)
  expect(readAll(memory, writer.path)).toEqual(batch(1))
  writer.close()
})
