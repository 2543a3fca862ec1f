/**
 * @module database/maintain/compact-plan
 * Which segments of a folder are merged next.
 *
 * Segments have levels, a factor of eight apart: eight neighbours of one level make one of the next, up to the largest.
 * So every row is rewritten two or three times in all, however long a program runs. Only neighbours are merged, which
 * keeps files narrow in time, and only those of one UTC day, by their last start: retention removes whole files.
 */
import type { IntervalFile } from './folder-contents.ts'

/** Rows of a segment that is not merged any further. */
export const MAX_SEGMENT_ROWS = 16 * 1024 * 1024
/** Files that are merged at once: of each the directory and a few extents are in memory. */
export const MAX_MERGED_SEGMENTS = 16
const FAN_IN = 8
const DAY_US = 86_400e6

export interface PlannedSegment extends IntervalFile {
  rowCount: number
  maxStartUs: number
  version: number // of its format
}

/**
 * @param segments of one folder, ascending
 * @param all      merge whatever can be: no more rows come, or somebody asked for it
 * @param most     files that are merged at once
 * @returns neighbours to be merged into one, two or more; undefined: nothing is to be done
 */
export function planCompaction(
  segments: readonly PlannedSegment[],
  all: boolean,
  most: number = MAX_MERGED_SEGMENTS,
): PlannedSegment[] | undefined {
  const runs = runsOf(segments)
  for (const run of runs) {
    // a day that is over gets no more rows
    const isComplete = all || run !== runs.at(-1)
    // as many of one level as can be first, so that what has been merged is not merged again with every few more
    const found = isComplete
      ? (firstOfLevel(run, most, most) ?? firstThatFit(run, most))
      : firstOfLevel(run, FAN_IN, most)
    if (found !== undefined) return found
  }
  return undefined
}

/** Neighbours without a hole between them, whose rows end on the same day. */
function runsOf(segments: readonly PlannedSegment[]): PlannedSegment[][] {
  const runs: PlannedSegment[][] = []
  let last: PlannedSegment | undefined
  for (const segment of segments) {
    const follows =
      last !== undefined && last.high + 1 === segment.low && dayOf(last) === dayOf(segment)
    if (follows) runs.at(-1)!.push(segment)
    else runs.push([segment])
    last = segment
  }
  return runs
}

/** The first neighbours, as many as make a segment that is not too large. */
function firstThatFit(run: readonly PlannedSegment[], most: number): PlannedSegment[] | undefined {
  for (let first = 0; first < run.length - 1; first++) {
    const some = take(run, first, most)
    if (some.length > 1) return some
  }
  return undefined
}

/** The first that are enough of one level, smaller ones between them included. */
function firstOfLevel(
  run: readonly PlannedSegment[],
  enough: number,
  most: number,
): PlannedSegment[] | undefined {
  const levels = [...new Set(run.map(levelOf))].sort((a, b) => a - b)
  for (const level of levels) {
    let first = 0
    for (let end = 0; end <= run.length; end++) {
      if (end < run.length && levelOf(run[end]!) <= level) continue
      const some = take(run.slice(0, end), first, most)
      if (some.filter((segment) => levelOf(segment) === level).length >= enough) return some
      first = end + 1
    }
  }
  return undefined
}

function take(run: readonly PlannedSegment[], first: number, most: number): PlannedSegment[] {
  const some: PlannedSegment[] = []
  let rows = 0
  for (const segment of run.slice(first, first + most)) {
    rows += segment.rowCount
    if (rows > MAX_SEGMENT_ROWS) break
    some.push(segment)
  }
  return some
}

/** Logs are sealed at 2^18 rows and a few more: that is level 6; 2^21 is level 7, 2^24 is the largest. */
function levelOf({ rowCount }: PlannedSegment): number {
  return Math.floor(Math.log2(Math.max(1, rowCount)) / 3)
}

function dayOf({ maxStartUs }: PlannedSegment): number {
  return Math.floor(maxStartUs / DAY_US)
}
