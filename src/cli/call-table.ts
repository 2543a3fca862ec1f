/**
 * @module cli/call-table
 * Calls below each other, and below each what else is known of it.
 */
import type { CallRow } from '../types.ts'
import { describeDetails } from './call-text.ts'
import { formatDuration, formatInstant } from './format.ts'
import type { Session } from './session.ts'
import { GAP, layOut, type Column } from './table.ts'
import { displayWidth, printable, truncate } from './text.ts'

/** Lines of printable text, the titles first. */
export function callLines(calls: readonly CallRow[], { colors, width }: Session): string[] {
  const rows = calls.map(({ durationNs, error, function: called, startMs }) => [
    formatDuration(durationNs),
    formatInstant(startMs),
    printable(called),
    error === undefined ? '' : printable(error),
  ])
  const failed = calls.some(({ error }) => error !== undefined)
  const columns: Column[] = [
    { title: 'duration' },
    { title: 'started', align: 'left', rank: 2, style: colors.dim },
    { title: 'function', align: 'left', flexible: true, style: colors.cyan },
    { title: failed ? 'error' : '', align: 'left', rank: 1, style: colors.red },
  ]
  const [titles, ...lines] = layOut(columns, rows, { width, header: colors.bold })
  const durationWidth = Math.max(
    displayWidth(columns[0]!.title),
    ...rows.map(([duration]) => displayWidth(duration!)),
  )
  const indent = ' '.repeat(durationWidth + GAP.length)
  return [
    titles!.trimEnd(),
    ...lines.flatMap((line, i) => {
      const details = describeDetails(calls[i]!)
      if (details === '') return [line.trimEnd()]
      return [line.trimEnd(), indent + colors.dim(truncate(details, width - indent.length))]
    }),
  ]
}
