/**
 * @module cli/commands/repair
 * Saves what can be read of damaged files.
 */
import type { Command } from 'commander'
import { repairDatabase, type RepairReport } from '../../database/verify/repair.ts'
import type { RepairedFile } from '../../database/verify/repair-folder.ts'
import type { CliContext } from '../context.ts'
import { formatCount, formatInstant } from '../format.ts'
import { EXIT_FAILURE, ExitError, toJson } from '../session.ts'
import { printable } from '../text.ts'
import { relativePath, withDirectory, type Work } from '../work.ts'

const MOST_FUNCTIONS = 10

interface RepairCommandOptions {
  force?: boolean
}

export function addRepairCommand(program: Command, context: CliContext): void {
  program
    .command('repair')
    .summary('save what can be read of damaged files')
    .description(
      'Replaces every damaged file by a sound one with all rows that can be read, and says what is lost. The damaged ' +
        'file is kept in the folder "damaged" beside it. --from and --to have no effect here.',
    )
    .option(
      '--force',
      'also where it cannot be told whether the writer has ended, as on another machine: make sure that it has',
    )
    .addHelpText(
      'after',
      `
Folders of programs that run are left alone: end them first. A repair may be interrupted at any time, and run
again. Exits with 1 if something is still damaged afterwards.

Examples:
  kronicler verify                  is something damaged?
  kronicler repair
  kronicler repair --json | jq '.repaired[] | [.path, .lostRows]'`,
    )
    .action(async ({ force }: RepairCommandOptions, command: Command) => {
      await withDirectory(context, command, (work) => run(work, force === true))
    })
}

async function run(work: Work, force: boolean): Promise<void> {
  const { directory, json, options, print } = work
  const report = await repairDatabase(directory, { ...options, force })
  if (json) print(toJson(report))
  else for (const line of linesOf(report, work)) print(line)
  if (report.faults.length > 0) throw new ExitError(EXIT_FAILURE)
}

function linesOf({ faults, refused, repaired }: RepairReport, work: Work): string[] {
  const { colors, directory } = work
  const lines = repaired.flatMap((file) => describeFile(file, work))
  for (const { path, reason } of refused) {
    const folder = printable(relativePath(directory, path))
    lines.push(`${colors.yellow('left alone:')} ${folder}: ${printable(reason)}`)
  }
  for (const { message, offset, path } of faults) {
    const where = `${printable(relativePath(directory, path))}, byte ${formatCount(offset)}`
    lines.push(`${colors.red('still damaged:')} ${where}: ${printable(message)}`)
  }
  if (lines.length === 0) return [colors.green('Nothing is damaged.')]
  if (faults.length === 0) lines.push('', colors.green('Nothing is damaged any more.'))
  return lines
}

function describeFile(file: RepairedFile, { colors, directory }: Work): string[] {
  const { lost, lostDetails, lostErrors, lostNames, lostRows, path, savedRows, setAside } = file
  const lines = [`${colors.cyan('repaired:')} ${printable(relativePath(directory, path))}`]
  const add = (text: string): void => {
    lines.push(`  ${text}`)
  }
  const hasRows = savedRows > 0 || lostRows !== 0
  if (hasRows) add(`${rows(savedRows)} saved, ${lostText(lostRows)}`)
  for (const part of lost.slice(0, MOST_FUNCTIONS)) {
    const name = part.function === undefined ? 'of some functions' : printable(part.function)
    add(
      `  ${rows(part.rows)} ${name}, ${formatInstant(part.fromMs)} to ${formatInstant(part.toMs)}`,
    )
  }
  if (lost.length > MOST_FUNCTIONS) {
    add(
      `  and of ${formatCount(lost.length - MOST_FUNCTIONS)} more functions (--json has them all)`,
    )
  }
  if (lostErrors > 0) add(`of ${rows(lostErrors)} nobody knows any more that they failed`)
  if (lostDetails > 0) add(`${rows(lostDetails)} have lost callers, self time and attributes`)
  if (lostNames.length > 0) add(`names that are lost: ${lostNames.map(printable).join(', ')}`)
  if (setAside !== undefined)
    add(`the damaged file is now ${printable(relativePath(directory, setAside))}`)
  return lines
}

function rows(count: number): string {
  return count === 1 ? '1 row' : `${formatCount(count)} rows`
}

function lostText(lostRows: number | undefined): string {
  if (lostRows === undefined) return 'nobody knows how many are lost'
  return lostRows === 0 ? 'none lost' : `${formatCount(lostRows)} lost`
}
