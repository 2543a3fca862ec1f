import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { tieClock } from '../../../src/writer/clock.ts'
import { CLOCK_EPOCH_US, CLOCK_MONOTONIC_NS } from '../../../src/queue/layout.ts'
import { ClockWatch } from '../../../src/writer/clock-watch.ts'

const START_MS = Date.UTC(2026, 2, 29, 1, 59)
const clock = new Float64Array(2)
let monotonicMs = 0
let actions: string[] = []

beforeEach(() => {
  vi.useFakeTimers({ now: START_MS, toFake: ['Date'] })
  monotonicMs = 5000
  actions = []
})

afterEach(() => {
  vi.useRealTimers()
})

function tieNow(): void {
  clock[CLOCK_EPOCH_US] = 1000 * Date.now() + 500
  clock[CLOCK_MONOTONIC_NS] = 1e6 * monotonicMs
}

/** Both clocks go on. */
function pass(ms: number): void {
  monotonicMs += ms
  vi.setSystemTime(Date.now() + ms)
}

function watch(): ClockWatch {
  tieNow()
  return new ClockWatch(clock, () => 1e6 * monotonicMs, {
    store: () => actions.push('store'),
    beginLog: () => actions.push('log'),
    tie: () => {
      actions.push('tie')
      tieNow()
    },
  })
}

test('clocks that go alike are left alone', () => {
  const watched = watch()
  for (let i = 0; i < 100; i++) {
    pass(i * 37)
    watched.check()
  }
  expect(actions).toEqual([])
})

test.each([
  ['the machine slept for a night', 8 * 3600_000],
  ['the calendar was set back by an hour', -3600_000],
  ['the calendar was set by little more than a second', 1002],
])('%s: rows from before are stored, a log is begun, then the clocks are tied', (_, jumpMs) => {
  const watched = watch()
  pass(50)
  watched.check()
  vi.setSystemTime(Date.now() + jumpMs)
  pass(5) // at once, not at the next look after a second
  watched.check()
  expect(actions).toEqual(['store', 'log', 'tie'])
  pass(5000)
  watched.check()
  expect(actions).toHaveLength(3)
})

test('small differences tie the clocks, a second later, in the same log', () => {
  const watched = watch()
  vi.setSystemTime(Date.now() + 700)
  pass(10)
  watched.check()
  expect(actions).toEqual([])
  pass(1000)
  watched.check()
  expect(actions).toEqual(['tie'])
})

test('what tieClock ties is not apart', () => {
  vi.useRealTimers()
  const now = () => 1e6 * performance.now()
  tieClock(clock, now)
  const watched = new ClockWatch(clock, now, {
    store: () => actions.push('store'),
    beginLog: () => actions.push('log'),
    tie: () => actions.push('tie'),
  })
  watched.check()
  expect(actions).toEqual([])
})
