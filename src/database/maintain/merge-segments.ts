/**
 * @module database/maintain/merge-segments
 * Neighbouring segments → one, function by function, in as much memory as a few chunks take and the pages that functions share.
 *
 * Rows of one function, weight and start keep the order in which they arrived: those of the earlier segment come first.
 */
import type { MergeInput } from './merge-input.ts'
import type { Pace } from '../pace.ts'
import { Progress } from '../progress.ts'
import type { SegmentWriter } from '../write/segment-writer.ts'

/** Time is looked at after so many rows: of the rarest functions each has one. */
const PACED_ROWS = 1024

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
  const members: MergeInput[] = []
  while (nextMembers(inputs, members)) {
    const { functionId, weight } = members[0]!
    let rowCount = 0
    for (const member of members) rowCount += member.rowCount
    writer.beginGroup(functionId, weight, rowCount)
    await mergeGroup(members, writer, pace)
    onRows?.(rowCount)
    if (pace.isDue) await pace.step()
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

/** Those whose next group is the lowest of all, in their order, to `members`. @returns false: no groups are left */
function nextMembers(inputs: readonly MergeInput[], members: MergeInput[]): boolean {
  members.length = 0
  for (const input of inputs) {
    if (input.functionId < 0) continue
    const first = members[0]
    const difference =
      first === undefined ? 0 : input.functionId - first.functionId || input.weight - first.weight
    if (difference < 0) members.length = 0
    if (difference <= 0) members.push(input)
  }
  return members.length > 0
}

/** Member after member, as long as one's rows end before those of all that follow begin; those that overlap together. */
async function mergeGroup(
  members: readonly MergeInput[],
  writer: SegmentWriter,
  pace: Pace,
): Promise<void> {
  const { length } = members
  const laterHeadsUs = new Float64Array(length + 1).fill(Infinity) // the least of members from here on
  for (let i = length - 1; i >= 0; i--) {
    laterHeadsUs[i] = Math.min(laterHeadsUs[i + 1]!, members[i]!.headUs)
  }
  let unpacedRows = 0
  for (let first = 0; first < length;) {
    const member = members[first]!
    let end = first + 1
    let { lastUs } = member
    // rows that start together come in the order of the members anyway
    for (; laterHeadsUs[end]! < lastUs; end++) lastUs = Math.max(lastUs, members[end]!.lastUs)
    if (end > first + 1) await interleave(members.slice(first, end), writer, pace)
    else {
      // no function of its own, whose promise would take longer than a few rows
      for (let isLeft = true; isLeft;) {
        unpacedRows += member.rowCount
        isLeft = addChunk(member, writer)
        if (unpacedRows < PACED_ROWS) continue
        unpacedRows = 0
        if (pace.isDue) await pace.step()
      }
    }
    first = end
  }
}

/** What is left of the chunk at hand. @returns whether the group has another one */
function addChunk(member: MergeInput, writer: SegmentWriter): boolean {
  if (member.place === undefined) member.load()
  writer.addRows(member, member.next, member.end)
  return member.advance(member.end)
}

/** Runs of rows from one member after the other: they hardly overlap, so runs are long. */
async function interleave(
  members: readonly MergeInput[],
  writer: SegmentWriter,
  pace: Pace,
): Promise<void> {
  const left = [...members]
  while (left.length > 1) {
    let lowest = 0
    for (let i = 1; i < left.length; i++) {
      if (left[i]!.headUs < left[lowest]!.headUs) lowest = i
    }
    const member = left[lowest]!
    if (member.place === undefined) {
      member.load() // it may begin later than it was said to
      continue
    }
    // whole microseconds: what is not after x is before x + 1
    let limitUs = Infinity
    for (let i = 0; i < left.length; i++) {
      if (i !== lowest) limitUs = Math.min(limitUs, left[i]!.headUs + (i < lowest ? 0 : 1))
    }
    const end = member.rowFrom(limitUs)
    writer.addRows(member, member.next, end)
    if (!member.advance(end)) left.splice(lowest, 1)
    if (pace.isDue) await pace.step()
  }
  while (addChunk(left[0]!, writer)) if (pace.isDue) await pace.step()
}
