import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  decodeDictionaryHeader,
  DICTIONARY_HEADER_SIZE_BYTES,
  encodeDictionaryEntry,
  encodeDictionaryFrame,
  encodeDictionaryHeader,
  scanDictionary,
} from '../../src/database/format/dictionary.ts'
import { loadFallbackKernels } from '../../src/database/kernels/kernels.ts'
import { fileBytes } from '../support/read-folder.ts'

type Entry = [kind: 0 | 1 | 2, id: number, name: string]

const entry: fc.Arbitrary<Entry> = fc.tuple(
  fc.constantFrom(0 as const, 1 as const, 2 as const),
  fc.oneof(fc.nat(10), fc.constant(0xffff_ffff)),
  fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('', '\ufeffbom', 'größe', '関数', '🐢'.repeat(40), 'a\0b', 'KRDF'),
  ),
)
const frames = fc.array(fc.array(entry, { minLength: 1, maxLength: 4 }), {
  minLength: 1,
  maxLength: 4,
})

function encode(input: readonly Entry[][]): { bytes: Uint8Array; ends: number[] } {
  const kernels = loadFallbackKernels()
  const at = kernels.allocate(100_000)
  encodeDictionaryHeader(kernels, at)
  let end = at + DICTIONARY_HEADER_SIZE_BYTES
  const ends = input.map((entries) => {
    const parts = entries.map(([kind, id, name]) => encodeDictionaryEntry(kind, id, name))
    end += encodeDictionaryFrame(kernels, Buffer.concat(parts), end)
    return end - at
  })
  return { bytes: kernels.u8.slice(at, end), ends }
}

function read(bytes: Uint8Array, final = true) {
  const file = fileBytes(loadFallbackKernels(), bytes, 'dict')
  decodeDictionaryHeader(file)
  const entries: Entry[] = []
  const faults: string[] = []
  const end = scanDictionary(file, DICTIONARY_HEADER_SIZE_BYTES, {
    final,
    onEntry: (...found) => entries.push(found),
    onFault: (fault) => faults.push(`${fault.code} at ${fault.offset}`),
  })
  return { entries, faults, end }
}

describe('the dictionary', () => {
  test('every name comes back', () => {
    fc.assert(
      fc.property(frames, (input) => {
        expect(read(encode(input).bytes)).toMatchObject({ entries: input.flat(), faults: [] })
      }),
      { numRuns: 500 },
    )
  })

  test('a lone surrogate becomes U+FFFD', () => {
    expect(read(encode([[[0, 1, 'a\ud800b']]]).bytes).entries).toEqual([[0, 1, 'a\ufffdb']])
  })

  test('an entry of a kind that a later version adds is passed over', () => {
    const later = encode([
      [
        [0, 1, 'a'],
        [3 as 2, 1, 'of a kind that is not known'],
        [1, 1, 'b'],
      ],
    ])
    expect(read(later.bytes)).toEqual({
      entries: [
        [0, 1, 'a'],
        [1, 1, 'b'],
      ],
      faults: [],
      end: later.bytes.length,
    })
  })

  test('a flipped bit anywhere costs at most its frame, and is reported', () => {
    fc.assert(
      fc.property(frames, fc.nat(), (input, seed) => {
        const { bytes } = encode(input)
        const bit = seed % (8 * bytes.length)
        bytes[bit >> 3]! ^= 1 << (bit & 7)
        if (bit < 8 * DICTIONARY_HEADER_SIZE_BYTES) {
          expect(() => read(bytes)).toThrow(expect.objectContaining({ code: 'KRONICLER_CORRUPT' }))
          return
        }
        const { entries, faults } = read(bytes)
        expect(faults).toHaveLength(1)
        const key = JSON.stringify(entries)
        const candidates = input.map((_, i) => input.filter((_, j) => j !== i).flat())
        expect(candidates.map((candidate) => JSON.stringify(candidate))).toContain(key)
      }),
      { numRuns: 1500 },
    )
  })

  test('a frame whose length is damaged hides no later name, live or dead', () => {
    const { bytes, ends } = encode([[[0, 1, 'a']], [[0, 2, 'b']], [[0, 3, 'c']]])
    bytes[ends[0]! + 7]! ^= 1 // the frame would end far beyond the file
    for (const final of [false, true]) {
      expect(read(bytes, final)).toEqual({
        entries: [
          [0, 1, 'a'],
          [0, 3, 'c'],
        ],
        faults: [`KRONICLER_CORRUPT at ${ends[0]}`],
        end: bytes.length,
      })
    }
  })

  test('cut off anywhere it gives its whole frames; a live one is waited for', () => {
    fc.assert(
      fc.property(frames, fc.nat(), (input, seed) => {
        const { bytes, ends } = encode(input)
        const tail = bytes.length - DICTIONARY_HEADER_SIZE_BYTES
        const size = DICTIONARY_HEADER_SIZE_BYTES + (seed % tail)
        const whole = ends.filter((end) => end <= size)
        const end = whole.at(-1) ?? DICTIONARY_HEADER_SIZE_BYTES
        const entries = input.slice(0, whole.length).flat()
        const cut = bytes.slice(0, size)
        expect(read(cut, false)).toEqual({ entries, faults: [], end })
        expect(read(cut, true).faults).toEqual(end === size ? [] : [`KRONICLER_TORN at ${end}`])
      }),
      { numRuns: 500 },
    )
  })
})
