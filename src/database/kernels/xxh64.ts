/**
 * @module database/kernels/xxh64
 * XXH64 with seed 0 on 32-bit halves: no BigInt in the loop. A 64-bit number is a low half that a function returns
 * and a high half that it leaves in `high`; both are i32 until the end.
 *
 * @see https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md
 */

const P1_HIGH = 0x9e3779b1 | 0
const P1_LOW = 0x85ebca87 | 0
const P2_HIGH = 0xc2b2ae3d | 0
const P2_LOW = 0x27d4eb4f
const P3_HIGH = 0x165667b1
const P3_LOW = 0x9e3779f9 | 0
const P4_HIGH = 0x85ebca77 | 0
const P4_LOW = 0xc2b2ae63 | 0
const P5_HIGH = 0x27d4eb2f
const P5_LOW = 0x165667c5
const STRIPE_SIZE_BYTES = 32

let high = 0
/** The four accumulators of the stripes: low and high halves in turn. */
const lanes = new Int32Array(8)

/** High half of the last result of `xxh64OfBytes`, in [0, 2^32). */
export function xxh64High(): number {
  return high >>> 0
}

/** Low half of the hash of `sizeBytes` bytes at `pointer`, in [0, 2^32). O(sizeBytes), allocates nothing. */
export function xxh64OfBytes(view: DataView, pointer: number, sizeBytes: number): number {
  const end = pointer + sizeBytes
  let low: number
  if (sizeBytes >= STRIPE_SIZE_BYTES) {
    pointer = stripes(view, pointer, end)
    low = mergeLanes()
  } else {
    high = P5_HIGH
    low = P5_LOW
  }
  low = add(low, high, sizeBytes | 0, Math.floor(sizeBytes / 2 ** 32))
  for (; pointer + 8 <= end; pointer += 8) {
    const hashHigh = high
    const mixed = round(0, 0, view.getInt32(pointer, true), view.getInt32(pointer + 4, true))
    low = rotateLeft(low ^ mixed, hashHigh ^ high, 27)
    low = add(multiply(low, high, P1_LOW, P1_HIGH), high, P4_LOW, P4_HIGH)
  }
  if (pointer + 4 <= end) {
    const hashHigh = high
    const mixed = multiply(view.getInt32(pointer, true), 0, P1_LOW, P1_HIGH)
    low = rotateLeft(low ^ mixed, hashHigh ^ high, 23)
    low = add(multiply(low, high, P2_LOW, P2_HIGH), high, P3_LOW, P3_HIGH)
    pointer += 4
  }
  for (; pointer < end; pointer++) {
    const hashHigh = high
    const mixed = multiply(view.getUint8(pointer), 0, P5_LOW, P5_HIGH)
    low = rotateLeft(low ^ mixed, hashHigh ^ high, 11)
    low = multiply(low, high, P1_LOW, P1_HIGH)
  }
  return avalanche(low)
}

function stripes(view: DataView, pointer: number, end: number): number {
  lanes[0] = add(P1_LOW, P1_HIGH, P2_LOW, P2_HIGH)
  lanes[1] = high
  lanes[2] = P2_LOW
  lanes[3] = P2_HIGH
  lanes[4] = lanes[5] = 0
  lanes[6] = -P1_LOW
  lanes[7] = ~P1_HIGH // the low half is not 0, so negation borrows
  for (; pointer + STRIPE_SIZE_BYTES <= end; pointer += STRIPE_SIZE_BYTES) {
    for (let k = 0; k < 8; k += 2) {
      const inputLow = view.getInt32(pointer + 4 * k, true)
      const inputHigh = view.getInt32(pointer + 4 * k + 4, true)
      lanes[k] = round(lanes[k]!, lanes[k + 1]!, inputLow, inputHigh)
      lanes[k + 1] = high
    }
  }
  return pointer
}

function mergeLanes(): number {
  const rotations = [1, 7, 12, 18] as const
  let low = 0
  let hashHigh = 0
  for (let k = 0; k < 4; k++) {
    const rotated = rotateLeft(lanes[2 * k]!, lanes[2 * k + 1]!, rotations[k]!)
    low = add(low, hashHigh, rotated, high)
    hashHigh = high
  }
  for (let k = 0; k < 4; k++) {
    const mixed = round(0, 0, lanes[2 * k]!, lanes[2 * k + 1]!)
    low = multiply(low ^ mixed, hashHigh ^ high, P1_LOW, P1_HIGH)
    low = add(low, high, P4_LOW, P4_HIGH)
    hashHigh = high
  }
  return low
}

/** rotateLeft(accumulator + input * P2, 31) * P1 */
function round(low: number, highHalf: number, inputLow: number, inputHigh: number): number {
  const product = multiply(inputLow, inputHigh, P2_LOW, P2_HIGH)
  const sum = add(low, highHalf, product, high)
  const rotated = rotateLeft(sum, high, 31)
  return multiply(rotated, high, P1_LOW, P1_HIGH)
}

function avalanche(low: number): number {
  low ^= high >>> 1
  low = multiply(low, high, P2_LOW, P2_HIGH) // h ^= h >>> 33 leaves the high half as it is
  low ^= (low >>> 29) | (high << 3)
  low = multiply(low, high ^ (high >>> 29), P3_LOW, P3_HIGH)
  return (low ^ high) >>> 0
}

function add(aLow: number, aHigh: number, bLow: number, bHigh: number): number {
  const low = (aLow + bLow) | 0
  const carry = low >>> 0 < aLow >>> 0 ? 1 : 0
  high = (aHigh + bHigh + carry) | 0
  return low
}

function rotateLeft(low: number, highHalf: number, bits: number): number {
  high = (highHalf << bits) | (low >>> (32 - bits))
  return (low << bits) | (highHalf >>> (32 - bits))
}

function multiply(aLow: number, aHigh: number, bLow: number, bHigh: number): number {
  const a0 = aLow & 0xffff
  const a1 = aLow >>> 16
  const b0 = bLow & 0xffff
  const b1 = bLow >>> 16
  const low = Math.imul(a0, b0) >>> 0
  const middle = Math.imul(a1, b0) >>> 0
  const carried = (middle & 0xffff) + (Math.imul(a0, b1) >>> 0) + (low >>> 16) // below 2^33: exact
  const carriedHigh = Math.floor(carried / 65_536)
  const upper = Math.imul(a1, b1) + (middle >>> 16) + carriedHigh
  high = (upper + Math.imul(aLow, bHigh) + Math.imul(aHigh, bLow)) | 0
  return Math.imul(aLow, bLow)
}
