/**
 * @module bench/scale/repeated-batches
 * The rows of a set; of very many rows only the first part is made, and repeated with later starts until there are as
 * many as wanted, because making a billion takes longer than everything that is measured. Sizes and times of a part are
 * those of any other; only the number of different rows is smaller.
 */
import { DAY_START_US, DAY_US, type DataSet, type RowColumns } from '../datasets.ts'

const MAX_DISTINCT_ROWS = 200e6
const PART_ROWS = 2 ** 25

/** Batches are used again: nobody may keep or change them. Arrays may be longer than `count`. */
export function* repeatedBatches(
  set: DataSet,
  rows: number,
  { maxDistinctRows = MAX_DISTINCT_ROWS, partRows = PART_ROWS } = {},
): Generator<RowColumns> {
  if (rows <= maxDistinctRows) {
    yield* set.batches(rows)
    return
  }
  const parts = Math.ceil(rows / partRows)
  const partUs = DAY_US / parts
  const kept: RowColumns[] = []
  for (const batch of set.batches(partRows)) {
    const { startsUs } = batch
    for (let i = 0; i < startsUs.length; i++) {
      startsUs[i] = DAY_START_US + Math.floor((startsUs[i]! - DAY_START_US) / parts)
    }
    kept.push(batch)
    yield batch
  }
  for (let part = 1; part < parts; part++) {
    const shiftUs = Math.floor(part * partUs) - Math.floor((part - 1) * partUs)
    let left = rows - part * partRows
    for (const batch of kept) {
      const { startsUs } = batch
      for (let i = 0; i < startsUs.length; i++) startsUs[i]! += shiftUs
      if (left <= 0) continue
      yield left < batch.count ? { ...batch, count: left } : batch
      left -= batch.count
    }
  }
}
