/**
 * @module database/maintain/folder-contents
 * What the files of a writer's folder are to the one who tidies up in it.
 */
import {
  parseRollUpFileName,
  parseSegmentFileName,
  parseWalFileName,
  TEMPORARY_SUFFIX,
  type SequenceInterval,
} from '../format/directory.ts'

export interface IntervalFile extends SequenceInterval {
  name: string
}

export interface FolderContents {
  segments: IntervalFile[] // ascending, none covered
  rollUps: IntervalFile[] // likewise
  logs: number[] // sequences, ascending, none covered
  coveredLogs: number[] // ascending: sealed and not removed yet
  covered: string[] // files that another one supersedes
  temporary: string[] // segments and roll-ups that were never completed, unless somebody is writing them
}

/** A roll-up covers what is inside its interval, a segment what is inside and is not a roll-up of the same interval. */
export function contentsOf(names: readonly string[]): FolderContents {
  const files: (IntervalFile & { isRollUp: boolean })[] = []
  const contents: FolderContents = {
    segments: [],
    rollUps: [],
    logs: [],
    coveredLogs: [],
    covered: [],
    temporary: [],
  }
  const logs: number[] = []
  for (const name of names) {
    const rollUp = parseRollUpFileName(name)
    const interval = rollUp ?? parseSegmentFileName(name)
    if (interval !== undefined) files.push({ ...interval, name, isRollUp: rollUp !== undefined })
    const sequence = parseWalFileName(name)
    if (sequence !== undefined) logs.push(sequence)
    if (isTemporary(name)) contents.temporary.push(name)
  }
  files.sort((a, b) => a.low - b.low || b.high - a.high || Number(b.isRollUp) - Number(a.isRollUp))
  const kept: SequenceInterval[] = []
  let end = -1
  for (const { isRollUp, ...file } of files) {
    if (file.high <= end) {
      contents.covered.push(file.name)
      continue
    }
    end = file.high
    kept.push(file)
    ;(isRollUp ? contents.rollUps : contents.segments).push(file)
  }
  logs.sort((a, b) => a - b)
  const isCovered = (log: number): boolean =>
    kept.some(({ low, high }) => low <= log && log <= high)
  contents.logs = logs.filter((log) => !isCovered(log))
  contents.coveredLogs = logs.filter(isCovered)
  return contents
}

function isTemporary(name: string): boolean {
  if (!name.endsWith(TEMPORARY_SUFFIX)) return false
  const target = name.slice(0, -TEMPORARY_SUFFIX.length)
  return parseSegmentFileName(target) !== undefined || parseRollUpFileName(target) !== undefined
}
