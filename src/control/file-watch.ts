/**
 * @module control/file-watch
 * Notices when the control file has changed. A look at a file that is as it was costs one system call.
 */
import { nodeFiles, type FileLayer } from '../database/file.ts'
import { KroniclerError } from '../errors.ts'
import {
  controlFilePath,
  decodeControl,
  isMissing,
  readControlText,
  toControlError,
} from './control-file.ts'
import type { ControlRule } from './rule.ts'

/** A file this young may change once more without a new time: the clocks of file systems tick slowly. */
const YOUNG_MS = 2000

export type ControlChange = { rules: readonly ControlRule[] } | { error: KroniclerError }

export class ControlFileWatch {
  readonly #root: string
  readonly #files: FileLayer
  /** Time, size and inode at the last look; undefined: the file must be read at the next one. */
  #signature: string | undefined
  /** Content that has been answered with, as `#contentOf` tells it. */
  #known: string | undefined
  /** Broken content that was met once. */
  #suspect: string | undefined

  constructor(root: string, files: FileLayer = nodeFiles) {
    this.#root = root
    this.#files = files
  }

  /**
   * @returns the rules if they are new, none if there is no file; or why the file cannot be used, once for each of its
   *          contents, at the second look: the first may have met it half written. Undefined if nothing is new
   */
  look(): ControlChange | undefined {
    const signature = this.#readSignature()
    if (signature !== undefined && signature === this.#signature) return undefined
    const { change, content } = this.#read()
    const isSuspect = 'error' in change && content !== this.#known && content !== this.#suspect
    this.#signature = isSuspect ? undefined : signature
    this.#suspect = isSuspect ? content : undefined
    if (isSuspect || content === this.#known) return undefined
    this.#known = content
    return change
  }

  /** @returns undefined if the file cannot be told by it */
  #readSignature(): string | undefined {
    try {
      const { inode, modifiedMs, sizeBytes } = this.#files.stat(controlFilePath(this.#root))
      if (Math.abs(Date.now() - modifiedMs) < YOUNG_MS) return undefined
      return `${modifiedMs} ${sizeBytes} ${inode}`
    } catch (error) {
      return isMissing(error) ? 'missing' : undefined
    }
  }

  #read(): { change: ControlChange; content: string } {
    const path = controlFilePath(this.#root)
    let text: string | undefined
    try {
      text = readControlText(this.#root, this.#files)
      if (text === undefined) return { change: { rules: [] }, content: 'missing' }
      return { change: { rules: decodeControl(text, path) }, content: `text ${text}` }
    } catch (error) {
      const known = error instanceof KroniclerError ? error : toControlError(error, path)
      const content = text === undefined ? `failure ${known.message}` : `text ${text}`
      return { change: { error: known }, content }
    }
  }
}
