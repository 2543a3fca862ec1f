/**
 * @module control/shared-rules
 * The rules of a process, in shared memory: every thread that captures a new function applies them at once, and whoever
 * changes them applies the change to all functions that are known.
 *
 *   header  64 B          i32 LOCK        a thread that changes or applies rules: its thread id + 1
 *                         i32 VERSION     changes so far; 0: there has never been a rule
 *                         i32 LENGTH[2]   bytes of the texts
 *                         i32 APPLIED     VERSION that has last been applied to all functions
 *   texts   2 x 1 MiB     UTF-8 JSON of RuleLists; valid is the one of number VERSION & 1
 *
 * A change writes the text that is not valid and then raises VERSION, so that a thread that is terminated in the middle
 * leaves the rules as they were. Readers take no lock: they read again if VERSION has moved meanwhile.
 */
import type { Control, Controls } from '../queue/controls.ts'
import { release, take } from '../queue/lock.ts'
import { NAME_FUNCTION, OVERFLOW_ID, type NameLog } from '../queue/name-log.ts'
import { EffectiveRules } from './effective.ts'
import type { ControlRule } from './rule.ts'

/** Where rules come from, in the order in which they apply. */
export const RULE_SOURCES = ['file', 'program'] as const
export type RuleSource = (typeof RULE_SOURCES)[number]
export type RuleLists = Readonly<Record<RuleSource, readonly ControlRule[]>>

const LOCK = 0
const VERSION = 1
const LENGTH = 2
const APPLIED = 4
const HEADER_BYTES = 64
const TEXT_BYTES = 1024 * 1024
export const RULES_SIZE_BYTES = HEADER_BYTES + 2 * TEXT_BYTES

/** A thread that captures a function waits while another applies a change to so many. */
const NAMES_AT_ONCE = 64
const NO_RULES: RuleLists = { file: [], program: [] }

export class SharedRules {
  readonly #words: Int32Array
  readonly #texts: readonly Uint8Array[]
  readonly #names: NameLog
  readonly #controls: Controls
  readonly #owner: number
  /** What this thread has read last. */
  #version = 0
  #lists = NO_RULES
  #effective = new EffectiveRules([])
  /** VERSION at which this thread has last applied the rules to the functions beyond the limit. */
  #overflowVersion = 0

  /** @param memory of RULES_SIZE_BYTES */
  constructor(memory: SharedArrayBuffer, names: NameLog, controls: Controls, threadId: number) {
    this.#words = new Int32Array(memory, 0, HEADER_BYTES / 4)
    this.#texts = [0, 1].map(
      (i) => new Uint8Array(memory, HEADER_BYTES + i * TEXT_BYTES, TEXT_BYTES),
    )
    this.#names = names
    this.#controls = controls
    this.#owner = threadId + 1
  }

  get lists(): RuleLists {
    this.#read()
    return this.#lists
  }

  /**
   * Changes the rules of one source and applies all of them to all known functions.
   *
   * @param edit gives the new list
   * @throws {RangeError} there are too many rules; they stay as they were
   */
  change(
    source: RuleSource,
    edit: (rules: readonly ControlRule[]) => readonly ControlRule[],
  ): void {
    const changed = this.#locked(() => {
      this.#read()
      const lists = { ...this.#lists, [source]: edit(this.#lists[source]) }
      if (JSON.stringify(lists) === JSON.stringify(this.#lists)) return false
      this.#publish(lists)
      return true
    })
    if (changed) this.#applyToAll()
  }

  /** Applies the rules to all functions if the thread that has changed them has not done so: it may be dead. */
  settle(): void {
    if (Atomics.load(this.#words, APPLIED) !== Atomics.load(this.#words, VERSION))
      this.#applyToAll()
  }

  /**
   * A function is captured: applies its own options, if it has any, and the rules.
   *
   * @param own options given at capture; those of the latest capture under a name count
   */
  admit(id: number, own?: Control): void {
    const version = Atomics.load(this.#words, VERSION)
    if (id === OVERFLOW_ID) {
      // one id for all functions beyond the limit: it takes no options of a single one, and comes by with each of them
      if (version === this.#overflowVersion) return
      this.#overflowVersion = version
    } else if (own === undefined) {
      // without rules there is nothing to do; should some come now, whoever brings them finds the name
      if (version === 0) return
    }
    this.#locked(() => {
      if (own !== undefined && id !== OVERFLOW_ID) this.#controls.setDefaults(id, own)
      this.#whileRulesHold(() => {
        this.#apply(id, this.#names.nameOf(NAME_FUNCTION, id) ?? '')
      })
    })
  }

  /** Frees the lock if a thread that is known to be dead has it. */
  releaseDead(deadOwner: number): void {
    if (Atomics.compareExchange(this.#words, LOCK, deadOwner, 0) === deadOwner) {
      Atomics.notify(this.#words, LOCK)
    }
  }

  #applyToAll(): void {
    const version = Atomics.load(this.#words, VERSION)
    // what is captured after this line finds the new rules itself
    const names = [...this.#names.names(NAME_FUNCTION)]
    for (let start = 0; start < names.length; start += NAMES_AT_ONCE) {
      const some = names.slice(start, start + NAMES_AT_ONCE)
      this.#locked(() => {
        this.#whileRulesHold(() => {
          for (const name of some) this.#apply(this.#names.find(NAME_FUNCTION, name)!, name)
        })
      })
    }
    Atomics.store(this.#words, APPLIED, version)
  }

  #apply(id: number, name: string): void {
    this.#controls.set(id, this.#effective.controlOf(name, this.#controls.defaults(id)))
  }

  /** By the newest rules; again if another thread, which took this one for dead, has changed them meanwhile. */
  #whileRulesHold(work: () => void): void {
    do {
      this.#read()
      work()
    } while (Atomics.load(this.#words, VERSION) !== this.#version)
  }

  #publish(lists: RuleLists): void {
    const version = (Atomics.load(this.#words, VERSION) + 1) | 0
    const text = Buffer.from(JSON.stringify(lists), 'utf8')
    if (text.length > TEXT_BYTES) {
      throw new RangeError(`control: the rules take ${text.length} bytes, more than ${TEXT_BYTES}`)
    }
    this.#texts[version & 1]!.set(text)
    Atomics.store(this.#words, LENGTH + (version & 1), text.length)
    Atomics.store(this.#words, VERSION, version)
  }

  #read(): void {
    for (;;) {
      const version = Atomics.load(this.#words, VERSION)
      if (version === this.#version) return
      const length = Atomics.load(this.#words, LENGTH + (version & 1))
      const bytes = Buffer.from(this.#texts[version & 1]!.slice(0, length))
      if (Atomics.load(this.#words, VERSION) !== version) continue
      this.#version = version
      try {
        this.#lists = JSON.parse(bytes.toString('utf8')) as RuleLists
      } catch {
        continue // two threads have written at once, each of which took the other for dead
      }
      this.#effective = new EffectiveRules(RULE_SOURCES.flatMap((source) => this.#lists[source]))
    }
  }

  #locked<T>(work: () => T): T {
    take(this.#words, LOCK, this.#owner) // a thread that died with it has left the rules whole
    try {
      return work()
    } finally {
      release(this.#words, LOCK)
    }
  }
}
