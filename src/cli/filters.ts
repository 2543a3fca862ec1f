/**
 * @module cli/filters
 * What calls must be like, as options of the commands that look at single calls.
 */
import { InvalidArgumentError, type Command } from 'commander'
import { parseDurationNs } from '../internal/duration.ts'
import type { CallFilter, JsonValue } from '../types.ts'

export interface FilterOptions {
  minDuration?: number
  maxDuration?: number
  error?: boolean | string // true: any; false: none
  where?: Record<string, JsonValue>
}

export function addFilterOptions(command: Command): Command {
  return command
    .option('--min-duration <duration>', 'only calls that took as long: 250us, 5ms, 1.5s', parseNs)
    .option('--max-duration <duration>', 'only calls that took less', parseNs)
    .option('--error [class]', 'only calls that failed, or failed with this class of error')
    .option('--no-error', 'only calls that did not fail')
    .option(
      '-w, --where <key=value>',
      'only calls with this attribute; may be repeated',
      parseWhere,
    )
}

export const FILTER_HELP = `Values of --where are JSON if they can be read as such (17, true, null, '"17"'), else text.`

/** Undefined if every call is as asked for. */
export function filterOf(options: FilterOptions): CallFilter | undefined {
  const { error, maxDuration, minDuration, where } = options
  const hasDuration = minDuration !== undefined || maxDuration !== undefined
  if (!hasDuration && error === undefined && where === undefined) return undefined
  return {
    duration: hasDuration ? { min: minDuration, max: maxDuration } : undefined,
    error,
    attributes: where,
  }
}

function parseNs(text: string): number {
  try {
    return parseDurationNs(text, 'It')
  } catch (error) {
    throw new InvalidArgumentError(`${error instanceof Error ? error.message : String(error)}.`)
  }
}

function parseWhere(
  text: string,
  before: Record<string, JsonValue> = {},
): Record<string, JsonValue> {
  const at = text.indexOf('=')
  if (at < 1) throw new InvalidArgumentError('It must be a key and a value, such as user=ada.')
  const key = text.slice(0, at)
  // a key may be named as what all objects have
  return { ...before, [key]: parseValue(text.slice(at + 1)) }
}

function parseValue(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue
  } catch {
    return text
  }
}
