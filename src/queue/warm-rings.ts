/**
 * @module queue/warm-rings
 * Touches the rings' memory shortly before the producers get there, once. A page that is written for the first time is
 * given and cleared by the system, which costs a thread more than all the calls whose records it holds; so the
 * background thread takes that upon itself. Memory still grows only as far as it is used.
 */
import { headWord, RECORD_SIZE_BYTES, type SharedMemory } from './layout.ts'

const PAGE_BYTES = 4096
const WORDS_PER_PAGE = PAGE_BYTES / 4
const ROWS_PER_PAGE = PAGE_BYTES / RECORD_SIZE_BYTES
/** Half a megabyte: more than a producer gets through between two rounds of a thread that is awake. */
const ROWS_AHEAD = 16_384

export interface WarmRings {
  /** Touches what producers may reach before the next call. */
  warm: () => void
}

export function createWarmRings(memory: SharedMemory): WarmRings {
  const control = new Int32Array(memory.control)
  const pages = memory.rings[0]!.byteLength / PAGE_BYTES
  const rings = memory.rings.map((ring) => new Int32Array(ring))
  const touched = new Uint32Array(rings.length) // pages, from the ring's beginning
  const heads = Int32Array.from(rings, (_, slot) => Atomics.load(control, headWord(slot)))

  function warmRing(ring: Int32Array, slot: number): void {
    const head = Atomics.load(control, headWord(slot))
    const moved = (head - heads[slot]!) >>> 0
    if (moved === 0) return
    heads[slot] = head
    // only in the first lap a position is a count; later ones find everything touched
    const reached = head >= 0 ? head / ROWS_PER_PAGE : pages
    const until = Math.min(pages, reached + (ROWS_AHEAD + 2 * moved) / ROWS_PER_PAGE)
    for (let page = Math.max(touched[slot]!, Math.floor(reached)); page < until; page++) {
      // changes nothing, whatever a producer is writing there
      Atomics.add(ring, page * WORDS_PER_PAGE, 0)
      touched[slot] = page + 1
    }
  }

  return {
    warm() {
      rings.forEach((ring, slot) => {
        if (touched[slot]! < pages) warmRing(ring, slot)
      })
    },
  }
}
