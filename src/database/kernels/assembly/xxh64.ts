/**
 * XXH64 with seed 0.
 *
 * @see https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md
 */
const P1: u64 = 0x9e3779b185ebca87
const P2: u64 = 0xc2b2ae3d27d4eb4f
const P3: u64 = 0x165667b19e3779f9
const P4: u64 = 0x85ebca77c2b2ae63
const P5: u64 = 0x27d4eb2f165667c5

export function xxh64(pointer: usize, sizeBytes: usize): u64 {
  let rest = sizeBytes
  let hash = P5
  if (rest >= 32) {
    let a = P1 + P2
    let b = P2
    let c: u64 = 0
    let d = 0 - P1
    for (; rest >= 32; rest -= 32) {
      a = round(a, load<u64>(pointer))
      b = round(b, load<u64>(pointer, 8))
      c = round(c, load<u64>(pointer, 16))
      d = round(d, load<u64>(pointer, 24))
      pointer += 32
    }
    hash = rotl(a, 1) + rotl(b, 7) + rotl(c, 12) + rotl(d, 18)
    hash = (hash ^ round(0, a)) * P1 + P4
    hash = (hash ^ round(0, b)) * P1 + P4
    hash = (hash ^ round(0, c)) * P1 + P4
    hash = (hash ^ round(0, d)) * P1 + P4
  }
  hash += sizeBytes
  for (; rest >= 8; rest -= 8) {
    hash = rotl(hash ^ round(0, load<u64>(pointer)), 27) * P1 + P4
    pointer += 8
  }
  if (rest >= 4) {
    hash = rotl(hash ^ (<u64>load<u32>(pointer) * P1), 23) * P2 + P3
    pointer += 4
    rest -= 4
  }
  for (; rest > 0; rest--) {
    hash = rotl(hash ^ (<u64>load<u8>(pointer) * P5), 11) * P1
    pointer++
  }
  hash = (hash ^ (hash >> 33)) * P2
  hash = (hash ^ (hash >> 29)) * P3
  return hash ^ (hash >> 32)
}

export function xxh64Low(pointer: usize, sizeBytes: usize): u32 {
  return <u32>xxh64(pointer, sizeBytes)
}

@inline
function round(accumulator: u64, input: u64): u64 {
  return rotl(accumulator + input * P2, 31) * P1
}
