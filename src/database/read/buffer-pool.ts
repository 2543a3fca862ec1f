/**
 * @module database/read/buffer-pool
 * The extents read last, encoded as they stand on disk and with their checksums verified, inside the kernels' memory: pages are
 * decoded where they stand. Encoded bytes take half the room of decoded ones, and decoding costs less than reading.
 *
 *   frame   128 KiB of the kernels' memory; as many as fit the limit, and no more under any question
 *   slot    a part of a frame that holds one extent. All slots of a frame have one size: it is cut into as many parts as extents of
 *           that size fit, 32 at most, so that thousands of small extents do not take a frame each.
 *
 * A frame is reused as a whole, by the CLOCK rule: a hand goes round, passes over frames that are pinned, and over those
 * that were used again since it came by the last time; so what is read once does not drive out what is read often. An extent that
 * fits no frame, or finds all of them pinned, is read into a side area for the moment.
 *
 * A scan of more than fits would drive out everything and find nothing the next time. So in a full pool what a scan reads for
 * the first time goes to a side area, too, which stays in the processor's cache; only its key is kept, as long as the extents of
 * a whole pool would be. What is asked for again by then takes a frame.
 *
 * Whoever needs an address over the next call of `admit` pins it, or is its holder: told to let go of all addresses before
 * any of them is used for something else.
 */
import type { Arena, Area } from '../arena.ts'
import type { Kernels } from '../kernels/kernels.ts'

export const DEFAULT_CACHE_SIZE_BYTES = 64 * 1024 * 1024
export const FRAME_SIZE_BYTES = 128 * 1024

/** Not in the pool. */
export const MISS = -1

/** Slots of a frame, by class. Most extents are one page of a full chunk, about 40 KiB, of which three fit. */
const SLOT_COUNTS = [32, 16, 8, 6, 5, 4, 3, 2, 1] as const
const SLOT_SIZES = SLOT_COUNTS.map((count) => 64 * Math.floor(FRAME_SIZE_BYTES / count / 64))
const SLOTS = SLOT_COUNTS[0] // numbers per frame
const ALL_FREE = 0xffff_ffff
/** More would not fit the kernels' memory. */
const MAX_FRAMES = (2 * 1024 * 1024 * 1024) / FRAME_SIZE_BYTES
const FIRST_SIDE_SLOT = MAX_FRAMES * SLOTS
/** Of the extents of a scan, as most are. */
const SCANNED_SIZE_BYTES = 64 * 1024
/** Extents that a side area may hold. */
export const MAX_PASSING_EXTENTS = 16

/** Keeps addresses in the pool without pinning them. */
export interface AddressHolder {
  /** Uses the addresses up; what stands there is about to change. */
  letGo(): void
}

export interface PoolStats {
  hits: number // extents that were asked for and there
  misses: number // extents that had to be read
  evictions: number // frames that were given to other extents
  bypasses: number // misses that were read into a side area: of a scan, too large for a frame, or all frames were pinned
  frames: number // in use, of FRAME_SIZE_BYTES each
  pinned: number // frames that are pinned at the moment
  sizeBytes: number // of all frames in use
  limitBytes: number // that sizeBytes never passes
}

interface Frame {
  pointer: number
  sizeClass: number // of its slots
  keys: Float64Array // of the extent in each slot; NaN: none
  free: number // bit i: slot i is free
  pins: number
  used: boolean // again, since the hand came by
}

interface SideArea {
  area: Area
  firstKey: number // of the extents that stand there; the others follow
  offsets: number[] // of each
  pins: number
}

export class BufferPool {
  readonly #kernels: Kernels
  readonly #arena: Arena
  readonly #limitBytes: number
  readonly #frames: Frame[] = []
  readonly #open = SLOT_COUNTS.map(() => new Set<number>()) // frames with free slots, by class
  readonly #slots = new Map<number, number>() // by key
  readonly #holders = new Set<AddressHolder>()
  readonly #sideAreas: SideArea[] = []
  readonly #passed = new Set<number>() // keys of extents that scans have read lately
  readonly #recent: Float64Array // the same in the order they were read, a ring
  #nextRecent = 0
  #hand = 0
  #hits = 0
  #misses = 0
  #evictions = 0
  #bypasses = 0

  constructor(kernels: Kernels, arena: Arena, limitBytes = DEFAULT_CACHE_SIZE_BYTES) {
    this.#kernels = kernels
    this.#arena = arena
    this.#limitBytes = limitBytes
    this.#recent = new Float64Array(Math.floor(limitBytes / SCANNED_SIZE_BYTES)).fill(NaN)
  }

