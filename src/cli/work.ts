/**
 * @module cli/work
 * Runs a command over the files of a database, which it does not open for questions.
 */
import type { Command } from 'commander'
import type { FilesProgress } from '../database/pacer.ts'
import { colorsOf, widthOf, type CliContext, type Colors } from './context.ts'
import { ProgressLine } from './progress-line.ts'
import { checkDirectory, interruptedOr, type GlobalOptions } from './session.ts'

export interface Work {
  context: CliContext
  directory: string
  json: boolean
  colors: Colors
  width: number
  print: (line: string) => void
  progress: ProgressLine
  /** For the options of the work: ended by the user, and told on stderr. */
  options: { signal: AbortSignal; onProgress: (progress: FilesProgress) => void }
}

/** @throws {ExitError} the user has interrupted it */
export async function withDirectory(
  context: CliContext,
  command: Command,
  run: (work: Work) => Promise<void>,
): Promise<void> {
  const options = command.optsWithGlobals<GlobalOptions>()
  const directory = checkDirectory(context, options)
  const line = new ProgressLine(context)
  const { signal } = context
  try {
    await run({
      context,
      directory,
      json: options.json === true,
      colors: colorsOf(context.stdout, context),
      width: widthOf(context.stdout),
      print(text) {
        line.clear()
        context.stdout.write(`${text}\n`)
      },
      progress: line,
      options: {
        signal,
        onProgress: ({ bytes, path, totalBytes }) => {
          line.show(bytes, totalBytes, relativePath(directory, path))
        },
      },
    })
  } catch (error) {
    line.clear()
    throw interruptedOr(error, context)
  } finally {
    line.clear()
  }
}

/** The path within the directory, where it is in it. */
export function relativePath(directory: string, path: string): string {
  const root = directory.endsWith('/') ? directory : `${directory}/`
  if (path.startsWith(root)) return path.slice(root.length)
  return path.startsWith(root.replace(/^\.\//, '')) ? path.slice(root.length - 2) : path
}
