/**
 * @module control/effective
 * What a list of rules means for a function: rules apply in order, and a later one wins field by field.
 */
import { parseDurationNs } from '../internal/duration.ts'
import { oneInOf } from '../internal/sampling.ts'
import { createMatcher, type NameMatcher } from './glob.ts'
import type { ControlRule } from './rule.ts'

/** What is recorded of a function. */
export interface FunctionControl {
  enabled: boolean // false: its calls are not recorded
  slowerThanNs: number // shorter calls are not stored; whole ns, 0: all are
  oneIn: number // of the others one in so many is stored; 1: all are
}

/** Of a function that is captured without options and that no rule matches. */
export const EVERYTHING: Readonly<FunctionControl> = { enabled: true, slowerThanNs: 0, oneIn: 1 }

/** Kronicler's own health is stored under it; no rule applies. */
export const RESERVED_NAME = '(kronicler)'

export class EffectiveRules {
  readonly #rules: readonly { matches: NameMatcher; sets: Partial<FunctionControl> }[]

  /** @param rules checked ones */
  constructor(rules: readonly ControlRule[]) {
    this.#rules = rules.map((rule) => ({
      matches: createMatcher(rule.function),
      sets: fieldsOf(rule),
    }))
  }

  /** @param own what the function was captured with */
  controlOf(name: string, own: FunctionControl = EVERYTHING): FunctionControl {
    const control = { ...own }
    if (name === RESERVED_NAME) return control
    for (const { matches, sets } of this.#rules) if (matches(name)) Object.assign(control, sets)
    return control
  }
}

function fieldsOf({ enabled, sample, slowerThan }: ControlRule): Partial<FunctionControl> {
  return {
    ...(enabled === undefined ? {} : { enabled }),
    ...(slowerThan === undefined
      ? {}
      : { slowerThanNs: slowerThan === null ? 0 : parseDurationNs(slowerThan, 'slowerThan') }),
    ...(sample === undefined ? {} : { oneIn: sample === null ? 1 : oneInOf(sample, 'sample') }),
  }
}
