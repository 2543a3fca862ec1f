import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import {
  DirectoryWriter,
  WRITER_STATE_LENGTH,
} from '../../../src/database/write/directory-writer.ts'
import { nodeFiles, type FileLayer } from '../../../src/database/file.ts'
import { createThreadFiles } from '../../../src/writer/thread-files.ts'
import { toColumns } from '../../support/arbitrary-rows.ts'
import { readFolder, sortRows, type IdRow } from '../../support/read-folder.ts'

let root: string

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'kronicler-'))
})

afterEach(() => {
  rmSync(root, { recursive: true, force: true })
})

/** Files as a thread has them where descriptors are its own: those of other threads are refused. */
function filesOfThread(): { files: FileLayer; open: Set<number> } {
  const open = new Set<number>()
  const own = (descriptor: number): number => {
    if (!open.has(descriptor)) throw Object.assign(new Error('EBADF'), { code: 'EBADF' })
    return descriptor
  }
  const files: FileLayer = {
    ...nodeFiles,
    open(path, flags) {
      const descriptor = nodeFiles.open(path, flags)
      open.add(descriptor)
      return descriptor
    },
    close(descriptor) {
      nodeFiles.close(own(descriptor))
      open.delete(descriptor)
    },
    read: (descriptor, ...rest) => nodeFiles.read(own(descriptor), ...rest),
    write: (descriptor, ...rest) => nodeFiles.write(own(descriptor), ...rest),
    truncate: (descriptor, sizeBytes) => nodeFiles.truncate(own(descriptor), sizeBytes),
    fdatasyncSync: (descriptor) => nodeFiles.fdatasyncSync(own(descriptor)),
    fdatasync: (descriptor) => nodeFiles.fdatasync(own(descriptor)),
    fstat: (descriptor) => nodeFiles.fstat(own(descriptor)),
  }
  return { files, open }
}

const someRows = (count: number, from: number): IdRow[] =>
  Array.from({ length: count }, (_, i) => [1, 1e15 + from + i, 1000 + from + i, 0])

test('two threads that cannot use each other’s descriptors write one folder', async () => {
  const state = new Float64Array(WRITER_STATE_LENGTH)
  const [one, two] = [filesOfThread(), filesOfThread()]
  let folder = ''
  const first = DirectoryWriter.create(root, {
    state,
    files: createThreadFiles(one.files, () => folder),
  })
  folder = first.path
  const second = DirectoryWriter.attach(folder, {
    state,
    files: createThreadFiles(two.files, () => folder),
  })
  const writers = [first, second]
  const rows: IdRow[] = []
  for (let round = 0; round < 8; round++) {
    const writer = writers[round % 2]!
    const more = someRows(10 + round, 1000 * round)
    writer.append(toColumns(more), { slot: round, slotSequence: 0 })
    rows.push(...more)
    writer.sync()
    if (round % 3 === 2) await second.seal(writer.rotate())
    await writer.syncAsync()
  }
  expect(sortRows(readFolder(folder))).toEqual(sortRows(rows))
  // the dictionary, the active log, and the one before it if this thread has not met the active one yet
  expect(one.open.size).toBeLessThanOrEqual(3)
  expect(two.open.size).toBeLessThanOrEqual(3)
  first.close()
})

test('without this the second thread is refused', () => {
  const state = new Float64Array(WRITER_STATE_LENGTH)
  const first = DirectoryWriter.create(root, { state, files: filesOfThread().files })
  const second = DirectoryWriter.attach(first.path, { state, files: filesOfThread().files })
  expect(() => {
    second.append(toColumns(someRows(1, 0)), { slot: 0, slotSequence: 0 })
  }).toThrow(expect.objectContaining({ code: 'KRONICLER_IO' }))
  first.close()
})
