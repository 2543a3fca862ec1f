/**
 * @module demo/random
 * Seeded random numbers, so that two runs of the demo ask for the same things.
 */

/**
 * Random numbers in [0, 1) by mulberry32.
 *
 * @param {number} seed any integer
 * @returns {() => number}
 */
export function randomNumbers(seed) {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/**
 * Picks items as readers do: a few are asked for all the time, most of them hardly ever. The item at
 * place k of a shuffled list is picked with a weight of 1 / (k + 1) (Zipf's law).
 *
 * @template T
 * @param {readonly T[]} items at least one
 * @param {() => number} random
 * @returns {() => T}
 */
export function popularityOf(items, random) {
  const shuffled = shuffle(items, random)
  const cumulative = new Float64Array(items.length)
  let total = 0
  for (let k = 0; k < items.length; k++) cumulative[k] = total += 1 / (k + 1)
  return () => shuffled[firstAbove(cumulative, random() * total)]
}

/**
 * @template T
 * @param {readonly T[]} items
 * @param {() => number} random
 * @returns {T}
 */
export function pick(items, random) {
  return items[Math.floor(random() * items.length)]
}

/** Index of the first value above `limit` in ascending values. */
function firstAbove(values, limit) {
  let low = 0
  let high = values.length - 1
  while (low < high) {
    const middle = (low + high) >>> 1
    if (values[middle] > limit) high = middle
    else low = middle + 1
  }
  return low
}

function shuffle(items, random) {
  const shuffled = [...items]
  for (let i = shuffled.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    ;[shuffled[i], shuffled[j]] = [shuffled[j], shuffled[i]]
  }
  return shuffled
}
