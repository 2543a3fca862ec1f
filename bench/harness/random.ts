/**
 * @module bench/harness/random
 * Seeded random numbers: the same seed gives the same data on every machine and Node version.
 */

export interface Random {
  uniform(): number // in (0, 1), never 0, so its logarithm is finite
  normal(): number // mean 0, standard deviation 1
  below(limit: number): number // whole, in [0, limit)
}

/** @see Chris Doty-Humphrey, PractRand, "sfc32" */
export function createRandom(seed: number): Random {
  let a = seed >>> 0
  let b = 0x9e3779b9
  let c = 0x243f6a88
  let counter = 1
  let spare: number | undefined

  function next(): number {
    const word = (a + b + counter) >>> 0
    counter = (counter + 1) >>> 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) >>> 0
    c = (((c << 21) | (c >>> 11)) + word) >>> 0
    return word
  }

  function uniform(): number {
    return (next() + 0.5) / 2 ** 32
  }

  /** Box and Muller; every other value is the sine of the one before. */
  function normal(): number {
    if (spare !== undefined) {
      const value = spare
      spare = undefined
      return value
    }
    const radius = Math.sqrt(-2 * Math.log(uniform()))
    const angle = 2 * Math.PI * uniform()
    spare = radius * Math.sin(angle)
    return radius * Math.cos(angle)
  }

  for (let i = 0; i < 20; i++) next() // the first words still show the seed
  return { uniform, normal, below: (limit) => Math.floor(uniform() * limit) }
}

/**
 * `count` uniform numbers in (0, 1) in ascending order, one at a time and without keeping any: the next one is the
 * smallest of those that are left.
 */
export function sortedUniforms(random: Random, count: number): () => number {
  let left = count
  let above = 1 // what is left of (0, 1) above the latest number
  return () => {
    above *= Math.exp(Math.log(random.uniform()) / left--)
    return 1 - above
  }
}
