/**
 * @module database/format/rows
 * Rows in columns: the shape in which rows enter and leave the files.
 *
 * What every row has stands in columns of its own. What only some databases know of their rows (who called, self time,
 * samples, attributes) stands in `details`, which most have no use for and do not pay for.
 */

/** All arrays hold at least `count` elements. */
export interface RowColumns {
  count: number
  functionIds: Uint32Array
  startsUs: Float64Array // whole microseconds since the Unix epoch, 0 .. 2^53 - 1
  durationsNs: Float64Array // whole, 0 .. 2^53 - 1
  errorTypes: Uint16Array // id of the error's class; 0 = no error
  details?: RowDetails | undefined // undefined: every row has the defaults
}

/** What else is known of rows. All arrays hold at least `count` elements. */
export interface RowDetails {
  contexts: Uint32Array // who called: see call-context.ts; default 0
  childrenNs: Float64Array // time known to be spent in captured calls that it made, whole, 0 .. durationNs; default 0
  weights: Uint32Array // calls that the row stands for, 1 .. MAX_WEIGHT; default 1
  attributes: Map<number, Uint8Array> // by row: UTF-8 text of a JSON object, at most MAX_ATTRIBUTES_SIZE_BYTES
}

/** Durations from here on do not fit the 32-bit columns and stand in exception lists. */
export const LONG_DURATION_NS = 0xffff_ffff

export const MAX_DURATION_NS = Number.MAX_SAFE_INTEGER

/** In the year 2255. Starts are not negative, so that the distance of any two is a safe integer too. */
export const MAX_START_US = Number.MAX_SAFE_INTEGER

export const MAX_WEIGHT = 0x7fff_ffff

/** Attributes of one row. */
export const MAX_ATTRIBUTES_SIZE_BYTES = 65_536

/** Empty columns with room for `capacity` rows, without details. */
export function createRowColumns(capacity: number): RowColumns {
  return {
    count: 0,
    functionIds: new Uint32Array(capacity),
    startsUs: new Float64Array(capacity),
    durationsNs: new Float64Array(capacity),
    errorTypes: new Uint16Array(capacity),
    details: undefined,
  }
}

/** Details of `capacity` rows, all with the defaults. */
export function createRowDetails(capacity: number): RowDetails {
  return {
    contexts: new Uint32Array(capacity),
    childrenNs: new Float64Array(capacity),
    weights: new Uint32Array(capacity).fill(1),
    attributes: new Map(),
  }
}

/** The details of `rows`, made with the defaults, and with room for as many rows, if it has none. */
export function detailsOf(rows: RowColumns): RowDetails {
  rows.details ??= createRowDetails(rows.functionIds.length)
  return rows.details
}

/** Gives rows [from, end) the defaults: arrays that are used again hold what stood there before. */
export function clearDetails(details: RowDetails, from: number, end: number): void {
  const { attributes, childrenNs, contexts, weights } = details
  contexts.fill(0, from, end)
  childrenNs.fill(0, from, end)
  weights.fill(1, from, end)
  for (const row of attributes.keys()) if (row >= from && row < end) attributes.delete(row)
}

/**
 * Makes room for `capacity` rows, keeping the first `count` with their details; the details of the others are the
 * defaults if room was made. Doubles, so that repeated calls stay cheap.
 */
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
  if (rows.details !== undefined)
    reserveDetails(rows.details, rows.count, larger.functionIds.length)
}

/** The map stays the same object. */
function reserveDetails(details: RowDetails, count: number, capacity: number): void {
  const larger = createRowDetails(capacity)
  larger.contexts.set(details.contexts.subarray(0, count))
  larger.childrenNs.set(details.childrenNs.subarray(0, count))
  larger.weights.set(details.weights.subarray(0, count))
  details.contexts = larger.contexts
  details.childrenNs = larger.childrenNs
  details.weights = larger.weights
  for (const row of details.attributes.keys()) if (row >= count) details.attributes.delete(row)
}
