/**
 * @module capture/async-parents
 * Who called whom across asynchronous gaps, for functions that ask for it: their calls run in an AsyncLocalStorage of
 * ours, and look there for the call they belong to when the stack does not tell.
 *
 * The same object adds up for how long at least one such call was under way below a call: its own time is the rest.
 * Nothing is made before the first function asks: a storage that is only enabled slows down every `await` on Node 20.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { Producer } from '../queue/producer.ts'

export interface AsyncParents {
  /** A call of the function begins; before `begin`. */
  enter: (functionId: number) => Ancestry
}

/** One call and the call that it belongs to. */
export interface Ancestry {
  /** Runs the call's function, so that what it calls finds it. */
  run: <T>(fn: () => T) => T
  /** The call has got a place in flight: notes there who has called it, unless the stack tells. */
  adopt: (place: number) => void
  /** The call has ended. @returns time in calls below it; NaN: only the stack knows */
  leave: (endNs: bigint, asynchronous: boolean) => number
}

export function createAsyncParents(producer: Producer): AsyncParents {
  let storage: AsyncLocalStorage<OpenCall> | undefined

  return {
    enter(functionId) {
      storage ??= new AsyncLocalStorage<OpenCall>()
      const above = storage.getStore()
      const call = new OpenCall(functionId, above, storage, producer)
      above?.childBegins(Number(producer.time()))
      call.enter()
      return call
    },
  }
}

/** A call under way, also as the calls below it see it. */
class OpenCall implements Ancestry {
  readonly #functionId: number
  readonly #above: OpenCall | undefined
  readonly #storage: AsyncLocalStorage<OpenCall>
  readonly #producer: Producer
  #crossesGap = false
  #openChildren = 0
  #busySinceNs = 0
  #childrenNs = 0

  constructor(
    functionId: number,
    above: OpenCall | undefined,
    storage: AsyncLocalStorage<OpenCall>,
    producer: Producer,
  ) {
    this.#functionId = functionId
    this.#above = above
    this.#storage = storage
    this.#producer = producer
  }

  /** On a stack of captured calls the stack itself tells who called. */
  enter(): void {
    if (this.#above === undefined || this.#producer.current() !== 0) return
    this.#crossesGap = true
  }

  run<T>(fn: () => T): T {
    return this.#storage.run(this, fn)
  }

  adopt(place: number): void {
    if (this.#crossesGap) this.#producer.adopt(place, this.#above!.#functionId)
  }

  leave(endNs: bigint, asynchronous: boolean): number {
    const nowNs = Number(endNs)
    this.#above?.childEnds(nowNs)
    return asynchronous ? this.#childrenNsUntil(nowNs) : NaN
  }

  childBegins(nowNs: number): void {
    if (this.#openChildren++ === 0) this.#busySinceNs = nowNs
  }

  childEnds(nowNs: number): void {
    if (--this.#openChildren === 0) this.#childrenNs += Math.max(0, nowNs - this.#busySinceNs)
  }

  /** Time in which a call below it was under way. */
  #childrenNsUntil(nowNs: number): number {
    const open = this.#openChildren > 0 ? Math.max(0, nowNs - this.#busySinceNs) : 0
    return Math.round(this.#childrenNs + open)
  }
}
