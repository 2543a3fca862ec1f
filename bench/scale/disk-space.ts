/**
 * @module bench/scale/disk-space
 * What a run writes, and whether there is room for it: a disk that fills up in the middle would be other people's trouble.
 */
import { statfsSync } from 'node:fs'

/** Of a row at most, while a database is written and prepared: Kronicler and ClickHouse merge, SQLite builds indexes. */
const BYTES_PER_ROW: Record<string, number> = {
  kronicler: 8,
  duckdb: 9,
  clickhouse: 16,
  sqlite: 160,
}
const RESERVE_BYTES = 1e9

/** @returns bytes that the databases take together at most */
export function diskBytesNeeded(who: readonly string[], rows: number): number {
  return who.reduce((sum, one) => sum + rows * BYTES_PER_ROW[one]!, RESERVE_BYTES)
}

/** @throws {Error} there is less room in `folder` */
export function assertDiskSpace(folder: string, neededBytes: number): void {
  const { bavail, bsize } = statfsSync(folder)
  const freeBytes = bavail * bsize
  if (freeBytes >= neededBytes) return
  throw new Error(
    `${inGb(neededBytes)} are needed in ${folder}, ${inGb(freeBytes)} are free: --dir names another folder, --skip leaves databases out`,
  )
}

export function inGb(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`
}
