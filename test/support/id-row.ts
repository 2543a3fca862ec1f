/** Rows by ids, as tests write them down, and as columns. */
import { createRowColumns, detailsOf, type RowColumns } from '../../src/database/format/rows.ts'

/** What some rows have besides. */
export interface Extras {
  context: number
  childrenNs: number
  weight: number
  attributes: string | undefined
}

/** One row by ids: function, start in µs, duration in ns, error type (0: none), and whatever is not the default. */
export type IdRow = [
  functionId: number,
  startUs: number,
  durationNs: number,
  errorType: number,
  extras?: Extras,
]

export function idRowOf(row: IdRow, extras: Extras): IdRow {
  const { attributes, childrenNs, context, weight } = extras
  const [functionId, startUs, durationNs, errorType] = row
  return context === 0 && childrenNs === 0 && weight === 1 && attributes === undefined
    ? [functionId, startUs, durationNs, errorType]
    : [functionId, startUs, durationNs, errorType, extras]
}

/** Rows of columns. */
export function fromColumns(rows: RowColumns): IdRow[] {
  const { details } = rows
  return Array.from({ length: rows.count }, (_, i): IdRow => {
    const row: IdRow = [
      rows.functionIds[i]!,
      rows.startsUs[i]!,
      rows.durationsNs[i]!,
      rows.errorTypes[i]!,
    ]
    if (details === undefined) return row
    return idRowOf(row, {
      context: details.contexts[i]!,
      childrenNs: details.childrenNs[i]!,
      weight: details.weights[i]!,
      attributes: textOf(details.attributes.get(i)),
    })
  })
}

export function textOf(bytes: Uint8Array | undefined): string | undefined {
  return bytes === undefined ? undefined : new TextDecoder().decode(bytes)
}

/** Columns of rows. */
export function toColumns(rows: readonly IdRow[]): RowColumns {
  const columns = createRowColumns(rows.length)
  rows.forEach((row, i) => {
    columns.functionIds[i] = row[0]
    columns.startsUs[i] = row[1]
    columns.durationsNs[i] = row[2]
    columns.errorTypes[i] = row[3]
    if (row[4] !== undefined) putExtras(columns, i, row[4])
  })
  columns.count = rows.length
  return columns
}

function putExtras(columns: RowColumns, i: number, extras: Extras): void {
  const details = detailsOf(columns)
  details.contexts[i] = extras.context
  details.childrenNs[i] = extras.childrenNs
  details.weights[i] = extras.weight
  if (extras.attributes === undefined) return
  details.attributes.set(i, new TextEncoder().encode(extras.attributes))
}
