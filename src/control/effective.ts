/**
 * @module control/effective
 * What a list of rules means for a function: rules apply in order, and a later one wins field by field.
 */
import { parseDurationNs } from '../internal/duration.ts'
import { HEALTH_FUNCTION } from '../internal/health-function.ts'
import { oneInOf } from '../internal/sampling.ts'
import type { Control } from '../queue/controls.ts'
import { createMatcher, type NameMatcher } from './glob.ts'
import type { ControlRule } from './rule.ts'

export class EffectiveRules {
  readonly #rules: readonly { matches: NameMatcher; sets: Partial<Control> }[]

  /** @param rules checked ones */
  constructor(rules: readonly ControlRule[]) {
    this.#rules = rules.map((rule) => ({
      matches: createMatcher(rule.function),
      sets: fieldsOf(rule),
    }))
  }

  /**
   * What is recorded of a function. Kronicler's own health, which is stored as one, is left alone.
   *
   * @param own what the function was captured with
   */
  controlOf(name: string, own: Control): Control {
    const control = { ...own }
    if (name === HEALTH_FUNCTION) return control
    for (const { matches, sets } of this.#rules) if (matches(name)) Object.assign(control, sets)
    return control
  }
}

function fieldsOf({ enabled, sample, slowerThan }: ControlRule): Partial<Control> {
  return {
    ...(enabled === undefined ? {} : { enabled }),
    ...(slowerThan === undefined
      ? {}
      : { slowerThanNs: slowerThan === null ? 0 : parseDurationNs(slowerThan, 'slowerThan') }),
    ...(sample === undefined ? {} : { oneIn: sample === null ? 1 : oneInOf(sample, 'sample') }),
  }
}
