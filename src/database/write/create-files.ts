/**
 * @module database/write/create-files
 * How the files of a directory come into being.
 */
import { join } from 'node:path'
import { encodeUtf8 } from '../../internal/utf8.ts'
import { systemCode, writeAt, type FileLayer } from '../file.ts'
import { decodeFormat, encodeFormat, FORMAT_FILE, TEMPORARY_SUFFIX } from '../format/directory.ts'

/** Creates FORMAT if there is none, whole at once; checks it otherwise. */
export function provideFormat(files: FileLayer, root: string, unique: string): void {
  const path = join(root, FORMAT_FILE)
  let text: string
  try {
    text = files.readText(path)
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error
    const temporary = `${path}.${unique}${TEMPORARY_SUFFIX}`
    createFile(files, temporary, encodeFormat())
    files.rename(temporary, path) // over that of another first writer, who wrote the same
    return
  }
  decodeFormat(text, path)
}

/** A new file with the text. */
export function createFile(files: FileLayer, path: string, text: string): void {
  const bytes = encodeUtf8(text)
  const descriptor = files.open(path, 'wx+')
  try {
    writeAt(files, descriptor, bytes, 0, bytes.length, 0)
  } finally {
    files.close(descriptor)
  }
}

/** Creates a file that nobody uses, over the rest of a failed attempt. */
export function createOver(files: FileLayer, path: string): number {
  try {
    return files.open(path, 'wx+')
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error
    files.unlink(path)
    return files.open(path, 'wx+')
  }
}
