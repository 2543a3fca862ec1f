/**
 * @module outputs/output-key
 * Tells one output from another wherever batches wait for it: a short name made of where it is. Passwords are not in it, so that
 * changing one changes nothing.
 */
import { createHash } from 'node:crypto'
import type { OutputDescriptor } from '../types.ts'

/** Sixteen hexadecimal digits. */
export function outputKey(output: OutputDescriptor): string {
  const place = output.kind === 'sqlite' ? output.path : placeOf(output.url)
  return createHash('sha256').update(`${output.kind} ${place}`).digest('hex').slice(0, 16)
}

/** Server, database, and the schema if the options name one. */
function placeOf(text: string): string {
  try {
    const { host, pathname, searchParams } = new URL(text)
    return `${host}${pathname} ${searchParams.get('options') ?? ''}`
  } catch {
    return text // a form that only the driver knows
  }
}

/** The message without what must not be told, should a driver have put it there. */
export function withoutSecrets(message: string, output: OutputDescriptor): string {
  if (output.kind === 'sqlite') return message
  return [output.url, ...secretsOf(output.url)].reduce(
    (text, secret) => text.replaceAll(secret, '***'),
    message,
  )
}

/** As they stand in the text and as they are meant. */
function secretsOf(text: string): string[] {
  try {
    const url = new URL(text)
    const all = [
      url.password,
      decodeURIComponent(url.password),
      url.searchParams.get('password') ?? '',
    ]
    return all.filter((secret) => secret !== '')
  } catch {
    return []
  }
}
