/**
 * @module database/read/dictionary-reader
 * Follows the dictionary of one writer as it grows: names of function ids and error types, and where functions are
 * defined.
 */
import { CorruptionError } from '../../errors.ts'
import {
  DICTIONARY_HEADER_SIZE_BYTES,
  KIND_ERROR_TYPE,
  KIND_FUNCTION,
  KIND_PLACE,
  decodeDictionaryHeader,
  scanDictionary,
} from '../format/dictionary.ts'
import { attempt, type ReaderContext } from './reader-context.ts'

export class DictionaryReader {
  readonly path: string
  readonly functions = new Map<number, string>()
  readonly errorTypes = new Map<number, string>()
  /** Where functions are defined, by id; only of those of which the writer knows it. */
  readonly places = new Map<number, string>()
  /** Raised whenever an entry was added or replaced. */
  version = 0
  /** Raised whenever a function got another name than it had: that happens only to damaged dictionaries. */
  redefinitions = 0

  readonly #context: ReaderContext
  #descriptor: number | undefined
  #position = 0
  #headerRead = false
  #sizeBytes = 0 // when it was last looked at

  constructor(context: ReaderContext, path: string) {
    this.#context = context
    this.path = path
  }

  /**
   * Reads what was appended since the last time.
   *
   * @param final nothing will be appended any more: the writer is dead
   * @throws the file system's error; ENOENT if the writer has not made its dictionary yet
   */
  refresh(final: boolean): void {
    const { files } = this.#context
    this.#descriptor ??= files.open(this.path, 'r')
    const { sizeBytes } = files.fstat(this.#descriptor)
    this.#sizeBytes = sizeBytes
    if (!this.#headerRead && !this.#readHeader(sizeBytes, final)) return
    if (sizeBytes <= this.#position) {
      if (sizeBytes < this.#position) this.#reportShrunk(sizeBytes)
      return
    }
    this.#position += this.#readEntries(this.#position, sizeBytes - this.#position, final)
  }

  /** Whether the file ends in bytes that are not accounted for: a write in progress, or what a crash left. */
  get isUnfinished(): boolean {
    return this.#sizeBytes > this.#position
  }

  /** Where a missing name would have stood: the end of what was read. */
  missing(kind: 'function' | 'error type', id: number): CorruptionError {
    return new CorruptionError(this.path, this.#position, `no name for ${kind} ${id}`)
  }

  close(): void {
    if (this.#descriptor !== undefined) this.#context.files.close(this.#descriptor)
    this.#descriptor = undefined
  }

  /** @returns whether entries can be read: not while a live dictionary is shorter than its header */
  #readHeader(sizeBytes: number, final: boolean): boolean {
    if (sizeBytes < DICTIONARY_HEADER_SIZE_BYTES && !final) return false
    const context = this.#context
    const file = context.read(this.#descriptor!, this.path, 0, DICTIONARY_HEADER_SIZE_BYTES)
    attempt(context.faults, () => decodeDictionaryHeader(file))
    // with a damaged header too: frames carry checksums of their own
    this.#headerRead = true
    this.#position = Math.min(sizeBytes, DICTIONARY_HEADER_SIZE_BYTES)
    return true
  }

  /** @returns bytes accounted for */
  #readEntries(offset: number, sizeBytes: number, final: boolean): number {
    const context = this.#context
    const file = context.read(this.#descriptor!, this.path, offset, sizeBytes)
    const entriesOf = {
      [KIND_FUNCTION]: this.functions,
      [KIND_ERROR_TYPE]: this.errorTypes,
      [KIND_PLACE]: this.places,
    }
    return scanDictionary(file, 0, {
      final,
      onEntry: (kind, id, text) => {
        const entries = entriesOf[kind]
        const before = entries.get(id)
        if (before === text) return
        if (before !== undefined && kind === KIND_FUNCTION) this.redefinitions++
        entries.set(id, text)
        this.version++
      },
      onFault: (fault) => context.faults.add(fault),
    })
  }

  #reportShrunk(sizeBytes: number): void {
    const reason = 'names that were read before are gone'
    this.#context.faults.add(new CorruptionError(this.path, sizeBytes, reason))
  }
}
