/**
 * @module cli/program
 * The command line, put together, and what becomes of errors: a message for people and an exit code for programs.
 */
import { Command, CommanderError } from 'commander'
import { KroniclerError } from '../errors.ts'
import { PACKAGE_VERSION } from '../internal/version.ts'
import { addCallsCommand } from './commands/calls.ts'
import { addCompactCommand } from './commands/compact.ts'
import { addControlCommand } from './commands/control.ts'
import { addCountCommand } from './commands/count.ts'
import { addExportCommand } from './commands/export.ts'
import { addFetchCommand } from './commands/fetch.ts'
import { addFunctionsCommand } from './commands/functions.ts'
import { addHistogramCommand } from './commands/histogram.ts'
import { addRepairCommand } from './commands/repair.ts'
import { addSeriesCommand } from './commands/series.ts'
import { addSlowestCommand } from './commands/slowest.ts'
import { addStatsCommand } from './commands/stats.ts'
import { addTailCommand } from './commands/tail.ts'
import { addVerifyCommand } from './commands/verify.ts'
import { colorsOf, widthOf, type CliContext } from './context.ts'
import { EXIT_FAILURE, EXIT_USAGE, ExitError, UsageError } from './session.ts'
import { printable } from './text.ts'

/** Help is easier to read when lines do not run over a wide screen. */
const MAX_HELP_WIDTH = 100

const COMMANDS = [
  addFunctionsCommand,
  addStatsCommand,
  addSeriesCommand,
  addHistogramCommand,
  addSlowestCommand,
  addCallsCommand,
  addCountCommand,
  addFetchCommand,
  addTailCommand,
  addExportCommand,
  addControlCommand,
  addVerifyCommand,
  addRepairCommand,
  addCompactCommand,
]

/**
 * Runs one command line.
 *
 * @param args without the program's name
 * @returns exit code: 0; 1 the command failed or met damaged files; 2 the command line was not understood
 */
export async function runCli(args: readonly string[], context: CliContext): Promise<number> {
  const program = createProgram(context)
  try {
    await program.parseAsync(args, { from: 'user' })
    return 0
  } catch (error) {
    return exitCodeOf(error, context)
  }
}

function createProgram(context: CliContext): Command {
  const program = new Command('kronicler')
    .description(
      'Answers questions about the calls that Kronicler has recorded, also while it records.',
    )
    .version(PACKAGE_VERSION, '-V, --version', 'print the version')
    .option(
      '-d, --dir <path>',
      'directory of the database (default: KRONICLER_DIR or ./.kronicler)',
    )
    .option('--from <time>', 'only calls that started at this time or later')
    .option('--to <time>', 'only calls that started before this time')
    .option(
      '--json',
      'print JSON for other programs: durations in nanoseconds, times in milliseconds',
    )
    .helpOption('-h, --help', 'print help')
    .addHelpText(
      'after',
      `
Times are ISO 8601 ('2026-01-31', '2026-01-31T12:00:00Z'), a time ago ('-90s', '-15m', '-1h', '-7d'), 'now',
or milliseconds since 1970.

Examples:
  kronicler functions                      which functions are slow now and then?
  kronicler stats checkout.pay --from -1h  one of them, in the last hour
  kronicler series checkout.pay --from -1h the same over time
  kronicler slowest checkout.pay           its longest calls, and when they were
  kronicler calls --error --where user=ada calls of a kind
  kronicler tail --follow                  calls as they happen
  kronicler control set 'cache.*' --off    stop recording these, in programs that run`,
    )
    .exitOverride()
    .showSuggestionAfterError()
    .showHelpAfterError('\nMore with:  kronicler --help')
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => context.stdout.write(text),
      writeErr: (text) => context.stderr.write(text),
      getOutHelpWidth: () => Math.min(MAX_HELP_WIDTH, widthOf(context.stdout)),
      getErrHelpWidth: () => Math.min(MAX_HELP_WIDTH, widthOf(context.stderr)),
      getOutHasColors: () => colorsOf(context.stdout, context).isColorSupported,
      getErrHasColors: () => colorsOf(context.stderr, context).isColorSupported,
      outputError: (text, write) => write(printableLines(text)),
    })
  for (const add of COMMANDS) {
    add(program, context)
  }
  for (const command of program.commands.flatMap((one) => [one, ...one.commands])) {
    command.copyInheritedSettings(program).helpOption('-h, --help', 'print help')
  }
  program.helpCommand('help [command]', 'print help on a command')
  return program
}

function exitCodeOf(error: unknown, context: CliContext): number {
  if (error instanceof ExitError) return error.exitCode
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE
  const { bold, red } = colorsOf(context.stderr, context)
  const message = error instanceof Error ? error.message : String(error)
  context.stderr.write(`${bold(red('kronicler:'))} ${printableLines(message)}\n`)
  const hint = hintFor(error)
  if (hint !== undefined) context.stderr.write(`\n${hint}\n`)
  return error instanceof UsageError ? EXIT_USAGE : EXIT_FAILURE
}

function hintFor(error: unknown): string | undefined {
  if (!(error instanceof KroniclerError)) return undefined
  switch (error.code) {
    case 'KRONICLER_NOT_FOUND':
      return `Say where the calls are with --dir PATH, or record some first:

  import { capture } from 'kronicler'

  const work = capture('work', () => { /* … */ })
  work()`
    case 'KRONICLER_VERSION':
      return 'A newer version of Kronicler has written this. Update:  npm install kronicler@latest'
    default:
      return undefined
  }
}

/** Messages may quote names and paths; their own line breaks stay. */
function printableLines(text: string): string {
  return text
    .split('\n')
    .map((line) => (line === '' ? '' : printable(line)))
    .join('\n')
}
