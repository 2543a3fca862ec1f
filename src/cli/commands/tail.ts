/**
 * @module cli/commands/tail
 * The latest calls, and with --follow those that come after.
 */
import type { Command } from 'commander'
import type { CallRow } from '../../types.ts'
import { describeAttributes, toJsonRow } from '../call-text.ts'
import type { CliContext } from '../context.ts'
import { formatDuration, formatInstant } from '../format.ts'
import { parseCount } from '../options.ts'
import { toJson, withDatabase, type Session } from '../session.ts'
import { displayWidth, padStart, printable, truncate } from '../text.ts'

const DURATION_WIDTH = 8
const MIN_NAME_WIDTH = 8
const MIN_DETAILS_WIDTH = 8

interface TailOptions {
  lines: number
  follow?: boolean
}

export function addTailCommand(program: Command, context: CliContext): void {
  program
    .command('tail')
    .summary('the latest calls, or calls as they happen')
    .description(
      'Shows the calls that started last, the latest at the end: when, how long, what, the error, the captured\n' +
        'function that called it, and its attributes. With --json one object per line. --from and --to have no effect\n' +
        'here.',
    )
    .option('-n, --lines <count>', 'how many calls', parseCount, 10)
    .option('-f, --follow', 'go on with the calls that are stored from now on, until interrupted')
    .addHelpText(
      'after',
      `
Examples:
  kronicler tail -n 100
  kronicler tail --follow                              calls as they happen
  kronicler tail -f --json | jq 'select(.error)'       failures as they happen`,
    )
    .action(async (options: TailOptions, command: Command) => {
      await withDatabase(context, command, (session) => run(session, options))
    })
}

async function run(session: Session, { follow, lines }: TailOptions): Promise<void> {
  const { context, database } = session
  // before the first answer, so that no call falls between the two
  const arriving = follow === true ? database.follow({ signal: context.signal }) : undefined
  const latest = await database.tail(lines)
  for (const call of latest) session.print(lineOf(call, session))
  if (arriving === undefined) {
    if (latest.length === 0 && !session.json) {
      session.print(`No calls are stored in ${printable(session.directory)} yet.`)
    }
    return
  }
  for await (const call of arriving) session.print(lineOf(call, session))
}

function lineOf(call: CallRow, { colors, json, width }: Session): string {
  if (json) return toJson(toJsonRow(call))
  const started = formatInstant(call.startMs)
  const duration = padStart(formatDuration(call.durationNs), DURATION_WIDTH)
  const error = call.error === undefined ? '' : printable(call.error)
  const used = displayWidth(started) + displayWidth(duration) + 4
  const room = Math.max(MIN_NAME_WIDTH, width - used)
  // the name gives way first, down to half of the room
  const errorText = truncate(error, Math.floor(room / 2))
  const nameRoom = errorText === '' ? room : room - displayWidth(errorText) - 2
  const name = truncate(printable(call.function), nameRoom)
  const line = `${colors.dim(started)}  ${duration}  ${colors.cyan(name)}`
  const failed = errorText === '' ? line : `${line}  ${colors.red(errorText)}`
  const detailsRoom = nameRoom - displayWidth(name) - 2
  const details = detailsOf(call)
  if (details === '' || detailsRoom < MIN_DETAILS_WIDTH) return failed
  return `${failed}  ${colors.dim(truncate(details, detailsRoom))}`
}

/** They get what room is left. */
function detailsOf({ attributes, parent }: CallRow): string {
  const text = describeAttributes(attributes)
  const caller = parent === undefined ? '' : `← ${printable(parent)}`
  return caller === '' || text === '' ? caller + text : `${caller}  ${text}`
}
