/** A details page with nothing but attributes in blocks, as segments of version 1 have them. */
import { deflateRawSync } from 'node:zlib'
import { MAX_VARINT_SIZE_BYTES, writeVarint } from '../../src/database/format/varint.ts'

/** @param texts by row, ascending; each block has `blockRows` of them, and the last one what is left */
export function encodeBlocksPage(
  texts: readonly (readonly [row: number, text: string])[],
  blockRows: number,
): Uint8Array {
  const entries: Uint8Array[] = []
  const blocks: Uint8Array[] = []
  let next = 0
  for (let from = 0; from < texts.length; from += blockRows) {
    const part = texts.slice(from, from + blockRows)
    const firstRow = part[0]![0]
    const bytes = part.map(([, text]) => Buffer.from(text))
    const gaps = part.slice(1).map(([row], i) => row - part[i]![0] - 1)
    const lengths = bytes.map(({ length }) => length)
    const block = Buffer.concat([varints(...gaps, ...lengths), ...bytes])
    const stored = deflateRawSync(block)
    entries.push(varints(firstRow - next, part.length, 1, stored.length, block.length))
    blocks.push(stored)
    next = firstRow + part.length
  }
  return Buffer.concat([Uint8Array.of(0, 0, 1), varints(blocks.length), ...entries, ...blocks])
}

function varints(...values: number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * MAX_VARINT_SIZE_BYTES)
  return bytes.subarray(
    0,
    values.reduce((at, value) => writeVarint(bytes, at, value), 0),
  )
}
