/**
 * @module database/write/split-by-weight
 * Rows of one function in order of their weights: what is stored together is counted alike.
 */
import type { SortColumns } from './sort-rows.ts'

/**
 * Puts rows [first, end) in the order of their weights, ascending; rows of one weight keep their order.
 *
 * @param columns tags are numbers of rows
 * @param weights by number of row
 * @param visit   called for each run of rows with one weight, in order
 */
export function splitByWeight(
  columns: SortColumns,
  weights: Uint32Array,
  first: number,
  end: number,
  visit: (weight: number, first: number, end: number) => void,
): void {
  const { durationsNs, startsUs, tags } = columns
  const counts = countWeights(tags, weights, first, end)
  if (counts.size > 1) {
    const next = new Map<number, number>() // where the next row of each weight goes
    let begin = first
    for (const [weight, count] of counts) {
      next.set(weight, begin)
      begin += count
    }
    const count = end - first
    const positions = new Uint32Array(count)
    for (let i = 0; i < count; i++) {
      const weight = weights[tags[first + i]!]!
      const position = next.get(weight)!
      positions[i] = position
      next.set(weight, position + 1)
    }
    for (const column of [startsUs, durationsNs, tags]) scatter(column, positions, first)
  }
  for (const [weight, count] of counts) {
    visit(weight, first, first + count)
    first += count
  }
}

/** Rows of each weight, ascending by weight. */
function countWeights(
  tags: SortColumns['tags'],
  weights: Uint32Array,
  first: number,
  end: number,
): Map<number, number> {
  const counts = new Map<number, number>()
  let weight = 0 // of the run of rows at hand
  let runFirst = first
  for (let row = first; row < end; row++) {
    const next = weights[tags[row]!]!
    if (next === weight) continue
    if (row > runFirst) counts.set(weight, (counts.get(weight) ?? 0) + row - runFirst)
    weight = next
    runFirst = row
  }
  if (end > runFirst) counts.set(weight, (counts.get(weight) ?? 0) + end - runFirst)
  if (counts.size < 2) return counts
  return new Map([...counts].sort(([a], [b]) => a - b))
}

function scatter(column: Float64Array | SortColumns['tags'], to: Uint32Array, first: number): void {
  const copy = column.slice(first, first + to.length)
  for (let i = 0; i < to.length; i++) column[to[i]!] = copy[i]!
}
