/**
 * @module cli/call-text
 * What is known of a call beside its name, duration, start and error, for people and for programs.
 */
import type { CallRow, JsonValue } from '../types.ts'
import { formatCount, formatDuration } from './format.ts'
import { printable } from './text.ts'

/** Keys that need no quotes to be told from what stands around them. */
const PLAIN_KEY = /^[\w$.-]+$/

type JsonRow = {
  [Field in keyof CallRow]: undefined extends CallRow[Field]
    ? Exclude<CallRow[Field], undefined> | null
    : CallRow[Field]
}

/** A row whose fields are always there, in this order: JSON has no undefined. */
export function toJsonRow(row: CallRow): JsonRow {
  return {
    id: row.id ?? null,
    function: row.function,
    startMs: row.startMs,
    durationNs: row.durationNs,
    selfNs: row.selfNs,
    error: row.error ?? null,
    parent: row.parent ?? null,
    depth: row.depth,
    async: row.async,
    weight: row.weight,
    attributes: row.attributes ?? null,
  }
}

/** All of it in one line of printable text; empty if there is nothing to tell. */
export function describeDetails(row: CallRow): string {
  const { attributes, durationNs, parent, selfNs, weight } = row
  const parts: string[] = []
  if (parent !== undefined) parts.push(`called by ${printable(parent)}`)
  if (selfNs !== durationNs) parts.push(`self ${formatDuration(selfNs)}`)
  if (weight !== 1) parts.push(`stands for ${formatCount(weight)} calls`)
  const text = describeAttributes(attributes)
  if (text !== '') parts.push(text)
  return parts.join('; ')
}

/** `order: 17, user: "ada"`, printable; empty without any. */
export function describeAttributes(attributes: CallRow['attributes']): string {
  if (attributes === undefined) return ''
  const entries: [string, JsonValue][] = Object.entries(attributes)
  if (entries.length === 0) return ''
  const texts = entries.map(([key, value]) => {
    const name = PLAIN_KEY.test(key) ? key : JSON.stringify(key)
    return `${name}: ${JSON.stringify(value)}`
  })
  return printable(texts.join(', '))
}
