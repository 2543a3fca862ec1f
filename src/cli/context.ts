/**
 * @module cli/context
 * What a command needs of the process around it, so that tests can run commands without one.
 */
import pc from 'picocolors'

export interface CliContext {
  env: Readonly<Record<string, string | undefined>>
  stdout: CliStream
  stderr: CliStream
  /** Aborted when the user interrupts; ends `--follow`. */
  signal: AbortSignal
}

export interface CliStream {
  /** False: it holds as much as it wants to, and tells by 'drain' when there is room again. */
  write: (text: string) => unknown
  once?: ((event: 'drain', listener: () => void) => unknown) | undefined
  isTTY?: boolean | undefined
  columns?: number | undefined
}

export type Colors = ReturnType<typeof pc.createColors>

/** Colours for a terminal that wants them, else functions that change nothing. */
export function colorsOf(stream: CliStream, { env }: CliContext): Colors {
  const isUnwanted = (env['NO_COLOR'] ?? '') !== '' || env['TERM'] === 'dumb'
  return pc.createColors(stream.isTTY === true && !isUnwanted)
}

/** Cells of a line; no limit where nobody looks at lines. */
export function widthOf(stream: CliStream): number {
  if (stream.isTTY !== true) return Infinity
  const { columns } = stream
  return columns === undefined || columns === 0 ? 80 : columns // 0: a terminal that does not know
}
