/**
 * @module database/directory-listing
 * What the file names of a writer's folder say: which segments and logs hold its rows, and which roll-ups tell of rows that
 * have expired.
 *
 * A segment or a roll-up covers every file whose interval lies inside its own: what was merged into it and is not removed yet.
 * Of a segment and a roll-up of the same logs it is the segment that is on its way out.
 */
import {
  parseRollUpFileName,
  parseSegmentFileName,
  parseWalFileName,
  type SequenceInterval,
} from './format/directory.ts'

export interface SegmentEntry extends SequenceInterval {
  name: string
}

export interface WalEntry {
  sequence: number
}

export interface DirectoryListing {
  segments: SegmentEntry[] // ascending, none inside another or inside a roll-up
  rollUps: SegmentEntry[] // likewise
  wals: WalEntry[] // ascending, none covered by a segment
  coveredWals: WalEntry[] // ascending; needed only if the file over them is damaged
  /** First log that is in no file although a later one is; undefined if there is none. */
  hole: number | undefined
  /** Highest log in any file; -1 without files. */
  last: number
}

export function interpretListing(names: readonly string[]): DirectoryListing {
  const all: Covering[] = []
  const logs: WalEntry[] = []
  for (const name of names) {
    const interval = parseSegmentFileName(name)
    if (interval !== undefined) all.push({ ...interval, name, isRollUp: false })
    const expired = parseRollUpFileName(name)
    if (expired !== undefined) all.push({ ...expired, name, isRollUp: true })
    const sequence = parseWalFileName(name)
    if (sequence !== undefined) logs.push({ sequence })
  }
  const covering = dropCovered(all)
  logs.sort((a, b) => a.sequence - b.sequence)
  const isCovered = ({ sequence }: WalEntry) =>
    covering.some(({ low, high }) => low <= sequence && sequence <= high)
  const wals = logs.filter((log) => !isCovered(log))
  return {
    segments: covering.filter(({ isRollUp }) => !isRollUp).map(entryOf),
    rollUps: covering.filter(({ isRollUp }) => isRollUp).map(entryOf),
    wals,
    coveredWals: logs.filter(isCovered),
    ...findHole(covering, wals),
  }
}

interface Covering extends SegmentEntry {
  isRollUp: boolean
}

function entryOf({ high, low, name }: Covering): SegmentEntry {
  return { high, low, name }
}

function dropCovered(all: Covering[]): Covering[] {
  const kept: Covering[] = []
  // of those that begin together the longest comes first
  all.sort((a, b) => a.low - b.low || b.high - a.high || Number(b.isRollUp) - Number(a.isRollUp))
  let end = -1
  for (const segment of all) {
    if (segment.high <= end) continue
    kept.push(segment)
    end = segment.high
  }
  return kept
}

function findHole(covering: Covering[], wals: WalEntry[]) {
  const intervals = [
    ...covering.map(({ low, high }) => ({ low, high })),
    ...wals.map(({ sequence }) => ({ low: sequence, high: sequence })),
  ].sort((a, b) => a.low - b.low)
  let hole: number | undefined
  let last = -1
  for (const { low, high } of intervals) {
    if (last >= 0 && low > last + 1) hole ??= last + 1
    last = Math.max(last, high)
  }
  return { hole, last }
}
