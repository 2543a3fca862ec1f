/**
 * @module database/write/cluster-rows
 * Puts rows in the order of a segment: by function id, then by weight, then by start, equal ones in the order of arrival.
 */
import { createRowColumns, type RowColumns } from '../format/rows.ts'
import { sortRows } from './sort-rows.ts'
import { splitByWeight } from './split-by-weight.ts'

/** Ids up to this are counted in a table of all ids; writers number their functions from 0. */
const MAX_TABLE_ID = 1 << 20

export interface ClusteredArrivals {
  rows: RowColumns // without details
  /** Where each row stood before; undefined: nobody needs it, because there are no details. */
  arrivals: Uint32Array | undefined
}

/** @returns the clustered rows; `arrived` is left as it is */
export function clusterRows(arrived: RowColumns): ClusteredArrivals {
  const { count, details } = arrived
  const { numbers, functionCount } = numberFunctions(arrived)
  const ends = new Uint32Array(functionCount + 1) // of function n - 1, later of function n
  for (let row = 0; row < count; row++) ends[numbers[row]! + 1]!++
  for (let n = 0; n < functionCount; n++) ends[n + 1]! += ends[n]!

  const rows = createRowColumns(count)
  const { durationsNs, errorTypes, functionIds, startsUs } = rows
  rows.count = count
  const arrivals = details === undefined ? undefined : new Uint32Array(count)
  for (let from = 0; from < count; from++) {
    const to = ends[numbers[from]!]!++
    functionIds[to] = arrived.functionIds[from]!
    startsUs[to] = arrived.startsUs[from]!
    durationsNs[to] = arrived.durationsNs[from]!
    errorTypes[to] = arrived.errorTypes[from]!
    if (arrivals !== undefined) arrivals[to] = from
  }
  const columns = { startsUs, durationsNs, tags: arrivals ?? errorTypes }
  for (let n = 0; n < functionCount; n++) {
    const first = n === 0 ? 0 : ends[n - 1]!
    if (details === undefined) sortRows(columns, first, ends[n]!)
    else {
      splitByWeight(columns, details.weights, first, ends[n]!, (_, runFirst, runEnd) => {
        sortRows(columns, runFirst, runEnd)
      })
    }
  }
  arrivals?.forEach((from, to) => {
    errorTypes[to] = arrived.errorTypes[from]!
  })
  return { rows, arrivals }
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
