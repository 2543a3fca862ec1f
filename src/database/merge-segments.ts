/**
 * @module database/merge-segments
 * Neighbouring segments → one, function by function, in as much memory as one chunk of each takes.
 *
 * Rows of one function, weight and start keep the order in which they arrived: those of the earlier segment come first.
 */
import { lowerBound } from './chunk-source.ts'
import type { MergeInput } from './merge-input.ts'
import type { Pace } from './pace.ts'
import { Progress } from './progress.ts'
import type { SegmentWriter } from './segment-writer.ts'

export interface MergeOptions {
  dense?: boolean | undefined // durations shall be small rather than fast to scan
  onRows?: ((rows: number) => void) | undefined // told how many rows have been written since the last time
}

/**
 * Writes the whole segment to an empty file. Does not sync it.
 *
 * @param inputs in the order of their logs
 * @throws {CorruptionError} an input is damaged
 * @throws the file system's error, and the pace's when it ends the work
 */
export async function mergeSegments(
  inputs: readonly MergeInput[],
  writer: SegmentWriter,
  descriptor: number,
  pace: Pace,
  { dense, onRows }: MergeOptions = {},
): Promise<void> {
  writer.begin(descriptor, shapeOf(inputs), new Progress(pace.onTurn), dense)
  for (;;) {
    const members = membersOfNextGroup(inputs)
    if (members.length === 0) break
    const { functionId, weight } = members[0]!
    const rowCount = members.reduce((sum, input) => sum + input.enterGroup(), 0)
    writer.beginGroup(functionId, weight, rowCount)
    await mergeGroup(members, writer, pace)
    onRows?.(rowCount)
    await pace.step()
  }
  writer.finish()
}

function shapeOf(inputs: readonly MergeInput[]) {
  const headers = inputs.map(({ header }) => header)
  const filled = headers.filter(({ rowCount }) => rowCount > 0)
  return {
    sequenceLow: headers[0]!.sequenceLow,
    sequenceHigh: headers.at(-1)!.sequenceHigh,
    rowCount: headers.reduce((sum, { rowCount }) => sum + rowCount, 0),
    minStartUs: filled.length === 0 ? 0 : Math.min(...filled.map((header) => header.minStartUs)),
    maxStartUs: filled.length === 0 ? 0 : Math.max(...filled.map((header) => header.maxStartUs)),
    firstRow: headers[0]!.firstRow,
    hasDetails: headers.some(({ hasDetails }) => hasDetails),
  }
}

/** Those whose next group is the lowest of all, in their order. */
function membersOfNextGroup(inputs: readonly MergeInput[]): MergeInput[] {
  let members: MergeInput[] = []
  for (const input of inputs) {
    if (input.isDone) continue
    const first = members[0]
    const difference =
      first === undefined ? -1 : input.functionId - first.functionId || input.weight - first.weight
    if (difference < 0) members = [input]
    else if (difference === 0) members.push(input)
  }
  return members
}

/** Runs of rows from one member after the other: neighbours in time hardly overlap, so runs are long. */
async function mergeGroup(
  members: readonly MergeInput[],
  writer: SegmentWriter,
  pace: Pace,
): Promise<void> {
  const left = [...members]
  while (left.length > 0) {
    const { input, end } = nextRun(left)
    writer.addRows(input, input.next, end)
    input.next = end
    if (end < input.rowCount) continue
    if (!input.nextChunk()) left.splice(left.indexOf(input), 1)
    await pace.step()
  }
}

/** The member with the lowest start, of several the first, and the end of its rows that come before those of others. */
function nextRun(members: readonly MergeInput[]): { input: MergeInput; end: number } {
  let lowest = 0
  for (let i = 1; i < members.length; i++) {
    if (headUs(members[i]!) < headUs(members[lowest]!)) lowest = i
  }
  const input = members[lowest]!
  let end = input.rowCount
  members.forEach((other, i) => {
    if (i === lowest) return
    // whole microseconds: what is not after x is before x + 1
    const limitUs = i < lowest ? headUs(other) : headUs(other) + 1
    if (input.startsUs[end - 1]! >= limitUs) end = lowerBound(input.startsUs, end, limitUs)
  })
  return { input, end }
}

function headUs(input: MergeInput): number {
  return input.startsUs[input.next]!
}
