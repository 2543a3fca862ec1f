/**
 * @module database/verify/salvage
 * What could be saved of a damaged file, and what is lost with it.
 */

/** Rows of one function that are lost. */
export interface LostRows {
  functionId: number
  rows: number
  fromUs: number // they started in [fromUs, toUs]
  toUs: number
}

export interface Salvage {
  savedRows: number
  lostRows: number | undefined // undefined: nobody knows how many
  lost: LostRows[] // as far as known: by function id
  lostErrors: number // rows of which nobody knows any more that they failed
  lostDetails: number // rows without their caller, self time and attributes, if they had any
}

export function nothingLost(): Salvage {
  return { savedRows: 0, lostRows: 0, lost: [], lostErrors: 0, lostDetails: 0 }
}

/** Adds rows that are lost. */
export function loseRows(salvage: Salvage, rows: LostRows): void {
  if (salvage.lostRows !== undefined) salvage.lostRows += rows.rows
  const same = salvage.lost.find(({ functionId }) => functionId === rows.functionId)
  if (same === undefined) {
    salvage.lost.push(rows)
    return
  }
  same.rows += rows.rows
  same.fromUs = Math.min(same.fromUs, rows.fromUs)
  same.toUs = Math.max(same.toUs, rows.toUs)
}
