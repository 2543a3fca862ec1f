/**
 * @module cli/table
 * Columns of text, aligned, fitted to a width: first extra columns give way, then the flexible one, then other columns,
 * the least important first. Widths are those of terminal cells, so wide and combining characters stay aligned.
 */
import { displayWidth, padEnd, padStart, truncate } from './text.ts'

export interface Column {
  title: string
  align?: 'left' | 'right' // (default right)
  flexible?: boolean // is shortened when the table is too wide
  rank?: number // columns with the highest rank are left out first; 0, the default, never
  isExtra?: boolean // left out before any other gives way
  style?: (text: string) => string // colours; must not change the width
}

export interface TableOptions {
  width: number // cells; Infinity for no limit
  header?: (text: string) => string // style of the titles
}

export const GAP = '  '
const FLEXIBLE_MIN_WIDTH = 16

/**
 * @param rows printable text without styles, one cell for each column
 * @returns lines without line breaks, the titles first
 */
export function layOut(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  options: TableOptions,
): string[] {
  const widths = columns.map(({ title }, i) =>
    rows.reduce((width, row) => Math.max(width, displayWidth(row[i]!)), displayWidth(title)),
  )
  const shown = chooseColumns(columns, widths, options.width)
  const header = options.header ?? ((text) => text)
  const line = (cells: readonly string[], style: (i: number, text: string) => string): string =>
    shown
      .map((i, at) => {
        const cell = truncate(cells[i]!, widths[i]!)
        if ((columns[i]!.align ?? 'right') === 'right') return style(i, padStart(cell, widths[i]!))
        // nothing follows the last column, so nothing is padded there
        return style(i, at === shown.length - 1 ? cell : padEnd(cell, widths[i]!))
      })
      .join(GAP)
  return [
    line(
      columns.map(({ title }) => title),
      (_, text) => header(text),
    ),
    ...rows.map((row) => line(row, (i, text) => columns[i]!.style?.(text) ?? text)),
  ]
}

/** Indices of the columns that are shown; narrows the width of the flexible one as needed. */
function chooseColumns(columns: readonly Column[], widths: number[], width: number): number[] {
  let shown = columns.map((_, i) => i)
  for (;;) {
    const excess = total(shown, widths) - width
    if (excess <= 0) return shown
    const extra = shown.find((i) => columns[i]!.isExtra)
    if (extra !== undefined) {
      shown = shown.filter((i) => i !== extra)
      continue
    }
    const flexible = shown.find((i) => columns[i]!.flexible)
    const spare = flexible === undefined ? 0 : widths[flexible]! - FLEXIBLE_MIN_WIDTH
    if (flexible !== undefined && spare >= excess) {
      widths[flexible] = widths[flexible]! - excess
      return shown
    }
    const least = shown.reduce((a, b) =>
      (columns[b]!.rank ?? 0) > (columns[a]!.rank ?? 0) ? b : a,
    )
    if ((columns[least]!.rank ?? 0) === 0) {
      if (flexible !== undefined) widths[flexible] = Math.max(4, widths[flexible]! - excess)
      return shown
    }
    shown = shown.filter((i) => i !== least)
  }
}

function total(shown: readonly number[], widths: readonly number[]): number {
  return shown.reduce((sum, i) => sum + widths[i]!, GAP.length * (shown.length - 1))
}
