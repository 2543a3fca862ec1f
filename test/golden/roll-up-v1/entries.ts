/** What roll.000003-000017 holds: format 1 of the roll-up, two functions, two weights, a sum beyond 2^53. */
const HOUR_US = 3_600_000_000
const FIRST_US = 1_700_000_000_000_000 - (1_700_000_000_000_000 % HOUR_US)

function entry(functionId: number, weight: number, hour: number, durations: number[]) {
  const sum = durations.reduce((total, ns) => total + BigInt(ns), 0n)
  const mean = Number(sum) / durations.length
  return {
    functionId,
    weight,
    calls: durations.length,
    errors: hour % 2,
    sumHigh: Number(sum >> 32n),
    sumLow: Number(sum & 0xffff_ffffn),
    squaredDeviations: durations.reduce((total, ns) => total + (ns - mean) ** 2, 0),
    minNs: Math.min(...durations),
    maxNs: Math.max(...durations),
    childrenNs: 100 * hour,
    firstUs: FIRST_US + hour * HOUR_US,
    lastUs: FIRST_US + hour * HOUR_US + 59,
    histogramOf: durations,
  }
}

export const goldenEntries = [
  entry(0, 1, 0, [1000, 2000, 3000]),
  entry(0, 1, 1, [0, 1, 2 ** 53 - 1, 2 ** 53 - 1]),
  entry(0, 10, 1, [5_000_000]),
  entry(70_000, 1, 23, Array.from({ length: 300 }, (_, i) => 1000 * i)),
]
