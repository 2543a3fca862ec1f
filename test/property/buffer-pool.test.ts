/** What the buffer pool promises: right bytes, a limit that holds, addresses that stay as long as they are needed. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { openDatabase, type Database } from '../../src/database.ts'
import { Arena } from '../../src/database/arena.ts'
import { BufferPool, FRAME_SIZE_BYTES, MISS } from '../../src/database/read/buffer-pool.ts'
import { loadFallbackKernels } from '../../src/database/kernels/kernels.ts'
import { SHAPES, randomCalls, withDetails, writeCalls } from '../support/random-calls.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const SIZES = [
  1,
  100,
  4096,
  4097,
  20_000,
  21_825,
  43_648,
  43_649,
  65_536,
  65_537,
  FRAME_SIZE_BYTES,
  FRAME_SIZE_BYTES + 1,
]

/** Extents of one byte value each. */
const sizeOf = (key: number) => SIZES[key % SIZES.length]!
const valueOf = (key: number) => 1 + (key % 255)

class Fixture {
  readonly kernels = loadFallbackKernels()
  readonly pool: BufferPool
  reads = 0

  constructor(frames: number) {
    this.pool = new BufferPool(
      this.kernels,
      new Arena(this.kernels),
      frames * FRAME_SIZE_BYTES + 17,
    )
  }

  load(key: number): number {
    const slot = this.pool.find(key)
    return slot === MISS ? this.#admit(key) : slot
  }

  /** As a scan does, which reads the next extents together with the one that it needs where they only pass by. */
  scan(key: number, count: number): number {
    const { kernels, pool } = this
    const slot = pool.find(key)
    if (slot !== MISS) return slot
    if (!pool.isPassing(key, sizeOf(key))) return this.#admit(key)
    const offsets: number[] = []
    let sizeBytes = 0
    for (let next = key; next < key + count && !pool.has(next); next++) {
      offsets.push(sizeBytes)
      sizeBytes += sizeOf(next)
    }
    return pool.pass(key, sizeBytes, (pointer) => {
      this.reads++
      offsets.forEach((offset, i) => {
        const at = pointer + offset
        kernels.u8.fill(valueOf(key + i), at, at + sizeOf(key + i))
      })
      return offsets
    })
  }

  #admit(key: number): number {
    return this.pool.admit(key, sizeOf(key), (pointer) => {
      this.reads++
      this.kernels.u8.fill(valueOf(key), pointer, pointer + sizeOf(key))
    })
  }

  check(key: number, pointer: number): void {
    const bytes = this.kernels.u8.subarray(pointer, pointer + sizeOf(key))
    expect(bytes.every((value) => value === valueOf(key))).toBe(true)
  }
}

type Step = [action: 'load' | 'scan' | 'pin' | 'unpin' | 'hold' | 'delete' | 'fail', key: number]

const steps = fc.array(
  fc.tuple(
    fc.constantFrom<Step[0][]>(
      ...(['load', 'load', 'load', 'scan', 'scan'] as const),
      ...(['pin', 'unpin', 'hold', 'delete', 'fail'] as const),
    ),
    fc.nat(60),
  ),
  { maxLength: 150 },
)

