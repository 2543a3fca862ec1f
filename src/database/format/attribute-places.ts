/**
 * @module database/format/attribute-places
 * Which form the attributes of a row have, as one number, and rows by that number: the order of values in columns.
 */
/** The row has no attributes. */
export const PLACE_NONE = 0
/** They stayed one text. */
export const PLACE_WHOLE = 1
/** Of the first form. */
export const PLACE_FORMS = 2

export interface Groups {
  order: Uint16Array // indices of the places, by place and then ascending
  firsts: Uint32Array // where those of each place begin in the order; one more for the end
}

/** @param places each less than `placeCount`, at most 65,536 of them */
export function groupByPlace(places: Uint16Array | Uint32Array, placeCount: number): Groups {
  const firsts = new Uint32Array(placeCount + 1)
  for (const place of places) firsts[place + 1]!++
  for (let place = 0; place < placeCount; place++) firsts[place + 1]! += firsts[place]!
  const next = firsts.slice()
  const order = new Uint16Array(places.length)
  for (let i = 0; i < places.length; i++) order[next[places[i]!]!++] = i
  return { order, firsts }
}
