/**
 * @module database/verify/set-aside
 * Damaged files are never deleted: they go to the folder `damaged` beside them, for whoever can read more of them.
 */
import { basename, dirname, join } from 'node:path'
import { readAt, systemCode, writeAt, type FileLayer } from '../file.ts'
import { DAMAGED_FOLDER, TEMPORARY_SUFFIX } from '../format/directory.ts'

const PIECE_SIZE_BYTES = 1 << 20

/**
 * Copies a file to the folder of damaged ones, durably. A copy that is there already, of an attempt that was cut off,
 * is taken for it.
 *
 * @returns path of the copy
 */
export function copyAside(files: FileLayer, path: string): string {
  const folder = damagedFolder(files, path)
  for (let number = 0; ; number++) {
    const copy = join(folder, numberedName(path, number))
    if (!exists(files, copy)) {
      copyFile(files, path, copy)
      return copy
    }
    if (isSame(files, path, copy)) return copy
  }
}

/** Moves a file there. @returns where it is now */
export function moveAside(files: FileLayer, path: string): string {
  const folder = damagedFolder(files, path)
  let number = 0
  while (exists(files, join(folder, numberedName(path, number)))) number++
  const moved = join(folder, numberedName(path, number))
  files.rename(path, moved)
  files.fsyncDirectory(folder)
  files.fsyncDirectory(dirname(path))
  return moved
}

function damagedFolder(files: FileLayer, path: string): string {
  const folder = join(dirname(path), DAMAGED_FOLDER)
  files.mkdir(folder)
  files.fsyncDirectory(dirname(path))
  return folder
}

function numberedName(path: string, number: number): string {
  return number === 0 ? basename(path) : `${basename(path)}.${number}`
}

function exists(files: FileLayer, path: string): boolean {
  try {
    files.stat(path)
    return true
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false
    throw error
  }
}

function copyFile(files: FileLayer, from: string, to: string): void {
  const temporary = to + TEMPORARY_SUFFIX
  if (exists(files, temporary)) files.unlink(temporary)
  const source = files.open(from, 'r')
  try {
    const target = files.open(temporary, 'wx+')
    try {
      const piece = new Uint8Array(PIECE_SIZE_BYTES)
      for (let position = 0; ;) {
        const count = readAt(files, source, piece, 0, piece.length, position)
        if (count === 0) break
        writeAt(files, target, piece, 0, count, position)
        position += count
      }
      files.fdatasyncSync(target)
    } finally {
      files.close(target)
    }
  } finally {
    files.close(source)
  }
  files.rename(temporary, to)
  files.fsyncDirectory(dirname(to))
}

function isSame(files: FileLayer, a: string, b: string): boolean {
  if (files.stat(a).sizeBytes !== files.stat(b).sizeBytes) return false
  const first = files.open(a, 'r')
  try {
    const second = files.open(b, 'r')
    try {
      const pieces = [new Uint8Array(PIECE_SIZE_BYTES), new Uint8Array(PIECE_SIZE_BYTES)] as const
      for (let position = 0; ;) {
        const count = readAt(files, first, pieces[0], 0, PIECE_SIZE_BYTES, position)
        if (readAt(files, second, pieces[1], 0, PIECE_SIZE_BYTES, position) !== count) return false
        if (count === 0) return true
        for (let i = 0; i < count; i++) if (pieces[0][i] !== pieces[1][i]) return false
        position += count
      }
    } finally {
      files.close(second)
    }
  } finally {
    files.close(first)
  }
}
