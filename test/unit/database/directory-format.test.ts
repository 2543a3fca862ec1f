import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import {
  decodeFormat,
  decodeLock,
  encodeFormat,
  encodeLock,
  isWriterFolder,
  parseSegmentFileName,
  parseWalFileName,
  segmentFileName,
  walFileName,
  writerFolderName,
} from '../../../src/database/format/directory.ts'
import { PACKAGE_VERSION } from '../../../src/internal/version.ts'

describe('names of files', () => {
  test('are read as they are written', () => {
    for (const sequence of [0, 1, 999_999, 1_000_000, 4_294_967_295]) {
      expect(parseWalFileName(walFileName(sequence))).toBe(sequence)
      expect(parseSegmentFileName(segmentFileName(0, sequence))).toEqual({ low: 0, high: sequence })
    }
    expect(walFileName(12)).toBe('wal.000012')
    expect(segmentFileName(3, 12)).toBe('seg.000003-000012')
    expect(writerFolderName(7, 255, 10)).toBe('w-7-ff-0000000a')
    expect(isWriterFolder(writerFolderName(7, Date.now(), 2 ** 32 - 1))).toBe(true)
  })

  test.each(['wal.1', 'wal.000001.tmp', 'seg.000001', 'seg.000002-000001', 'dict', ''])(
    "'%s' is neither a log nor a segment",
    (name) => {
      expect(parseWalFileName(name)).toBeUndefined()
      expect(parseSegmentFileName(name)).toBeUndefined()
      expect(isWriterFolder(name)).toBe(false)
    },
  )
})

describe('FORMAT', () => {
  test('is accepted as it is written', () => {
    expect(() => {
      decodeFormat(encodeFormat(), 'FORMAT')
    }).not.toThrow()
  })

  test.each([
    ['{"format":"kronicler","version":2}', 'KRONICLER_VERSION'],
    ['{"format":"other","version":1}', 'KRONICLER_CORRUPT'],
    ['{"format":"kronicler"}', 'KRONICLER_CORRUPT'],
    ['{"format":"kronicler","version":0}', 'KRONICLER_CORRUPT'],
    ['[]', 'KRONICLER_CORRUPT'],
    ['', 'KRONICLER_CORRUPT'],
  ])('%s is refused with %s', (text, code) => {
    expect(() => {
      decodeFormat(text, 'FORMAT')
    }).toThrow(expect.objectContaining({ code }))
  })
})

describe('LOCK', () => {
  const identity = {
    pid: 1,
    hostname: 'größe',
    bootId: null,
    processStart: null,
    createdMs: 5,
    node: 'v20.0.0',
    kronicler: '0.1.0',
  }
  const checksum = (text: string) => BigInt(text.length) * 1_000_003n + BigInt(text.charCodeAt(8))

  test('comes back', () => {
    expect(decodeLock(encodeLock(identity, checksum), 'LOCK', checksum)).toEqual(identity)
  })

  test('with another content or none is refused', () => {
    const text = encodeLock(identity, checksum)
    for (const changed of [text.replace('"pid":1', '"pid":12'), text.slice(0, 40), '', '7']) {
      expect(() => decodeLock(changed, 'LOCK', checksum)).toThrow(
        expect.objectContaining({ code: 'KRONICLER_CORRUPT' }),
      )
    }
  })
})

test('the version is that of the package', () => {
  const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }
  expect(PACKAGE_VERSION).toBe(manifest.version)
})
