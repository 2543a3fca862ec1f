import { readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { nodeFiles, type FileLayer } from '../../../src/database/file.ts'
import { currentIdentity } from '../../../src/database/writer-identity.ts'
import {
  appendBatch,
  readBatch,
  readSpool,
  removeSpool,
  spoolPath,
  spoolPaths,
} from '../../../src/outputs/spool.ts'
import { batchOf, differenceOf, durationsOf } from '../../contract/output.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const identity = currentIdentity(nodeFiles)
const owner = { identity, writer: 'w1', process: 'host:1', output: '0123456789abcdef' }
const batches = [1, 2, 3].map((n) => batchOf(n, [differenceOf(`ƒ${n}`, durationsOf(20, n))]))

function filled(): string {
  const path = spoolPath(temporaryDirectory(), owner)
  for (const batch of batches) appendBatch(nodeFiles, path, owner, batch)
  return path
}

test('batches come back as they were', () => {
  const path = filled()
  const { owner: read, frames } = readSpool(nodeFiles, path)
  expect(read).toEqual(owner)
  expect(frames.map((place) => readBatch(nodeFiles, path, owner, place))).toEqual(batches)
})

test('a torn end is not read, whatever is missing of it', () => {
  const path = filled()
  const { frames } = readSpool(nodeFiles, path)
  const last = frames[2]!
  for (let cut = 1; cut <= last.sizeBytes; cut += 7) {
    const copy = path.replace('w1', 'cut')
    writeFileSync(copy, readFileSync(path))
    truncateSync(copy, statSync(path).size - cut)
    expect(readSpool(nodeFiles, copy).frames).toEqual(frames.slice(0, 2))
  }
})

test('no more is allocated than the file is long, whatever length its header tells', () => {
  const path = filled()
  const bytes = readFileSync(path)
  bytes.writeUInt32LE(0xffff_ffff, 8)
  writeFileSync(path, bytes)
  const before = process.memoryUsage().arrayBuffers
  expect(() => readSpool(nodeFiles, path)).toThrow(
    expect.objectContaining({ code: 'KRONICLER_CORRUPT', offset: 8 }),
  )
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1e6)
})

test('a flipped bit ends the file there, or refuses it', () => {
  const path = filled()
  const bytes = readFileSync(path)
  const { frames } = readSpool(nodeFiles, path)
  for (let at = 0; at < bytes.length; at += 3) {
    const damaged = Buffer.from(bytes)
    damaged[at]! ^= 4
    writeFileSync(path, damaged)
    if (at < frames[0]!.position) {
      if (at === 6) continue // reserved
      expect(() => readSpool(nodeFiles, path)).toThrow(
        expect.objectContaining({ code: expect.stringMatching(/CORRUPT|VERSION/) }),
      )
    } else {
      const whole = frames.filter(({ position, sizeBytes }) => position + sizeBytes <= at)
      expect(readSpool(nodeFiles, path).frames).toEqual(whole)
    }
  }
})

test('a write that fails leaves what was there', () => {
  const path = filled()
  const before = readFileSync(path)
  let written = 0
  const full: FileLayer = {
    ...nodeFiles,
    write(descriptor, from, at, size, position) {
      if (written++ > 0) throw Object.assign(new Error('full'), { code: 'ENOSPC' })
      return nodeFiles.write(descriptor, from, at, Math.min(size, 10), position)
    },
  }
  expect(() => appendBatch(full, path, owner, batches[0]!)).toThrow('full')
  expect(readFileSync(path).equals(before)).toBe(true)
})

test('files are found and removed', () => {
  const directory = temporaryDirectory()
  expect(spoolPaths(nodeFiles, directory)).toEqual([])
  const path = spoolPath(directory, owner)
  appendBatch(nodeFiles, path, owner, batches[0]!)
  expect(spoolPaths(nodeFiles, directory)).toEqual([path])
  removeSpool(nodeFiles, path)
  removeSpool(nodeFiles, path)
  expect(spoolPaths(nodeFiles, directory)).toEqual([])
})
