/**
 * @module control/rule
 * A rule says what is recorded of the functions that a pattern matches. Rules are kept as people write them, in memory
 * and in the file; control/effective makes numbers of them.
 */
import { checkOptionNames, kindOf } from '../internal/check-options.ts'
import { parseDurationNs } from '../internal/duration.ts'
import { oneInOf } from '../internal/sampling.ts'

/** A field that is not set leaves what an earlier rule, or the function's own options, say. */
export interface ControlSettings {
  enabled?: boolean | undefined // false: calls are not recorded at all
  slowerThan?: string | number | null | undefined // shorter calls are not stored: '5ms', or milliseconds; null: all are
  sample?: number | null | undefined // share of the calls to store, above 0 and at most 1; null: all are
}

export interface ControlRule extends ControlSettings {
  function: string // exact name, or a pattern with * (any characters) and ? (one character)
}

export const SETTING_NAMES = ['enabled', 'slowerThan', 'sample'] as const
export type SettingName = (typeof SETTING_NAMES)[number]

/** Matching takes this many steps a character of a name at most. */
export const LONGEST_PATTERN = 1000

/**
 * @param what stands before the option in messages: `control: `
 * @returns the settings that are set, and nothing else
 * @throws {TypeError}  a setting is unknown or of the wrong type, or none is set
 * @throws {RangeError} a setting is outside its range
 */
export function checkSettings(settings: unknown, what: string): ControlSettings {
  checkOptionNames(settings, `${what}settings`, SETTING_NAMES)
  const { enabled, slowerThan, sample } = settings as ControlSettings
  if (enabled !== undefined && typeof enabled !== 'boolean') {
    throw new TypeError(`${what}enabled must be true or false, not ${kindOf(enabled)}`)
  }
  if (slowerThan != null) parseDurationNs(slowerThan, `${what}slowerThan`)
  if (sample != null) oneInOf(sample, `${what}sample`)
  const checked = {
    ...(enabled === undefined ? {} : { enabled }),
    ...(slowerThan === undefined ? {} : { slowerThan }),
    ...(sample === undefined ? {} : { sample }),
  }
  if (Object.keys(checked).length > 0) return checked
  throw new TypeError(`${what}settings must have at least one of ${SETTING_NAMES.join(', ')}`)
}

/**
 * @param option name for the message
 * @returns the pattern as names are stored, lone surrogates replaced
 * @throws {TypeError | RangeError} not a text of 1 to 1,000 characters
 */
export function checkPattern(pattern: unknown, option: string): string {
  if (typeof pattern !== 'string') {
    throw new TypeError(`${option} must be a name or a pattern, not ${kindOf(pattern)}`)
  }
  const { length } = pattern
  if (length < 1 || length > LONGEST_PATTERN) {
    throw new RangeError(`${option} must have 1 to ${LONGEST_PATTERN} characters, not ${length}`)
  }
  return Buffer.from(pattern, 'utf8').toString('utf8')
}

/** @throws {TypeError | RangeError} not a rule; the message names the field */
export function checkRule(rule: unknown, what: string): ControlRule {
  checkOptionNames(rule, `${what}rule`, ['function', ...SETTING_NAMES])
  const { function: pattern, ...settings } = rule as ControlRule
  return { function: checkPattern(pattern, `${what}function`), ...checkSettings(settings, what) }
}
