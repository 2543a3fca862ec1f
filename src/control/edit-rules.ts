/**
 * @module control/edit-rules
 * Changes to a list of rules that leave it as short as it can be: however often a function is switched off and on, the
 * list has at most three rules for its pattern, one for each setting.
 */
import { SETTING_NAMES, type ControlRule } from './rule.ts'

/** The list with a rule more, which wins over all of them. What it overrides for the same pattern is left out. */
export function withRule(rules: readonly ControlRule[], rule: ControlRule): ControlRule[] {
  const kept = rules
    .map((earlier) => (earlier.function === rule.function ? leftOf(earlier, rule) : earlier))
    .filter((earlier) => SETTING_NAMES.some((name) => earlier[name] !== undefined))
  const last = kept.at(-1)
  if (last?.function !== rule.function) return [...kept, rule]
  return [...kept.slice(0, -1), { ...last, ...rule }]
}

/** The list without the rules for a pattern; without a pattern, the empty list. */
export function withoutRules(
  rules: readonly ControlRule[],
  pattern: string | undefined,
): ControlRule[] {
  return pattern === undefined ? [] : rules.filter((rule) => rule.function !== pattern)
}

/** The rule without the settings that a later one for the same pattern has. */
function leftOf(earlier: ControlRule, later: ControlRule): ControlRule {
  const entries = Object.entries(earlier).filter(
    ([name]) => name === 'function' || later[name as keyof ControlRule] === undefined,
  )
  return Object.fromEntries(entries) as unknown as ControlRule
}
