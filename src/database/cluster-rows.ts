/**
 * @module database/cluster-rows
 * Puts rows in the order of a segment: by function id, then by start, equal ones in the order of arrival.
 */
import { createRowColumns, type RowColumns } from './format/rows.ts'
import { sortRows } from './sort-rows.ts'

/** Ids up to this are counted in a table of all ids; writers number their functions from 0. */
const MAX_TABLE_ID = 1 << 20

/** @returns the clustered rows; `arrived` is left as it is */
export function clusterRows(arrived: RowColumns): RowColumns {
  const { count } = arrived
  const { numbers, functionCount } = numberFunctions(arrived)
  const ends = new Uint32Array(functionCount + 1) // of function n - 1, later of function n
  for (let row = 0; row < count; row++) ends[numbers[row]! + 1]!++
  for (let n = 0; n < functionCount; n++) ends[n + 1]! += ends[n]!

  const rows = createRowColumns(count)
  rows.count = count
  for (let from = 0; from < count; from++) {
    const to = ends[numbers[from]!]!++
    rows.functionIds[to] = arrived.functionIds[from]!
    rows.startsUs[to] = arrived.startsUs[from]!
    rows.durationsNs[to] = arrived.durationsNs[from]!
    rows.errorTypes[to] = arrived.errorTypes[from]!
  }
  for (let n = 0; n < functionCount; n++) sortRows(rows, n === 0 ? 0 : ends[n - 1]!, ends[n]!)
  return rows
}

/** A number for every row's function, ascending with the id: the id itself unless ids are very large. */
function numberFunctions({ count, functionIds }: RowColumns): {
  numbers: Uint32Array
  functionCount: number
} {
  let largest = -1
  for (let row = 0; row < count; row++) if (functionIds[row]! > largest) largest = functionIds[row]!
  if (largest <= MAX_TABLE_ID) return { numbers: functionIds, functionCount: largest + 1 }
  const ids = [...new Set(functionIds.subarray(0, count))].sort((a, b) => a - b)
  const numberOf = new Map(ids.map((id, n) => [id, n]))
  const numbers = Uint32Array.from({ length: count }, (_, row) => numberOf.get(functionIds[row]!)!)
  return { numbers, functionCount: ids.length }
}
