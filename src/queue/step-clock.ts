/**
 * @module queue/step-clock
 * Adds up the time of calls that run in steps, with pauses between: generators. Two readings of the clock a step, and no
 * allocation: times stay in arrays, for the reason given in queue/producer, and places are small integers.
 */
import { asTime, createTimes, timeSource, type ClockOriginMs } from './time-source.ts'

const INITIAL_PLACES = 64

export interface StepClock {
  /** Before the first step. @returns a place, to be closed */
  open: () => number
  /** A step begins. */
  begin: (place: number) => void
  /** The step ends. */
  end: (place: number) => void
  /** From the begin of the first step to the end of the last one, in ns. */
  elapsedNs: (place: number) => number
  /** Time within steps, in ns. */
  activeNs: (place: number) => number
  /** When the last step ended, in the clock of the records. */
  endTime: (place: number) => bigint
  close: (place: number) => void
}

export function createStepClock(origin: ClockOriginMs): StepClock {
  const now = timeSource(origin)
  const zero = asTime(0, origin)
  let starts = createTimes(INITIAL_PLACES, origin) // of the first step
  let marks = createTimes(INITIAL_PLACES, origin) // begin of the step under way, end of the last one
  let active = createTimes(INITIAL_PLACES, origin)
  let isFirst = new Uint8Array(INITIAL_PLACES)
  const free: number[] = []
  let used = 0

  function open(): number {
    const place = free.pop() ?? add()
    active[place] = zero
    isFirst[place] = 1
    return place
  }

  function begin(place: number): void {
    marks[place] = now()
    if (isFirst[place] === 1) {
      isFirst[place] = 0
      starts[place] = marks[place]!
    }
  }

  function end(place: number): void {
    const begun = marks[place]!
    marks[place] = now()
    active[place]! += marks[place] - begun
  }

  function add(): number {
    if (used === marks.length) grow()
    return used++
  }

  function grow(): void {
    starts = grown(starts)
    marks = grown(marks)
    active = grown(active)
    const flags = new Uint8Array(marks.length)
    flags.set(isFirst)
    isFirst = flags
  }

  function grown(times: BigUint64Array): BigUint64Array {
    const longer = createTimes(times.length * 2, origin)
    longer.set(times)
    return longer
  }

  return {
    open,
    begin,
    end,
    elapsedNs: (place) => Number(marks[place]! - starts[place]!),
    activeNs: (place) => Number(active[place]!),
    endTime: (place) => marks[place]!,
    close: (place) => {
      free.push(place)
    },
  }
}
