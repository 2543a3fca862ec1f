/**
 * @module capture/generator-call
 * The call of a generator: from the first `next()` to the end of its body. Every step is on the stack while it runs, so
 * that captured functions called in the body are its children, and the whole is recorded once. A generator that is never
 * asked for anything runs no line of its body: it is no call.
 *
 * Recorded with it: `generator.items`, values it has yielded; `generator.first_item_ns`, until the first of them;
 * `generator.active_ns`, time within its steps; `generator.abandoned` if it was left before its end. What lies between the
 * steps is not its own time, and counts as if it were spent in other calls.
 */
import type { Producer } from '../queue/producer.ts'
import type { StepClock } from '../queue/step-clock.ts'
import type { Ancestry, AsyncParents } from './async-parents.ts'
import { createDropWatch, type Droppable } from './dropped.ts'

export type GeneratorPhase = typeof FRESH | typeof SUSPENDED | typeof RUNNING | typeof ENDED

export const FRESH = 0
export const SUSPENDED = 1
/** In a step; of an async generator, which takes requests while it runs, never. */
export const RUNNING = 2
export const ENDED = 3

const NO_PLACE = -1

/** Leads to nothing of the user's, as the garbage collector's watch holds it and must not hold the iterator. */
export class GeneratorCall implements Droppable {
  readonly functionId: number
  readonly crossesGaps: boolean // knows its caller across asynchronous gaps
  phase: GeneratorPhase = FRESH
  ancestry: Ancestry | undefined = undefined
  place = NO_PLACE // in flight
  timer = NO_PLACE // of the step clock
  items = 0
  firstItemNs = 0
  requests = 0 // of an async generator, not settled yet

  constructor(functionId: number, crossesGaps: boolean) {
    this.functionId = functionId
    this.crossesGaps = crossesGaps
  }

  get hasEnded(): boolean {
    return this.phase === ENDED
  }
}

/** What the call itself does not know about its end. */
export interface GeneratorEnd {
  errorType: number // 0: it has not failed
  abandoned: boolean
  attributes: string | undefined // of the user's: text of a JSON object
}

/** At the end of the stack all of it can throw; `enter` leaves the stack as it was then. */
export interface GeneratorCalls {
  /** A step begins: it is on the stack until the caller takes it off. @returns its level */
  enter: (call: GeneratorCall) => number
  /** The step is over, and off the stack. */
  leave: (call: GeneratorCall) => void
  /** An async generator is asked for something. @returns level of the synchronous part, which the caller takes off the stack */
  enterRequest: (call: GeneratorCall) => number
  /** The promise of a request has settled. */
  settleRequest: (call: GeneratorCall) => void
  /** The step has yielded a value. */
  yielded: (call: GeneratorCall, iterator: object) => void
  /** The body is at its end, after the last step. */
  end: (call: GeneratorCall, end: GeneratorEnd) => void
}

export function createGeneratorCalls(
  producer: Producer,
  clock: StepClock,
  parents: AsyncParents,
): GeneratorCalls {
  const { begin, hold, resume, annotate, finish, stack } = producer
  const watchForDrop = createDropWatch((call: GeneratorCall) => {
    end(call, { errorType: 0, abandoned: true, attributes: undefined })
  })

  function enter(call: GeneratorCall): number {
    const level = enterStack(call)
    try {
      if (call.timer === NO_PLACE) prepare(call, level)
      clock.begin(call.timer)
    } catch (error) {
      stack.top = level - 1
      throw error
    }
    call.phase = RUNNING
    return level
  }

  function leave(call: GeneratorCall): void {
    clock.end(call.timer)
    call.phase = SUSPENDED
  }

  function enterRequest(call: GeneratorCall): number {
    const level = enterStack(call)
    try {
      if (call.timer === NO_PLACE) prepare(call, level)
      if (call.requests === 0) clock.begin(call.timer)
    } catch (error) {
      stack.top = level - 1
      throw error
    }
    call.requests++
    call.phase = SUSPENDED
    return level
  }

  function settleRequest(call: GeneratorCall): void {
    clock.end(call.timer)
    if (--call.requests > 0) clock.begin(call.timer)
  }

  function enterStack(call: GeneratorCall): number {
    if (call.timer !== NO_PLACE) return resume(call.functionId, call.place)
    if (call.crossesGaps) call.ancestry = parents.enter(call.functionId)
    return begin(call.functionId)
  }

  function prepare(call: GeneratorCall, level: number): void {
    call.place = hold(level)
    call.ancestry?.adopt(call.place)
    call.timer = clock.open()
  }

  function yielded(call: GeneratorCall, iterator: object): void {
    if (call.items++ > 0) return
    call.firstItemNs = clock.elapsedNs(call.timer)
    watchForDrop(iterator, call)
  }

  function end(call: GeneratorCall, { errorType, abandoned, attributes }: GeneratorEnd): void {
    call.phase = ENDED
    const endNs = clock.endTime(call.timer)
    const activeNs = clock.activeNs(call.timer)
    const pausesNs = clock.elapsedNs(call.timer) - activeNs
    clock.close(call.timer)
    const below = call.ancestry?.leave(endNs, true) ?? 0
    annotate(Math.round(pausesNs) + below, describe(call, activeNs, abandoned, attributes))
    finish(call.functionId, call.place, endNs, true, errorType)
  }

  return { enter, leave, enterRequest, settleRequest, yielded, end }
}

/** @returns text of a JSON object */
function describe(
  { items, firstItemNs }: GeneratorCall,
  activeNs: number,
  abandoned: boolean,
  attributes: string | undefined,
): string {
  const first = items === 0 ? '' : `"generator.first_item_ns":${Math.round(firstItemNs)},`
  const own = `"generator.items":${items},${first}"generator.active_ns":${Math.round(activeNs)}`
  const all = abandoned ? `${own},"generator.abandoned":true` : own
  return attributes === undefined ? `{${all}}` : `${attributes.slice(0, -1)},${all}}`
}
