/**
 * @module bench/stores/random-range
 * The ranges of time that questions are about.
 */
import { DAY_START_US, DAY_US } from '../datasets.ts'
import type { Random } from '../harness/random.ts'
import type { Range } from './store.ts'

/** Any part of the day, short and long ones alike. */
export function randomRange(random: Random): Range {
  const lengthUs = DAY_US * 10 ** (-3 * random.uniform())
  const fromUs = DAY_START_US + Math.floor((DAY_US - lengthUs) * random.uniform())
  return { fromUs, toUs: fromUs + Math.ceil(lengthUs) }
}
