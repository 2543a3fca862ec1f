/**
 * @module bench/harness/report
 * What a person sees: progress on stderr, the results as a table on stdout.
 */
import type { BenchResult, BenchRow } from './result.ts'

const DIGITS = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 })

/** Says what is being done. */
export function progress(text: string): void {
  process.stderr.write(`${new Date().toISOString().slice(11, 19)}  ${text}\n`)
}

/** 10,000,000 → 10M, as in the names of rows. */
export function shortCount(count: number): string {
  if (count >= 1e9 && count % 1e8 === 0) return `${count / 1e9}G`
  if (count >= 1e6 && count % 1e5 === 0) return `${count / 1e6}M`
  if (count >= 1000 && count % 100 === 0) return `${count / 1000}k`
  return String(count)
}

export function printTable({ rows, machine, commit, notMeasured = {} }: BenchResult): void {
  const lines = [
    ['', 'value', '', 'ratio', 'p10', 'p50', 'p99', 'best', 'n'],
    ...rows.map((row) => [
      row.name,
      numberText(row.value),
      row.unit,
      ratioText(row),
      ...[row.p10, row.p50, row.p99, row.best, row.n].map(numberText),
    ]),
  ]
  const widths = lines[0]!.map((_, column) =>
    Math.max(...lines.map((line) => line[column]!.length)),
  )
  for (const line of lines) {
    const cells = line.map((cell, column) =>
      column === 0 || column === 2 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!),
    )
    console.log(cells.join('  ').trimEnd())
  }
  for (const [who, why] of Object.entries(notMeasured)) console.log(`${who}: not measured, ${why}`)
  console.log(
    `\n${machine.cpu}, ${machine.cores} cores, Node ${machine.node}, ${machine.os}, ${commit}`,
  )
}

function ratioText({ ratio, ratioP10 }: BenchRow): string {
  if (ratio === undefined) return ''
  return ratioP10 === undefined
    ? `${numberText(ratio)} x`
    : `${numberText(ratio)} x (p10 ${numberText(ratioP10)} x)`
}

function numberText(value: number | undefined): string {
  return value === undefined ? '' : DIGITS.format(value)
}
