/**
 * @module cli/csv
 * Lines of CSV as RFC 4180 has them: commas, CRLF, quotes where they are needed, and quotes in quotes doubled.
 */

/** What spreadsheet programs take for the beginning of a formula, which may run commands or send data away. */
const FORMULA = /^[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]/
const NEEDS_QUOTES = /[",\r\n]|^\s|\s$/

/**
 * @param cells undefined is empty; an empty text is quoted, so that it can be told from nothing
 * @param guard whether to put an apostrophe in front of texts that a spreadsheet program would take for formulas
 */
export function csvLine(
  cells: readonly (string | number | boolean | undefined)[],
  guard: boolean,
): string {
  return `${cells.map((cell) => csvCell(cell, guard)).join(',')}\r\n`
}

function csvCell(cell: string | number | boolean | undefined, guard: boolean): string {
  if (cell === undefined) return ''
  if (typeof cell !== 'string') return String(cell)
  const text = guard && FORMULA.test(cell) ? `'${cell}` : cell
  return text === '' || NEEDS_QUOTES.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
