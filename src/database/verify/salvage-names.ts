/**
 * @module database/verify/salvage-names
 * A damaged dictionary → a sound one with all names that can be read, and a stand-in for each that cannot.
 */
import { DictionaryReader } from '../read/dictionary-reader.ts'
import { systemCode, writeAt, type FileLayer } from '../file.ts'
import {
  DICTIONARY_FRAME_HEADER_SIZE_BYTES,
  DICTIONARY_HEADER_SIZE_BYTES,
  encodeDictionaryEntry,
  encodeDictionaryFrame,
  encodeDictionaryHeader,
  KIND_ERROR_TYPE,
  KIND_FUNCTION,
  KIND_PLACE,
  type EntryKind,
} from '../format/dictionary.ts'
import type { Kernels } from '../kernels/kernels.ts'
import type { ReaderContext } from '../read/reader-context.ts'
import { Scratch } from '../scratch.ts'

/** Ids that rows use and that have no name. */
export interface MissingNames {
  functions: number[]
  errorTypes: number[]
}

/** What can be read of a dictionary, which may be missing. */
export function readNames(context: ReaderContext, path: string): DictionaryReader {
  const dictionary = new DictionaryReader(context, path)
  try {
    dictionary.refresh(true)
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error
  } finally {
    dictionary.close()
  }
  return dictionary
}

/** What readers call a function without a name: the stand-in says the same. */
export function unknownName(kind: 'function' | 'error type', id: number): string {
  return `(unknown ${kind} ${id})`
}

/** Writes the whole dictionary to an empty file. Does not sync it. */
export function writeNames(
  files: FileLayer,
  kernels: Kernels,
  descriptor: number,
  { errorTypes, functions, places }: DictionaryReader,
  missing: MissingNames,
): void {
  const scratch = new Scratch(kernels)
  encodeDictionaryHeader(kernels, scratch.reserve(DICTIONARY_HEADER_SIZE_BYTES))
  writeAt(
    files,
    descriptor,
    kernels.u8,
    scratch.reserve(DICTIONARY_HEADER_SIZE_BYTES),
    DICTIONARY_HEADER_SIZE_BYTES,
    0,
  )
  let position = DICTIONARY_HEADER_SIZE_BYTES
  const write = (kind: EntryKind, names: Iterable<readonly [number, string]>): void => {
    // a frame for each: what damages one name leaves the others
    for (const [id, text] of names) {
      const entry = encodeDictionaryEntry(kind, id, text)
      const to = scratch.reserve(DICTIONARY_FRAME_HEADER_SIZE_BYTES + entry.length)
      const sizeBytes = encodeDictionaryFrame(kernels, entry, to)
      writeAt(files, descriptor, kernels.u8, to, sizeBytes, position)
      position += sizeBytes
    }
  }
  write(KIND_FUNCTION, functions)
  write(
    KIND_FUNCTION,
    missing.functions
      .filter((id) => !functions.has(id))
      .map((id) => [id, unknownName('function', id)] as const),
  )
  write(KIND_ERROR_TYPE, errorTypes)
  write(
    KIND_ERROR_TYPE,
    missing.errorTypes
      .filter((id) => !errorTypes.has(id))
      .map((id) => [id, unknownName('error type', id)] as const),
  )
  write(KIND_PLACE, places)
}
