/**
 * @module queue/name-log
 * Names of functions and error types, and where functions are defined, in shared memory, so that whoever drains can store
 * them and every thread can read them. Append-only; an entry is the dictionary file's entry, byte for byte (docs/format/dictionary.md):
 *
 *   kind u8 | 3 zero bytes | id u32 LE | byteLength u32 LE | UTF-8 bytes
 *
 * Before the entries stand i32 words:
 *
 *   LOCK       a thread that adds a name
 *   USED       bytes of entries; stored last, so that what is below it is whole
 *   PERSISTED  bytes of entries that are in the dictionary file (drain lock's owner)
 *   NEXT_ID    next free id, one word a kind
 */
import { release, take } from './lock.ts'

export const NAME_FUNCTION = 0
export const NAME_ERROR_TYPE = 1
export type NameKind = typeof NAME_FUNCTION | typeof NAME_ERROR_TYPE
/** Kind of an entry that tells where the function with its id is defined. */
const PLACE = 2

/** Stands for every function, or error type, beyond the limit of its kind. */
export const OVERFLOW_NAME = '(other)'
export const OVERFLOW_ID = 1 // 0 means "no error" in an error column, so no name has it
/** Ids of real names begin here: a kind of n names has ids below n + RESERVED_IDS. */
export const RESERVED_IDS = OVERFLOW_ID + 1

const LOCK = 0
const USED = 1
const PERSISTED = 2
const NEXT_ID = 4
const HEADER_BYTES = 64
const ENTRY_HEADER_BYTES = 12
/** Names beyond the limit that are kept for people to read. */
const MOST_OVERFLOWED = 100

export interface NameLimits {
  functions: number // distinct functions
  errorTypes: number // distinct error types, at most 65,535
}

export class NameLog {
  readonly #words: Int32Array
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #limits: readonly number[]
  readonly #owner: number
  /** What this thread has read of the log so far. */
  #seen = 0
  readonly #ids = [new Map<string, number>(), new Map<string, number>()] as const
  readonly #names = [new Map<number, string>(), new Map<number, string>()] as const
  readonly #places = new Map<number, string>()
  readonly #overflowed = new Set<string>()

  constructor(memory: SharedArrayBuffer, limits: NameLimits, threadId: number) {
    this.#words = new Int32Array(memory, 0, HEADER_BYTES / 4)
    this.#bytes = new Uint8Array(memory, HEADER_BYTES)
    this.#view = new DataView(memory, HEADER_BYTES)
    this.#limits = [limits.functions, limits.errorTypes]
    this.#owner = threadId + 1
  }

  /** The id of a name, made if it is new; OVERFLOW_ID once the limit of its kind is reached. */
  idOf(kind: NameKind, name: string): number {
    const known = this.find(kind, name)
    if (known !== undefined) return known
    const stored = Buffer.from(name, 'utf8').toString('utf8') // lone surrogates have become U+FFFD
    return this.#locked(() => this.#ids[kind].get(stored) ?? this.#add(kind, stored))
  }

  /** The id of a name, undefined if there is none. */
  find(kind: NameKind, name: string): number | undefined {
    this.#read()
    return this.#ids[kind].get(name)
  }

  nameOf(kind: NameKind, id: number): string | undefined {
    this.#read()
    return this.#names[kind].get(id)
  }

  names(kind: NameKind): IterableIterator<string> {
    this.#read()
    return this.#ids[kind].keys()
  }

  /** Says where a function is defined, if it has not been said; `src/orders.ts:12`. */
  setPlace(id: number, place: string): void {
    this.#read()
    if (this.#places.has(id) || id === OVERFLOW_ID) return
    this.#locked(() => {
      if (!this.#places.has(id)) this.#append(PLACE, id, place)
    })
  }

  /** Functions that this thread has asked for and that are recorded as OVERFLOW_NAME; the first of them. */
  get overflowed(): string[] {
    return [...this.#overflowed]
  }

  /** Frees the log if a thread that is known to be dead was adding a name. */
  releaseDead(deadOwner: number): void {
    if (Atomics.compareExchange(this.#words, LOCK, deadOwner, 0) === deadOwner) {
      Atomics.notify(this.#words, LOCK)
    }
  }

  /** Entries that are not in the dictionary file yet; the drain lock's owner stores them and calls `markPersisted`. */
  unpersisted(): { entries: Uint8Array; end: number } {
    const end = Atomics.load(this.#words, USED)
    return { entries: this.#bytes.subarray(Atomics.load(this.#words, PERSISTED), end), end }
  }

  markPersisted(end: number): void {
    Atomics.store(this.#words, PERSISTED, end)
  }

  #locked<T>(work: () => T): T {
    // a thread that died in here has left half an entry above USED: it is overwritten
    take(this.#words, LOCK, this.#owner)
    try {
      this.#read()
      return work()
    } finally {
      release(this.#words, LOCK)
    }
  }

  #add(kind: NameKind, name: string): number {
    const next = Math.max(Atomics.load(this.#words, NEXT_ID + kind), RESERVED_IDS)
    const limitReached = next - RESERVED_IDS >= this.#limits[kind]!
    if (limitReached) return this.#overflow(kind, name)
    // first: a thread that dies in between wastes an id, and leaves none to two names
    Atomics.store(this.#words, NEXT_ID + kind, next + 1)
    if (this.#append(kind, next, name)) return next
    Atomics.store(this.#words, NEXT_ID + kind, next)
    return this.#overflow(kind, name)
  }

  #overflow(kind: NameKind, name: string): number {
    if (kind === NAME_FUNCTION && this.#overflowed.size < MOST_OVERFLOWED) {
      this.#overflowed.add(name)
    }
    if (!this.#names[kind].has(OVERFLOW_ID)) this.#append(kind, OVERFLOW_ID, OVERFLOW_NAME)
    return OVERFLOW_ID
  }

  /** @returns false if the log is full */
  #append(kind: NameKind | typeof PLACE, id: number, name: string): boolean {
    const text = Buffer.from(name, 'utf8')
    const start = Atomics.load(this.#words, USED)
    const end = start + ENTRY_HEADER_BYTES + text.length
    if (end > this.#bytes.length) return false
    this.#view.setUint32(start, kind, true)
    this.#view.setUint32(start + 4, id, true)
    this.#view.setUint32(start + 8, text.length, true)
    this.#bytes.set(text, start + ENTRY_HEADER_BYTES)
    Atomics.store(this.#words, USED, end)
    this.#read()
    return true
  }

  /** Takes in what any thread has added since the last time. */
  #read(): void {
    const used = Atomics.load(this.#words, USED)
    while (this.#seen < used) {
      const kind = this.#view.getUint8(this.#seen) as NameKind | typeof PLACE
      const id = this.#view.getUint32(this.#seen + 4, true)
      const start = this.#seen + ENTRY_HEADER_BYTES
      const end = start + this.#view.getUint32(this.#seen + 8, true)
      // Buffer's decoder cannot read shared memory in every runtime, hence the copy
      this.#learn(kind, id, Buffer.from(this.#bytes.slice(start, end)).toString('utf8'))
      this.#seen = end
    }
  }

  #learn(kind: NameKind | typeof PLACE, id: number, name: string): void {
    if (kind === PLACE) {
      this.#places.set(id, name)
      return
    }
    this.#names[kind].set(id, name)
    this.#ids[kind].set(name, id)
  }
}
