/**
 * @module queue/controls
 * What is recorded of each function, in shared memory: every thread's wrappers and whoever drains read it, so a change
 * takes effect everywhere with the next call.
 *
 *   header   64 B                 i32 VERSION: changes made so far
 *   off      ids x 1 B, padded    1: calls are not recorded at all; read by the wrappers on every call
 *   table    ids x 32 B           f64 slowerThanNs | f64 keepFromNs | f64 defaultSlowerThanNs | u32 oneIn | u32 defaultOneIn
 *                                 (0 and 1: every row)
 *
 * `keepFromNs` is written by the lock owner, the rest by whoever sets it; each field is stored in one go. The defaults are
 * what was asked for where the function was captured; they hold wherever no rule says otherwise.
 */

const HEADER_BYTES = 64
const VERSION = 0
const ENTRY_BYTES = 32
const SLOWER_THAN = 0 // f64
const KEEP_FROM = 1 // f64
const DEFAULT_SLOWER_THAN = 2 // f64
const ONE_IN = 6 // u32
const DEFAULT_ONE_IN = 7 // u32

export interface Control {
  enabled: boolean // false: calls are neither recorded nor counted
  slowerThanNs: number // shorter calls are counted in the metrics only
  oneIn: number // of the others one in so many is stored, with this weight; 1: all of them
}

export const RECORD_EVERYTHING: Control = { enabled: true, slowerThanNs: 0, oneIn: 1 }

/** A row's weight in the files is below 2^31. */
export const MAX_ONE_IN = 2 ** 31 - 1

/** @param ids in use are below this */
export function controlsSizeBytes(ids: number): number {
  return tableStart(ids) + ids * ENTRY_BYTES
}

export class Controls {
  /** By function id; 1: switched off. */
  readonly off: Uint8Array
  readonly #version: Int32Array
  readonly #floats: Float64Array
  readonly #integers: Uint32Array

  constructor(memory: SharedArrayBuffer, ids: number) {
    this.#version = new Int32Array(memory, 0, HEADER_BYTES / 4)
    this.off = new Uint8Array(memory, HEADER_BYTES, ids)
    this.#floats = new Float64Array(memory, tableStart(ids), (ids * ENTRY_BYTES) / 8)
    this.#integers = new Uint32Array(memory, tableStart(ids), (ids * ENTRY_BYTES) / 4)
  }

  /** Number of changes so far; 0 means that everything is recorded. */
  get version(): number {
    return Atomics.load(this.#version, VERSION)
  }

  get(id: number): Control {
    return {
      enabled: this.off[id] === 0,
      slowerThanNs: this.slowerThanNs(id),
      oneIn: this.oneIn(id),
    }
  }

  /** What holds where no rule says otherwise. */
  defaults(id: number): Control {
    const floats = (id * ENTRY_BYTES) / 8
    const integers = (id * ENTRY_BYTES) / 4
    return {
      enabled: true,
      slowerThanNs: this.#floats[floats + DEFAULT_SLOWER_THAN] ?? 0,
      oneIn: Math.max(1, this.#integers[integers + DEFAULT_ONE_IN] ?? 1),
    }
  }

  /** Changes what holds where no rule says otherwise, not what holds now: call `set` for that. */
  setDefaults(id: number, { slowerThanNs, oneIn }: Omit<Control, 'enabled'>): void {
    if (id >= this.off.length) return
    this.#floats[(id * ENTRY_BYTES) / 8 + DEFAULT_SLOWER_THAN] = slowerThanNs
    this.#integers[(id * ENTRY_BYTES) / 4 + DEFAULT_ONE_IN] = Math.min(oneIn, MAX_ONE_IN)
  }

  /** Ids out of range are ignored. Nothing happens if it is so already. */
  set(id: number, control: Control): void {
    if (id >= this.off.length) return
    const { enabled, slowerThanNs, oneIn } = control
    const known = this.get(id)
    const same =
      known.enabled === enabled && known.slowerThanNs === slowerThanNs && known.oneIn === oneIn
    if (same) return
    this.#floats[(id * ENTRY_BYTES) / 8 + SLOWER_THAN] = slowerThanNs
    this.#integers[(id * ENTRY_BYTES) / 4 + ONE_IN] = Math.min(Math.max(1, oneIn), MAX_ONE_IN)
    this.off[id] = enabled ? 0 : 1
    Atomics.add(this.#version, VERSION, 1)
  }

  slowerThanNs(id: number): number {
    return this.#floats[(id * ENTRY_BYTES) / 8 + SLOWER_THAN]!
  }

  oneIn(id: number): number {
    return Math.max(1, this.#integers[(id * ENTRY_BYTES) / 4 + ONE_IN]!)
  }

  /** Calls that take as long as this are stored whatever the sample is. 0: all of them, none is known to be slow yet. */
  keepFromNs(id: number): number {
    return this.#floats[(id * ENTRY_BYTES) / 8 + KEEP_FROM]!
  }

  setKeepFromNs(id: number, durationNs: number): void {
    this.#floats[(id * ENTRY_BYTES) / 8 + KEEP_FROM] = durationNs
  }

  /** Functions of which not every row is stored. */
  *filtered(): IterableIterator<number> {
    for (let id = 0; id < this.off.length; id++) {
      if (this.oneIn(id) > 1 || this.slowerThanNs(id) > 0) yield id
    }
  }
}

function tableStart(ids: number): number {
  return HEADER_BYTES + 8 * Math.ceil(ids / 8)
}
