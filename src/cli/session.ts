/**
 * @module cli/session
 * Runs one command over an open database: options that all commands have, faults on stderr, exit codes.
 */
import type { Command } from 'commander'
import { type CorruptionError, KroniclerError } from '../errors.ts'
import type { Database } from '../query/database.ts'
import { openDatabase } from '../query/open-database.ts'
import { resolveRange } from '../query/time.ts'
import type { ScanOptions, TimeInput, TimeRange } from '../types.ts'
import { colorsOf, widthOf, type CliContext, type Colors } from './context.ts'
import { formatCount } from './format.ts'
import { nearestNames } from './nearest.ts'
import { ProgressLine } from './progress-line.ts'
import { printable } from './text.ts'

/** Options of every command, wherever they stand on the command line. */
export interface GlobalOptions {
  dir?: string
  json?: boolean
  from?: string
  to?: string
}

/** A command line that cannot be understood; commander finds most of them itself. */
export class UsageError extends KroniclerError {
  constructor(message: string) {
    super('KRONICLER_USAGE', message)
  }
}

export interface Session {
  context: CliContext
  database: Database
  directory: string
  json: boolean
  range: TimeRange
  colors: Colors
  width: number
  print: (line: string) => void
  progress: ProgressLine
}

export const EXIT_FAILURE = 1
export const EXIT_USAGE = 2
export const EXIT_INTERRUPTED = 130 // as shells tell it

/** An error that has been explained on stderr; only the exit code is left to set. */
export class ExitError extends Error {
  readonly exitCode: number

  constructor(exitCode: number) {
    super(`exit code ${exitCode}`)
    this.name = new.target.name
    this.exitCode = exitCode
  }
}

/**
 * Opens the database, runs `work`, and reports what is damaged after the answer.
 *
 * @throws {ExitError} something is damaged; what is readable has been answered
 */
export async function withDatabase(
  context: CliContext,
  command: Command,
  work: (session: Session) => Promise<void>,
): Promise<void> {
  const options = command.optsWithGlobals<GlobalOptions>()
  const directory = checkDirectory(context, options)
  const range = { from: parseTimeOption(options.from), to: parseTimeOption(options.to) }
  checkRange(range)
  const faults: CorruptionError[] = []
  const database = await openDatabase(directory, { onFault: (fault) => faults.push(fault) })
  const progress = new ProgressLine(context)
  try {
    await work({
      context,
      database,
      directory,
      json: options.json === true,
      range,
      colors: colorsOf(context.stdout, context),
      width: widthOf(context.stdout),
      print(line) {
        progress.clear()
        context.stdout.write(`${line}\n`)
      },
      progress,
    })
  } catch (error) {
    throw interruptedOr(error, context)
  } finally {
    progress.clear()
    await database.close()
    reportFaults(context, faults)
  }
  if (faults.some(isDamage)) throw new ExitError(EXIT_FAILURE)
}

/** Of questions that may take long: the user may end them, and sees how far they are. */
export function scanOptions({ context, progress }: Session): ScanOptions {
  return {
    signal: context.signal,
    onProgress: ({ rows, totalRows }) => {
      progress.show(rows, totalRows, `${formatCount(rows)} of ${formatCount(totalRows)} rows`)
    },
  }
}

/** What to throw instead of the reason for which work was ended: the user has interrupted it. */
export function interruptedOr(error: unknown, { signal, stderr }: CliContext): unknown {
  if (!signal.aborted || error !== signal.reason) return error
  stderr.write('Interrupted.\n')
  return new ExitError(EXIT_INTERRUPTED)
}

/** The directory that is asked about. @throws {UsageError} */
export function checkDirectory({ env }: CliContext, { dir }: GlobalOptions): string {
  const directory = dir ?? (env['KRONICLER_DIR'] || '.kronicler')
  if (directory === '') throw new UsageError('--dir must be a path')
  return directory
}

/** What the database would refuse, told apart from what goes wrong in it. */
function checkRange(range: TimeRange): void {
  try {
    resolveRange(range)
  } catch (error) {
    throw new UsageError(`--${error instanceof Error ? error.message : String(error)}`)
  }
}

/** @throws {KroniclerError} KRONICLER_USAGE: no function has the name; says which ones are close */
export async function requireFunction({ database }: Session, name: string): Promise<void> {
  const names = await database.functionNames()
  if (names.includes(name)) return
  // one that is never listed
  if ((await database.count({ function: name })) > 0) return
  const near = nearestNames(name, names).map((candidate) => `  ${printable(candidate)}`)
  const hint =
    near.length > 0
      ? `Did you mean\n${near.join('\n')}`
      : names.length > 0
        ? 'See all functions with:  kronicler functions --sort name'
        : 'Nothing has been recorded yet.'
  throw new KroniclerError('KRONICLER_USAGE', `no function is named ${printable(name)}\n\n${hint}`)
}

/** Says how many calls are in no number above, or only by the weight of others. */
export async function tellLeftOut({ colors, database, print }: Session): Promise<void> {
  const dropped = await database.dropped()
  if (dropped > 0) {
    const text = `${formatCount(dropped)} more calls were not stored: they found a full queue`
    print(colors.yellow(text))
  }
  const filtered = await database.filtered()
  if (filtered > 0) {
    const text = `${formatCount(filtered)} calls were left out on request: faster than slowerThan, or not in the sample`
    print(colors.dim(text))
  }
}

/** Says how many calls are counted with whole hours, because their rows have expired. */
export function tellCoarse(
  { colors, print }: Session,
  { coarseCalls }: { coarseCalls: number },
): void {
  if (coarseCalls === 0) return
  const text = `${formatCount(coarseCalls)} of the calls are only known by the hour: their rows have expired`
  print(colors.dim(text))
}

/** JSON with null for numbers that do not exist. */
export function toJson(value: unknown): string {
  return JSON.stringify(value)
}

/** Milliseconds since the epoch may be given as digits; everything else is for the database to judge. */
function parseTimeOption(text: string | undefined): TimeInput | undefined {
  return text !== undefined && /^\d{9,}(\.\d+)?$/.test(text) ? Number(text) : text
}

function reportFaults(context: CliContext, faults: readonly CorruptionError[]): void {
  const colors = colorsOf(context.stderr, context)
  for (const fault of faults) {
    const label = isDamage(fault) ? colors.red('damaged:') : colors.yellow('warning:')
    context.stderr.write(`${label} ${printable(fault.message)}\n`)
  }
  if (faults.some(isDamage)) {
    context.stderr.write('The answer above leaves out what cannot be read.\n')
  }
}

/** A torn tail is what a crash leaves behind; the rows before it are all there. */
function isDamage({ code }: CorruptionError): boolean {
  return code !== 'KRONICLER_TORN'
}
