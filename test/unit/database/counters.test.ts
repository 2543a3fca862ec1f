import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readCounters } from '../../../src/database/write/counters-file.ts'
import { DirectoryWriter } from '../../../src/database/write/directory-writer.ts'
import { nodeFiles } from '../../../src/database/file.ts'
import type { FileBytes } from '../../../src/database/format/file-bytes.ts'
import { loadFallbackKernels } from '../../../src/database/kernels/kernels.ts'
import { CorruptionError } from '../../../src/errors.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const kernels = loadFallbackKernels()

function place(bytes: Uint8Array, path: string, offset: number): FileBytes {
  const pointer = kernels.allocate(Math.max(1, bytes.length))
  kernels.u8.set(bytes, pointer)
  return { kernels, pointer, sizeBytes: bytes.length, path, offset }
}

const read = (folder: string) => readCounters(nodeFiles, folder, place)

function writerThatDropped(...counts: number[]): { path: string; file: string } {
  const writer = DirectoryWriter.create(temporaryDirectory())
  for (const dropped of counts) {
    writer.storeCounters({ dropped, filtered: 2 * dropped, attributesDropped: 3 * dropped })
  }
  writer.close()
  return { path: writer.path, file: join(writer.path, 'counters') }
}

test('a writer that dropped nothing has no file', () => {
  expect(read(writerThatDropped().path)).toBeUndefined()
})

test('the last count is the one that is read, also beyond 32 bits', () => {
  for (const counts of [[1], [1, 2], [1, 2, 3], [7, 2 ** 40 + 1]]) {
    expect(read(writerThatDropped(...counts).path)).toEqual({
      dropped: counts.at(-1),
      filtered: 2 * counts.at(-1)!,
      attributesDropped: 3 * counts.at(-1)!,
      fault: undefined,
    })
  }
})

test('a flipped bit anywhere is told with its place, and the other record is read', () => {
  const { path, file } = writerThatDropped(10, 20)
  const whole = readFileSync(file)
  for (let bit = 0; bit < whole.length * 8; bit++) {
    const damaged = Buffer.from(whole)
    damaged[bit >> 3]! ^= 1 << (bit & 7)
    writeFileSync(file, damaged)
    const inSecond = bit >= 512
    const counters = read(path)!
    expect(counters.dropped).toBe(inSecond ? 10 : 20)
    expect(counters.fault).toMatchObject({ path: file, offset: inSecond ? 64 : 0 })
  }
})

test('with no valid record there is nothing to tell but the damage', () => {
  const { path, file } = writerThatDropped(10)
  writeFileSync(file, Buffer.alloc(128, 0xff))
  expect(() => read(path)).toThrow(CorruptionError)
  writeFileSync(file, '')
  expect(() => read(path)).toThrow(CorruptionError)
})
