/**
 * @module query/confidence
 * Confidence intervals of means and quantiles, calls being taken as independent samples of what the function does.
 *
 * The mean's is Student's; it relies on the mean of so many calls being about normal. A quantile's relies on nothing: how
 * many of n calls lie below it is binomial, so two of the sorted calls enclose it (order statistics). Where even the longest
 * call may lie below it, there is no upper bound.
 *
 * @see Hahn, Meeker: Statistical Intervals, 5.2 (distribution-free confidence intervals for a quantile)
 */

/** Calls, in ascending order of duration, that enclose a quantile: of n calls the 1st to the n-th. */
export interface RankInterval {
  lower: number // 0: there is no lower bound
  upper: number // n + 1: there is no upper bound
}

/** The normal distribution is close enough from this variance of a binomial one on: ten ranks to a standard deviation. */
const NORMAL_VARIANCE = 100

/**
 * P(the quantile lies below the call `lower`) and P(it lies above the call `upper`) are each at most (1 - confidence) / 2.
 *
 * @param n        calls; a fraction is dropped
 * @param quantile in [0, 1]
 */
export function rankInterval(n: number, quantile: number, confidence: number): RankInterval {
  const size = Math.floor(n)
  const tail = (1 - confidence) / 2
  if (quantile > 0.5) {
    // from the longest down, so that small probabilities are added up, not subtracted from 1
    const { lower, upper } = enclose(size, 1 - quantile, tail)
    return { lower: size + 1 - upper, upper: size + 1 - lower }
  }
  return enclose(size, quantile, tail)
}

function enclose(n: number, p: number, tail: number): RankInterval {
  const variance = n * p * (1 - p)
  if (variance < NORMAL_VARIANCE) return encloseExactly(n, p, tail)
  const z = normalQuantile(1 - tail)
  const skew = ((z * z - 1) * (1 - 2 * p)) / 6 // Cornish-Fisher, first term
  const deviation = z * Math.sqrt(variance)
  // the smallest k with P(X <= k) >= probability: half a rank for continuity, then up
  return {
    lower: Math.max(0, Math.ceil(n * p - deviation + skew - 0.5)),
    upper: Math.min(n, Math.ceil(n * p + deviation + skew - 0.5)) + 1,
  }
}

/** Adds up the binomial distribution, from 0; with p <= 1/2 and a small variance that is a few hundred terms at most. */
function encloseExactly(n: number, p: number, tail: number): RankInterval {
  let term = Math.exp(n * Math.log1p(-p)) // P(X = 0); at least exp(-280)
  const odds = p / (1 - p)
  let sum = term
  let k = 0
  while (sum < tail && k < n) sum += term *= ((n - k++) / k) * odds
  const lower = k
  while (sum < 1 - tail && k < n) sum += term *= ((n - k++) / k) * odds
  return { lower, upper: k + 1 }
}

/**
 * Inverse of the normal distribution function.
 *
 * @param p in (0, 1)
 * @returns within 1e-15, relatively
 * @see Wichura: The percentage points of the normal distribution, Applied Statistics 37 (1988), AS 241
 */
export function normalQuantile(p: number): number {
  const q = p - 0.5
  if (Math.abs(q) <= 0.425) {
    const r = 0.180625 - q * q
    return (q * polynomial(r, CENTRE[0]!)) / polynomial(r, CENTRE[1]!)
  }
  const r = Math.sqrt(-Math.log(Math.min(p, 1 - p)))
  const [above, below] = r <= 5 ? MIDDLE : FAR
  const x = polynomial(r - (r <= 5 ? 1.6 : 5), above!) / polynomial(r - (r <= 5 ? 1.6 : 5), below!)
  return q < 0 ? -x : x
}

/**
 * Inverse of Student's t distribution function above the median.
 *
 * @param p       in (0.5, 1)
 * @param freedom degrees of freedom, 1 or more; need not be whole
 * @returns within 0.001 %
 * @see Hill: Algorithm 396, Student's t-quantiles, CACM 13 (1970)
 */
export function studentQuantile(p: number, freedom: number): number {
  const two = 2 * (1 - p)
  if (freedom < 1.5) return 1 / Math.tan((two * Math.PI) / 2)
  if (freedom < 2.5) return Math.sqrt(2 / (two * (2 - two)) - 2)
  const a = 1 / (freedom - 0.5)
  const b = 48 / (a * a)
  let c = (((20700 * a) / b - 98) * a - 16) * a + 96.36
  const d = ((94.5 / (b + c) - 3) / b + 1) * Math.sqrt((a * Math.PI) / 2) * freedom
  let y = (d * two) ** (2 / freedom)
  if (y > 0.05 + a) {
    const x = normalQuantile(1 - two / 2)
    y = x * x
    if (freedom < 5) c += 0.3 * (freedom - 4.5) * (x + 0.6)
    c = (((0.05 * d * -x - 5) * -x - 7) * -x - 2) * -x + b + c
    y = (((((0.4 * y + 6.3) * y + 36) * y + 94.5) / c - y - 3) / b + 1) * x
    y = Math.expm1(a * y * y)
  } else {
    y =
      ((1 / (((freedom + 6) / (freedom * y) - 0.089 * d - 0.822) * (freedom + 2) * 3) +
        0.5 / (freedom + 4)) *
        y -
        1) *
        ((freedom + 1) / (freedom + 2)) +
      1 / y
  }
  return Math.sqrt(freedom * y)
}

/** Coefficients of AS 241, numerator and denominator, the constant last. */
const CENTRE = [
  [
    2509.0809287301227, 33430.57558358813, 67265.7709270087, 45921.95393154987, 13731.69376550946,
    1971.5909503065513, 133.14166789178438, 3.3871328727963665,
  ],
  [
    5226.495278852546, 28729.085735721943, 39307.89580009271, 21213.794301586597, 5394.196021424751,
    687.1870074920579, 42.31333070160091, 1,
  ],
]
const MIDDLE = [
  [
    0.0007745450142783414, 0.022723844989269184, 0.2417807251774506, 1.2704582524523684,
    3.6478483247632045, 5.769497221460691, 4.630337846156546, 1.4234371107496835,
  ],
  [
    1.0507500716444169e-9, 0.0005475938084995345, 0.015198666563616457, 0.14810397642748008,
    0.6897673349851, 1.6763848301838038, 2.053191626637759, 1,
  ],
]
const FAR = [
  [
    2.0103343992922881e-7, 0.000027115555687434876, 0.0012426609473880784, 0.026532189526576124,
    0.29656057182850487, 1.7848265399172913, 5.463784911164114, 6.657904643501103,
  ],
  [
    2.0442631033899397e-15, 1.421511758316446e-7, 0.000018463183175100548, 0.0007868691311456133,
    0.014875361290850615, 0.1369298809227358, 0.599832206555888, 1,
  ],
]

/** @param coefficients that of the highest power first */
function polynomial(x: number, coefficients: readonly number[]): number {
  let sum = 0
  for (const coefficient of coefficients) sum = sum * x + coefficient
  return sum
}
