/**
 * @module database/verify/salvage-roll-up
 * A damaged roll-up → a sound one with the entries of all blocks whose checksums hold.
 */
import { CorruptionError } from '../../errors.ts'
import { correctBit } from './correct-bit.ts'
import type { FileLayer } from '../file.ts'
import type { SequenceInterval } from '../format/directory.ts'
import type { FileBytes } from '../format/file-bytes.ts'
import {
  decodeRollUpBlock,
  decodeRollUpHeader,
  ROLL_UP_HEADER_SIZE_BYTES,
  rollUpBlockSize,
  type RollUpEntry,
  type RollUpHeader,
} from '../format/roll-up.ts'
import { ROLL_UP_BLOCK_MAGIC } from '../format/versions.ts'
import type { Kernels } from '../kernels/kernels.ts'
import { RollUpWriter } from '../maintain/roll-up-writer.ts'
import { readWholeFile } from './read-whole-file.ts'
import { nothingLost, type Salvage } from './salvage.ts'

/** Writes what can be read of the roll-up to an empty file. Does not sync it. */
export function salvageRollUp(
  files: FileLayer,
  kernels: Kernels,
  path: string,
  interval: SequenceInterval,
  descriptor: number,
): Salvage {
  const file = readWholeFile(files, kernels, path)
  const header = readHeader(file, interval)
  const entries = header === undefined ? [] : readEntries(file, header)
  let minStartUs = Infinity
  let maxStartUs = -Infinity
  let savedRows = 0
  for (const { calls, firstUs, lastUs } of entries) {
    minStartUs = Math.min(minStartUs, firstUs)
    maxStartUs = Math.max(maxStartUs, lastUs)
    savedRows += calls
  }
  const range = entries.length === 0 ? { minStartUs: 0, maxStartUs: 0 } : { minStartUs, maxStartUs }
  const writer = new RollUpWriter(kernels, files, descriptor, range)
  for (const entry of entries) writer.add(entry)
  writer.finish(interval)
  const lostRows = header === undefined ? undefined : Math.max(0, header.rowCount - savedRows)
  return { ...nothingLost(), savedRows, lostRows }
}

/** Corrects a flipped bit in the bytes at hand: what the entries say is relative to the header. */
function readHeader(file: FileBytes, interval: SequenceInterval): RollUpHeader | undefined {
  const { kernels, pointer } = file
  const decode = (): RollUpHeader | undefined => {
    try {
      return decodeRollUpHeader(file, interval)
    } catch (error) {
      if (error instanceof CorruptionError) return undefined
      throw error
    }
  }
  const sizeBytes = Math.min(ROLL_UP_HEADER_SIZE_BYTES, file.sizeBytes)
  const isSound = (bytes: Uint8Array): boolean => {
    kernels.u8.set(bytes, pointer)
    return decode() !== undefined
  }
  const stored = kernels.u8.slice(pointer, pointer + sizeBytes)
  const correction = correctBit(stored, 0, isSound)
  kernels.u8.set(stored, pointer)
  if (correction !== undefined) kernels.u8[pointer + correction.offset] = correction.byte
  return decode()
}

/** Behind a damaged block the next sound one is looked for. Blocks come in the order of their entries. */
function readEntries(file: FileBytes, header: RollUpHeader): RollUpEntry[] {
  const entries: RollUpEntry[] = []
  for (let position = ROLL_UP_HEADER_SIZE_BYTES; position + 8 <= file.sizeBytes;) {
    if (file.kernels.view.getUint32(file.pointer + position, true) !== ROLL_UP_BLOCK_MAGIC) {
      position++
      continue
    }
    const before = entries.length
    try {
      const sizeBytes = rollUpBlockSize(file, position)
      decodeRollUpBlock(file, position, sizeBytes, header, (entry) => {
        entries.push({ ...entry })
      })
      position += sizeBytes
    } catch (error) {
      if (!(error instanceof CorruptionError)) throw error
      entries.length = before
      position++
    }
  }
  return entries
}
