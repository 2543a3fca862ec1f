/**
 * @module cli/commands/export
 * All calls, or those that are as asked for, as text for other programs: as they are read, in bounded memory.
 */
import { Option, type Command } from 'commander'
import type { CallRow } from '../../types.ts'
import { toJsonRow } from '../call-text.ts'
import type { CliContext, CliStream } from '../context.ts'
import { csvLine } from '../csv.ts'
import { addFilterOptions, FILTER_HELP, filterOf, type FilterOptions } from '../filters.ts'
import { formatCount } from '../format.ts'
import { writeAll } from '../output.ts'
import { withOutputFile } from '../output-file.ts'
import { requireFunction, scanOptions, toJson, withDatabase, type Session } from '../session.ts'
import { printable } from '../text.ts'

const FORMATS = ['ndjson', 'csv'] as const
/** Written at once: a call at a time would spend most of the time on writing. */
const PORTION_LENGTH = 65_536

interface ExportOptions extends FilterOptions {
  format: (typeof FORMATS)[number]
  output?: string
  formulas: boolean
}

const CSV_COLUMNS = [
  'function',
  'start',
  'start_ms',
  'duration_ns',
  'self_ns',
  'error',
  'parent',
  'depth',
  'async',
  'weight',
  'attributes',
]

export function addExportCommand(program: Command, context: CliContext): void {
  const command = program
    .command('export')
    .summary('calls as NDJSON or CSV')
    .description(
      'Writes every call that is as asked for, by start, as it is read: to a file, or to standard output for other ' +
        'programs. Needs little memory, however many there are.',
    )
    .argument('[function]', 'exact name; all functions if left out')
    .addOption(
      new Option('-f, --format <format>', 'one JSON object per line, or CSV')
        .choices(FORMATS)
        .default('ndjson'),
    )
    .option('-o, --output <file>', 'where to; the file appears when it is complete')
  addFilterOptions(command)
    .option('--no-formulas', 'CSV: leave texts as they are that spreadsheets take for formulas')
    .addHelpText(
      'after',
      `
${FILTER_HELP}

CSV is as RFC 4180 has it, in UTF-8, with a line of titles; "start" is in UTC with microseconds, attributes are JSON. Names
come from programs and may be hostile: a text that begins with = + - @, a tab or a line break gets an apostrophe in front, so
that no spreadsheet program takes it for a formula. --no-formulas leaves it as it is.

Examples:
  kronicler export > calls.ndjson
  kronicler export checkout.pay --from -1d --format csv -o calls.csv
  kronicler export --error | jq -r .error | sort | uniq -c`,
    )
    .action(async (name: string | undefined, options: ExportOptions, self: Command) => {
      await withDatabase(context, self, (session) => run(session, name, options))
    })
}

async function run(
  session: Session,
  name: string | undefined,
  options: ExportOptions,
): Promise<void> {
  if (name !== undefined) await requireFunction(session, name)
  const { context } = session
  const { output } = options
  if (output === undefined) {
    await write(session, name, options, context.stdout)
    return
  }
  const count = await withOutputFile(output, (stream) => write(session, name, options, stream))
  session.print(`${formatCount(count)} calls written to ${printable(output)}`)
}

/** @returns how many calls */
async function write(
  session: Session,
  name: string | undefined,
  options: ExportOptions,
  stream: CliStream,
): Promise<number> {
  const { context, database, progress, range } = session
  const query = { ...range, function: name, where: filterOf(options), ...scanOptions(session) }
  // on a terminal the calls themselves show how far it is
  if (stream === context.stdout && stream.isTTY === true) query.onProgress = () => undefined
  const isCsv = options.format === 'csv'
  let portion = isCsv ? csvLine(CSV_COLUMNS, false) : ''
  let count = 0
  for await (const call of database.calls(query)) {
    portion += isCsv ? csvLine(csvCells(call), options.formulas) : `${toJson(toJsonRow(call))}\n`
    count++
    if (portion.length < PORTION_LENGTH) continue
    await writeAll(stream, portion)
    portion = ''
  }
  progress.clear()
  if (portion !== '') await writeAll(stream, portion)
  return count
}

function csvCells(call: CallRow): (string | number | boolean | undefined)[] {
  const { attributes } = call
  return [
    call.function,
    isoMicroseconds(call.startMs),
    call.startMs,
    call.durationNs,
    call.selfNs,
    call.error,
    call.parent,
    call.depth,
    call.async,
    call.weight,
    attributes === undefined ? undefined : JSON.stringify(attributes),
  ]
}

/** `2026-01-31T12:00:00.123456Z` */
function isoMicroseconds(startMs: number): string {
  const us = Math.round(startMs * 1000)
  const ms = Math.floor(us / 1000)
  return new Date(ms).toISOString().replace('Z', `${String(us - ms * 1000).padStart(3, '0')}Z`)
}
