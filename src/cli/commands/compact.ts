/**
 * @module cli/commands/compact
 * Merges the files of programs that have ended.
 */
import type { Command } from 'commander'
import { compactDatabase, type CompactedFolder } from '../../database/maintain/compact.ts'
import type { CliContext } from '../context.ts'
import { formatBytes, formatCount } from '../format.ts'
import { EXIT_FAILURE, ExitError, toJson } from '../session.ts'
import { printable } from '../text.ts'
import { withDirectory, type Work } from '../work.ts'

interface CompactCommandOptions {
  dense?: boolean
}

export function addCompactCommand(program: Command, context: CliContext): void {
  program
    .command('compact')
    .summary('merge the files of programs that have ended')
    .description(
      'Seals what programs that have ended left behind, and merges their segments. Rows and answers stay the same. ' +
        'Programs that run do this by themselves. --from and --to have no effect here.',
    )
    .option('--dense', 'durations take less room, and longer to be scanned')
    .addHelpText(
      'after',
      `
It may be interrupted at any time, and run while programs write and read. Exits with 1 if a damaged file was met, which
is left as it is: kronicler repair

Examples:
  kronicler compact
  kronicler compact --dense --dir /archive/2026`,
    )
    .action(async ({ dense }: CompactCommandOptions, command: Command) => {
      await withDirectory(context, command, (work) => run(work, dense === true))
    })
}

async function run(work: Work, dense: boolean): Promise<void> {
  const { directory, json, options, print } = work
  const { folders } = await compactDatabase(directory, {
    dense,
    signal: options.signal,
    onProgress: ({ rows, totalRows }) => {
      work.progress.show(rows, totalRows, `${formatCount(rows)} of ${formatCount(totalRows)} rows`)
    },
  })
  if (json) print(toJson({ folders: folders.map(toJsonFolder) }))
  else for (const folder of folders) print(describeFolder(folder, work))
  if (folders.length === 0 && !json) print('There is nothing to compact.')
  if (folders.some(({ faults }) => faults.length > 0)) throw new ExitError(EXIT_FAILURE)
}

function toJsonFolder({ faults, ...folder }: CompactedFolder) {
  return {
    ...folder,
    faults: faults.map(({ code, offset, path, reason }) => ({
      path,
      offset,
      code,
      message: reason,
    })),
  }
}

function describeFolder(result: CompactedFolder, { colors }: Work): string {
  const { faults, folder, segmentsAfter, segmentsBefore, sizeBytesAfter, sizeBytesBefore, state } =
    result
  const name = printable(folder)
  if (state === 'alive') return colors.dim(`${name}: a program is at work there`)
  if (state === 'unknown') {
    return colors.yellow(`${name}: left alone, as its writer may run on another machine`)
  }
  const counts = `${formatCount(segmentsBefore)} → ${formatCount(segmentsAfter)} segments`
  const sizes = `${formatBytes(sizeBytesBefore)} → ${formatBytes(sizeBytesAfter)}`
  const line = `${colors.cyan(name)}: ${counts}, ${sizes}`
  const damaged = faults.map(({ message }) => `\n${colors.red('damaged:')} ${printable(message)}`)
  return line + damaged.join('')
}
