/**
 * @module database/verify/file-faults
 * Damage as it is told to people and programs, collected while many files are read.
 */
import { type CorruptionError, type ErrorCode } from '../../errors.ts'

/** Something wrong with a file. */
export interface FileFault {
  path: string
  offset: number // byte at which the damaged part begins
  code: ErrorCode // KRONICLER_CORRUPT, _TORN, _VERSION, _CONTROL, or _IO: the system cannot read it
  message: string // for people, without path and offset
}

/** What is kept; of more only the number is known. A file full of damage must not fill the memory. */
const MAX_FAULTS = 10_000

export class FileFaults {
  readonly faults: FileFault[] = []
  readonly torn: FileFault[] = [] // tails that a crash cut off: no damage
  #left = 0
  readonly #seen = new Set<string>()

  /** Faults that are not in the list. */
  get left(): number {
    return this.#left
  }

  /** Takes note of a fault, once: damage that several steps meet is still one. */
  add(error: CorruptionError): void {
    this.note(error.path, error.offset, error.code, error.reason)
  }

  note(path: string, offset: number, code: ErrorCode, message: string): void {
    const key = `${offset} ${path} ${message}`
    if (this.#seen.has(key)) return
    if (this.#seen.size >= MAX_FAULTS) {
      this.#left++
      return
    }
    this.#seen.add(key)
    const list = code === 'KRONICLER_TORN' ? this.torn : this.faults
    list.push({ path, offset, code, message })
  }

  /** How many faults of the file are known, tails not counted. */
  countOf(path: string): number {
    return this.faults.reduce((count, fault) => count + (fault.path === path ? 1 : 0), 0)
  }
}
