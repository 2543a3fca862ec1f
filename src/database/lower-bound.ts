/**
 * @module database/lower-bound
 */
/** Index of the first of the ascending `values[0 .. count)` that is at least `value`. */
export function lowerBound(values: ArrayLike<number>, count: number, value: number): number {
  let low = 0
  let high = count
  while (low < high) {
    const middle = (low + high) >>> 1
    if (values[middle]! < value) low = middle + 1
    else high = middle
  }
  return low
}