  get stats(): PoolStats {
    return {
      hits: this.#hits,
      misses: this.#misses,
      evictions: this.#evictions,
      bypasses: this.#bypasses,
      frames: this.#frames.length,
      pinned: this.#frames.reduce((sum, { pins }) => sum + Number(pins > 0), 0),
      sizeBytes: this.#frames.length * FRAME_SIZE_BYTES,
      limitBytes: this.#limitBytes,
    }
  }

  /** Slot of the extent, or MISS. */
  find(key: number): number {
    const slot = this.#slots.get(key)
    if (slot === undefined) return MISS
    this.#hits++
    if (slot < FIRST_SIDE_SLOT) this.#frames[slot >>> 5]!.used = true
    return slot
  }

  /**
   * Takes in an extent that `find` did not find.
   *
   * @param read fills `sizeBytes` at the address; if it throws nothing was taken in
   * @returns its slot; that of a side area is gone with the next call unless pinned
   */
  admit(key: number, sizeBytes: number, read: (pointer: number) => void): number {
    this.#misses++
    const slot = this.#freeSlot(sizeBytes)
    if (slot === MISS) {
      this.#bypasses++
      return this.#takeAside(key, sizeBytes, (pointer) => {
        read(pointer)
        return [0]
      })
    }
    const frame = this.#frames[slot >>> 5]!
    try {
      read(this.pointerOf(slot))
    } catch (error) {
      this.#free(slot)
      throw error
    }
    frame.keys[slot % SLOTS] = key
    this.#slots.set(key, slot)
    return slot
  }

  /**
   * Whether an extent that a scan needs, and `find` did not find, is to be read by `pass`: there is no room that is not in use,
   * and no scan has read it lately.
   */
  isPassing(key: number, sizeBytes: number): boolean {
    return !this.#hasRoom(sizeBytes) && !this.#passed.has(key)
  }

  /**
   * Takes neighbouring extents in for the moment.
   *
   * @param firstKey the others follow
   * @param read     fills `sizeBytes` at the address and tells where in there each extent stands
   * @returns slot of the first extent, as that of a side area of `admit`
   */
  pass(firstKey: number, sizeBytes: number, read: (pointer: number) => number[]): number {
    const slot = this.#takeAside(firstKey, sizeBytes, read)
    const { length } = this.#sideOf(slot).offsets
    this.#misses += length
    this.#bypasses += length
    for (let key = firstKey; key < firstKey + length; key++) this.#remember(key)
    return slot
  }

  /** Whether the extent can be had without reading it; this does not count as asking for it. */
  has(key: number): boolean {
    return this.#slots.has(key)
  }

  /** Address of the extent in a slot. */
  pointerOf(slot: number): number {
    if (slot >= FIRST_SIDE_SLOT) {
      const { area, offsets } = this.#sideOf(slot)
      return area.pointer + offsets[(slot - FIRST_SIDE_SLOT) % MAX_PASSING_EXTENTS]!
    }
    const frame = this.#frames[slot >>> 5]!
    return frame.pointer + (slot % SLOTS) * SLOT_SIZES[frame.sizeClass]!
  }

  /** Keeps what is in the slot where it is until it is unpinned as often. */
  pin(slot: number): void {
    this.#pinned(slot).pins++
  }

  unpin(slot: number): void {
    this.#pinned(slot).pins--
  }

  /** Lets the holder keep addresses until it is told to let go; then it is forgotten. */
  hold(holder: AddressHolder): void {
    this.#holders.add(holder)
  }

  /** Forgets an extent that nobody will ask for again. */
  delete(key: number): void {
    const slot = this.#slots.get(key)
    if (slot === undefined) return
    this.#letGo()
    this.#slots.delete(key)
    if (slot >= FIRST_SIDE_SLOT) return
    const frame = this.#frames[slot >>> 5]!
    frame.keys[slot % SLOTS] = NaN
    if (frame.pins === 0) this.#free(slot) // else it comes free with its frame
  }

  #pinned(slot: number): Frame | SideArea {
    return slot >= FIRST_SIDE_SLOT ? this.#sideOf(slot) : this.#frames[slot >>> 5]!
  }

  #sideOf(slot: number): SideArea {
    return this.#sideAreas[Math.floor((slot - FIRST_SIDE_SLOT) / MAX_PASSING_EXTENTS)]!
  }

  /** Keeps the keys of as many extents that went by as there is room for in the pool. */
  #remember(key: number): void {
    const { length } = this.#recent
    if (length === 0) return
    this.#passed.delete(this.#recent[this.#nextRecent]!)
    this.#passed.add(key)
    this.#recent[this.#nextRecent] = key
    this.#nextRecent = (this.#nextRecent + 1) % length
  }

  #hasRoom(sizeBytes: number): boolean {
    if (sizeBytes > FRAME_SIZE_BYTES) return false
    return this.#open[classOf(sizeBytes)]!.size > 0 || this.#mayGrow
  }

  /** A slot of the right size that is taken now, or MISS. */
  #freeSlot(sizeBytes: number): number {
    if (sizeBytes > FRAME_SIZE_BYTES) return MISS
    const sizeClass = classOf(sizeBytes)
    const [open] = this.#open[sizeClass]!
    const index = open ?? this.#emptyFrame(sizeClass)
    if (index === MISS) return MISS
    const frame = this.#frames[index]!
    const position = 31 - Math.clz32(frame.free)
    frame.free &= ~(1 << position)
    if (frame.free === 0) this.#open[sizeClass]!.delete(index)
    return index * SLOTS + position
  }

  /** A frame whose slots are free and of the size, or MISS. */
  #emptyFrame(sizeClass: number): number {
    const index = this.#newFrame() ?? this.#evict()
    if (index === MISS) return MISS
    const frame = this.#frames[index]!
    frame.sizeClass = sizeClass
    frame.free = ALL_FREE >>> (SLOTS - SLOT_COUNTS[sizeClass]!)
    this.#open[sizeClass]!.add(index)
    return index
  }

  get #mayGrow(): boolean {
    const count = this.#frames.length + 1
    return count <= MAX_FRAMES && count * FRAME_SIZE_BYTES <= this.#limitBytes
  }

  #newFrame(): number | undefined {
    if (!this.#mayGrow) return undefined
    const index = this.#frames.length
    this.#frames.push({
      pointer: this.#kernels.allocate(FRAME_SIZE_BYTES),
      sizeClass: 0,
      keys: new Float64Array(SLOTS).fill(NaN),
      free: 0,
      pins: 0,
      used: false,
    })
    return index
  }

  /** Takes a frame from its extents. */
  #evict(): number {
    const count = this.#frames.length
    // the second time round none is marked as used any more
    for (let step = 0; step < 2 * count; step++) {
      const index = this.#hand
      const frame = this.#frames[index]!
      this.#hand = (index + 1) % count
      if (frame.pins > 0) continue
      if (frame.used) {
        frame.used = false
        continue
      }
      this.#letGo()
      for (const key of frame.keys) this.#slots.delete(key)
      frame.keys.fill(NaN)
      this.#open[frame.sizeClass]!.delete(index)
      this.#evictions++
      return index
    }
    return MISS
  }

  #free(slot: number): void {
    const index = slot >>> 5
    const frame = this.#frames[index]!
    frame.free |= 1 << (slot % SLOTS)
    this.#open[frame.sizeClass]!.add(index)
  }

  #takeAside(firstKey: number, sizeBytes: number, read: (pointer: number) => number[]): number {
    this.#letGo()
    let index = this.#sideAreas.findIndex(({ pins }) => pins === 0)
    if (index === -1) {
      index = this.#sideAreas.length
      const area = this.#arena.take(sizeBytes)
      this.#sideAreas.push({ area, firstKey: NaN, offsets: [], pins: 0 })
    }
    const side = this.#sideAreas[index]!
    const firstSlot = FIRST_SIDE_SLOT + index * MAX_PASSING_EXTENTS
    for (let i = 0; i < side.offsets.length; i++) {
      const key = side.firstKey + i
      if (this.#slots.get(key) === firstSlot + i) this.#slots.delete(key)
    }
    side.offsets = []
    side.area = this.#arena.resize(side.area, sizeBytes)
    side.offsets = read(side.area.pointer)
    side.firstKey = firstKey
    for (let i = 0; i < side.offsets.length; i++) this.#slots.set(firstKey + i, firstSlot + i)
    return firstSlot
  }

  #letGo(): void {
    for (const holder of this.#holders) holder.letGo()
    this.#holders.clear()
  }
}

/** That of the smallest slots that the extent fits. */
function classOf(sizeBytes: number): number {
  let sizeClass = 0
  while (SLOT_SIZES[sizeClass]! < sizeBytes) sizeClass++
  return sizeClass
}