describe('the pool', () => {
  test('keeps the limit, what is pinned, and what is held until it says so', () => {
    fc.assert(
      fc.property(fc.nat(5), steps, (frames, actions) => {
        const fixture = new Fixture(frames)
        const { pool } = fixture
        const pinned: { key: number; slot: number }[] = []
        let held: { key: number; pointer: number }[] = []
        const holder = {
          letGo() {
            for (const { key, pointer } of held) fixture.check(key, pointer)
            held = []
          },
        }
        for (const [action, key] of actions) {
          if (action === 'delete') {
            if (!pinned.some((pin) => pin.key === key)) pool.delete(key)
          } else if (action === 'unpin') {
            const pin = pinned.pop()
            if (pin !== undefined) pool.unpin(pin.slot)
          } else if (action === 'fail') {
            const read = () => {
              throw new RangeError('the disk is gone')
            }
            if (pool.find(key) === MISS) {
              expect(() => pool.admit(key, sizeOf(key), read)).toThrow(RangeError)
              expect(pool.find(key)).toBe(MISS)
            }
          } else {
            const slot = action === 'scan' ? fixture.scan(key, 1 + (key % 7)) : fixture.load(key)
            fixture.check(key, pool.pointerOf(slot))
            if (action === 'pin') {
              pool.pin(slot)
              pinned.push({ key, slot })
            } else if (action === 'hold') {
              pool.hold(holder)
              held.push({ key, pointer: pool.pointerOf(slot) })
            }
          }
          for (const pin of pinned) fixture.check(pin.key, pool.pointerOf(pin.slot))
          const { sizeBytes, limitBytes } = pool.stats
          expect(sizeBytes).toBeLessThanOrEqual(limitBytes)
          expect(pool.stats.pinned).toBeLessThanOrEqual(pinned.length)
        }
        holder.letGo()
      }),
      { numRuns: 200, seed: 3 },
    )
  })

  test('an extent that is asked for again and again outlasts a scan', () => {
    const fixture = new Fixture(4)
    const large = SIZES.indexOf(65_537)
    fixture.load(large)
    for (let i = 1; i < 50; i++) {
      fixture.load(large)
      fixture.load(large + i * SIZES.length)
    }
    expect(fixture.pool.stats).toMatchObject({ hits: 49, misses: 50, frames: 4, evictions: 46 })
    expect(fixture.reads).toBe(50)
  })

  test('a scan of more than fits drives out nothing, one of less is kept when it comes again', () => {
    const fixture = new Fixture(8)
    const { pool } = fixture
    const large = SIZES.indexOf(65_537)
    const keyOf = (i: number) => large + i * SIZES.length
    for (let i = 0; i < 8; i++) fixture.load(keyOf(i))
    for (let round = 0; round < 3; round++) {
      for (let i = 10; i < 100; i++) fixture.scan(keyOf(i), 1)
    }
    expect(pool.stats).toMatchObject({ misses: 278, bypasses: 270, evictions: 0 })
    for (let i = 0; i < 8; i++) fixture.load(keyOf(i))
    expect(pool.stats).toMatchObject({ hits: 8, evictions: 0 })
    for (let round = 0; round < 3; round++) {
      for (let i = 200; i < 205; i++) fixture.scan(keyOf(i), 1)
    }
    // the last one still stands where it went by, so it takes no frame
    expect(pool.stats).toMatchObject({ bypasses: 275, evictions: 4, hits: 8 + 1 + 5 })
  })

  test('small extents share a frame', () => {
    const fixture = new Fixture(1)
    for (let i = 0; i < 32; i++) fixture.load(i * SIZES.length)
    for (let i = 0; i < 32; i++) fixture.load(i * SIZES.length)
    expect(fixture.pool.stats).toMatchObject({ hits: 32, misses: 32, frames: 1, evictions: 0 })
  })

  test('three pages of full chunks share a frame', () => {
    const fixture = new Fixture(2)
    const keyOf = (i: number) => SIZES.indexOf(43_648) + i * SIZES.length
    for (let i = 0; i < 6; i++) fixture.load(keyOf(i))
    for (let i = 0; i < 6; i++)
      fixture.check(keyOf(i), fixture.pool.pointerOf(fixture.load(keyOf(i))))
    expect(fixture.pool.stats).toMatchObject({ hits: 6, misses: 6, frames: 2, evictions: 0 })
  })

  test('with all frames pinned extents are read past it', () => {
    const fixture = new Fixture(2)
    const large = SIZES.indexOf(FRAME_SIZE_BYTES)
    for (const key of [large, large + SIZES.length]) fixture.pool.pin(fixture.load(key))
    const third = fixture.load(large + 2 * SIZES.length)
    fixture.pool.pin(third)
    const fourth = fixture.load(large + 3 * SIZES.length)
    fixture.check(large + 2 * SIZES.length, fixture.pool.pointerOf(third))
    fixture.check(large + 3 * SIZES.length, fixture.pool.pointerOf(fourth))
    expect(fixture.pool.stats).toMatchObject({ pinned: 2, bypasses: 2, sizeBytes: 262_144 })
  })
})

test('answers do not depend on the size of the pool', async () => {
  for (const shape of SHAPES.slice(0, 2)) {
    const directory = temporaryDirectory()
    const plain = randomCalls(shape, 40_000, 11)
    const calls = shape === SHAPES[0] ? withDetails(plain, [2, 7], 12) : plain
    await writeCalls(directory, calls, { segmentRows: 9000, writers: 2 })
    const large = await answersOf(await openDatabase(directory), calls[20_000]!.startUs / 1000)
    for (const frames of [0, 1, 2]) {
      const database = await openDatabase(directory, { cacheSizeBytes: frames * FRAME_SIZE_BYTES })
      expect(await answersOf(database, calls[20_000]!.startUs / 1000)).toEqual(large)
      const { bypasses, evictions, pinned, sizeBytes } = database.poolStats()
      expect(sizeBytes).toBeLessThanOrEqual(frames * FRAME_SIZE_BYTES)
      expect(frames === 0 ? bypasses : evictions).toBeGreaterThan(0)
      expect(pinned).toBe(0)
    }
  }
})

async function answersOf(database: Database, middleMs: number) {
  const answers = {
    functions: await database.functions(),
    first: await database.functions({ to: middleMs }),
    stats: await database.stats({ from: middleMs + 1 }),
    slowest: await database.slowest({ limit: 200 }),
    tail: await database.tail(50),
    long: await database.count({ where: { duration: { min: 4000, max: 70_000 } } }),
    exact: await database.stats({ exact: true, from: middleMs - 1000 }),
  }
  await database.close()
  return answers
}
