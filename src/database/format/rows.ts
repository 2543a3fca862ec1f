/**
 * @module database/format/rows
 * Rows in columns: the shape in which rows enter and leave the files.
 */

/** All arrays hold at least `count` elements. */
export interface RowColumns {
  count: number
  functionIds: Uint32Array
  startsUs: Float64Array // whole microseconds since the Unix epoch, 0 .. 2^53 - 1
  durationsNs: Float64Array // whole, 0 .. 2^53 - 1
  errorTypes: Uint16Array // id of the error's class; 0 = no error
}

/** Durations from here on do not fit the 32-bit columns and stand in exception lists. */
export const LONG_DURATION_NS = 0xffff_ffff

export const MAX_DURATION_NS = Number.MAX_SAFE_INTEGER

/** In the year 2255. Starts are not negative, so that the distance of any two is a safe integer too. */
export const MAX_START_US = Number.MAX_SAFE_INTEGER

/** Empty columns with room for `capacity` rows. */
export function createRowColumns(capacity: number): RowColumns {
  return {
    count: 0,
    functionIds: new Uint32Array(capacity),
    startsUs: new Float64Array(capacity),
    durationsNs: new Float64Array(capacity),
    errorTypes: new Uint16Array(capacity),
  }
}

/** Makes room for `capacity` rows, keeping the first `count`. Doubles, so that repeated calls stay cheap. */
export function reserveRows(rows: RowColumns, capacity: number): void {
  if (rows.functionIds.length >= capacity) return
  const larger = createRowColumns(Math.max(capacity, 2 * rows.functionIds.length))
  larger.functionIds.set(rows.functionIds.subarray(0, rows.count))
  larger.startsUs.set(rows.startsUs.subarray(0, rows.count))
  larger.durationsNs.set(rows.durationsNs.subarray(0, rows.count))
  larger.errorTypes.set(rows.errorTypes.subarray(0, rows.count))
  rows.functionIds = larger.functionIds
  rows.startsUs = larger.startsUs
  rows.durationsNs = larger.durationsNs
  rows.errorTypes = larger.errorTypes
}
