/**
 * @module database/maintain/retention
 * Which files have to go so that a database keeps to its size. What goes first is what was written first, whoever wrote
 * it; hourly totals go after all rows, and the files that are being written to never.
 */
import { join } from 'node:path'
import { systemCode, type FileLayer } from '../file.ts'
import { contentsOf } from './folder-contents.ts'

/** Nothing is removed unless it is asked for. */
export interface Retention {
  maxAgeMs?: number | undefined // rows that start earlier expire, whole segments at a time
  maxSizeBytes?: number | undefined // of the whole directory
}

export interface Surplus {
  segments: Set<string> // names of files in a folder
  rollUps: string[]
}

interface SizedFile {
  folder: string
  name: string
  sizeBytes: number
  modifiedMs: number
}

/**
 * @param folders of writers in `root`
 * @returns by folder, what is to be removed there
 * @throws the file system's error
 */
export function findSurplus(
  files: FileLayer,
  root: string,
  folders: readonly string[],
  maxSizeBytes: number,
): Map<string, Surplus> {
  const segments: SizedFile[] = []
  const rollUps: SizedFile[] = []
  let excess = -maxSizeBytes
  for (const folder of folders) {
    const sizes = sizesOf(files, join(root, folder))
    const contents = contentsOf([...sizes.keys()])
    for (const { sizeBytes } of sizes.values()) excess += sizeBytes
    const sized = ({ name }: { name: string }): SizedFile => ({ folder, name, ...sizes.get(name)! })
    segments.push(...contents.segments.map(sized))
    // a roll-up with older files before it stays: its removal would be a hole in the sequence of logs
    const firstLow = Math.min(...contents.segments.map(({ low }) => low), ...contents.logs)
    rollUps.push(...contents.rollUps.filter(({ low }) => low < firstLow).map(sized))
  }
  const surplus = new Map<string, Surplus>()
  const of = (folder: string): Surplus => {
    const known = surplus.get(folder) ?? { segments: new Set(), rollUps: [] }
    surplus.set(folder, known)
    return known
  }
  const byAge = (a: SizedFile, b: SizedFile): number =>
    a.modifiedMs - b.modifiedMs || (a.name < b.name ? -1 : 1)
  for (const { folder, name, sizeBytes } of segments.sort(byAge)) {
    if (excess <= 0) return surplus
    excess -= sizeBytes
    of(folder).segments.add(name)
  }
  for (const { folder, name, sizeBytes } of rollUps.sort(byAge)) {
    if (excess <= 0) return surplus
    excess -= sizeBytes
    of(folder).rollUps.push(name)
  }
  return surplus
}

function sizesOf(
  files: FileLayer,
  folder: string,
): Map<string, { sizeBytes: number; modifiedMs: number }> {
  const sizes = new Map<string, { sizeBytes: number; modifiedMs: number }>()
  try {
    for (const name of files.readdir(folder)) {
      try {
        const { modifiedMs, sizeBytes } = files.stat(join(folder, name))
        sizes.set(name, { sizeBytes, modifiedMs })
      } catch (error) {
        if (systemCode(error) !== 'ENOENT') throw error // sealed or merged meanwhile
      }
    }
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error // the folder was removed
  }
  return sizes
}
