/**
 * @module cli/commands/verify
 * Whether every byte of the database is as it was written.
 */
import type { Command } from 'commander'
import { readControlFile } from '../../control/control-file.ts'
import type { FileFault } from '../../database/verify/file-faults.ts'
import { verifyDatabase, type VerifyReport } from '../../database/verify/verify.ts'
import { KroniclerError } from '../../errors.ts'
import type { CliContext } from '../context.ts'
import { formatBytes, formatCount } from '../format.ts'
import { EXIT_FAILURE, ExitError, toJson } from '../session.ts'
import { printable } from '../text.ts'
import { relativePath, withDirectory, type Work } from '../work.ts'

export function addVerifyCommand(program: Command, context: CliContext): void {
  program
    .command('verify')
    .summary('read every byte and say what is damaged')
    .description(
      'Reads every byte of every file, checks all checksums, and computes anew from the rows what is stored twice. ' +
        'Changes nothing, and may be run while programs write. --from and --to have no effect here.',
    )
    .addHelpText(
      'after',
      `
Exits with 0 if all is as it was written, with 1 if something is damaged. A log whose end a crash has
cut off is told, and is no damage: the rows before are all there.

Examples:
  kronicler verify
  kronicler verify --dir /var/lib/app/.kronicler
  kronicler verify --json | jq -r '.faults[].path'    the damaged files`,
    )
    .action(async (_options: object, command: Command) => {
      await withDirectory(context, command, run)
    })
}

async function run(work: Work): Promise<void> {
  const { directory, json, options, print } = work
  const report = await verifyDatabase(directory, options)
  report.faults.push(...controlFaults(directory, report))
  if (json) print(toJson(report))
  else for (const line of linesOf(report, work)) print(line)
  if (report.faults.length > 0) throw new ExitError(EXIT_FAILURE)
}

/** What is wrong with the rules, which the database does not know. */
function controlFaults(directory: string, { faults }: VerifyReport): FileFault[] {
  try {
    readControlFile(directory)
    return []
  } catch (error) {
    if (!(error instanceof KroniclerError)) throw error
    const { code, message } = error
    const path = message.slice(0, message.indexOf(': '))
    if (faults.some((fault) => fault.path === path)) return []
    return [{ path, offset: 0, code, message: message.slice(path.length + 2) }]
  }
}

function linesOf(
  { bytes, faults, faultsLeft, files, rows, torn }: VerifyReport,
  work: Work,
): string[] {
  const { colors } = work
  const read = `${formatCount(files)} ${files === 1 ? 'file' : 'files'}, ${formatBytes(bytes)}, ${formatCount(rows)} ${rows === 1 ? 'row' : 'rows'}`
  const lines = [
    ...faults.map((fault) => `${colors.red('damaged:')} ${describeFault(fault, work)}`),
    ...torn.map((fault) => `${colors.yellow('cut off:')} ${describeFault(fault, work)}`),
  ]
  if (lines.length > 0) lines.push('')
  lines.push(`Read ${read}.`)
  const count = faults.length + faultsLeft
  if (torn.length > 0) {
    lines.push('What is cut off is what a crash leaves behind: the rows before it are all there.')
  }
  if (count === 0) return [...lines, colors.green('Nothing is damaged.')]
  const paths = new Set(faults.map(({ path }) => path)).size
  lines.push(
    colors.red(
      `${formatCount(count)} ${count === 1 ? 'fault' : 'faults'} in ${formatCount(paths)} ${paths === 1 ? 'file' : 'files'}.`,
    ) + ' What can be read is saved by:  kronicler repair',
  )
  return lines
}

/** One line, which is not cut: a path is of use only as a whole. */
function describeFault({ message, offset, path }: FileFault, { directory }: Work): string {
  return `${printable(relativePath(directory, path))}, byte ${formatCount(offset)}: ${printable(message)}`
}
