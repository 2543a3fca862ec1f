/**
 * @module cli/output-file
 * A file that is there when it is complete, and not before.
 */
import { createWriteStream, renameSync, rmSync } from 'node:fs'
import { finished } from 'node:stream/promises'
import { KroniclerError } from '../errors.ts'
import type { CliStream } from './context.ts'

/**
 * Runs `write` with a stream to a file beside `path`, which then takes its place, over what stands there.
 *
 * @throws {KroniclerError} KRONICLER_IO; what was written is removed
 */
export async function withOutputFile<T>(
  path: string,
  write: (stream: CliStream) => Promise<T>,
): Promise<T> {
  const temporary = `${path}.${process.pid}.part`
  const stream = createWriteStream(temporary, { flags: 'wx' })
  const done = finished(stream)
  // told of as soon as it fails: a stream that has failed is never drained
  const failed = done.then(() => new Promise<never>(() => undefined))
  try {
    const result = await Promise.race([write(stream), failed])
    stream.end()
    await done
    renameSync(temporary, path)
    return result
  } catch (error) {
    stream.destroy()
    await done.catch(() => undefined)
    rmSync(temporary, { force: true })
    if (!(error instanceof Error) || !('syscall' in error)) throw error
    throw new KroniclerError('KRONICLER_IO', `writing ${path}: ${error.message}`, { cause: error })
  }
}
