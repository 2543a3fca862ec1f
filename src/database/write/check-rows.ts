/**
 * @module database/write/check-rows
 * Columns as a program hands them to `DatabaseWriter.append`, checked before any of them is written.
 */
import { parseAttributes } from '../format/attributes.ts'
import { parentIdOf } from '../format/call-context.ts'
import {
  MAX_ATTRIBUTES_SIZE_BYTES,
  MAX_WEIGHT,
  type RowColumns,
  type RowDetails,
} from '../format/rows.ts'

/**
 * @param functions  ids of functions are below this
 * @param errorTypes ids of error types are at most this
 * @throws {RangeError} a number is out of range, or a column is too short
 * @throws {TypeError}  attributes are no text of a JSON object
 */
export function checkRows(rows: RowColumns, functions: number, errorTypes: number): void {
  const { count, details } = rows
  checkLengths(rows)
  const row = Math.min(
    firstImpossible(rows.durationsNs, count),
    firstImpossible(rows.startsUs, count),
    firstAbove(rows.functionIds, count, functions - 1),
    firstAbove(rows.errorTypes, count, errorTypes),
  )
  if (row < count) {
    throw new RangeError(
      `row ${row} is out of range: function ${rows.functionIds[row]} of ${functions}, start ${rows.startsUs[row]} µs, ` +
        `duration ${rows.durationsNs[row]} ns, error ${rows.errorTypes[row]} of ${errorTypes}`,
    )
  }
  if (details !== undefined) checkDetails(details, rows, functions)
}

/** Row of the first number that is not whole, or not in [0, 2^53); `count`: there is none. */
function firstImpossible(column: Float64Array, count: number): number {
  for (let row = 0; row < count; row++) {
    const value = column[row]!
    if (!(value >= 0 && value <= Number.MAX_SAFE_INTEGER && Math.floor(value) === value)) return row
  }
  return count
}

function firstAbove(column: Uint32Array | Uint16Array, count: number, most: number): number {
  for (let row = 0; row < count; row++) if (column[row]! > most) return row
  return count
}

function checkLengths({ count, details, ...columns }: RowColumns): void {
  const { durationsNs, errorTypes, functionIds, startsUs } = columns
  const arrays: ArrayLike<number>[] = [durationsNs, errorTypes, functionIds, startsUs]
  if (details !== undefined) arrays.push(details.contexts, details.childrenNs, details.weights)
  const length = arrays.reduce((least, array) => Math.min(least, array.length), Infinity)
  if (!(Number.isInteger(count) && count >= 0 && count <= length)) {
    throw new RangeError(`rows.count is ${count}, the shortest column has ${length} elements`)
  }
}

function checkDetails(
  { attributes, childrenNs, contexts, weights }: RowDetails,
  { count, durationsNs }: RowColumns,
  functions: number,
): void {
  for (let row = 0; row < count; row++) {
    const ns = childrenNs[row]!
    const weight = weights[row]!
    const parentId = parentIdOf(contexts[row]!)
    if (
      !(ns >= 0 && ns <= durationsNs[row]! && Number.isInteger(ns)) ||
      !(weight >= 1 && weight <= MAX_WEIGHT) ||
      parentId >= Math.max(1, functions)
    ) {
      throw new RangeError(
        `details of row ${row} are out of range: called by function ${parentId} of ${functions}, ` +
          `time in children ${ns} of ${durationsNs[row]} ns, weight ${weight}`,
      )
    }
  }
  for (const [row, text] of attributes) checkAttributes(row, text, count)
}

function checkAttributes(row: number, text: Uint8Array, count: number): void {
  if (!(Number.isInteger(row) && row >= 0 && row < count)) {
    throw new RangeError(`details.attributes has row ${row} of ${count}`)
  }
  if (text.length > MAX_ATTRIBUTES_SIZE_BYTES) {
    throw new RangeError(
      `attributes of row ${row} take ${text.length} bytes, more than ${MAX_ATTRIBUTES_SIZE_BYTES}`,
    )
  }
  if (parseAttributes(text) === undefined) {
    throw new TypeError(`attributes of row ${row} are not the text of a JSON object`)
  }
}
