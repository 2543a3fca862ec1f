/**
 * @module database/format/directory
 * Names of files and folders, the FORMAT file and the LOCK file. Format v1; the full text is docs/format/directory.md.
 *
 *   <root>/FORMAT                               one line of JSON: { "format": "kronicler", "version": 1 }
 *   <root>/control.json                         what is recorded (control/control-file.ts); only if somebody set it
 *   <root>/w-<pid>-<startMsHex>-<rand8hex>/     one folder per writing process; only that process writes there
 *       LOCK                                    who writes; removed when the writer closes
 *       LOCK.1                                  who tends the folder of a writer that is gone; removed when done
 *       dict                                    names
 *       counters                                rows refused; only if there are any
 *       wal.000000                              log 0
 *       seg.000000-000003                       sealed rows of the logs 0 to 3
 *       seg.000000-000003.tmp                   being written, not to be read
 *       roll.000000-000003                      hourly totals of the logs 0 to 3, whose rows have expired
 */
import { CorruptionError } from '../../errors.ts'
import { DIRECTORY_VERSION } from './versions.ts'

export const FORMAT_FILE = 'FORMAT'
export const CONTROL_FILE = 'control.json'
export const LOCK_FILE = 'LOCK'
export const DICTIONARY_FILE = 'dict'
export const COUNTERS_FILE = 'counters'
export const TEMPORARY_SUFFIX = '.tmp'
/** Damaged files that were set aside; nobody reads them. */
export const DAMAGED_FOLDER = 'damaged'

/** The process that writes a folder. */
export interface WriterIdentity {
  pid: number
  hostname: string
  bootId: string | null // of /proc/sys/kernel/random/boot_id; null where there is none
  processStart: number | null // field 22 of /proc/<pid>/stat, clock ticks since boot; null where there is none
  createdMs: number // since the Unix epoch
  node: string // version of Node.js
  kronicler: string // version of this package
}

/** Logs inside a file: [low, high], both inside. */
export interface SequenceInterval {
  low: number
  high: number
}

export function walFileName(sequence: number): string {
  return `wal.${sixDigits(sequence)}`
}

export function segmentFileName(low: number, high: number): string {
  return `seg.${sixDigits(low)}-${sixDigits(high)}`
}

/** @param claim 1 and up; a later one has taken over from the earlier */
export function claimFileName(claim: number): string {
  return `${LOCK_FILE}.${claim}`
}

/** Number of a claim's file name, 0 for the writer's own LOCK, undefined for other names. */
export function parseLockFileName(name: string): number | undefined {
  if (name === LOCK_FILE) return 0
  const match = /^LOCK\.([1-9]\d{0,8})$/.exec(name)
  return match === null ? undefined : Number(match[1])
}

export function rollUpFileName(low: number, high: number): string {
  return `roll.${sixDigits(low)}-${sixDigits(high)}`
}

/** @param random 32 random bits */
export function writerFolderName(pid: number, startMs: number, random: number): string {
  return `w-${pid}-${startMs.toString(16)}-${random.toString(16).padStart(8, '0')}`
}

export function isWriterFolder(name: string): boolean {
  return /^w-\d+-[\da-f]+-[\da-f]{8}$/.test(name)
}

/** When the process began to write, milliseconds since the Unix epoch; NaN if the name is not that of such a folder. */
export function writerFolderStartMs(name: string): number {
  return parseInt(name.split('-')[2] ?? '', 16)
}

/** Sequence number of a log's file name, undefined if it is none. */
export function parseWalFileName(name: string): number | undefined {
  const match = /^wal\.(\d{6,10})$/.exec(name)
  return match === null ? undefined : Number(match[1])
}

/** Interval of a segment's file name, undefined if it is none (temporary files too). */
export function parseSegmentFileName(name: string): SequenceInterval | undefined {
  return intervalOf(/^seg\.(\d{6,10})-(\d{6,10})$/.exec(name))
}

/** Interval of a roll-up's file name, undefined if it is none (temporary files too). */
export function parseRollUpFileName(name: string): SequenceInterval | undefined {
  return intervalOf(/^roll\.(\d{6,10})-(\d{6,10})$/.exec(name))
}

function intervalOf(match: RegExpExecArray | null): SequenceInterval | undefined {
  if (match === null) return undefined
  const interval = { low: Number(match[1]), high: Number(match[2]) }
  return interval.low <= interval.high ? interval : undefined
}

export function encodeFormat(): string {
  return JSON.stringify({ format: 'kronicler', version: DIRECTORY_VERSION }) + '\n'
}

/**
 * @param path of the FORMAT file, for the message
 * @throws {CorruptionError} KRONICLER_VERSION: written by a newer version; KRONICLER_CORRUPT: not a FORMAT file
 */
export function decodeFormat(text: string, path: string): void {
  const value = parseObject(text)
  const version = value?.['version']
  if (value?.['format'] !== 'kronicler' || typeof version !== 'number' || !(version >= 1)) {
    throw new CorruptionError(path, 0, 'not the FORMAT file of a Kronicler directory')
  }
  if (version > DIRECTORY_VERSION) {
    throw new CorruptionError(
      path,
      0,
      `directory format ${version}, known is ${DIRECTORY_VERSION}`,
      {
        code: 'KRONICLER_VERSION',
      },
    )
  }
}

/** @param checksum xxh64 of UTF-8 text */
export function encodeLock(identity: WriterIdentity, checksum: (text: string) => bigint): string {
  const rest = JSON.stringify(ordered(identity))
  return JSON.stringify({ ...ordered(identity), checksum: hex(checksum(rest)) }) + '\n'
}

/** @throws {CorruptionError} not a LOCK file, or its checksum does not match */
export function decodeLock(
  text: string,
  path: string,
  checksum: (text: string) => bigint,
): WriterIdentity {
  const value = parseObject(text)
  if (value === undefined || typeof value['pid'] !== 'number') {
    throw new CorruptionError(path, 0, 'not a LOCK file')
  }
  const identity = ordered(value as unknown as WriterIdentity)
  if (value['checksum'] !== hex(checksum(JSON.stringify(identity)))) {
    throw new CorruptionError(path, 0, 'checksum of the LOCK file does not match')
  }
  return identity
}

/** The fields in the order in which they are hashed. */
function ordered(identity: WriterIdentity): WriterIdentity {
  const { pid, hostname, bootId, processStart, createdMs, node, kronicler } = identity
  return { pid, hostname, bootId, processStart, createdMs, node, kronicler }
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? { ...value } : undefined
  } catch {
    return undefined
  }
}

function hex(checksum: bigint): string {
  return checksum.toString(16).padStart(16, '0')
}

function sixDigits(sequence: number): string {
  return String(sequence).padStart(6, '0')
}
