/**
 * @module control/control-file
 * The rules that hold for every process that writes to a directory. Version 1; the full text is docs/format/control.md.
 *
 *   <root>/control.json   { "version": 1, "rules": [{ "function": "orders.*", "slowerThan": "5ms" }] }
 *
 * It is made by the command line or by hand. Invariant: who writes it here renames a whole file to it, so that nobody
 * reads half of one.
 */
import { join } from 'node:path'
import { nodeFiles, systemCode, toIoError, writeAt, type FileLayer } from '../database/file.ts'
import { CONTROL_FILE, TEMPORARY_SUFFIX } from '../database/format/directory.ts'
import { CONTROL_VERSION } from '../database/format/versions.ts'
import { KroniclerError } from '../errors.ts'
import { checkOptionNames, kindOf } from '../internal/check-options.ts'
import { encodeUtf8 } from '../internal/utf8.ts'
import { checkRule, type ControlRule } from './rule.ts'

/** Room for thousands of rules, and a limit to what is read of a file that is something else. */
export const LARGEST_FILE_BYTES = 512 * 1024

export function controlFilePath(root: string): string {
  return join(root, CONTROL_FILE)
}

/** One rule a line, for people. */
export function encodeControl(rules: readonly ControlRule[]): string {
  const lines = rules.map((rule) => `    ${JSON.stringify(rule)}`).join(',\n')
  const list = rules.length === 0 ? '[]' : `[\n${lines}\n  ]`
  return `{\n  "version": ${CONTROL_VERSION},\n  "rules": ${list}\n}\n`
}

/**
 * @param path of the file, for the message
 * @throws {KroniclerError} KRONICLER_CONTROL: it is not what it must be; the message says why
 */
export function decodeControl(text: string, path: string): ControlRule[] {
  try {
    // some editors begin a file with a byte order mark
    const value: unknown = JSON.parse(text.replace(/^\ufeff/, ''))
    checkOptionNames(value, 'the file', ['version', 'rules'])
    const { rules, version } = value as { rules?: unknown; version?: unknown }
    if (version !== CONTROL_VERSION) {
      throw new RangeError(`version must be ${CONTROL_VERSION}, not ${JSON.stringify(version)}`)
    }
    if (!Array.isArray(rules)) throw new TypeError(`rules must be an array, not ${kindOf(rules)}`)
    return rules.map((rule, i) => checkRule(rule, `rules[${i}]: `))
  } catch (error) {
    throw toControlError(error, path)
  }
}

/**
 * @returns undefined if there is no file
 * @throws {KroniclerError} KRONICLER_CONTROL: it cannot be read, or it is too large to be one
 */
export function readControlText(root: string, files: FileLayer = nodeFiles): string | undefined {
  const path = controlFilePath(root)
  try {
    const { isDirectory, sizeBytes } = files.stat(path)
    if (sizeBytes > LARGEST_FILE_BYTES) {
      throw new RangeError(`${sizeBytes} bytes are more than ${LARGEST_FILE_BYTES}`)
    }
    // a pipe, which nobody may ever write to, has no size either
    if (sizeBytes === 0 && !isDirectory) return ''
    return files.readText(path)
  } catch (error) {
    if (isMissing(error)) return undefined
    throw toControlError(error, path)
  }
}

/**
 * @returns no rules if there is no file
 * @throws {KroniclerError} KRONICLER_CONTROL: it cannot be used
 */
export function readControlFile(root: string, files: FileLayer = nodeFiles): ControlRule[] {
  const text = readControlText(root, files)
  return text === undefined ? [] : decodeControl(text, controlFilePath(root))
}

/**
 * Replaces the file, whole at once, and durably. Of two who do it at the same time the later one wins.
 *
 * @throws {KroniclerError} KRONICLER_CONTROL: the rules are more than a file may hold; KRONICLER_IO
 */
export function writeControlFile(
  root: string,
  rules: readonly ControlRule[],
  files: FileLayer = nodeFiles,
): void {
  const path = controlFilePath(root)
  const bytes = encodeUtf8(encodeControl(rules))
  if (bytes.length > LARGEST_FILE_BYTES) {
    throw toControlError(
      new RangeError(`${bytes.length} bytes of rules are more than ${LARGEST_FILE_BYTES}`),
      path,
    )
  }
  const unique = Math.floor(Math.random() * 2 ** 32).toString(16)
  const temporary = `${path}.${process.pid}-${unique}${TEMPORARY_SUFFIX}`
  try {
    createWhole(files, temporary, bytes)
    files.rename(temporary, path)
    files.fsyncDirectory(root)
  } catch (error) {
    removeQuietly(files, temporary)
    throw toIoError(error, `writing ${path}`)
  }
}

export function toControlError(error: unknown, path: string): KroniclerError {
  const reason = error instanceof Error ? error.message : String(error)
  return new KroniclerError('KRONICLER_CONTROL', `${path}: ${reason}`, { cause: error })
}

export function isMissing(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '')
}

function createWhole(files: FileLayer, path: string, bytes: Uint8Array): void {
  const descriptor = files.open(path, 'wx+')
  try {
    writeAt(files, descriptor, bytes, 0, bytes.length, 0)
    files.fdatasyncSync(descriptor)
  } finally {
    files.close(descriptor)
  }
}

function removeQuietly(files: FileLayer, path: string): void {
  try {
    files.unlink(path)
  } catch {
    // it was not made, or has its final name already
  }
}
