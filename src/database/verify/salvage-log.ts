/**
 * @module database/verify/salvage-log
 * A damaged log → a segment with the rows of all frames whose checksums hold. The log itself cannot stay what it is: a
 * log says where its rows begin and end.
 */
import { CorruptionError } from '../../errors.ts'
import { ClusteredRows } from '../write/clustered-rows.ts'
import type { FileLayer } from '../file.ts'
import type { FileBytes } from '../format/file-bytes.ts'
import { SlotSequences } from '../format/slot-sequences.ts'
import { readWalFrame } from '../format/wal-frame.ts'
import { decodeWalHeader, WAL_HEADER_SIZE_BYTES } from '../format/wal-header.ts'
import { scanWal } from '../format/wal-scan.ts'
import type { Kernels } from '../kernels/kernels.ts'
import type { GroupRows } from '../write/page-rows.ts'
import { Progress } from '../progress.ts'
import { readWholeFile } from './read-whole-file.ts'
import { loseRows, nothingLost, type Salvage } from './salvage.ts'
import { soundAttributes } from './salvage-segment.ts'
import type { SegmentWriter } from '../write/segment-writer.ts'

/** A function that stands for all of them in what is lost. */
export const ANY_FUNCTION = -1

/**
 * Writes what can be read of the log to an empty file, as a segment. Does not sync it.
 *
 * @param nextRow arrival number of the first row behind the log, if that is known
 */
export function salvageLog(
  files: FileLayer,
  kernels: Kernels,
  path: string,
  sequence: number,
  nextRow: number | undefined,
  writer: SegmentWriter,
  descriptor: number,
): Salvage {
  const file = readWholeFile(files, kernels, path)
  const positions: number[] = []
  scanWal(file, Math.min(WAL_HEADER_SIZE_BYTES, file.sizeBytes), {
    sequence,
    final: true,
    onFrame: ({ position }) => positions.push(position),
    onFault: () => undefined, // known: the log would not be salvaged otherwise
  })
  const frames = positions.map((position) => readWalFrame(file, position))
  const firstRow = firstRowOf(file) ?? frames[0]?.firstRow ?? 0
  const rows = new ClusteredRows(kernels)
  rows.load(file, positions, new SlotSequences(), new Progress(undefined))
  const { functions, maxStartUs, minStartUs, rowCount } = rows
  const sequences = { sequenceLow: sequence, sequenceHigh: sequence }
  const hasDetails = rows.details !== undefined
  writer.begin(descriptor, { ...sequences, rowCount, minStartUs, maxStartUs, firstRow, hasDetails })
  const sound = withSoundAttributes(rows)
  for (const { end, first, functionId, weight } of functions) {
    writer.beginGroup(functionId, weight, end - first)
    writer.addRows(sound, first, end)
  }
  writer.finish()
  const salvage = nothingLost()
  salvage.savedRows = rowCount
  const held = frames.reduce((sum, frame) => sum + frame.rowCount, 0)
  const endRow = nextRow ?? lastRowOf(frames)
  const lostRows = Math.max(0, endRow - firstRow - held)
  // without a log behind it nobody knows what stood in a damaged end
  if (nextRow === undefined) salvage.lostRows = undefined
  if (lostRows > 0) {
    loseRows(salvage, {
      functionId: ANY_FUNCTION,
      rows: lostRows,
      fromUs: minStartUs,
      toUs: maxStartUs,
    })
  }
  return salvage
}

function firstRowOf(file: FileBytes): number | undefined {
  try {
    return decodeWalHeader(file).firstRow
  } catch (error) {
    if (error instanceof CorruptionError) return undefined
    throw error
  }
}

function lastRowOf(frames: readonly { firstRow: number; rowCount: number }[]): number {
  return frames.reduce((end, { firstRow, rowCount }) => Math.max(end, firstRow + rowCount), 0)
}

function withSoundAttributes(rows: ClusteredRows): GroupRows {
  const { details } = rows
  return {
    columns: () => rows.columns(),
    details:
      details === undefined
        ? undefined
        : {
            copy: (first, end, contexts, childrenNs, to) => {
              details.copy(first, end, contexts, childrenNs, to)
            },
            attributesOf: (row) => soundAttributes(details.attributesOf(row)),
          },
  }
}
