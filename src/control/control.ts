/**
 * @module control/control
 * `control`: what is recorded of which functions, changed while the program runs.
 */
import { withoutRules, withRule } from './edit-rules.ts'
import { checkPattern, checkSettings, type ControlRule, type ControlSettings } from './rule.ts'
import { RULE_SOURCES, type RuleSource, type SharedRules } from './shared-rules.ts'

export interface ActiveRule extends ControlRule {
  source: RuleSource // 'file': of control.json; 'program': set by `control`
}

export interface Control {
  /** From now on, in all threads that record together, and for functions that are captured later too. */
  (pattern: string, settings: ControlSettings): void
  /** All rules in the order in which they apply: those of the control file, then those of this program. */
  rules: () => ActiveRule[]
  /** Takes back what `control` was told for this very pattern, or all of it. Rules of the control file stay. */
  reset: (pattern?: string) => void
}

/** Rules set before there is anything to apply them to. */
export interface PendingRules {
  rules: readonly ControlRule[]
}

/** @param activeRules gives undefined until there are some; until then `pending` takes what is set */
export function createControl(
  activeRules: () => SharedRules | undefined,
  pending: PendingRules,
): Control {
  function edit(change: (rules: readonly ControlRule[]) => ControlRule[]): void {
    const active = activeRules()
    if (active === undefined) pending.rules = change(pending.rules)
    else active.change('program', change)
  }

  function control(pattern: string, settings: ControlSettings): void {
    const checkedPattern = checkPattern(pattern, 'control: pattern')
    const rule = { function: checkedPattern, ...checkSettings(settings, 'control: ') }
    edit((rules) => withRule(rules, rule))
  }

  function rules(): ActiveRule[] {
    const lists = activeRules()?.lists ?? { file: [], program: pending.rules }
    return RULE_SOURCES.flatMap((source) => lists[source].map((rule) => ({ ...rule, source })))
  }

  function reset(pattern?: string): void {
    const checked = pattern === undefined ? undefined : checkPattern(pattern, 'control: pattern')
    edit((list) => withoutRules(list, checked))
  }

  return Object.assign(control, { rules, reset })
}
